"""The seam to heads that know one person: crops of people, or a picture with one person in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from engines.decoders.decoder import NeededArray, Showable
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError
from engines.types.evidence import FoundPeople, JointCandidates
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.toml_tables import build

CropPoints = tuple[Floats, Floats]  # (N, K, 2) crop pixels, (N, K) confidence 0..1


class Head(Protocol):
    """How one kind of head is read; a frozen dataclass of what a card may set."""

    def outputs(self, keypoints: int, size: tuple[int, int]) -> dict[str, NeededArray]:
        """What the network gives for a crop of this (width, height)."""
        ...

    def points(self, arrays: Arrays, size: tuple[int, int]) -> CropPoints:
        """The keypoints of N crops of this (width, height); arrays begin with the batch.

        What comes beyond the skeleton's keypoints is left out by who asks.
        """
        ...


class Placement(Protocol):
    """Where a network's input lies in a picture: a letterbox or a crop."""

    def to_picture(self, xy: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True)
class CropDecoder:
    """A head of one person; of a whole picture it finds whoever it takes for that person.

    size: (width, height) of the network's input. settings: the head.
    """

    skeleton: Skeleton
    size: tuple[int, int]
    settings: Head

    kind: ClassVar[str]
    head: ClassVar[type]
    gives: ClassVar[str] = "one person"
    options: ClassVar[Mapping[str, str]] = {}
    shows: ClassVar[frozenset[Showable]] = frozenset()

    @classmethod
    def from_table(cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]) -> Self:
        """From the decoder's table of a card, which holds what the head has for fields."""
        if not entry.size:
            raise CardError(f"a {cls.kind} decoder needs the size of its input: width and height.")
        wide, high = entry.size
        return cls(skeleton, (wide, high), build(cls.head, "decoder", dict(table)))

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """The arrays of one crop."""
        return self.settings.outputs(len(self.skeleton.keypoints), self.size)

    def points(self, arrays: Arrays) -> CropPoints:
        """Keypoints of N crops in crop pixels and their confidence."""
        xy, score = self.settings.points(arrays, self.size)
        count = len(self.skeleton.keypoints)
        return xy[:, :count], score[:, :count]

    def candidates(self, arrays: Arrays) -> JointCandidates:
        """All places of N crops where a keypoint may be, in crop pixels: of most heads one each."""
        return each_once(*self.points(arrays))

    def evidence(
        self, arrays: Arrays, letterbox: Placement, *, keep_maps: bool = False
    ) -> FoundPeople:
        """The person of one picture; keep_maps is for other kinds."""
        xy, score = self.points({name: array[None] for name, array in arrays.items()})
        found = score > 0
        placed = np.where(found[..., None], letterbox.to_picture(xy), np.float32(np.nan))
        poses = Poses(self.skeleton, placed, score, score.mean(axis=1))
        return FoundPeople(poses.some(np.flatnonzero(found.any(axis=1))))

    def decode(self, evidence: FoundPeople) -> Poses:
        """The person, or nobody."""
        return evidence.poses


def each_once(xy: Floats, score: Floats) -> JointCandidates:
    """(N, K, 2) places and (N, K) confidence as candidates, without those of no confidence."""
    crop, kind = np.nonzero(score > 0)
    return JointCandidates(crop, kind, xy[crop, kind], score[crop, kind])
