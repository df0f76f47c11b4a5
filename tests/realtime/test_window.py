"""The window on a real X server: what it shows, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.realtime.screens import close, press, screen, screenshot, wait_for, window

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is of Linux"),
]

# A child, since a window that goes wrong takes its whole process with it. It shows frames until
# somebody ends it, or one frame alone, and says how it ended; av comes after cv2, as in a run.
CHILD = """
import sys
import realtime, av
import numpy as np
from realtime.errors import OutputError, Stopped
from realtime.sinks.overlay import Overlay
from realtime.sinks.window import WindowSink
from tests.realtime.results import result
image = np.zeros((240, 320, 3), np.uint8)
image[:] = 30, 160, 250
image[:120, :160] = 200, 60, 10
try:
    with WindowSink(Overlay(), hold=sys.argv[1] == "one") as sink:
        for n in range(1 if sys.argv[1] == "one" else 1_000_000):
            sink.write(result(image=image, time=n / 30))
    print("end")
except Stopped:
    print("stopped")
except OutputError as error:
    print(error)
    sys.exit(2)
"""


class Child:
    """A process with a window."""

    def __init__(self, display: str, frames: str) -> None:
        self.display = display
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, frames],
            cwd=ROOT,
            env={**os.environ, "DISPLAY": display},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def window(self) -> int:
        return wait_for(lambda: window(self.display, "posestream"))

    def press(self, key: str) -> None:
        """Press a key until the process ends: a window may miss one while it gets the focus."""
        number = self.window()

        def ended() -> bool:
            press(self.display, number, key)
            try:
                self.process.wait(0.5)
            except subprocess.TimeoutExpired:
                return False
            return True

        wait_for(ended)

    def end(self) -> tuple[int, str, str]:
        """Exit code and what it said."""
        try:
            said, errors = self.process.communicate(timeout=20)
        finally:
            self.process.kill()
            self.process.wait(20)
        return self.process.returncode, said.strip(), errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("screen")


@pytest.fixture(scope="module")
def display(folder: Path) -> Iterator[str]:
    with screen(folder) as name:
        yield name


def test_the_picture_appears_and_q_ends_the_run(display: str, folder: Path) -> None:
    child = Child(display, "many")
    try:
        child.window()

        def shown() -> bool:
            picture = screenshot(folder).astype(int)
            orange = np.abs(picture - (30, 160, 250)).max(axis=2) < 5
            blue = np.abs(picture - (200, 60, 10)).max(axis=2) < 5
            return (
                abs(orange.sum() - 0.75 * 320 * 240) < 2000
                and abs(blue.sum() - 0.25 * 320 * 240) < 1000
            )

        assert wait_for(shown)
        child.press("q")
    finally:
        ended = child.end()
    assert ended == (0, "stopped", "")


@pytest.mark.parametrize("frames", ["many", "one"])
def test_closing_the_window_ends_the_run(display: str, frames: str) -> None:
    child = Child(display, frames)
    try:
        close(display, child.window())
    finally:
        ended = child.end()
    assert ended == (0, "stopped" if frames == "many" else "end", "")


def test_escape_ends_the_run(display: str) -> None:
    child = Child(display, "many")
    try:
        child.press("Escape")
    finally:
        ended = child.end()
    assert ended == (0, "stopped", "")


def test_a_single_picture_stays_until_a_key(display: str) -> None:
    child = Child(display, "one")
    try:
        child.window()
        with pytest.raises(subprocess.TimeoutExpired):
            child.process.wait(0.5)
        child.press("space")
    finally:
        ended = child.end()
    assert ended == (0, "end", "")


def test_a_display_that_is_gone_is_a_sentence_and_no_abort(tmp_path: Path) -> None:
    with screen(tmp_path) as gone:
        pass
    code, said, errors = Child(gone, "one").end()
    assert (code, errors) == (2, "")
    assert said == f"The display {gone} does not answer, so no window can be shown; use --no-show."


def test_a_display_that_locks_us_out_is_a_sentence_and_no_abort(tmp_path: Path) -> None:
    # A server with a cookie lets nobody in who does not have it.
    name = b"MIT-MAGIC-COOKIE-1"
    cookie = b"\1\0" + 2 * b"\0\0" + len(name).to_bytes(2, "big") + name + b"\0\x10" + bytes(16)
    (tmp_path / "cookies").write_bytes(cookie)
    with screen(tmp_path, "-auth", str(tmp_path / "cookies")) as locked:
        code, said, _ = Child(locked, "one").end()
    assert code == 2
    assert said.startswith(f"The display {locked} does not answer")


def test_a_desktop_that_asks_for_wayland_gets_a_window_all_the_same(
    display: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "wayland")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    child = Child(display, "many")
    try:
        child.press("q")
    finally:
        code, said, _ = child.end()
    assert (code, said) == (0, "stopped")
