"""Labelled people, and people found, picture by picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engines.types.arrays import Doubles, Ints, Mask
from engines.types.poses import check_shape

USUAL_SIGMA = 0.079  # of a keypoint without an official one: COCO's for shoulders
SIGMAS = {  # COCO's keypoint evaluation, by the keypoint without its side
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """The P labelled people of a picture.

    image_id: as the data set numbers it. name: of the picture's file, without folder and ending.
    xy: (P, K, 2) pixels, NaN = not labelled. box: (P, 4) left, top, width, height. area: (P,)
    square pixels of the OKS. crowd: (P,) labels of many people at once, which nobody has to find.
    head: (P,) pixels that PCKh goes by, NaN = unknown. id: (P,) who it is over time, -1 = unknown.
    """

    image_id: int | str
    name: str
    xy: Doubles
    box: Doubles
    area: Doubles
    crowd: Mask
    head: Doubles
    id: Ints

    def __post_init__(self) -> None:
        people = len(self.xy)
        check_shape("LabelledPicture", "xy", self.xy, people, None, 2)
        check_shape("LabelledPicture", "box", self.box, people, 4)
        for one in ("area", "crowd", "head", "id"):
            check_shape("LabelledPicture", one, getattr(self, one), people)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A label file. kind: its format in words. sigmas: (K,) of the OKS; official: whether the data
    set itself is measured by OKS with these. keypoints: K names, none where boxes alone are.
    """

    kind: str
    keypoints: tuple[str, ...]
    sigmas: Doubles
    pictures: Sequence[LabelledPicture]
    official: bool = True

    @property
    def people(self) -> int:
        """How many are labelled, crowds left out."""
        return sum(int((~one.crowd).sum()) for one in self.pictures)

    @property
    def tracked(self) -> bool:
        """Whether the labels say who is who over time."""
        return any((one.id >= 0).any() for one in self.pictures)


@dataclass(frozen=True, slots=True, eq=False)
class FoundPicture:
    """The P people found in a picture: (P, K, 2) pixels of the labels' keypoints, NaN = not found;
    (P,) score; (P,) id, -1 = none; (P, 4) box: left, top, width, height.
    """

    xy: Doubles
    score: Doubles
    id: Ints
    box: Doubles


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Results, by the index of the labelled picture.

    lacking: keypoints of the labels that they have no counterpart for. elsewhere: people in
    pictures without labels, who do not count.
    """

    kind: str
    pictures: Mapping[int, FoundPicture]
    lacking: tuple[str, ...] = ()
    elsewhere: int = 0

    def of(self, index: int, keypoints: int) -> FoundPicture:
        """The people of a picture, who have so many keypoints."""
        return self.pictures.get(index) or FoundPicture(
            np.zeros((0, keypoints, 2)), np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 4))
        )


def usual_sigmas(keypoints: Sequence[str]) -> Doubles:
    """(K,) for names of COCO's keypoints; USUAL_SIGMA for others."""
    parts = (name.removeprefix("left_").removeprefix("right_") for name in keypoints)
    return np.array([SIGMAS.get(part, USUAL_SIGMA) for part in parts])


def boxes_of(xy: Doubles) -> Doubles:
    """(P, K, 2) -> (P, 4) left, top, width, height of what is known; zeros where nothing is."""
    there = ~np.isnan(xy[..., 0])
    some = there.any(axis=1)
    low = np.where(there[..., None], xy, np.inf).min(axis=1, initial=np.inf)
    high = np.where(there[..., None], xy, -np.inf).max(axis=1, initial=-np.inf)
    box = np.zeros((len(xy), 4))
    box[some, :2], box[some, 2:] = low[some], (high - low)[some]
    return box
