"""What a decoder keeps of one picture's arrays until people are made of it, on another thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engines.types.arrays import Floats
from engines.types.poses import Maps, Poses


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
