"""A run as a service of systemd, which is a socket here."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engines.console.arguments import parse
from realtime.runtime.service import ServiceManager
from realtime.settings.all import Settings
from realtime.sinks.opening import open_sinks
from realtime.sinks.screens.service_sink import ServiceSink
from realtime.types.errors import OutputError, SettingsError
from realtime.types.model import Keypoints
from tests.cameras import NetworkCamera
from tests.conftest import ROOT
from tests.realtime.results import Origin, result
from tests.realtime.wanted import settings
from tests.synth import SKELETON, write_tiny_network
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd")


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.setblocking(False)
        yield manager


def said(manager: socket.socket) -> list[str]:
    lines = []
    while True:
        try:
            lines += manager.recv(4096).decode().split("\n")
        except BlockingIOError:
            return [line for line in lines if not line.startswith("STATUS=")]


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_results_feed_the_watchdog_and_nothing_else_does(kind: str, tmp_path: Path) -> None:
    name = f"posestream-test-{os.getpid()}"
    named = str(tmp_path / "notify") if kind == "file" else f"@{name}"
    environment = {"NOTIFY_SOCKET": named, "WATCHDOG_USEC": "8000000"}
    now = 100.0
    with listening(named if kind == "file" else f"\0{name}") as manager:
        service = ServiceManager(environment)
        with ServiceSink(service, clock=lambda: now) as sink:
            assert said(manager) == []  # nothing is ready before the first result
            sink.write(result())
            assert said(manager) == ["READY=1", "WATCHDOG=1"]
            for n in range(80):  # 8 s at 10 fps: a quarter of the limit lies between two
                now = 100 + n / 10
                sink.write(result(index=n))
            assert said(manager) == ["WATCHDOG=1"] * 3
            now += 60  # a stage is stuck
            sink.tell_failure("The disk is full.")
            assert said(manager) == []
        assert said(manager) == ["STOPPING=1"]


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())}, 1.0),
    ],
)
def test_the_limit_is_ours_or_nobodys(environment: dict[str, str], interval: float | None) -> None:
    assert ServiceManager(environment).interval == interval


def test_a_manager_that_is_gone_ends_no_run(tmp_path: Path) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    with ServiceSink(service) as sink:
        sink.write(result())
    assert not ServiceManager({}).there


def unit() -> dict[str, str]:
    """Settings of the example."""
    text = (ROOT / "docs" / "posestream.service").read_text()
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line[1:])


def test_the_example_unit_starts_a_run_that_systemd_watches() -> None:
    service = unit()
    assert service["Type"] == "notify"
    assert float(service["WatchdogSec"]) > 0
    assert service["Restart"] == "always"
    words = service["ExecStart"].replace("${CAMERA}", "rtsp://camera/live").split()[2:]
    wanted = parse(Settings, "run.py", words=[word.replace("${TOKEN}", "t" * 16) for word in words])
    assert wanted.sources.source == ("rtsp://camera/live",)
    assert wanted.web.serve_token == "t" * 16
    assert wanted.files.jsonl is not None


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_example(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "posestream.service").read_text()
    copy = tmp_path / "posestream.service"
    copy.write_text(text.replace("/opt/posestream/.venv/bin/python", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "posestream.service" not in done.stderr, done.stderr


def test_the_program_itself_under_a_manager(tmp_path: Path) -> None:
    """The command of the example, which a manager's socket hears and a signal ends."""
    card = write_tiny_network(tmp_path / "net", height=96)
    before = unit()["ExecStartPre"].replace("$$", "$").replace("%%", "%")  # as systemd reads it
    for _ in range(2):  # the second start finds the link of the first
        words = shlex.split(before.replace("/var/lib/posestream", str(tmp_path)))
        subprocess.run(words, check=True)
    assert (tmp_path / "now").is_symlink()
    with NetworkCamera() as camera, listening(str(tmp_path / "notify")) as manager:
        places = {
            "${CAMERA}": camera.url(),
            "${TOKEN}": "t" * 16,
            "0.0.0.0:8080": "127.0.0.1:0",
            "/var/lib/posestream": str(tmp_path),
        }
        words = unit()["ExecStart"].split()[1:]
        for name, value in places.items():
            words = [word.replace(name, value) for word in words]
        program = subprocess.Popen(
            [sys.executable, *words, "--model", str(card)],
            cwd=ROOT,
            env={
                **os.environ,
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "WATCHDOG_USEC": "2000000",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            heard: list[str] = []
            wait_for(
                lambda: heard.extend(said(manager)) or heard.count("WATCHDOG=1") >= 3,
                process=program,
            )
            assert heard[0] == "READY=1"
            program.send_signal(signal.SIGTERM)
            _, errors = program.communicate(timeout=PATIENCE)
        finally:
            program.kill()
        assert program.returncode == 130, errors
        assert said(manager)[-1] == "STOPPING=1"
    lines = (tmp_path / "now" / "poses.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) > 3


def test_a_required_camera_must_be_one_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="add --serve PORT"):
        settings("a", "b", required=("a",))
    model = Keypoints("OpenPose JSON", SKELETON)
    wanted = settings("a", "b", serve="0", required=("door",))
    with pytest.raises(OutputError, match="--required door: the sources are called a, b"):
        open_sinks(wanted, [Origin("a"), Origin("b")], model)
