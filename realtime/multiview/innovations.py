"""How uncertain keypoints really are, from how far measurements are from what was expected."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Doubles

DIMENSIONS = 3  # mean of a squared normalised innovation where covariances are right
MAX_RATIO = 4.0  # bounds what a single odd one adds
PRIOR_COUNT = 30  # innovations that the assumed covariances are worth
AVERAGED = 1500  # innovations after which older ones fade: 15 s of four people at 25 fps


class InnovationRatio:
    """By what the covariances of K keypoints are to be multiplied to be true.

    How far a network misses differs by network, picture and keypoint; what is assumed
    beforehand is what people differ by who label pictures. The mean of normalised innovations
    tells (Mehra 1972, innovation-based adaptive estimation).
    """

    def __init__(self, keypoints: int) -> None:
        self.ratio: Doubles = np.ones(keypoints)
        self._sum, self._count = np.zeros((2, keypoints))

    def add(self, squared: Doubles) -> None:
        """(P, K) squared normalised innovations, NaN = none."""
        known = np.isfinite(squared)
        if not known.any():
            return
        self._count += known.sum(0)
        self._sum += np.minimum(np.where(known, squared, 0.0) / DIMENSIONS, MAX_RATIO).sum(0)
        fade = np.minimum(1.0, AVERAGED / np.maximum(self._count, 1.0))
        self._count, self._sum = self._count * fade, self._sum * fade
        # Where little is known of a keypoint, it is as the others.
        others = (self._sum.sum() + PRIOR_COUNT) / (self._count.sum() + PRIOR_COUNT)
        self.ratio = (self._sum + PRIOR_COUNT * others) / (self._count + PRIOR_COUNT)
