"""Whether what a camera sees has shifted by more than biased keypoints explain.

A network that sees people from one side puts all of a body's keypoints off the same way for as long
as they stand there: hundreds of them in one place are one observation, not hundreds. So bodies are
counted by place, and a bump (a rigid motion, six freedoms) is told from bias by an F-test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.geometry.arrays import Doubles, Ints
from calibration.geometry.bundle_scene import Scene, Sights
from calibration.geometry.camera import Camera
from calibration.people.observations import MIN_COMMON_KEYPOINTS

POSE_FREEDOMS = 6  # of a camera's pose
MIN_PLACES = 4  # in three and less, a pose can make up for whatever keypoints are off
# Bodies as a whole are off by so many deviations of a keypoint, in each direction: the root mean
# square over the eight cameras of two recordings of people who stand still; as sure as so many
# degrees of freedom.
BIAS_SIGMA, BIAS_FREEDOMS = 0.36, 10
NORMAL_QUANTILE = 3.09  # deviations of a normal variable that one in a thousand exceeds


@dataclass(frozen=True, slots=True, eq=False)
class ShiftTest:
    """Of one camera. places: how many that it and others saw somebody in. shift: pixels by which
    what it sees has moved; chance: pixels that bias would hardly ever exceed (1 in 1000).
    """

    places: int
    shift: float
    chance: float


def places(middles: Doubles, reach: float) -> Ints:
    """(G,) numbers of the places of bodies (G, 3), within reach of the first one there."""
    found: list[Doubles] = []
    out = np.full(len(middles), -1, np.int64)
    for n, middle in enumerate(middles):
        far = [float(np.linalg.norm(middle - one)) for one in found]
        if far and min(far) < reach:
            out[n] = int(np.argmin(far))
        elif np.isfinite(middle).all():
            out[n] = len(found)
            found.append(middle)
    return out


def stands(xyz: Doubles) -> Ints:
    """(G,) numbers of the places where bodies (G, K, 3) are, as far apart as they are large; -1
    where only one of them was ever seen, which may be a mistake.
    """
    whole = np.isfinite(xyz).all(-1).sum(1) >= MIN_COMMON_KEYPOINTS
    if not whole.any():
        return np.full(len(xyz), -1, np.int64)
    middle = np.full((len(xyz), 3), np.nan)
    middle[whole] = np.nanmedian(xyz[whole], axis=1)
    square = ((xyz[whole] - middle[whole, None]) ** 2).sum(-1)
    found = places(middle, float(np.median(np.sqrt(np.nanmean(square, axis=1)))))
    return np.where(np.bincount(found[found >= 0])[found] > 1, found, -1)


def measure_shift(
    scene: Scene, sights: Sights, place: Ints, number: int, was: Camera, points: Doubles
) -> ShiftTest:
    """Of camera `number`, which the scene has where it is now, having been at `was`.

    place: (T,) of the targets, -1 = does not count. points: (N, 3) where the sights' points are.
    """
    own = np.flatnonzero((sights.camera == number) & (place[sights.target] >= 0))
    seen = np.unique(np.stack([sights.camera, sights.target]), axis=1)[1]
    views = np.bincount(seen, minlength=len(place))[sights.target[own]]
    own, views = own[views > 1], views[views > 1]
    now = scene.cameras[number]
    there = now.project(points[own])
    # The points lie between what the views say; from where the others say they are further off.
    off = (there - sights.xy[own]) * (views / (views - 1))[:, None]
    shift = was.project(points[own]) - there
    # What a camera does not see any more has shifted beyond all bounds.
    shift = np.nan_to_num(shift, nan=float(max(now.size)))
    labels, which = np.unique(place[sights.target[own]], return_inverse=True)
    if not len(labels):
        return ShiftTest(0, 0.0, np.inf)
    weight = sights.weight[own, None]
    count = 2 * len(labels)
    fitted = min(POSE_FREEDOMS, count)
    free = count - fitted + BIAS_FREEDOMS
    variance = (count * _square(off * weight, which) + BIAS_FREEDOMS * BIAS_SIGMA**2) / free
    pixels = float(np.median(1 / weight))
    return ShiftTest(
        len(labels),
        pixels * float(np.sqrt(2 * _square(shift * weight, which))),
        pixels * float(np.sqrt(2 * variance * beyond(fitted, free) * fitted / count)),
    )


def _square(values: Doubles, which: Ints) -> float:
    """Mean square in each direction of what places have in common; by medians, as in some places
    people were taken for others.
    """
    common = np.stack([np.median(values[which == n], axis=0) for n in range(which.max() + 1)])
    return float(np.median((common**2).sum(1)) / (2 * np.log(2)))


def beyond(one: int, other: int) -> float:
    """What Fisher's F of these degrees of freedom exceeds once in a thousand, by Paulson's normal
    approximation of its cube root ("An Approximate Normalization of the Analysis of Variance
    Distribution", 1942); `other` at least 4.
    """
    a, b = 2 / (9 * one), 2 / (9 * other)
    square: float = (1 - b) ** 2 - NORMAL_QUANTILE**2 * b
    half = (1 - a) * (1 - b)
    root = half + float(np.sqrt(half**2 - square * ((1 - a) ** 2 - NORMAL_QUANTILE**2 * a)))
    return float((root / square) ** 3)
