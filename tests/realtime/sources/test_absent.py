"""One of several cameras is not there: the others go on, and it comes in when it comes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from realtime.pipeline import Pipeline
from realtime.settings.sources import SourceSettings
from realtime.sources import enter_sources, open_sources
from realtime.types.errors import SourceError
from tests.cameras import NetworkCamera, RtspCamera, number_of
from tests.conftest import ROOT, with_weights
from tests.realtime.test_pipeline import Slow
from tests.synth import write_tiny_network
from tests.waiting import PATIENCE, wait_for


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera on a busy machine may be slow to answer and to send."""
    monkeypatch.setattr("realtime.sources.network_camera.ANSWER_SECONDS", 60.0)
    monkeypatch.setattr("realtime.sources.network_camera.FREEZE_SECONDS", 60.0)


@contextmanager
def later(kind: type[NetworkCamera]) -> Iterator[NetworkCamera]:
    """A camera that knows its port and is not switched on."""
    camera = kind()
    camera.port = free_port()
    try:
        yield camera
    finally:
        camera.kill()


def entered(stack: ExitStack, *addresses: str, **settings: object) -> list[object]:
    sources = open_sources(SourceSettings(addresses, **settings))
    enter_sources(sources, stack)
    return list(sources)


@pytest.mark.parametrize("kind", [RtspCamera, NetworkCamera])
def test_the_others_go_on_and_the_missing_one_comes_in(
    kind: type[NetworkCamera], caplog: pytest.LogCaptureFixture
) -> None:
    with NetworkCamera() as there, later(kind) as missing, ExitStack() as stack:
        sources = entered(stack, missing.url(), there.url())
        (refused,) = caplog.messages
        assert refused.startswith(f"127.0.0.1:{missing.port} refuses the connection")
        assert refused.endswith(" The other cameras go on without it.")
        alone = together = 0
        results = Pipeline(sources, Slow)  # type: ignore[arg-type]
        running = iter(results)
        for result in running:
            came, other = result.views
            assert came is not None or other is not None
            if came is None:
                alone += 1
            elif other is not None:
                together += 1
                assert came.frame.camera == "127.0.0.1"
                assert other.frame.camera == "127.0.0.1_2"
            if alone == 10 and missing.thread is None:
                missing.start()
            if together == 10:
                break
        running.close()
    assert alone >= 10
    assert "127.0.0.1 is connected after" in caplog.messages[-1]
    assert not any("was lost" in message for message in caplog.messages)


def test_cameras_are_opened_at_the_same_time(caplog: pytest.LogCaptureFixture) -> None:
    """Three of which none answers before each has been asked."""
    with ExitStack() as stack:
        cameras = [stack.enter_context(NetworkCamera()) for _ in range(3)]
        for camera in cameras:
            camera.freeze()

        def thaw() -> None:
            wait_for(lambda: all(camera.served for camera in cameras))
            for camera in cameras:
                camera.thaw()

        thread = threading.Thread(target=thaw)
        thread.start()
        entered(stack, *(camera.url() for camera in cameras))
        thread.join(PATIENCE)
    assert caplog.messages == []  # no camera was given up


def test_channels_of_one_host_are_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    with NetworkCamera() as one, NetworkCamera() as other, ExitStack() as stack:
        sources = entered(stack, one.url(), other.url(), give_up=0.3, flip=True)
        running = iter(Pipeline(sources, Slow))  # type: ignore[arg-type]
        next(running)
        other.kill()
        while "127.0.0.1_2 was lost" not in caplog.text:
            next(running)
        running.close()
    assert "127.0.0.1_2 was lost: " in caplog.text


@pytest.mark.parametrize("count", [1, 2])
def test_cameras_that_are_not_there_yet_at_the_start_are_waited_for(
    count: int, caplog: pytest.LogCaptureFixture
) -> None:
    """After a power cut the computer is often up before its cameras."""
    cameras = [NetworkCamera() for _ in range(count)]
    for camera in cameras:
        camera.port = free_port()
    with ExitStack() as stack:
        sources = entered(stack, *(camera.url() for camera in cameras))
        assert [message.partition("connection. ")[2] for message in caplog.messages] == [
            "Is the port right, and is the camera on? Waiting for it."
        ] * count
        for camera in cameras:
            stack.enter_context(camera)
        result = next(iter(Pipeline(sources, Slow)))  # type: ignore[arg-type]
        assert any(view is not None for view in result.views)


