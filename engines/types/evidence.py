"""What a decoder keeps of one picture's arrays until people are made of it, on another thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engines.types.arrays import Floats, Indices
from engines.types.poses import Maps, Poses, check_shape


class Evidence(Protocol):
    """A few kilobytes, of a kind that its decoder alone knows, and what can be shown of it.

    maps: the network's, where they were asked for. peaks: (M, 4) keypoint type, x, y (image
    pixels), score of every keypoint found, whoever's it is. None where the network gives neither.
    """

    @property
    def maps(self) -> Maps | None: ...
    @property
    def peaks(self) -> Floats | None: ...


@dataclass(frozen=True, slots=True, eq=False)
class FoundPeople:
    """Evidence of a network that gives people itself: they are the evidence."""

    poses: Poses

    @property
    def maps(self) -> Maps | None:
        """None: there are none on the way."""
        return None

    @property
    def peaks(self) -> Floats | None:
        """None: no keypoint comes without its person."""
        return None


@dataclass(frozen=True, slots=True, eq=False)
class JointCandidates:
    """M places where N crops of one network may show a keypoint.

    crop, kind: (M,) of which crop, and of which keypoint. xy: (M, 2). response: (M,) 0..1.
    """

    crop: Indices
    kind: Indices
    xy: Floats
    response: Floats

    def __post_init__(self) -> None:
        for name in ("kind", "response"):
            check_shape("JointCandidates", name, getattr(self, name), len(self.crop))
        check_shape("JointCandidates", "xy", self.xy, len(self.crop), 2)

    def of(self, begin: int, end: int) -> JointCandidates:
        """Those of these crops, which are numbered from 0 then."""
        some = (self.crop >= begin) & (self.crop < end)
        xy, response = self.xy[some], self.response[some]
        return JointCandidates(self.crop[some] - begin, self.kind[some], xy, response)
