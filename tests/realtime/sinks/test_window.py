"""The window on a real X server: what it shows, and how it ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.realtime.screens import ATTEMPTS, close, press, screen, screenshot, window
from tests.waiting import PATIENCE, wait_for

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is of Linux"),
]

# A child, since a window that goes wrong takes its whole process with it. It shows frames until
# somebody ends it, or one frame alone, and says how it ended; av comes after cv2, as in a run.
# Into the file of its second argument it notes how often it looked for keys, how many came and the
# last of them, and whether the window is full screen.
CHILD = """
import os, sys, time
import realtime, av, cv2
import numpy as np
from realtime.types.errors import OutputError, Stopped
from realtime.drawing.overlay import Overlay
from realtime.sinks.screens.window import WindowSink
from tests.realtime.results import result
from realtime.types.view_mode import Shown
from tests.synth import SKELETON
shown = Shown(keypoints=SKELETON.keypoints)
mode, n = sys.argv[1], 0
notes, turns, keys, last = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT), 0, 0, 0
look = cv2.waitKey
def noted(wait):
    global turns, keys, last
    key = look(wait)
    turns, keys, last = turns + 1, keys + (key >= 0), key if key >= 0 else last
    if mode == "closed" and turns == 100:
        cv2.destroyWindow("posestream - clip")  # as the cross does, of which waitKey hears
        return ord("h")  # with a key that changes what is shown
    full = mode == "full" and cv2.getWindowProperty("posestream - clip", cv2.WND_PROP_FULLSCREEN)
    os.pwrite(notes, b"%9d %9d %9d %9d" % (turns, keys, last, full > 0), 0)
    return key
cv2.waitKey = noted
image = np.zeros((240, 320, 3), np.uint8)
image[:] = 30, 160, 250
image[:120, :160] = 200, 60, 10
try:
    how = {"hold": mode == "one", "live": mode == "live", "full": mode == "full"}
    with WindowSink(Overlay(shown), **how) as sink:
        while mode in ("file", "live"):
            grey = np.full((240, 320, 3), n % 200 + 20, np.uint8)
            sink.write(result(image=grey, index=n))
            n += 1
            time.sleep(0.01)
        for n in range(1 if mode in ("one", "away") else 1_000_000):
            sink.write(result(image=image, time=n / 30))
        while mode == "away":
            time.sleep(0.03)
            sink.idle()
    print("end")
except Stopped:
    plain = mode in ("many", "one", "closed", "full")
    print("stopped" if plain else f"{n} {shown.threshold} {shown.name}")
except OutputError as error:
    print(error)
    sys.exit(2)
