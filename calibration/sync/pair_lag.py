"""By how much one recording of walking people is behind another, of cameras with known lenses."""

from __future__ import annotations

import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera
from calibration.people.epipolar import essential, refined, sampson
from calibration.people.observations import couples
from calibration.people.relative_pose import GATE_SIGMAS, relative_poses
from calibration.sync.bootstrap_minimum import lowest, mean_residuals
from calibration.sync.correlation import MIN_SAMPLES, correlation, even, peaks
from calibration.sync.keypoint_speeds import speeds
from calibration.sync.resampling import PeopleRecording

MAX_CONTRADICTION = 1.0  # frames by which lags of three cameras may contradict each other
SEARCH_FRAMES = 6  # frames about a lag in which its valley is looked at
MAX_LAGS = 14  # proposed by speeds, whose epipolar geometry is tried: bounds the time
# Of five keypoints at each lag; half of a calibration's, as only the best lag counts.
MINIMAL_SAMPLES = 150
MIN_OVERLAP_S = 1.5  # seconds that two recordings must have in common: a step and a half,
MIN_OVERLAP_SHARE = 0.25  # and of the shorter one (rules of thumb)
DISTINCT_LAG_S = 0.5  # seconds, a step: lags farther apart are different answers
MIN_SCORE_RATIO = 1.08  # times better than at other lags that people must fit at the best one
BLOCK_S = 0.6  # seconds drawn together by the bootstrap, a step: people move alike in them
MAX_LAG_SIGMA = 0.7  # frames: a less certain lag is no better than the frame's number
MIN_SPEED_CORRELATION = 0.25  # of the speeds of one person's keypoints in two views (rule of thumb)
# Frames that lags by speeds and by epipolar lines are off beside their bootstrap: views differ.
LAG_BIAS = 0.3, 0.1


def pair_lag(
    cameras: tuple[Camera, Camera],
    two: tuple[PeopleRecording, PeopleRecording],
    rng: np.random.Generator,
) -> tuple[float, float, bool] | None:
    """Seconds that the second is behind the first, by how many these may be off, and whether both
    ways of telling say so; None where it is not sure.
    """
    found = []
    most = min(len(np.unique(one.crowd.instant)) for one in two)
    for lag in proposed(two):
        ends = two[0].at(two[0].times), two[1].at(two[0].times + lag)
        both = couples(cameras, ends)
        count = len(np.unique(ends[0].instant[both.one]))
        if count * two[0].period < MIN_OVERLAP_S:
            continue
        poses = relative_poses(both, ends, rng, most=1, samples=MINIMAL_SAMPLES)
        if poses:
            # Where few instants are in common a pose that fits them is found by chance.
            found.append((poses[0].score / np.sqrt(count * most), lag, poses[0], ends))
    if not found:
        return None
    score, lag, view, ends = max(found, key=lambda one: one[0])
    others = [one[0] for one in found if abs(one[1] - lag) > DISTINCT_LAG_S]
    step = max(one.period for one in two)
    tracks = {
        (int(ends[0].track[a]), int(ends[1].track[b]))
        for a, b in zip(view.couples.one, view.couples.other, strict=True)
    }
    blocks = int((two[0].times[-1] - two[0].times[0]) / BLOCK_S) + 1
    near = np.arange(-SEARCH_FRAMES, SEARCH_FRAMES + 1)
    beat = lowest(near, _beats(two, lag, step, tracks, blocks), rng)
    if (
        beat is None
        or beat[1] > MAX_LAG_SIGMA
        or beat[2] > -MIN_SPEED_CORRELATION
        or score < MIN_SCORE_RATIO * max([0.0, *others])
    ):
        return None
    by_beat = beat[0], float(np.hypot(beat[1], LAG_BIAS[0]))
    valley = _valley(cameras, two, lag, (view.rotation, view.translation), tracks, blocks, rng)
    if valley is None or valley[1] > MAX_LAG_SIGMA:
        return lag + step * by_beat[0], step * by_beat[1], False
    by_lines = valley[0], float(np.hypot(valley[1], LAG_BIAS[1]))
    if abs(by_beat[0] - by_lines[0]) > max(
        MAX_CONTRADICTION, 3 * np.hypot(by_beat[1], by_lines[1])
    ):
        return None
    best, other = by_beat[1] ** -2, by_lines[1] ** -2
    mean = (best * by_beat[0] + other * by_lines[0]) / (best + other)
    return lag + step * mean, step * (best + other) ** -0.5, True