def test_a_wrong_password_is_told_at_once() -> None:
    told = "rejects the user name or password"
    with (
        NetworkCamera(user="user:right") as camera,
        ExitStack() as stack,
        pytest.raises(SourceError, match=told),
    ):
        entered(stack, camera.url("user:wrong"))


def test_where_none_is_there_the_run_ends() -> None:
    ports = [free_port(), free_port()]
    addresses = [f"rtsp://user:secret@127.0.0.1:{port}/live" for port in ports]
    with ExitStack() as stack, pytest.raises(SourceError) as caught:
        entered(stack, *addresses, give_up=0)
    for port in ports:
        assert f"127.0.0.1:{port} refuses the connection" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_one_that_never_comes_is_left_out_after_give_up(caplog: pytest.LogCaptureFixture) -> None:
    with NetworkCamera() as there, ExitStack() as stack:
        nowhere = f"http://127.0.0.1:{free_port()}/live"
        sources = entered(stack, there.url(), nowhere, end=40, give_up=0.4)
        seen = []
        with pytest.raises(
            SourceError, match=r"127\.0\.0\.1_2 did not connect within 0\.4 s: .* refuses"
        ):
            seen.extend(Pipeline(sources, Slow))  # type: ignore[arg-type]
    assert seen[-1].views[0].frame.index == 39
    left_out = [r for r in caplog.records if "did not connect" in r.getMessage()]
    assert [record.levelname for record in left_out] == ["ERROR"]


def test_of_several_files_a_broken_one_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    with ExitStack() as stack, pytest.raises(SourceError, match=r"a\.mp4 cannot be read"):
        entered(stack, str(tmp_path / "a.mp4"), str(tmp_path / "a.mp4"))
    with ExitStack() as stack, pytest.raises(SourceError, match=r"a\.mp4 cannot be read"):
        entered(stack, *[str(tmp_path / "a.mp4")] * 2, realtime=True)


def test_what_a_camera_sent_before_anybody_read_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between opening and reading lies, for one, the download of the network."""
    monkeypatch.setattr("realtime.sources.reconnecting.STALE_SECONDS", 0.3)
    with RtspCamera() as camera, ExitStack() as stack:
        (source,) = entered(stack, camera.url())
        time.sleep(0.8)
        began = time.monotonic()
        frame = next(iter(source))  # type: ignore[call-overload]
        taken = camera.newest(number_of(frame.image))
        wait_for(lambda: taken in camera.sent)  # which is noted after it
        assert camera.sent[taken] > began
        assert frame.captured > began


@pytest.mark.parametrize("quiet", [False, True])
def test_the_whole_program_with_one_of_two_cameras(tmp_path: Path, quiet: bool) -> None:
    card = write_tiny_network(tmp_path)
    with NetworkCamera() as there:
        done = subprocess.run(
            [
                *(sys.executable, "run.py", "--source", there.url(), "--model", str(card)),
                *("--source", f"rtsp://u:secret@127.0.0.1:{free_port()}/live", "--no-show"),
                *("--end", "30", "--give-up", "0.3", "--jsonl", str(tmp_path / "out.jsonl")),
                *(["--quiet"] if quiet else []),
            ],
            cwd=ROOT,
            env=with_weights(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines[0]["sources"] == ["127.0.0.1", "127.0.0.1_2"]
    assert {line["source"] for line in lines[1:]} == {"127.0.0.1"}
    assert lines[-1]["index"] == 29
    assert ("The other cameras go on without it" in done.stderr) is not quiet
    said = done.stderr.splitlines()
    assert [line.startswith("posestream: 127.0.0.1_2 did not connect") for line in said][-1]
    assert "secret" not in done.stderr + done.stdout
    if quiet:
        assert all("did not connect" in line for line in said)