"""


class Child:
    """A process with a window."""

    screen: ClassVar[Path]  # what the display shows

    def __init__(self, display: str, frames: str, folder: Path) -> None:
        self.display = display
        self._notes = folder.with_name(f"{folder.name} notes")  # the folder may be taken away
        self._words = [sys.executable, "-c", CHILD, frames, str(self._notes)]
        self._folder = folder
        self._begin()

    def _begin(self) -> None:
        self._notes.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            self._words,
            cwd=self._folder,
            env={**os.environ, "DISPLAY": self.display, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def window(self) -> int:
        """Its number, once something was painted.

        On busy virtual machines Qt at times loses the first events of a display, with cv2 alone as
        well: such a window stays black for ever, and the process begins anew.
        """
        for _ in range(ATTEMPTS):
            number: int = wait_for(lambda: window(self.display, "posestream"), process=self.process)
            for _ in range(5):
                if screenshot(self.screen).any():
                    return number
                self.go_on()
            self.process.kill()
            self.process.communicate()
            self._begin()
        pytest.fail(f"{ATTEMPTS} windows stayed black")

    def noted(self) -> tuple[int, int, int]:
        """How often it looked for keys, how many it got, and the last."""
        return self._noted()[:3]

    def full(self) -> bool:
        """Whether the window is, or wants to be, as large as the screen."""
        return bool(self._noted()[3])

    def _noted(self) -> tuple[int, int, int, int]:
        noted = self._notes.read_text() if self._notes.exists() else ""
        turns, keys, last, full = noted.split() or ("0",) * 4  # nothing is in it yet
        return int(turns), int(keys), int(last), int(full)

    def go_on(self, turns: int = 30) -> None:
        """Wait until it has looked for keys so often."""
        goal = self.noted()[0] + turns
        wait_for(lambda: self.noted()[0] >= goal, process=self.process)

    def press(self, key: str) -> None:
        """Press a key until it is heard: a window may miss one while it gets the focus. One that
        was pressed twice as it came late is not taken for the next.
        """
        number, (_, keys, _) = self.window(), self.noted()
        code = ord({"space": " ", "Escape": "\x1b", "plus": "+", "minus": "-"}.get(key, key))

        def heard() -> bool:
            _, now, last = self.noted()
            return (now > keys and last & 0xFF == code) or self.process.poll() is not None

        def pressed() -> bool:
            turns = self.noted()[0] + 100
            press(self.display, number, key)
            return wait_for(lambda: heard() or self.noted()[0] > turns) and heard()

        wait_for(pressed)

    def end(self) -> tuple[int, str, str]:
        """Exit code and what it said."""
        patience = PATIENCE if sys.exc_info()[0] is None else 1  # a test that failed waits no more
        with self.process:  # its pipes are closed whatever happens
            try:
                said, errors = self.process.communicate(timeout=patience)
            finally:
                self.process.kill()
        return self.process.returncode, said.strip(), errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("screen")


@pytest.fixture(scope="module")
def display(folder: Path) -> Iterator[str]:
    with screen(folder) as name:
        Child.screen = folder
        yield name


def test_the_picture_appears_and_q_ends_the_run(display: str, folder: Path) -> None:
    child = Child(display, "many", folder)
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
def test_closing_the_window_ends_the_run(display: str, folder: Path, frames: str) -> None:
    child = Child(display, frames, folder)
    try:
        close(display, child.window())
    finally:
        ended = child.end()
    # A single picture's window may be closed while it is still being drawn, or while it is held.
    words = ("stopped",) if frames == "many" else ("stopped", "end")
    assert ended in [(0, word, "") for word in words]


def test_escape_ends_the_run(display: str, folder: Path) -> None:
    child = Child(display, "many", folder)
    try:
        child.press("Escape")
    finally:
        ended = child.end()
    assert ended == (0, "stopped", "")


def test_a_window_closed_at_any_moment_ends_the_run(display: str, folder: Path) -> None:
    """With a key pressed too, at which the picture would be shown again, in a new window."""
    child = Child(display, "closed", folder)
    assert child.end() == (0, "stopped", "")


def test_fullscreen_begins_so_and_escape_leaves_it_before_it_ends_the_run(
    display: str, folder: Path
) -> None:
    """What the window asks for: this screen has nobody who would enlarge windows."""
    child = Child(display, "full", folder)
    try:
        child.window()
        child.go_on()
        assert child.full()
        child.press("Escape")
        wait_for(lambda: not child.full(), process=child.process)
        child.press("f")
        wait_for(child.full, process=child.process)
        child.press("Escape")
        wait_for(lambda: not child.full(), process=child.process)
        assert child.process.poll() is None
        child.press("Escape")
    finally:
        ended = child.end()
    assert ended == (0, "stopped", "")


def test_the_title_says_how_fast_it_is_and_where_help_is(display: str, folder: Path) -> None:
    child = Child(display, "file", folder)
    try:
        number = child.window()

        def title() -> str:
            return subprocess.run(
                ["xdotool", "getwindowname", str(number)],
                env={**os.environ, "DISPLAY": display},
                capture_output=True,
                text=True,
                check=False,
            ).stdout.strip()

        pattern = r"posestream - clip - \d+\.\d fps - h = help"
        wait_for(lambda: re.fullmatch(pattern, title()), process=child.process)
        child.press("q")
    finally:
        assert child.end()[0] == 0


def test_a_single_picture_stays_until_a_key(display: str, folder: Path) -> None:
    child = Child(display, "one", folder)
    try:
        child.window()
        child.go_on()
        assert child.process.poll() is None
        child.press("space")
    finally:
        ended = child.end()
    assert ended == (0, "end", "")


def grey_shown(folder: Path) -> int:
    """The frame's number that the middle of its grey picture tells."""
    return int(screenshot(folder)[100:140, 140:180, 0].astype(int).mean()) - 20


