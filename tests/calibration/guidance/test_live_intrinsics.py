"""`intrinsics` with a camera: simulated devices, and a window on a real X server."""

from __future__ import annotations

import itertools
import os
import re
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.board.detection import Finder
from calibration.files.rig_toml import read_rig
from calibration.geometry.arrays import Image
from calibration.geometry.camera import Camera
from calibration.guidance.intrinsics_guide import WANTED_VIEWS
from calibration.guidance.intrinsics_screen import YELLOW
from posestream.commands.calibrate.main import main
from posestream.commands.program import POOR
from realtime.footage.live_intrinsics import guided
from realtime.footage.screen import open_screen
from realtime.sources.reconnecting import LiveSource
from realtime.sources.webcam import WebcamConnector
from realtime.types.errors import SourceError
from tests.calibration.boards import CHARUCO, CHESS, photograph, pose
from tests.calibration.looks import Looks
from tests.cameras import NetworkCamera
from tests.realtime.screens import (
    WINDOW_PATIENCE,
    once_more,
    painted,
    press,
    screen,
    screenshot,
    window,
)
from tests.realtime.sources.test_webcam import FakeCamera
from tests.waiting import PATIENCE, wait_for

TRUTH = Camera("c", (480, 360), np.array([[450.0, 0, 242], [0, 449, 178], [0, 0, 1]]))
BOARD = ["--board", "charuco", "--columns", "5", "--rows", "4", "--square", "0.05"]


def stills(count: int) -> list[Image]:
    """Photos of the board here and there."""
    rng = np.random.default_rng(0)
    out = []
    for _ in range(count):
        turn = (*rng.uniform(-0.5, 0.5, 2), 0.3)
        at = (*rng.uniform(-0.06, 0.06, 2), rng.uniform(0.4, 0.6))
        gray = photograph(CHARUCO, TRUTH, *pose(turn, at, CHARUCO))
        out.append(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))
    return out


def source(device: FakeCamera) -> LiveSource:
    connect = WebcamConnector([0], open_camera=lambda _: device)
    return LiveSource("webcam0", connect, range(10**9), give_up=0)


def plug_in(monkeypatch: pytest.MonkeyPatch, device: FakeCamera) -> None:
    connector = partial(WebcamConnector, open_camera=lambda _: device)
    monkeypatch.setattr("realtime.sources.WebcamConnector", connector)
    monkeypatch.setattr("realtime.sources.camera_indices", lambda: [0])


