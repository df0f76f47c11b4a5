"""Detectors: boxes of people, for a second look to find the people in them.

Layouts, each as its owners export it to ONNX (batch left out):
yolox: `boxes` (N, 5 + C): centre x, y, width, height, objectness, C classes, a row a cell of the
    strides one after another; in cells and logarithms of cells (YOLOX, Ge et al. 2021, section
    2.1; the authors' export), or in input pixels where the graph decodes them.
nanodet: `boxes` (N, C + 4 (R + 1)): C classes, and a distribution over 0..R cells for each of the
    distances to left, top, right and bottom (Generalized Focal Loss, Li et al., NeurIPS'20,
    section 3.2; NanoDet-Plus' export).
corners: `dets` (N, 5): left, top, right, bottom, score, `labels` (N): the class; in input pixels
    (MMDeploy's export, RTMDet and YOLOX).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from engines.decoders.decoder import NeededArray, Showable
from engines.decoders.direct import suppressed
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError
from engines.types.evidence import FoundPeople
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton, parse_skeleton
from engines.types.toml_tables import build

POINT = {"sigma": 0.1, "colour": [255, 255, 255]}
BOX = parse_skeleton(  # a person as the corners of their box
    "box",
    {
        "keypoints": [{"name": "top_left", **POINT}, {"name": "bottom_right", **POINT}],
        "limbs": [["top_left", "bottom_right"]],
    },
)
NUMBERS = 5  # of a box in most layouts
MAX_LOG_SIDE = 12.0  # of a box in cells: a larger one is none
STRIDES = {"yolox": (8, 16, 32), "nanodet": (8, 16, 32, 64), "corners": ()}
Boxes = tuple[Floats, Floats]  # (N, 4) corners in input pixels, (N,) scores


@dataclass(frozen=True, slots=True)
class BoxSettings:
    """layout: see the module. min_score: of a box. nms: of two boxes that overlap by more than this
    share (intersection over union) the better one stays. person: the number of the class of people.
    strides: input pixels a cell, of each of the maps in their order; () = the layout's own.
    units: of yolox, whether the graph leaves boxes in cells, or gives input pixels.
    """

    layout: Literal["yolox", "nanodet", "corners"]
    min_score: float = 0.3
    nms: float = 0.65
    person: int = 0
    strides: tuple[int, ...] = ()
    units: Literal["cells", "pixels"] = "cells"

    def __post_init__(self) -> None:
        if not 0 <= self.nms <= 1 or self.person < 0 or min(self.strides, default=1) < 1:
            raise CardError(
                "a detector needs nms from 0 to 1, person from 0 on, and strides of 1 or more."
            )


@dataclass(frozen=True, slots=True)
class BoxDecoder:
    """People as the corners of their boxes, the only two keypoints of skeleton BOX."""

    skeleton: Skeleton
    settings: BoxSettings

    kind: ClassVar[str] = "boxes"
    gives: ClassVar[str] = "boxes of people"
    options: ClassVar[Mapping[str, str]] = {"min_score": "min_score"}
    shows: ClassVar[frozenset[Showable]] = frozenset()

    @classmethod
    def from_table(
        cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]
    ) -> BoxDecoder:
        """From the decoder's table of a card: what BoxSettings has."""
        return cls(BOX, build(BoxSettings, "decoder", dict(table)))

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """What the layout needs."""
        if self.settings.layout == "corners":
            return {"dets": NeededArray((None, NUMBERS)), "labels": NeededArray((None,))}
        return {"boxes": NeededArray((None, None))}

    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> FoundPeople:
        """The boxes within the picture, best first."""
        wanted = self.settings
        corners, score = LAYOUTS[wanted.layout](arrays, letterbox.network, wanted)
        finite = np.isfinite(corners).all(axis=1)
        order = np.flatnonzero(finite & (score >= wanted.min_score))
        order = order[np.argsort(-score[order], kind="stable")]
        order = order[suppressed(corners[order], wanted.nms)]
        # Sides of a box lie between pixels, whose centres are whole numbers.
        xy = letterbox.to_picture(corners[order].reshape(-1, 2, 2) - np.float32(0.5))
        xy = np.clip(xy, -0.5, np.array(letterbox.picture, np.float32) - np.float32(0.5))
        some = np.flatnonzero((xy[:, 1] - xy[:, 0] > 1).all(axis=1))
        sure = np.clip(score[order], 0, 1).astype(np.float32)
        both = np.repeat(sure[:, None], 2, axis=1)
        return FoundPeople(Poses(self.skeleton, xy.astype(np.float32), both, sure).some(some))

    def decode(self, evidence: FoundPeople) -> Poses:
        """The boxes, which the evidence is."""
        return evidence.poses


