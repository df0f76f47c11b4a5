"""What somebody looks at: of which sources, how large, how often, and with what drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from realtime.types.errors import SettingsError
from realtime.types.view_mode import PEOPLE_3D, People3D, Shown, Style, ViewMode

MAX_SIDE_PX = 1280  # of a picture's longer side: enough for a page, and cheap
SIDES_PX = 320, 640, 960, MAX_SIDE_PX  # few, so that those who look share pictures
NOT_SEEN = 0  # in place of a side
MAX_FPS = 30
FPS = 1, 2, 5, 10, 15, MAX_FPS
NEXT_PART = b"\r\n--frame\r\n"  # browsers show a picture when they see where the next one begins
How = Literal["stream", "pictures", "frames"]


class Wish(NamedTuple):
    """What somebody wishes to see; None = as in the run. side: pixels of the longer side. drawn:
    whether people are drawn into the picture; otherwise they come beside it, for a page to draw.
    """

    mode: ViewMode | None = None
    people3d: People3D | None = None
    side: int = MAX_SIDE_PX
    drawn: bool = True

    def granted(self, shown: Shown) -> tuple[ViewMode, float, Style]:
        """The view, the confidence from which keypoints are drawn, and the style."""
        style = (
            shown.style if self.people3d is None else replace(shown.style, people3d=self.people3d)
        )
        return self.mode or shown.mode, shown.threshold, style


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody looks at. wishes: of sources, by number. fps: at most.

    how: parts of a stream (multipart/x-mixed-replace), a message for each picture (two bytes that
    number the source, then the JPEG), or one for all pictures of a frame with their people beside
    them (see `people_bytes`).
    """

    how: How
    wishes: tuple[tuple[int, Wish], ...]
    fps: int = MAX_FPS

    @classmethod
    def read(cls, how: How, query: Mapping[str, str], shown: Shown, numbers: Sequence[int]) -> Look:
        """Of `view`, `people3d`, `fps`, and `side`, one of all sources or, with commas, one of each
        of these numbers; SettingsError for what there is not.
        """
        view, people3d = query.get("view"), query.get("people3d") or None
        known = next((one for one in PEOPLE_3D if one == people3d), None)
        if people3d is not None and known is None:
            raise SettingsError(f"people3d is one of {', '.join(PEOPLE_3D)}.")
        mode = shown.parse(view) if view else None
        texts = (query.get("side") or str(MAX_SIDE_PX)).split(",")
        sides = {str(one): one for one in (NOT_SEEN, *SIDES_PX)}
        if not set(texts) <= sides.keys() or len(texts) not in (1, len(numbers)):
            raise SettingsError(f"side is one of {', '.join(sides)}, or one of them a source.")
        wanted = [sides[one] for one in texts]
        if len(wanted) == 1:
            wanted *= len(numbers)
        fps = query.get("fps") or str(MAX_FPS)
        if fps not in map(str, FPS):
            raise SettingsError(f"fps is one of {', '.join(map(str, FPS))}.")
        wishes = (
            (number, Wish(mode, known, side, how != "frames"))
            for number, side in zip(numbers, wanted, strict=True)
            if side != NOT_SEEN
        )
        return cls(how, (*wishes,), int(fps))

    def items(self, made: Mapping[tuple[int, Wish], bytes]) -> Iterator[bytes]:
        """What is sent of the pictures that were made."""
        there = [(one[0], made[one]) for one in self.wishes if one in made]
        if self.how == "frames":
            if there:
                yield b"".join(picture for _, picture in there)
            return
        for number, picture in there:
            if self.how == "pictures":
                yield number.to_bytes(2, "big") + picture
            else:
                kind = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                yield kind.encode() + picture + NEXT_PART
