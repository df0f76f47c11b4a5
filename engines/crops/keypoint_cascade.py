"""Each keypoint once more, in a crop around where it was found: from coarse to fine.

DeepPose's cascade of regressors (Toshev and Szegedy, CVPR'14, section 3.2), and Tompson et al.'s
fine heat maps around coarse places (CVPR'15, section 4). The networks are crop networks of any
head; of a crop around a keypoint that keypoint alone is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from engines.crops.affine import Crops
from engines.decoders.crop_decoder import CropDecoder
from engines.types.arrays import Arrays, Floats, Image
from engines.types.oks import areas
from engines.types.skeleton import Skeleton

MAX_CROPS = 68  # at once: four people's keypoints
MIN_SIDE_PX = 8.0
TRUNK = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))  # diameter of a pose
SIDES_A_DIAMETER = 1.2  # square root of a person's area for one of these, where they are unseen


class StageNetwork(Protocol):
    """A network that is run on crops of pictures."""

    def run(self, images: Sequence[Image], crops: Sequence[Crops]) -> Arrays: ...
    def close(self) -> None: ...


Stage = tuple[StageNetwork, CropDecoder]


class KeypointCascade:
    """Stages of crop networks of one skeleton, used and closed by one thread.

    side: of the crop around a keypoint, in diameters of the pose (from a shoulder to the opposite
    hip); the paper's sigma.
    """

    def __init__(self, stages: Sequence[Stage], side: float = 1.0) -> None:
        self._stages = stages
        self._side = side

    def refine(self, image: Image, xy: Floats) -> Floats:
        """(P, K, 2) places in the picture, NaN = none, moved by each stage in turn."""
        for network, decoder in self._stages:
            xy = self._again(image, xy, network, decoder)
        return xy

    def close(self) -> None:
        """Let the devices go."""
        for network, _ in self._stages:
            network.close()

    def _again(
        self, image: Image, xy: Floats, network: StageNetwork, decoder: CropDecoder
    ) -> Floats:
        person, kind = np.nonzero(~np.isnan(xy[..., 0]))
        wide, high = decoder.size
        tall = np.maximum(self._side * diameters(xy, decoder.skeleton), MIN_SIDE_PX)[person]
        extent = np.stack([tall * wide / high, tall], axis=-1).astype(np.float32)
        upright = np.zeros(len(person), np.float32)
        crops = Crops(xy[person, kind].astype(np.float32), extent, upright, decoder.size)
        out = xy.copy()
        for begin in range(0, len(person), MAX_CROPS):
            rows = np.arange(begin, min(begin + MAX_CROPS, len(person)))
            some, which = crops.some(rows), kind[rows]
            places, score = decoder.points(network.run([image], [some]))
            each = np.arange(len(rows))
            found = some.to_picture(places[each, which][:, None])[:, 0]
            sure = (score[each, which] > 0)[:, None]
            out[person[rows], which] = np.where(sure, found, some.centre)
        return out


def diameters(xy: Floats, skeleton: Skeleton) -> Floats:
    """(P,) the longer way from a shoulder to the opposite hip; by the area where none is seen."""
    long = np.full(len(xy), np.nan, np.float32)
    for pair in TRUNK:
        if {*pair} <= {*skeleton.keypoints}:
            one, other = (skeleton.keypoints.index(name) for name in pair)
            long = np.fmax(long, np.linalg.norm(xy[:, one] - xy[:, other], axis=-1))
    guess = np.sqrt(areas(xy)) / np.float32(SIDES_A_DIAMETER)
    diameter: Floats = np.where(np.isnan(long), guess, long).astype(np.float32)
    return diameter