def test_a_webcam_is_calibrated_in_words_where_there_is_no_display(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = stills(6)
    looks = Looks(monkeypatch, 10, ends=70)
    plug_in(monkeypatch, FakeCamera(looks.films(pictures, then=lambda _: pictures[-1])))
    words = ["intrinsics", "--source", "webcam", "--no-show", "--hold", "0.1"]
    words += [*BOARD, "--lens", "pinhole", "--output", f"{tmp_path}/cam.toml"]
    assert main(words) == POOR  # five views cover a third of the picture
    said = capsys.readouterr()
    assert "guidance is printed here" in said.err
    assert "4/15 views; taken: cover the" in said.err
    assert re.search(r"verdict +poor", said.out)
    (found,) = read_rig(tmp_path / "cam.toml").cameras
    assert np.allclose(np.diag(found.matrix)[:2], (450, 449), rtol=0.03)


@pytest.mark.parametrize("wide", [720, 1200])
def test_a_chessboard_is_found_quickly_where_it_is(wide: int) -> None:
    """The same camera with finer pixels."""
    scale = wide / 480
    matrix = np.array([[450.0 * scale, 0, wide / 2], [0, 450 * scale, wide * 3 / 8], [0, 0, 1]])
    camera = Camera("c", (wide, wide * 3 // 4), matrix)
    turn, shift = pose((0.3, -0.2, 0.1), (0.03, 0.02, 0.6), CHESS)
    gray = photograph(CHESS, camera, turn, shift)
    found = Finder(CHESS, quick=True).find(gray)
    assert found is not None
    off = np.linalg.norm(found.xy - camera.project(CHESS.points @ turn.T + shift), axis=1)
    assert off.max() < 0.3
    assert Finder(CHESS, quick=True).find(np.full_like(gray, 90)) is None


def test_views_outlive_a_camera_that_is_unplugged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError, match="There is no camera"):
        guided(source(FakeCamera(lambda _: None)), CHARUCO, 0.1, show=False, fisheye=False)
    device = FakeCamera(Looks(monkeypatch, 10).films(stills(3), then=lambda _: None))
    name, seen = guided(source(device), CHARUCO, 0.1, show=False, fisheye=False)
    assert name == "webcam0"
    assert seen
    assert "was lost" in capsys.readouterr().err


def test_a_webcam_that_never_sees_the_board_says_which_board_it_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (still,) = stills(1)
    plug_in(monkeypatch, FakeCamera(lambda _: 255 - still))
    words = ["intrinsics", "--source", "webcam", "--no-show", "--end", "8", *BOARD]
    assert main([*words, "--output", f"{tmp_path}/cam.toml"]) == 2
    assert "it is found with --inverted" in capsys.readouterr().err
    assert not (tmp_path / "cam.toml").exists()


class BoardCamera(NetworkCamera):
    """A network camera before which the board stays as it is until somebody turns it."""

    encode = staticmethod(lambda _: [cv2.imencode(".jpg", one)[1].tobytes() for one in stills(16)])
    at = 0
    turned = 0.0

    def turn(self, taken: bool) -> None:
        """Once its view was taken, or after a while, which grows until any machine has looked."""
        if taken or time.monotonic() - self.turned > 1 + self.at / 8:
            self.at, self.turned = self.at + 1, time.monotonic()

    def film(self) -> Iterator[tuple[int, bytes]]:
        for count in itertools.count():
            time.sleep(1 / self.fps)
            yield count, self.pictures[self.at % len(self.pictures)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is of Linux")
@once_more
def test_the_window_shows_the_guidance_and_q_ends_with_a_calibration(tmp_path: Path) -> None:
    """Of a camera that films for ever."""
    with screen(tmp_path) as display, BoardCamera(fps=15) as camera:
        options = f"--source {camera.url()} --show --hold 0.3 --output {tmp_path}/cam.toml"
        options += " --lens pinhole"
        words = ["calibration", "intrinsics", *options.split(), *BOARD]
        child, number = painted(words, display, tmp_path)
        try:
            wide, high = TRUTH.size
            taken = 0

            def views() -> int:
                """As the meter at the foot tells: a bar of 86 pixels when there are enough."""
                nonlocal taken
                foot = screenshot(tmp_path)[high - 16 : high, : wide // 5].astype(int)
                bar = (np.abs(foot - YELLOW).max(-1) < 30).sum(1).max()
                before, taken = taken, round(bar / 86 * WANTED_VIEWS)
                camera.turn(taken > before)
                return taken

            wait_for(lambda: views() >= 1, process=child, patience=WINDOW_PATIENCE)
            press(display, number, "space")
            wait_for(lambda: views() >= 4, process=child, progress=lambda: taken)
            while child.poll() is None and window(display, "posestream"):
                press(display, number, "q")  # a window may miss one while it gets the focus
                time.sleep(0.3)
            said, _ = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
            with child:  # nothing of it is left for the second time
                pass
    assert child.returncode == (POOR if re.search(r"verdict +poor", said) else 0)
    assert "verdict" in said


@pytest.mark.skipif(sys.platform != "linux", reason="terminals of Unix")
def test_enter_in_the_terminal_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keyboard, terminal = os.openpty()
    with os.fdopen(terminal) as stdin, os.fdopen(keyboard, "w") as fingers:
        monkeypatch.setattr(sys, "stdin", stdin)
        words = open_screen("cam", "view", show=False)
        assert "press Enter to finish" in capsys.readouterr().err
        assert words.key() == ""
        fingers.write("\n")
        fingers.flush()
        wait_for(lambda: words.key() == "q")
        assert words.key() == ""
