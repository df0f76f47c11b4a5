"""The pictures with the poses drawn, in a window, and the keys that steer it."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NoReturn, Self

import cv2

from engines.types.arrays import Image
from realtime.drawing.captions import write_caption, write_help
from realtime.drawing.overlay import Overlay, Picture
from realtime.runtime.display import check_display
from realtime.sinks.files.image_files import write_image
from realtime.types.errors import OutputError, Stopped
from realtime.types.results import Result

WINDOW_FLAGS = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
MAX_OPENING_SIZE = (1280, 720)  # of a window as it opens; the user may drag it to any size
ESCAPE = "\x1b"
QUIT_KEYS = {ESCAPE, "q", "Q"}
KEY_WAIT_MS = 30  # for a key in pause
MESSAGE_SECONDS = 2.0  # that a message stays
REDRAW_SECONDS = 0.3  # until a picture is shown again: Qt may have missed it as it opened
KEY_HELP = (
    ("space", "pause or resume"),
    ("v", "next view: skeleton, heatmaps, pafs, a keypoint"),
    ("p", "next keypoint's map"),
    ("+ -", "confidence from which keypoints are drawn (files keep all)"),
    ("s", "snapshot as PNG"),
    ("f", "full screen; Esc leaves it"),
    ("h", "this help"),
    ("q Esc", "quit"),
)
RATE_SECONDS = 2.0  # over which the frames per second of the title are counted
TITLE_SECONDS = 1.0  # until the title is written again


class WindowSink:
    """Shows each camera in a window of its own; q, Esc or closing one ends the run (Stopped). Esc
    leaves full screen first.

    hold: at the end of the run wait for a key, so that a single picture can be looked at.
    live: pause keeps the picture alone; without it the whole run waits. folder: of snapshots.
    full: begin as large as the screen.
    """

    def __init__(
        self,
        overlay: Overlay,
        *,
        hold: bool,
        live: bool = False,
        folder: Path | None = None,
        announce: bool = True,
        full: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_display()
        self._overlay = overlay
        self._hold = hold
        self._live = live
        self._folder = folder or Path()
        self._announce = announce
        self._clock = clock
        self._names: list[str] = []
        self._result: Result | None = None
        self._paused = self._help = False
        self._full = full
        self._message = ""
        self._said = self._drawn = self._titled = 0.0
        self._shows: deque[float] = deque()  # when results came

    def __enter__(self) -> Self:
        if self._hold:  # no later frame could bring the maps of another view
            self._overlay.shown.want_maps()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            while self._hold and kind is None and self._names and not self._closed():
                key = _key(KEY_WAIT_MS)
                if self._closed() or key == " " or self._quits(key) or not self._act(key):
                    break
                self._refresh(key)
        finally:
            if self._names:
                cv2.destroyAllWindows()

    def write(self, result: Result) -> None:
        """Show the pictures and look for keys; in pause a file's run waits here."""
        now = self._clock()
        self._shows.append(now)
        while self._shows[0] < now - RATE_SECONDS:
            self._shows.popleft()
        if not (self._paused and self._live):
            self._result = result
            self._turn(show=True)
        else:
            self._turn()
        while self._paused and not self._live:
            self._turn(KEY_WAIT_MS)

    def idle(self) -> None:
        """Look for keys while no result comes."""
        if self._names:
            self._turn()

    def _turn(self, wait: int = 1, *, show: bool = False) -> None:
        if self._closed():
            self._stop()
        try:
            if show:
                self._show()
            key = _key(wait)
            # Where the user has just closed a window, whatever is done to it would open it again.
            if self._closed() or self._quits(key):
                self._stop()
            self._act(key)
            self._refresh(key)
        except cv2.error:
            # The user may close a window at any moment, between two of these calls as well.
            if self._closed():
                self._stop()
            raise

    def _refresh(self, key: str) -> None:
        """Show what a key changed or what stands too long, without a message that had its time."""
        now = self._clock()
        if self._message and now - self._said > MESSAGE_SECONDS:
            self._message = ""
        if key or now - self._drawn > REDRAW_SECONDS:
            self._show()

    def _quits(self, key: str) -> bool:
        return key in QUIT_KEYS and not (key == ESCAPE and self._full)

    def _act(self, key: str) -> bool:
        """Do what a key is for; False where it is for nothing. No key is for nothing to do."""
        shown = self._overlay.shown
        match key.lower():
            case "":
                pass
            case " ":
                self._paused = not self._paused
                self._say("" if self._paused else "goes on")
            case "v":
                shown.next_view()
                self._say(shown.name)
            case "p":
                shown.next_part()
                self._say(shown.name)
            case "+" | "=":
                shown.change_threshold(1)
                self._say(f"threshold {shown.threshold:.2f}")
            case "-" | "_":
                shown.change_threshold(-1)
                self._say(f"threshold {shown.threshold:.2f}")
            case "s":
                self._snapshot()
            case "f" | "\x1b":
                self._full = not self._full
                self._say("Esc leaves full screen" if self._full else "")
                for name in self._names:
                    cv2.setWindowProperty(name, cv2.WND_PROP_FULLSCREEN, float(self._full))
            case "h":
                self._help = not self._help
            case _:
                return False
        return True

    def _show(self) -> None:
        if self._result is None:
            return
        self._drawn = self._clock()
        for picture in self._overlay.pictures(self._result):
            name = f"posestream - {picture.camera}"
            if name not in self._names:
                width, height = picture.size
                scale = min(1.0, MAX_OPENING_SIZE[0] / width, MAX_OPENING_SIZE[1] / height)
                cv2.namedWindow(name, WINDOW_FLAGS)
                self._names.append(name)
                cv2.resizeWindow(name, max(1, round(width * scale)), max(1, round(height * scale)))
                if self._full:
                    cv2.setWindowProperty(name, cv2.WND_PROP_FULLSCREEN, 1.0)
            cv2.imshow(name, self._labelled(picture))
        if self._drawn - self._titled >= TITLE_SECONDS or not self._titled:
            self._titled = self._drawn
            for name in self._names:
                cv2.setWindowTitle(name, f"{name} - {self._rate()}h = help")

    def _rate(self) -> str:
        """How many results come per second, or nothing where that cannot be said yet."""
        if len(self._shows) < 3:
            return ""
        span = max(self._shows[-1] - self._shows[0], 1e-3)
        return f"{(len(self._shows) - 1) / span:.1f} fps - "

    def _labelled(self, picture: Picture) -> Image:
        """With the help and what is not as usual written over it."""
        image = picture.image
        shown = self._overlay.shown
        words = ["paused"] if self._paused else []
        if shown.mode.of_maps:
            words.append(shown.name + ("" if picture.maps else ": no maps for this frame"))
        if shown.threshold != shown.usual:
            words.append(f"threshold {shown.threshold:.2f}")
        if self._message and self._message not in words:
            words.append(self._message)
        if words:
            image = write_caption(image, "   ".join(words))
        return write_help(image, KEY_HELP) if self._help else image

    def _snapshot(self) -> None:
        """What the pictures show, as `<frame name>_<view>.png`; nothing is written over."""
        if self._result is None:
            return
        for picture in self._overlay.pictures(self._result):
            name = f"{picture.name}_{self._overlay.shown.name.replace(':', '_')}"
            paths = (self._folder / f"{name}{f'_{n}' if n > 1 else ''}.png" for n in count(1))
            path = next(path for path in paths if not path.exists())
            try:
                write_image(path, picture.image)
                self._say(f"wrote {path.name}")
                sentence = f"snapshot written to {path}"
            except OutputError as error:
                self._say("no snapshot")
                sentence = str(error)
            if self._announce:
                sys.stderr.write(f"posestream: {sentence}\n")

    def _say(self, message: str) -> None:
        self._message, self._said = message, self._clock()

    def _stop(self) -> NoReturn:
        self._hold = False
        raise Stopped

    def _closed(self) -> bool:
        """Whether the user closed a window; imshow would open it again."""
        try:
            return any(
                cv2.getWindowProperty(name, cv2.WND_PROP_VISIBLE) < 1 for name in self._names
            )
        except cv2.error:  # Qt has gone with its last window
            return True


def _key(wait: int) -> str:
    """The key that was pressed in so many milliseconds, empty where none was."""
    key = cv2.waitKey(wait)
    return chr(key & 0xFF) if key >= 0 else ""
