"""The window on a real X server: what it shows, and how it ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.realtime.screens import close, screen, screenshot
from tests.realtime.window_child import Child
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is of Linux"),
]


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
