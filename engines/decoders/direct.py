"""People straight from the network: what is left is to choose among them and place them.

Layouts, each as its owners export it (batch left out):
movenet-multipose: `people` (P, 56): 17 x (y, x, score), box (ymin, xmin, ymax, xmax), score; places
    are shares of the padded input (MoveNet MultiPose's model card).
rtmo: `dets` (N, 5): box (x1, y1, x2, y2), score; `keypoints` (N, K, 3): x, y, score; input pixels
    (MMPose's ONNX SDK).
yolo-pose: `people` (5 + 3 K, N): box (centre x, y, width, height), score, K x (x, y, score); input
    pixels (the usual export).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from engines.decoders.decoder import NeededArray, Showable
from engines.types.arrays import Arrays, Floats, Indices, Mask
from engines.types.errors import CardError
from engines.types.evidence import FoundPeople
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.oks import iou
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.toml_tables import build

# What users may set of a decoder that gives people directly, by its setting's name.
PEOPLE_OPTIONS = {name: name for name in ("peak_threshold", "min_keypoints", "min_score")}
BOX = 5  # numbers of a box with its score
Found = tuple[Floats, Floats, Floats, Floats]  # boxes (N, 4), scores (N,), xy (N, K, 2), (N, K)


@dataclass(frozen=True, slots=True)
class DirectSettings:
    """How the network says what it found, and who is kept.

    layout: see the module. min_score: of a person. peak_threshold: a keypoint with less is not
    found. min_keypoints: what a person needs of them. nms: of two people whose boxes overlap by
    more than this share (intersection over union) the better one stays; 1 keeps both.
    """

    layout: Literal["movenet-multipose", "rtmo", "yolo-pose"]
    min_score: float = 0.3
    peak_threshold: float = 0.1
    min_keypoints: int = 3
    nms: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.nms <= 1:
            raise CardError("decoder needs nms from 0 to 1, the share of two boxes that overlaps.")


@dataclass(frozen=True, slots=True)
class DirectDecoder:
    """Reads people out of the arrays; places are made those of the picture."""

    skeleton: Skeleton
    settings: DirectSettings

    kind: ClassVar[str] = "direct"
    gives: ClassVar[str] = "people directly"
    options: ClassVar[Mapping[str, str]] = PEOPLE_OPTIONS
    shows: ClassVar[frozenset[Showable]] = frozenset()

    @classmethod
    def from_table(
        cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]
    ) -> DirectDecoder:
        """From the decoder's table of a card: what DirectSettings has."""
        decoder = cls(skeleton, build(DirectSettings, "decoder", dict(table)))
        keypoints = len(skeleton.keypoints)
        if decoder.settings.layout == "movenet-multipose" and keypoints != MOVENET_KEYPOINTS:
            raise CardError(
                f"layout movenet-multipose has {MOVENET_KEYPOINTS} keypoints, but skeleton "
                f"{skeleton.name} has {keypoints}; choose coco17."
            )
        return decoder

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """What the layout needs."""
        keypoints = len(self.skeleton.keypoints)
        if self.settings.layout == "rtmo":
            return {
                "dets": NeededArray((None, BOX)),
                "keypoints": NeededArray((None, keypoints, 3)),
            }
        if self.settings.layout == "yolo-pose":
            return {"people": NeededArray((BOX + 3 * keypoints, None))}
        return {"people": NeededArray((None, BOX + 3 * keypoints))}

    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> FoundPeople:
        """The people, best first. There are no maps to keep."""
        wanted = self.settings
        for role, output in self.outputs.items():  # what an open shape did not say
            if not output.fits(arrays[role].shape):
                raise CardError(
                    f"The network's {role} is {arrays[role].shape} for a picture, but a "
                    f"{wanted.layout} decoder needs {output}."
                )
        boxes, person, xy, score = LAYOUTS[wanted.layout](arrays, letterbox)
        xy = np.where((score >= wanted.peak_threshold)[..., None], xy, np.float32(np.nan))
        inside = within(xy, letterbox)
        xy = np.where(inside[..., None], xy, np.float32(np.nan))
        enough = inside.sum(axis=1) >= wanted.min_keypoints
        order = np.flatnonzero((person >= wanted.min_score) & enough)
        order = order[np.argsort(-person[order], kind="stable")]
        order = order[suppressed(boxes[order], wanted.nms)]
        score = np.where(inside, np.clip(score, 0, 1), np.float32(0))
        placed = letterbox.to_picture(xy[order])
        person = np.clip(person[order], 0, 1)
        return FoundPeople(Poses(self.skeleton, placed, score[order], person))

    def decode(self, evidence: FoundPeople) -> Poses:
        """The people, which the evidence is."""
        return evidence.poses


