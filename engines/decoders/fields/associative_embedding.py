"""Keypoints grouped by tags, alike in one person (Newell et al., NIPS'17, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import lap
import numpy as np

from engines.decoders.decoder import NeededArray, Showable
from engines.decoders.direct import PEOPLE_OPTIONS, placed
from engines.decoders.peaks import find_peaks
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError
from engines.types.evidence import FoundPeople
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.toml_tables import build

# In the paper from head to feet: who is seen first begins a person.
ORDER = (
    "nose",
    "eye",
    "ear",
    "neck",
    "shoulder",
    "mid_hip",
    "hip",
    "elbow",
    "wrist",
    "knee",
    "ankle",
)
NEVER = 1e6  # cost of a pair that must not be


@dataclass(frozen=True, slots=True)
class TagSettings:
    """stride: input pixels a cell. peak_threshold: a keypoint's least confidence. most_people:
    candidates of a type. tag_threshold: most difference from the mean tag of a person.
    min_keypoints and min_score (mean confidence of those found): what a person needs.
    """

    stride: float = 4.0
    peak_threshold: float = 0.1
    most_people: int = 30
    tag_threshold: float = 1.0
    min_keypoints: int = 3
    min_score: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.stride <= 64 or self.most_people < 1 or self.tag_threshold <= 0:
            raise CardError(
                "stride must be above 0 and at most 64, most_people 1 or more, and tag_threshold "
                "above 0."
            )


@dataclass(frozen=True, slots=True)
class TagDecoder:
    """heatmaps (K, h, w) and tags (K, h, w), a number at each place of each keypoint's map."""

    skeleton: Skeleton
    settings: TagSettings

    kind: ClassVar[str] = "tags"
    gives: ClassVar[str] = "keypoints with tags"
    options: ClassVar[Mapping[str, str]] = PEOPLE_OPTIONS
    shows: ClassVar[frozenset[Showable]] = frozenset()

    @classmethod
    def from_table(cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]) -> Self:
        """From the decoder's table of a card: what TagSettings has."""
        return cls(skeleton, build(TagSettings, "decoder", dict(table)))

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """Two maps a keypoint."""
        keypoints = len(self.skeleton.keypoints)
        return {name: NeededArray((keypoints, None, None)) for name in ("heatmaps", "tags")}

    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> FoundPeople:
        """The people, best first."""
        wanted = self.settings
        peaks = find_peaks(arrays["heatmaps"], wanted.peak_threshold, wanted.most_people)
        cells = np.rint(peaks[:, :3]).astype(int)
        high, wide = arrays["tags"].shape[1:]
        x, y = np.clip(cells[:, 1], 0, wide - 1), np.clip(cells[:, 2], 0, high - 1)
        people = self._grouped(peaks, arrays["tags"][cells[:, 0], y, x])
        shape = len(people), len(self.skeleton.keypoints)
        xy, score = np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.float32)
        for row, members in enumerate(people):
            for kind, peak in members.items():
                xy[row, kind], score[row, kind] = peaks[peak, 1:3], peaks[peak, 3]
        pixels = (xy + np.float32(0.5)) * wanted.stride - np.float32(0.5)
        least = wanted.min_keypoints, wanted.min_score
        return FoundPeople(placed(self.skeleton, pixels, score, letterbox, *least))

    def decode(self, evidence: FoundPeople) -> Poses:
        """The people, which the evidence is."""
        return evidence.poses

    def _grouped(self, peaks: Floats, tags: Floats) -> list[dict[int, int]]:
        """Of each person the peak of each keypoint."""
        people: list[dict[int, int]] = []
        means = np.zeros(0)
        for kind in self._order():
            rows = np.flatnonzero(peaks[:, 0] == kind)
            taken = np.zeros(len(rows), bool)
            if len(people) and len(rows):
                apart = np.abs(tags[rows][:, None] - means[None])
                # Whole steps of tags decide, confidence within them, as in the authors' code.
                cost = np.rint(apart) * 100 - peaks[rows, 3:4]
                cost = np.where(apart < self.settings.tag_threshold, cost + 100, NEVER)
                _, columns, _ = lap.lapjv(cost, extend_cost=True, cost_limit=NEVER / 2)
                for n in np.flatnonzero(columns >= 0):
                    people[columns[n]][kind] = int(rows[n])
                    taken[n] = True
            people += [{kind: int(row)} for row in rows[~taken]]
            means = np.array([tags[[*one.values()]].mean() for one in people])
        return people

    def _order(self) -> list[int]:
        """Indices of keypoints, from head to feet."""

        def rank(kind: int) -> int:
            part = self.skeleton.keypoints[kind]
            part = part.removeprefix("left_").removeprefix("right_")
            return ORDER.index(part) if part in ORDER else len(ORDER)

        return sorted(range(len(self.skeleton.keypoints)), key=rank)