def _cells(network: tuple[int, int], settings: BoxSettings, rows: int) -> tuple[Floats, Floats]:
    """(N, 2) column and row, and (N, 1) stride, of every cell; CardError unless there are N."""
    strides = settings.strides or STRIDES[settings.layout]
    cells, sizes = [], []
    for stride in strides:
        wide, high = (-(-side // stride) for side in network)
        y, x = np.mgrid[:high, :wide]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=-1))
        sizes.append(np.full((wide * high, 1), stride))
    if (have := sum(map(len, cells))) != rows:
        raise CardError(
            f"The detector gives {rows} boxes for an input of {network[0]}x{network[1]}, but "
            f"strides {', '.join(map(str, strides))} make {have} cells; say its own strides."
        )
    return np.concatenate(cells).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def _class_of(scores: Floats, person: int) -> Floats:
    if person >= scores.shape[1]:
        raise CardError(f"The detector has {scores.shape[1]} classes, person is {person}.")
    one: Floats = scores[:, person]
    return one


def _yolox(arrays: Arrays, network: tuple[int, int], settings: BoxSettings) -> Boxes:
    raw = np.asarray(arrays["boxes"], np.float32)
    score = raw[:, NUMBERS - 1] * _class_of(raw[:, NUMBERS:], settings.person)
    middle, side = raw[:, :2], raw[:, 2:4]
    if settings.units == "cells":
        cell, stride = _cells(network, settings, len(raw))
        middle, side = (middle + cell) * stride, np.exp(np.minimum(side, MAX_LOG_SIDE)) * stride
    return np.hstack([middle - side / 2, middle + side / 2]), score


def _nanodet(arrays: Arrays, network: tuple[int, int], settings: BoxSettings) -> Boxes:
    raw = np.asarray(arrays["boxes"], np.float32)
    cell, stride = _cells(network, settings, len(raw))
    # C classes, then 4 (R + 1) numbers; R is 7 in all that were published.
    classes = raw.shape[1] - 4 * NANODET_BINS
    if classes < 1:
        raise CardError(f"A nanodet decoder needs more than {4 * NANODET_BINS} numbers a box.")
    bins = raw[:, classes:].reshape(len(raw), 4, NANODET_BINS)
    share = np.exp(bins - bins.max(axis=2, keepdims=True))
    share /= share.sum(axis=2, keepdims=True)
    far = share @ np.arange(NANODET_BINS, dtype=np.float32) * stride
    middle = cell * stride
    return np.hstack([middle - far[:, :2], middle + far[:, 2:]]), _class_of(
        raw[:, :classes], settings.person
    )


def _corners(arrays: Arrays, network: tuple[int, int], settings: BoxSettings) -> Boxes:
    dets = np.asarray(arrays["dets"], np.float32)
    person = np.asarray(arrays["labels"]) == settings.person
    return dets[:, :4], np.where(person, dets[:, 4], 0).astype(np.float32)


NANODET_BINS = 8
LAYOUTS: dict[str, Callable[[Arrays, tuple[int, int], BoxSettings], Boxes]] = {
    "yolox": _yolox,
    "nanodet": _nanodet,
    "corners": _corners,
}
