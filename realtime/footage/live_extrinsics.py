"""Boards that the cameras of a rig see at once, live and with guidance."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.files.atomic import set_aside
from calibration.files.sightings_csv import read_boards, write_boards
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError
from calibration.guidance.extrinsics_guide import WANTED_BOARDS, ExtrinsicsGuide
from calibration.guidance.extrinsics_screen import gathering_picture
from calibration.guidance.intrinsics_guide import Advice
from engines.types.arrays import Image
from realtime.footage.board_footage import BoardSearch
from realtime.footage.paired_frames import paired
from realtime.footage.screen import follow, open_screen
from realtime.runtime.display import has_display
from realtime.runtime.synchronizer import FrameSet
from realtime.types.errors import SourceError
from realtime.types.frames import Source


@dataclass(frozen=True)
class LiveOptions:
    """Live cameras."""

    boards: Path | None = None
    """File for the boards that live cameras see, saved one by one (default: OUTPUT.boards.csv). An
    existing file is extended; without --source, the rig is solved from this file alone."""
    show: bool = field(default_factory=has_display)
    """Show the cameras and the guidance in a window; the default is on where there is a display."""
    web: bool = False
    """Show them on a web page for this computer's browser, instead of the window."""
    port: int = 8080
    """Port of the web page; 0 = any free port."""
    hold: float = 1.0
    """Seconds that the board must be held still before it is taken; 0 also takes a moving board,
    for cameras with a common trigger."""
    seconds: float | None = None
    """Stop after this many seconds."""
    realtime: bool = False
    """Play videos as if they were live cameras."""

    def __post_init__(self) -> None:
        if not 0 <= self.hold <= 60:
            raise CalibrationError(f"--hold {self.hold} must be between 0 and 60 seconds.")
        if not 0 <= self.port <= 65535:
            raise CalibrationError(f"--port {self.port} must be between 0 and 65535.")
        if self.seconds is not None and not self.seconds > 0:
            raise CalibrationError(f"--seconds {self.seconds} must be greater than 0.")


class RigSession:
    """Guidance for all cameras; every board that is taken is written down."""

    def __init__(
        self, gathering: ExtrinsicsGuide, searches: Sequence[BoardSearch], kept: Path
    ) -> None:
        self.gathering = gathering
        self._searches = searches
        self._kept = kept

    def look(self, item: FrameSet) -> Advice:
        seen = []
        for search, frame in zip(self._searches, item, strict=True):
            sight = search.find(frame.image) if frame else None
            seen.append((frame.time, sight) if frame and sight else None)
        return self._keep(self.gathering.look(seen))

    def take(self) -> Advice:
        return self._keep(self.gathering.take())

    def drop(self) -> Advice:
        advice = self.gathering.drop()
        write_boards(self._kept, self.gathering.names, self.gathering.taken)
        return advice

    def time(self, item: FrameSet) -> float:
        return max(frame.time for frame in item if frame)

    def draw(self, item: FrameSet, advice: Advice) -> Image:
        pictures = [frame.image if frame else None for frame in item]
        return gathering_picture(pictures, self.gathering, advice)

    def words(self, advice: Advice) -> str:
        found, shared = self.gathering, self.gathering.shared
        pairs = [
            f"{found.names[a]}+{found.names[b]} {shared[a, b]}"
            for a, b in combinations(range(len(found.names)), 2)
            if shared[a, b]
        ]
        more = f" ({', '.join(pairs)})" if pairs else ""
        return f"{len(found.taken)}/{WANTED_BOARDS} boards{more}; {advice.words}"

    def _keep(self, advice: Advice) -> Advice:
        if advice.took:
            write_boards(self._kept, self.gathering.names, self.gathering.taken)
        return advice


def gathered(
    sources: Sequence[Source],
    cameras: Sequence[Camera],
    board: Board,
    options: LiveOptions,
    kept: Path,
) -> list[dict[int, Sighting]]:
    """By instant and camera the boards that were taken until they were enough, or the sources, the
    time or the user ended it (q, Ctrl-C); what was in the file `kept` is among them.

    BoardError where the board was never seen, CalibrationError where none was taken.
    """
    names = [camera.name for camera in cameras]
    before: list[dict[int, Sighting]] = []
    if options.boards is not None and kept.exists():
        before = read_boards(kept, names, board)
    else:
        set_aside(kept)
    gathering = ExtrinsicsGuide(names, options.hold, before)
    searches = [BoardSearch(board, quick=True) for _ in sources]
    screen = open_screen(
        *("the rig", "board"), show=options.show, port=options.port if options.web else None
    )
    lost: list[SourceError] = []
    try:
        with paired(sources, lost) as entrance:
            end = time.monotonic() + (options.seconds or float("inf"))
            rig = RigSession(gathering, searches, kept)
            try:
                follow(entrance, rig, screen, lambda: time.monotonic() > end)
            except KeyboardInterrupt:
                sys.stderr.write("\n")
    finally:
        screen.close()
    if len(lost) == len(sources) and not gathering.taken:
        raise lost[0]
    if not any(search.seen for search in searches) and not gathering.taken:
        raise searches[0].nothing(names[0])
    if not gathering.taken:
        held = f", because it was never held still for {options.hold:g} s" if options.hold else ""
        raise CalibrationError(
            f"No board was taken{held} while two cameras saw it; {gathering.todo}."
        )
    return gathering.taken
