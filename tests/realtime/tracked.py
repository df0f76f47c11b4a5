"""What tests of identities share: walks of people, and frames to find them in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.types.arrays import Image
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.types.frames import Frame
from tests.synth import SKELETON, Points, person

BLACK = np.zeros((360, 640, 3), np.uint8)


def frame(time: float, image: Image = BLACK, index: int = 0) -> Frame:
    return Frame("clip", index, f"clip_{index:012d}", time, time, image)


def found(people: Sequence[Points], score: float = 0.8, skeleton: Skeleton = SKELETON) -> Poses:
    """What a network makes of these people; each keypoint as sure as the other."""
    keypoints = len(skeleton.keypoints)
    xy = np.array(people, np.float32).reshape(-1, keypoints, 2)
    scores = np.where(np.isnan(xy[..., 0]), 0, score).astype(np.float32)
    return Poses(skeleton, xy, scores, np.full(len(xy), score, np.float32))


def walk(x: float, speed: float, time: float, height: float = 200) -> Points:
    """Somebody at `x` pixels who walks at so many pixels a second."""
    return person((x + speed * time, 180), height)


def texture(size: tuple[int, int] = (640, 360), seed: int = 0) -> Image:
    """A picture that flow can follow."""
    import cv2

    rng = np.random.default_rng(seed)
    small = rng.uniform(0, 255, (size[1] // 6 + 1, size[0] // 6 + 1, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8)
