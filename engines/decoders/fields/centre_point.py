"""People as points with offsets to their keypoints (Zhou et al., Objects as Points, 2019, section 4
and appendix on human pose).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from engines.decoders.decoder import NeededArray, Showable
from engines.decoders.direct import PEOPLE_OPTIONS, placed
from engines.types.arrays import Arrays, Floats, Ints
from engines.types.errors import CardError
from engines.types.evidence import FoundPeople
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.toml_tables import build

SNAP_SHARE = 0.3  # of the box's longer side, up to which a keypoint is one of the maps'


@dataclass(frozen=True, slots=True)
class CentrePointSettings:
    """stride: input pixels a cell; the first cell is the first pixel. activation: what maps
    still need. min_score: of a person's centre. peak_threshold: of a keypoint in its map, below
    which it stays where its person's offset says. most_people: centres and keypoints of a kind.
    """

    stride: float = 4.0
    activation: Literal["none", "sigmoid"] = "none"
    min_score: float = 0.3
    peak_threshold: float = 0.1
    min_keypoints: int = 3
    most_people: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.stride <= 64 or self.most_people < 1:
            raise CardError("stride must be above 0 and at most 64, most_people 1 or more.")


@dataclass(frozen=True, slots=True)
class CentrePointDecoder:
    """centres (1, h, w), sizes (2, h, w): width and height, keypoints (2K, h, w): x, y of each from
    the centre's cell, heatmaps (K, h, w), and keypoint_offsets (2, h, w) within a cell; in cells.

    A network's offsets of centres are not needed: keypoints are told from whole cells.
    """

    skeleton: Skeleton
    settings: CentrePointSettings

    kind: ClassVar[str] = "centre-point"
    gives: ClassVar[str] = "people directly"
    options: ClassVar[Mapping[str, str]] = PEOPLE_OPTIONS
    shows: ClassVar[frozenset[Showable]] = frozenset()

    @classmethod
    def from_table(cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]) -> Self:
        """From the decoder's table of a card: what CentrePointSettings has."""
        return cls(skeleton, build(CentrePointSettings, "decoder", dict(table)))

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """Five kinds of maps."""
        keypoints = len(self.skeleton.keypoints)
        counts = {"centres": 1, "sizes": 2, "keypoints": 2 * keypoints, "heatmaps": keypoints}
        counts["keypoint_offsets"] = 2
        return {role: NeededArray((count, None, None)) for role, count in counts.items()}

    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> FoundPeople:
        """The people, best first."""
        wanted = self.settings
        centres, maps = (self._confidence(arrays[name]) for name in ("centres", "heatmaps"))
        (where,) = self._maxima(centres, wanted.min_score)
        row, column = where.T
        shifts = arrays["keypoints"][:, row, column].T.reshape(len(where), len(maps), 2)
        xy = where[:, None, ::-1] + shifts
        size = arrays["sizes"][:, row, column].T
        person = centres[0, row, column]
        score = np.repeat(person[:, None], xy.shape[1], axis=1)
        for kind, peaks in enumerate(self._maxima(maps, wanted.peak_threshold)):
            if not len(peaks) or not len(where):
                continue
            y, x = peaks.T
            exact = peaks[:, ::-1] + arrays["keypoint_offsets"][:, y, x].T
            apart = np.linalg.norm(xy[:, None, kind] - exact[None], axis=-1)
            nearest = apart.argmin(axis=1)
            snapped = apart.min(axis=1) <= SNAP_SHARE * size.max(axis=1)
            xy[snapped, kind] = exact[nearest[snapped]]
            score[snapped, kind] = maps[kind, y, x][nearest[snapped]]
        pixels = (xy * wanted.stride).astype(np.float32)
        return FoundPeople(
            placed(
                self.skeleton,
                pixels,
                score.astype(np.float32),
                letterbox,
                wanted.min_keypoints,
                wanted.min_score,
                person=person,
            )
        )

    def decode(self, evidence: FoundPeople) -> Poses:
        """The people, which the evidence is."""
        return evidence.poses

    def _confidence(self, maps: Floats) -> Floats:
        maps = np.asarray(maps, np.float32)
        if self.settings.activation == "none":
            return maps
        sure: Floats = np.reciprocal(1 + np.exp(-np.clip(maps, -50, 50))).astype(np.float32)
        return sure

    def _maxima(self, maps: Floats, threshold: float) -> list[Ints]:
        """Of each map the (M, 2) rows and columns of its highest cells around, best first."""
        count, high, wide = maps.shape
        padded = np.full((count, high + 2, wide + 2), -np.inf, np.float32)
        padded[:, 1:-1, 1:-1] = maps
        # Of equal neighbours the first counts, so that a plateau is one maximum.
        best = maps >= threshold
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                if dy or dx:
                    other = padded[:, 1 + dy : high + 1 + dy, 1 + dx : wide + 1 + dx]
                    best &= maps > other if (dy, dx) < (0, 0) else maps >= other
        found = []
        for one, which in zip(maps, best, strict=True):
            cells = np.argwhere(which)
            order = np.argsort(-one[which], kind="stable")[: self.settings.most_people]
            found.append(cells[order])
        return found
