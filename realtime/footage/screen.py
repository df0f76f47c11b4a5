"""Where guidance is shown, in a window, a browser or words, and the keys that answer it."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

import cv2

from calibration.guidance.intrinsics_guide import Advice
from engines.types.arrays import Image
from realtime.runtime.channel import Channel
from realtime.runtime.display import check_display
from realtime.sinks.screens.window import MAX_OPENING_SIZE, WINDOW_FLAGS
from realtime.sinks.screens.window import QUIT_KEYS as ENDS

QUIT_KEYS = {*ENDS, "\r", "\n"}
KEYS = " u"
PAGE_INTERVAL_S = 0.06  # seconds from one picture in a browser to the next
MESSAGE_S = 1.0  # seconds that words stand at least, so that they can be read
T = TypeVar("T")
In = TypeVar("In", contravariant=True)


class Session(Protocol[In]):
    """What is guided, one picture (or one of each camera) after the other."""

    def look(self, item: In) -> Advice: ...
    def take(self) -> Advice: ...
    def drop(self) -> Advice: ...
    def time(self, item: In) -> float: ...
    def draw(self, item: In, advice: Advice) -> Image: ...
    def words(self, advice: Advice) -> str: ...


class Screen(Protocol):
    """Shows the guidance, and says which key was pressed."""

    def show(self, draw: Callable[[], Image], words: str, time: float, *, now: bool) -> None: ...
    def key(self) -> str: ...
    def close(self) -> None: ...


class Window:
    """The picture; closing it is the key q."""

    def __init__(self, title: str, what: str) -> None:
        check_display()
        self._name = f"posestream - {title}"
        self._open = False
        sys.stderr.write(
            f"posestream: press Space to take a {what} now, U to remove the last one, Q to finish\n"
        )

    def show(self, draw: Callable[[], Image], words: str, time: float, *, now: bool) -> None:
        picture = draw()
        if not self._open:
            self._open = True
            high, wide = picture.shape[:2]
            scale = min(1.0, MAX_OPENING_SIZE[0] / wide, MAX_OPENING_SIZE[1] / high)
            cv2.namedWindow(self._name, WINDOW_FLAGS)
            cv2.resizeWindow(self._name, round(wide * scale), round(high * scale))
        cv2.imshow(self._name, picture)

    def key(self) -> str:
        if not self._open:
            return ""
        pressed = cv2.waitKey(1)
        with suppress(cv2.error):  # Qt has gone with its last window
            if cv2.getWindowProperty(self._name, cv2.WND_PROP_VISIBLE) > 0:
                return chr(pressed & 0xFF) if pressed >= 0 else ""
        return "q"

    def close(self) -> None:
        cv2.destroyAllWindows()


class Words:
    """The same where there is no window: a line whenever there is something new to say."""

    def __init__(self, why: str = "there is no window; guidance is printed here") -> None:
        self._said = ""
        self._at = float("-inf")
        self._typed = sys.stdin is not None and sys.stdin.isatty() and sys.platform != "win32"
        ends = "Enter" if self._typed else "Ctrl-C"
        sys.stderr.write(f"posestream: {why}; press {ends} to finish\n")

    def show(self, draw: Callable[[], Image], words: str, time: float, *, now: bool) -> None:
        if now or (words != self._said and time - self._at >= MESSAGE_S):
            self._said, self._at = words, time
            sys.stderr.write(f"posestream: {words}\n")

    def key(self) -> str:
        """Enter, which ends it."""
        if self._typed and select.select([sys.stdin], [], [], 0)[0]:
            self._typed = False  # once is enough, and a closed terminal would be ready for ever
            return "q" if sys.stdin.readline() else ""
        return ""

    def close(self) -> None:
        pass


class Page:
    """The picture in a browser, and the words."""

    def __init__(self, port: int) -> None:
        from realtime.web.picture_page import (
            LivePage,  # a web server takes a fifth of a second to import
        )

        self._page = LivePage(port)
        sys.stderr.write(f"posestream: open {self._page.url} for the guidance\n")
        self._words = Words("guidance is also printed here")
        self._at = float("-inf")

    def show(self, draw: Callable[[], Image], words: str, time: float, *, now: bool) -> None:
        self._words.show(draw, words, time, now=now)
        if self._page.watched and time - self._at >= PAGE_INTERVAL_S:
            self._at = time
            _, data = cv2.imencode(".jpg", draw(), [cv2.IMWRITE_JPEG_QUALITY, 80])
            self._page.put(data.tobytes())

    def key(self) -> str:
        return self._page.key() or self._words.key()

    def close(self) -> None:
        self._page.close()


def open_screen(title: str, what: str, *, show: bool, port: int | None = None) -> Screen:
    """A page where there is a port, else the window, or words. OutputError where what is asked for
    cannot be had.
    """
    if port is not None:
        return Page(port)
    return Window(title, what) if show else Words()


def follow(
    entrance: Channel[T],
    session: Session[T],
    screen: Screen,
    over: Callable[[], bool] = lambda: False,
) -> None:
    """Item after item, until there is enough, the user has had enough, or it is over."""
    stand: tuple[float, Advice] | None = None  # an answer to a key or what was taken, to be read
    keys: list[str] = []

    def listen() -> None:
        if key := screen.key():
            keys.append(key)
        if over() or any(key in QUIT_KEYS for key in keys):
            entrance.close()

    for item in entrance.items(listen):
        advice, time = session.look(item), session.time(item)
        listen()
        for key in keys:
            if key in QUIT_KEYS:
                return
            if key in KEYS:
                advice = session.take() if key == " " else session.drop()
                stand = time, advice
        keys.clear()
        if advice.took:
            stand = time, advice
        now = advice.took
        if stand is not None and advice.left is None and time - stand[0] < MESSAGE_S:
            advice = replace(advice, words=stand[1].words, took=stand[1].took)
        draw = partial(session.draw, item, advice)
        screen.show(draw, session.words(advice), time, now=now)
        if advice.done or over():
            return