def proposed(two: tuple[PeopleRecording, PeopleRecording]) -> list[float]:
    """Lags at which the keypoints of some two tracks are fast and slow together, surest first."""
    step = max(one.period for one in two)
    ways: dict[int, float] = {}
    sides = [speeds(one) for one in two]
    shorter = min(one.times[-1] - one.times[0] for one in two)
    begin = two[1].times[0] - two[0].times[0]
    for one in sides[0].values():
        for other in sides[1].values():
            lags, scores = correlation(even(one, step), even(other, step))
            off = other.times[0] - one.times[0]
            for n in peaks(scores)[:MAX_LAGS]:
                lag = off + step * float(lags[n])
                early = max(two[0].times[0], two[1].times[0] - lag)
                late = min(two[0].times[-1], two[1].times[-1] - lag)
                if scores[n] > 0 and late - early >= max(
                    MIN_OVERLAP_S, MIN_OVERLAP_SHARE * shorter
                ):
                    place = round((lag - begin) / step)
                    ways[place] = max(ways.get(place, 0.0), float(scores[n]))
    chosen: list[int] = []
    for place in sorted(ways, key=lambda n: -ways[n]):
        if all(abs(place - one) > SEARCH_FRAMES // 2 for one in chosen):
            chosen.append(place)
    return [begin + step * place for place in chosen[:MAX_LAGS]]


def _valley(
    cameras: tuple[Camera, Camera],
    two: tuple[PeopleRecording, PeopleRecording],
    lag: float,
    pose: tuple[Doubles, Doubles],
    tracks: set[tuple[int, int]],
    blocks: int,
    rng: np.random.Generator,
) -> tuple[float, float, float] | None:
    """As `_lowest`, of the distances from epipolar lines about a lag. The tracks that are one
    person stay as they are, the pose of the cameras is solved at each lag.
    """
    step = max(one.period for one in two)
    steps = np.arange(-2 * SEARCH_FRAMES, 2 * SEARCH_FRAMES + 1)
    sums: dict[int, Doubles] = {}
    place = 0
    for _ in range(4):
        tried = steps[np.abs(steps - place) <= SEARCH_FRAMES]
        for n in tried.tolist():
            if n not in sums:
                sums[n] = _residuals(cameras, two, lag + n * step, tracks, pose, blocks)
        parts = np.stack([sums[n] for n in tried.tolist()])
        depth = mean_residuals(parts)
        if not np.isfinite(depth).all():
            return None
        best = int(tried[depth.argmin()])
        if abs(best - place) <= 1:
            return lowest(tried, parts, rng)
        place = best
    return None


def _residuals(
    cameras: tuple[Camera, Camera],
    two: tuple[PeopleRecording, PeopleRecording],
    lag: float,
    tracks: set[tuple[int, int]],
    pose: tuple[Doubles, Doubles],
    blocks: int,
) -> Doubles:
    """(2, B) sums of the keypoints' residuals, each 0 to 1, and of their weights, by block."""
    ends = two[0].at(two[0].times), two[1].at(two[0].times + lag)
    both = couples(cameras, ends)
    ids = zip(ends[0].track[both.one].tolist(), ends[1].track[both.other].tolist(), strict=True)
    both = both[np.array([one in tracks for one in ids], bool)]
    out = np.zeros((2, blocks))
    if len(both) < MIN_SAMPLES:
        return out
    for _ in range(2):
        pose = refined(pose, both)
    known = both.weight > 0
    off = sampson(essential(*pose)[None], both.p[known], both.q[known], both.deviation[:, known])[0]
    weight = both.weight[known]
    moment = two[0].times[ends[0].instant[both.one]] - two[0].times[0]
    block = np.broadcast_to((moment / BLOCK_S).astype(int)[:, None], known.shape)[known]
    np.add.at(out[0], block, weight * np.minimum(off / GATE_SIGMAS, 1) ** 2)
    np.add.at(out[1], block, weight)
    return out


def _beats(
    two: tuple[PeopleRecording, PeopleRecording],
    lag: float,
    step: float,
    tracks: set[tuple[int, int]],
    blocks: int,
) -> Doubles:
    """(L, 2, B) how unlike the speeds of those tracks are at REACH steps about a lag, as above."""
    sides = [speeds(one) for one in two]
    steps = np.arange(-SEARCH_FRAMES, SEARCH_FRAMES + 1)
    out = np.zeros((len(steps), 2, blocks))
    for a, b in tracks & {(a, b) for a in sides[0] for b in sides[1]}:
        one, other = sides[0][a], sides[1][b]
        ours, theirs = even(one, step), even(other, step)
        for values in (ours, theirs):
            known = np.isfinite(values)
            mean = np.nan_to_num(values).sum(1) / np.maximum(known.sum(1), 1)
            values -= mean[:, None]
        moments = one.times[0] + step * np.arange(ours.shape[1])
        block = ((moments - two[0].times[0]) / BLOCK_S).astype(int).clip(0, blocks - 1)
        for row, n in enumerate(steps):
            at = (moments + lag + n * step - other.times[0]) / step
            left = np.floor(at).astype(int)
            inside = (left >= 0) & (left + 1 < theirs.shape[1])
            low, share = left[inside], at[inside] - left[inside]
            there = theirs[:, low] + share * (theirs[:, low + 1] - theirs[:, low])
            like = ours[:, inside] * there
            known = np.isfinite(like)
            np.add.at(out[row, 0], block[inside], -np.where(known, like, 0).sum(0))
            np.add.at(out[row, 1], block[inside], known.sum(0))
    return out