def still(child: Child, folder: Path) -> bool:
    """Whether the picture stands; it would go through 30 greys in this time."""
    before = grey_shown(folder)
    child.go_on()
    return before == grey_shown(folder)


@pytest.mark.parametrize("kind", ["file", "live"])
def test_pause_stops_a_file_but_only_the_picture_of_a_camera(
    display: str, folder: Path, kind: str
) -> None:
    child = Child(display, kind, folder)
    try:
        child.window()
        wait_for(lambda: not still(child, folder))
        child.press("space")
        wait_for(lambda: still(child, folder))
        seen = grey_shown(folder)
        assert still(child, folder)
        child.press("q")
    finally:
        code, said, errors = child.end()
    assert (code, errors) == (0, "")
    frames = int(said.split()[0])
    if kind == "file":
        assert frames % 200 == seen
    else:
        assert (frames - seen) % 200 > 20 or frames > 200 + seen


def test_after_a_pause_it_goes_on(display: str, folder: Path) -> None:
    child = Child(display, "file", folder)
    try:
        child.window()
        wait_for(lambda: not still(child, folder))
        child.press("space")
        wait_for(lambda: still(child, folder))
        child.press("space")
        wait_for(lambda: not still(child, folder))
        child.press("q")
    finally:
        assert child.end()[0] == 0


def test_keys_are_answered_while_no_result_comes(
    display: str, folder: Path, tmp_path: Path
) -> None:
    """The one picture stands; then: help, threshold, views, a snapshot that is not written over."""
    child = Child(display, "away", tmp_path)
    first, second = (tmp_path / f"clip_000000000000_part_neck{n}.png" for n in ("", "_2"))
    try:
        child.window()
        wait_for(lambda: abs(int(screenshot(folder)[20, 5, 0]) - 200) < 5)
        child.press("h")
        wait_for(lambda: int(screenshot(folder)[20, 5, 0]) < 100)
        for key in ("plus", "plus", "plus", "minus", "v", "p", "p", "s"):
            child.press(key)
        wait_for(first.exists)
        child.press("s")
        wait_for(second.exists)
        child.press("q")
    finally:
        code, said, errors = child.end()
    assert (code, said) == (0, "0 0.1 part:neck")
    assert errors.splitlines() == [
        f"posestream: snapshot written to {path.name}" for path in (first, second)
    ]
    picture = cv2.imread(str(first))
    assert picture is not None
    assert picture.shape == (240, 320, 3)
    assert picture[0, 0].tolist() == [200, 60, 10]  # the help is not in it


def test_a_snapshot_that_cannot_be_written_does_not_end_the_run(
    display: str, folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    child = Child(display, "away", home)
    try:
        child.window()
        wait_for(lambda: abs(int(screenshot(folder)[20, 5, 0]) - 200) < 5)
        home.rmdir()
        child.press("s")
        child.press("q")
    finally:
        code, said, errors = child.end()
    assert (code, said) == (0, "0 0.0 skeleton")
    assert "cannot be written: no such file or directory" in errors
    assert "Traceback" not in errors


def test_a_display_that_is_gone_is_a_sentence_and_no_abort(tmp_path: Path) -> None:
    with screen(tmp_path) as gone:
        pass
    code, said, errors = Child(gone, "one", tmp_path).end()
    assert (code, errors) == (2, "")
    assert said == f"The display {gone} does not answer, so no window can be shown; use --no-show."


def test_a_display_that_locks_us_out_is_a_sentence_and_no_abort(tmp_path: Path) -> None:
    # A server with a cookie lets nobody in who does not have it.
    name = b"MIT-MAGIC-COOKIE-1"
    cookie = b"\1\0" + 2 * b"\0\0" + len(name).to_bytes(2, "big") + name + b"\0\x10" + bytes(16)
    (tmp_path / "cookies").write_bytes(cookie)
    with screen(tmp_path, "-auth", str(tmp_path / "cookies")) as locked:
        code, said, _ = Child(locked, "one", tmp_path).end()
    assert code == 2
    assert said.startswith(f"The display {locked} does not answer")


def test_a_desktop_that_asks_for_wayland_gets_a_window_all_the_same(
    display: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "wayland")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    child = Child(display, "many", folder)
    try:
        child.press("q")
    finally:
        code, said, _ = child.end()
    assert (code, said) == (0, "stopped")
