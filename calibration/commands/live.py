"""Views of a board from a camera, with guidance in a window or, without a display, in words."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Protocol

import cv2

from calibration.board import Board
from calibration.commands.footage import Search
from calibration.detect import Sighting
from calibration.errors import CalibrationError
from calibration.guide import ENOUGH, Advice, Guide
from calibration.preview import preview
from realtime.channel import Channel
from realtime.display import check_display
from realtime.errors import SourceError
from realtime.frames import Frame, Source, Stoppable
from realtime.sinks.window import FLAGS, LARGEST, QUIT
from realtime.stages import Stages

KEYS = " u"
STANDS = 1.0  # seconds that words stand at least, so that they can be read


class Screen(Protocol):
    """Shows the guidance, and says which key was pressed."""

    def show(self, frame: Frame, guide: Guide, advice: Advice) -> None: ...
    def key(self) -> str: ...
    def close(self) -> None: ...


class Window:
    """The preview; closing it is the key q."""

    def __init__(self) -> None:
        check_display()
        self._name: str | None = None
        sys.stderr.write("posestream: space takes a view now, u drops the last one, q ends\n")

    def show(self, frame: Frame, guide: Guide, advice: Advice) -> None:
        picture = preview(frame.image, guide, advice)
        if self._name is None:
            self._name = f"posestream - {frame.camera}"
            high, wide = picture.shape[:2]
            scale = min(1.0, LARGEST[0] / wide, LARGEST[1] / high)
            cv2.namedWindow(self._name, FLAGS)
            cv2.resizeWindow(self._name, round(wide * scale), round(high * scale))
        cv2.imshow(self._name, picture)

    def key(self) -> str:
        if self._name is None:
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

    def __init__(self) -> None:
        self._said = ""
        self._at = float("-inf")
        sys.stderr.write("posestream: no window, so guidance comes in words; Ctrl-C ends it\n")

    def show(self, frame: Frame, guide: Guide, advice: Advice) -> None:
        fresh = advice.words != self._said and frame.time - self._at >= STANDS
        if advice.took or fresh:
            self._said, self._at = advice.words, frame.time
            sys.stderr.write(f"posestream: {len(guide.taken)}/{ENOUGH} views; {advice.words}\n")

    def key(self) -> str:
        return ""

    def close(self) -> None:
        pass


def guided(
    source: Source, board: Board, hold: float, *, show: bool, fisheye: bool
) -> tuple[str, list[Sighting]]:
    """The camera's name, and the views taken until they were enough, or the source or the user
    ended it (q, Ctrl-C); BoardError where the board was never seen.
    """
    guide, search = Guide(board, hold, fisheye=fisheye), Search(board)
    screen: Screen = Window() if show else Words()
    entrance: Channel[Frame] = Channel(1, drop_oldest=True)
    lost: list[SourceError] = []

    def capture() -> None:
        try:
            for frame in source:
                entrance.put(frame)
        except SourceError as error:
            lost.append(error)  # the views that were taken are worth a calibration all the same
        entrance.close()

    try:
        with source, Stages(entrance) as stages:
            stages.start("capture", capture)
            try:
                _follow(entrance, guide, search, screen)
            except KeyboardInterrupt:
                sys.stderr.write("\n")
            finally:
                if isinstance(source, Stoppable):
                    source.stop()
                entrance.abort()
    finally:
        screen.close()
    if lost and not guide.taken:
        raise lost[0]
    for error in lost:
        sys.stderr.write(f"posestream: {error}\n")
    if not search.seen:
        raise search.nothing(source.name)
    if not guide.taken:
        raise CalibrationError(
            f"{source.name}: no view was taken, as the board never stood still for {hold:g} s "
            "where it was seen; hold it still, or say --hold 0.3."
        )
    return source.name, guide.taken


def _follow(entrance: Channel[Frame], guide: Guide, search: Search, screen: Screen) -> None:
    """Frame by frame, until there are enough views or the user has had enough."""
    stand: tuple[float, Advice] | None = None  # an answer to a key or a view taken, to be read
    keys: list[str] = []

    def listen() -> None:
        if key := screen.key():
            keys.append(key)
            if key in QUIT:
                entrance.close()

    for frame in entrance.items(listen):
        advice = guide.look(search.find(frame.image), frame.time)
        listen()
        for key in keys:
            if key in QUIT:
                return
            if key in KEYS:
                advice = guide.take() if key == " " else guide.drop()
                stand = frame.time, advice
        keys.clear()
        if advice.took:
            stand = frame.time, advice
        if stand is not None and advice.left is None and frame.time - stand[0] < STANDS:
            advice = Advice(stand[1].words, advice.sight, took=stand[1].took, done=advice.done)
        screen.show(frame, guide, advice)
        if advice.done:
            return
