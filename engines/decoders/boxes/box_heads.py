"""A box of each person and maps of what is in it (Mask R-CNN, He et al., ICCV'17, section 3.1 and
its human pose estimation, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from engines.decoders.crop_heatmaps import CropHeatmaps
from engines.decoders.decoder import NeededArray, Showable
from engines.decoders.direct import PEOPLE_OPTIONS, placed, suppressed
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError
from engines.types.evidence import FoundPeople
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.toml_tables import build

NUMBERS = 5  # of a box with its score


@dataclass(frozen=True, slots=True)
class BoxHeadSettings:
    """activation: softmax where maps are logits of which cell it is, as Mask R-CNN is trained; a
    keypoint is then as sure as its cell and those beside it are likely. refine: how to read a place
    between cells. min_score: of a box. nms: of two boxes that overlap by more than this share the
    better one stays. peak_threshold: a keypoint with less is not found. min_keypoints: what a
    person needs of them.
    """

    activation: Literal["softmax", "none"] = "softmax"
    refine: Literal["none", "quarter", "parabola", "dark"] = "parabola"
    min_score: float = 0.3
    nms: float = 0.5
    peak_threshold: float = 0.1
    min_keypoints: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.nms <= 1:
            raise CardError("decoder needs nms from 0 to 1, the share of two boxes that overlaps.")


@dataclass(frozen=True, slots=True)
class BoxHeadDecoder:
    """dets (N, 5): left, top, right, bottom in input pixels, score; heatmaps (N, K, m, n), spread
    over the whole box of each.
    """

    skeleton: Skeleton
    settings: BoxHeadSettings

    kind: ClassVar[str] = "box-heads"
    gives: ClassVar[str] = "people directly"
    options: ClassVar[Mapping[str, str]] = PEOPLE_OPTIONS
    shows: ClassVar[frozenset[Showable]] = frozenset()

    @classmethod
    def from_table(cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]) -> Self:
        """From the decoder's table of a card: what BoxHeadSettings has."""
        return cls(skeleton, build(BoxHeadSettings, "decoder", dict(table)))

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """Boxes and their maps."""
        keypoints = len(self.skeleton.keypoints)
        return {
            "dets": NeededArray((None, NUMBERS)),
            "heatmaps": NeededArray((None, keypoints, None, None)),
        }

    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> FoundPeople:
        """The people, best first."""
        wanted = self.settings
        dets = np.asarray(arrays["dets"], np.float32)
        maps = np.asarray(arrays["heatmaps"], np.float32)
        order = np.flatnonzero(dets[:, 4] >= wanted.min_score)
        order = order[np.argsort(-dets[order, 4], kind="stable")]
        order = order[suppressed(dets[order, :4], wanted.nms)]
        if not len(order):
            return FoundPeople(Poses.nobody(self.skeleton))
        dets, maps = dets[order], maps[order]
        if wanted.activation == "softmax":
            maps = _likely(maps)
        size = maps.shape[3], maps.shape[2]
        reader = CropHeatmaps(refine=wanted.refine, stride=1.0)
        cells, score = reader.points({"heatmaps": maps}, size)
        if wanted.activation == "softmax":
            score = _mass(maps, cells)
        corner, side = dets[:, None, :2], dets[:, None, 2:4] - dets[:, None, :2]
        # Corners lie between pixels, and a box's first cell begins there.
        xy = corner + (cells + np.float32(0.5)) * side / np.array(size, np.float32)
        xy = np.where((score >= wanted.peak_threshold)[..., None], xy - np.float32(0.5), np.nan)
        return FoundPeople(
            placed(
                self.skeleton,
                xy.astype(np.float32),
                score,
                letterbox,
                wanted.min_keypoints,
                wanted.min_score,
                person=dets[:, 4],
            )
        )

    def decode(self, evidence: FoundPeople) -> Poses:
        """The people, which the evidence is."""
        return evidence.poses


def _likely(logits: Floats) -> Floats:
    """(N, K, m, n) how likely each cell of a map is."""
    flat = logits.reshape(*logits.shape[:2], -1)
    share = np.exp(flat - flat.max(axis=2, keepdims=True, initial=-np.inf))
    likely: Floats = (share / share.sum(axis=2, keepdims=True)).reshape(logits.shape)
    return likely


def _mass(maps: Floats, cells: Floats) -> Floats:
    """(N, K) the sum of the cell nearest to each place, and of those beside it."""
    count, kinds, high, wide = maps.shape
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    column, row = np.clip(np.rint(cells).astype(int), 0, (wide - 1, high - 1)).transpose(2, 0, 1)
    n, k = np.mgrid[:count, :kinds]
    total = np.zeros((count, kinds), np.float32)
    for dy in range(3):
        for dx in range(3):
            total += padded[n, k, row + dy, column + dx]
    return np.minimum(total, 1)