def within(xy: Floats, letterbox: Letterbox) -> Mask:
    """(N, K) whether a place is in the picture rather than in the padding beside it."""
    low = np.array(letterbox.offset, np.float32) - 1
    high = low + np.array(letterbox.scaled, np.float32) + 1
    inside: Mask = np.all((xy > low) & (xy < high), axis=-1)
    return inside


def placed(
    skeleton: Skeleton,
    xy: Floats,
    score: Floats,
    letterbox: Letterbox,
    min_keypoints: int,
    min_score: float,
    *,
    person: Floats | None = None,
    whole: bool = False,
) -> Poses:
    """People of (N, K, 2) input pixels, NaN = not found, in the picture, best first.

    person: (N,) score; else the mean of those found, or of all keypoints where `whole`. Who has
    fewer keypoints or a lower score is left out.
    """
    inside = within(xy, letterbox)
    xy = np.where(inside[..., None], xy, np.float32(np.nan))
    score = np.where(inside, np.clip(score, 0, 1), 0).astype(np.float32)
    count = inside.sum(axis=1)
    if person is None:
        person = score.sum(axis=1) / (score.shape[1] if whole else np.maximum(count, 1))
    order = np.flatnonzero((count >= min_keypoints) & (person >= min_score))
    order = order[np.argsort(-person[order], kind="stable")]
    sure = np.clip(person[order], 0, 1).astype(np.float32)
    return Poses(skeleton, letterbox.to_picture(xy[order]), score[order], sure)


def suppressed(boxes: Floats, most: float) -> Indices:
    """Which of (N, 4) corners, best first, overlap with no better one by more than `most`.

    Greedy non-maximum suppression by intersection over union.
    """
    kept: list[int] = []
    for n in range(len(boxes)):
        if not (iou(boxes[n : n + 1], boxes[kept]) > most).any():
            kept.append(n)
    return np.array(kept, np.intp)


def _movenet(arrays: Arrays, letterbox: Letterbox) -> Found:
    people = np.asarray(arrays["people"], np.float32)
    wide, high = letterbox.network
    points = people[:, : 3 * MOVENET_KEYPOINTS].reshape(len(people), MOVENET_KEYPOINTS, 3)
    # A share of the input is a place on it, whose pixel centres lie half a pixel further.
    size = np.array([wide, high], np.float32)
    xy = points[..., 1::-1] * size - np.float32(0.5)
    boxes = people[:, 3 * MOVENET_KEYPOINTS :][:, [1, 0, 3, 2]] * np.tile(size, 2)
    return boxes.astype(np.float32), people[:, -1], xy.astype(np.float32), points[..., 2]


def _rtmo(arrays: Arrays, letterbox: Letterbox) -> Found:
    dets = np.asarray(arrays["dets"], np.float32)
    points = np.asarray(arrays["keypoints"], np.float32)
    return dets[:, :4], dets[:, 4], points[..., :2], points[..., 2]


def _yolo_pose(arrays: Arrays, letterbox: Letterbox) -> Found:
    people = np.asarray(arrays["people"], np.float32).T
    half = people[:, 2:4] / 2
    boxes = np.hstack([people[:, :2] - half, people[:, :2] + half])
    points = people[:, BOX:].reshape(len(people), (people.shape[1] - BOX) // 3, 3)
    return np.asarray(boxes, np.float32), people[:, 4], points[..., :2], points[..., 2]


MOVENET_KEYPOINTS = 17
LAYOUTS: dict[str, Callable[[Arrays, Letterbox], Found]] = {
    "movenet-multipose": _movenet,
    "rtmo": _rtmo,
    "yolo-pose": _yolo_pose,
}
