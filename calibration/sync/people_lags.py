"""How far recordings of walking people are apart in time, of cameras with known lenses.

Speeds of keypoints alone are alike at many lags (people step evenly): they propose some. At the
right one, and nowhere else, people in motion keep to one epipolar geometry. About it both the
likeness of speeds and the distances from epipolar lines have a peak between two frames, and must
agree on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from calibration.geometry.camera import Camera
from calibration.geometry.errors import DegenerateError
from calibration.sync.pair_lag import MAX_CONTRADICTION, pair_lag
from calibration.sync.resampling import PeopleRecording


@dataclass(frozen=True, slots=True, eq=False)
class PairLag:
    """What the first shows at t the second shows at t + seconds. deviation: seconds. doubly:
    whether speeds and epipolar lines say so, each for itself.
    """

    first: int
    second: int
    seconds: float
    deviation: float
    doubly: bool


def in_time(
    cameras: Sequence[Camera], recordings: Sequence[PeopleRecording], *, seed: int = 0
) -> tuple[list[float], list[float]]:
    """Seconds that each recording is behind the first, and the deviations of these.

    DegenerateError where that is not sure.
    """
    rng = np.random.default_rng(seed)
    step = max(one.period for one in recordings)
    found = []
    for a, b in combinations(range(len(cameras)), 2):
        own = pair_lag((cameras[a], cameras[b]), (recordings[a], recordings[b]), rng)
        if own is not None:
            found.append(PairLag(a, b, *own))
    kept = consistent(found, step)
    joined = {0}
    for _ in cameras:
        for one in kept:
            if joined & {one.first, one.second}:
                joined |= {one.first, one.second}
    lone = [camera.name for n, camera in enumerate(cameras) if n not in joined]
    if lone:
        raise DegenerateError(
            f"{', '.join(lone)} cannot be synchronised with {cameras[0].name}: the motion of "
            "people does not determine the offset; film a longer overlap with people walking "
            "unevenly where both cameras see them, or clap and use --sync audio."
        )
    design = np.zeros((len(kept), len(cameras)))
    for row, one in enumerate(kept):
        design[row, [one.first, one.second]] = [-1, 1]
    weight = 1 / np.array([one.deviation for one in kept])
    lags = np.array([one.seconds for one in kept])
    design = design[:, 1:] * weight[:, None]
    behind = np.linalg.lstsq(design, lags * weight)[0]
    off = np.abs(design @ behind / weight - lags)
    if off.max() > MAX_CONTRADICTION * step:
        worst = kept[int(off.argmax())]
        raise DegenerateError(
            f"The motion of people gives {cameras[worst.second].name} and "
            f"{cameras[worst.first].name} an offset that contradicts the other cameras; clap "
            "and use --sync audio, or film people walking unevenly where all cameras see them."
        )
    sigmas = np.sqrt(np.linalg.inv(design.T @ design).diagonal())
    return [0.0, *behind.tolist()], [0.0, *sigmas.tolist()]


def consistent(found: Sequence[PairLag], step: float) -> list[PairLag]:
    """Those that no other two contradict by way of a third camera, unless more confirm it; and
    that are confirmed so, or doubly sure by themselves.
    """
    by = {(one.first, one.second): one for one in found}
    votes: dict[tuple[int, int], list[int]] = {pair: [0, 0] for pair in by}
    for a, b, c in combinations(sorted({n for pair in by for n in pair}), 3):
        ends = ((a, b), (b, c), (a, c))
        if all(pair in by for pair in ends):
            three = [by[pair] for pair in ends]
            off = abs(three[0].seconds + three[1].seconds - three[2].seconds)
            wide = 3 * float(np.linalg.norm([one.deviation for one in three]))
            for pair in ends:
                votes[pair][int(off > max(MAX_CONTRADICTION * step, wide))] += 1
    return [
        one
        for pair, one in by.items()
        if votes[pair][1] < votes[pair][0] or (one.doubly and not votes[pair][1])
    ]
