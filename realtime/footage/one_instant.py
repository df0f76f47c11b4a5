"""One picture of each camera of a rig, all of one instant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError
from engines.types.arrays import Image
from realtime.footage.board_footage import BoardSearch
from realtime.footage.paired_frames import paired
from realtime.runtime.synchronizer import FrameSet, merge
from realtime.settings.sources import SourceSettings
from realtime.sources.rig_sources import open_fitting
from realtime.types.frames import Source

EXPOSURE_S = 1.0  # seconds in which a camera finds its exposure
SEARCH_S = 30.0  # seconds of pictures in which the board is looked for


@dataclass(frozen=True, slots=True, eq=False)
class RigPictures:
    """rig: its cameras in the order of the sources. pictures: None where a camera gave none; seen:
    the board in them.
    """

    rig: Rig
    pictures: list[Image | None]
    seen: list[Sighting | None]


def pictures_of(
    path: Path,
    given: tuple[str, ...],
    board: Board | None,
    start: int,
    size: tuple[int, int] | None,
) -> RigPictures:
    """The frame `start` of recordings, the newest of cameras; with a board that instant in half a
    minute from there on at which most cameras see it. CalibrationError where there is none.
    size: to ask of webcams.
    """
    wanted = SourceSettings(given, start=start, camera_size=size and "{}x{}".format(*size))
    sources, rig = open_fitting(wanted, path)
    assert rig is not None
    searches = [BoardSearch(board, quick=True) for _ in sources] if board is not None else []
    best: tuple[int, RigPictures] | None = None
    with _instants(sources) as instants:
        began: float | None = None
        for frames in instants:
            now = max(one.time for one in frames if one)
            began = now if began is None else began
            early = sources[0].live and now - began < EXPOSURE_S
            if early and best is not None and not board:
                continue
            pictures = [one.image if one else None for one in frames]
            seen: list[Sighting | None] = [None] * len(frames)
            for n, search in enumerate(searches):
                if (picture := pictures[n]) is not None:
                    seen[n] = search.find(picture)
            there = sum(one is not None for one in (seen if board else pictures))
            if best is None or there >= best[0]:
                best = there, RigPictures(rig, pictures, seen)
            if now - began > SEARCH_S or (there == len(frames) and not early):
                break
            if not board and not sources[0].live:
                break
    if best is None:
        raise CalibrationError(f"{', '.join(given)} gave no pictures; check the sources.")
    if board is not None and best[0] == 0:
        raise searches[0].nothing(sources[0].name)
    return best[1]


@contextmanager
def _instants(sources: Sequence[Source]) -> Iterator[Iterator[FrameSet]]:
    """Of live cameras the newest again and again, of recordings all."""
    if sources[0].live:
        with paired(sources, []) as entrance:
            yield entrance.items()
        return
    with ExitStack() as stack:
        for source in sources:
            stack.enter_context(source)
        yield merge([iter(source) for source in sources])
