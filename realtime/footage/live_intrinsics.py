"""Views of a board from a camera, with guidance in a window or, without a display, in words."""

from __future__ import annotations

import sys

from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.geometry.errors import CalibrationError
from calibration.guidance.intrinsics_guide import WANTED_VIEWS, Advice, Guide
from calibration.guidance.intrinsics_screen import preview
from engines.types.arrays import Image
from realtime.footage.board_footage import BoardSearch
from realtime.footage.screen import follow, open_screen
from realtime.runtime.channel import Channel
from realtime.runtime.stages import Stages
from realtime.types.errors import SourceError
from realtime.types.frames import Frame, Source, Stoppable


class LensSession:
    """One camera's guidance, frame by frame."""

    def __init__(self, guide: Guide, search: BoardSearch) -> None:
        self.guide = guide
        self.search = search

    def look(self, item: Frame) -> Advice:
        return self.guide.look(self.search.find(item.image), item.time)

    def take(self) -> Advice:
        return self.guide.take()

    def drop(self) -> Advice:
        return self.guide.drop()

    def time(self, item: Frame) -> float:
        return item.time

    def draw(self, item: Frame, advice: Advice) -> Image:
        return preview(item.image, self.guide, advice)

    def words(self, advice: Advice) -> str:
        return f"{len(self.guide.taken)}/{WANTED_VIEWS} views; {advice.words}"


def guided(
    source: Source,
    board: Board,
    hold: float,
    *,
    show: bool,
    fisheye: bool,
    port: int | None = None,
) -> tuple[str, list[Sighting]]:
    """The camera's name, and the views taken until they were enough, or the source or the user
    ended it (q, Ctrl-C); BoardError where the board was never seen.
    """
    guide, search = Guide(board, hold, fisheye=fisheye), BoardSearch(board, quick=True)
    screen = open_screen(source.name, "view", show=show, port=port)
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
                follow(entrance, LensSession(guide, search), screen)
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
            f"{source.name}: no view was taken because the board was never held still for "
            f"{hold:g} s; hold it still or lower --hold, for example --hold 0.3."
        )
    return source.name, guide.taken
