"""People as one camera saw them, and which poses of two cameras may be the same person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.geometry.camera import Camera

MIN_COMMON_KEYPOINTS = 6  # that two poses must share to be compared: the essential matrix needs 5


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """N poses of K keypoints. instant: (N,) numbers that all cameras of a rig share. track: (N,)
    who it is, as far as the camera's own tracker can tell. xy: (N, K, 2) pixels, NaN = not seen.
    score: (N, K) confidences, 0 = not seen. sigma: (N, K) standard deviations of the sightings,
    pixels.
    """

    instant: Ints
    track: Ints
    xy: Doubles
    score: Doubles
    sigma: Doubles

    def __len__(self) -> int:
        return len(self.instant)

    def __getitem__(self, rows: Mask | Ints) -> Crowd:
        return Crowd(
            self.instant[rows], self.track[rows], self.xy[rows], self.score[rows], self.sigma[rows]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Couples:
    """S couples of poses of two cameras at one instant, of which few are one person.

    one, other: (S,) rows of their crowds. p, q: (S, K, 3) undistorted, ending in 1; 0 where not
    both saw it. deviation: (2, S, K) of these. weight: (S, K), 0 = not in both.
    """

    one: Ints
    other: Ints
    p: Doubles
    q: Doubles
    deviation: Doubles
    weight: Doubles

    def __len__(self) -> int:
        return len(self.one)

    def __getitem__(self, rows: Mask | Ints) -> Couples:
        return Couples(
            self.one[rows],
            self.other[rows],
            self.p[rows],
            self.q[rows],
            self.deviation[:, rows],
            self.weight[rows],
        )


def couples(cameras: tuple[Camera, Camera], crowds: tuple[Crowd, Crowd]) -> Couples:
    """All of two cameras, with enough keypoints in common."""
    one, other = _together(crowds[0].instant, crowds[1].instant)
    rays, weights, deviations = [], [], []
    for camera, crowd, rows in zip(cameras, crowds, (one, other), strict=True):
        undistorted = camera.normalise(crowd.xy)
        seen = np.isfinite(undistorted).all(-1) & (crowd.score > 0)
        ahead = np.concatenate([undistorted, np.ones_like(undistorted[..., :1])], -1)
        rays.append(np.where(seen[..., None], ahead, 0)[rows])
        weights.append(np.where(seen, np.minimum(crowd.score, 1), 0)[rows])
        deviations.append((crowd.sigma / camera.matrix.diagonal()[:2].mean())[rows])
    weight = np.sqrt(weights[0] * weights[1])
    found = Couples(one, other, rays[0], rays[1], np.stack(deviations), weight)
    return found[(weight > 0).sum(1) >= MIN_COMMON_KEYPOINTS]


def _together(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """All pairs of places that hold the same number."""
    order = np.argsort(other, kind="stable")
    begin = np.searchsorted(other[order], one, "left")
    count = np.searchsorted(other[order], one, "right") - begin
    first = np.repeat(np.arange(len(one)), count)
    past = np.arange(len(first)) - np.repeat(count.cumsum() - count, count)
    return first, order[begin[first] + past]


def thinned(crowds: Sequence[Crowd], most: int) -> list[Crowd]:
    """At most so many instants, evenly chosen of those at which two cameras or more saw people."""
    instants, count = np.unique(
        np.concatenate([np.unique(crowd.instant) for crowd in crowds]), return_counts=True
    )
    common = instants[count > 1]
    if len(common) <= most:
        return list(crowds)
    some = common[np.linspace(0, len(common) - 1, most).astype(int)]
    return [crowd[np.isin(crowd.instant, some)] for crowd in crowds]
