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

from calibration.geometry.arrays import Doubles, Ints
from calibration.geometry.camera import Camera
from calibration.geometry.errors import DegenerateError
from calibration.people.observations import couples
from calibration.people.relative_pose import GATE, essential, refined, relative_poses, sampson
from calibration.sync.correlation import LEAST, Motion, correlation, even, peaks
from calibration.sync.resampling import Recording

STROKE = 0.16  # seconds over which speeds are taken: a frame's would be noise
TRIED = 14  # lags by speeds at which epipolar geometry is looked at
SAMPLES = 150  # of five keypoints at each
COMMON = 1.5  # seconds that two recordings must have in common,
SHARE = 0.25  # and of the shorter of them
APART = 0.5  # seconds from which on two lags are different answers
CLEAR = 1.08  # times better than at other lags that people must fit at the best one
REACH = 6  # frames about a lag in which its valley is looked at
FITTED = 3.0  # frames about its bottom to which the parabola is fitted
BLOCK = 0.6  # seconds that are drawn together, as people move alike in them
DRAWN = 200  # times, to see how firm the bottom is
KNOWN = 0.95  # of the draws that must have a bottom at all
FIRM = 0.7  # frames, deviation of the bottom beyond which it tells nothing
ALIKE = 0.25  # correlation of the speeds of one person's keypoints in two views, at least
BIAS = 0.3, 0.1  # frames that speeds and lines may be off beside that: views differ
ASTRAY = 1.0  # frames by which lags of three cameras may contradict each other


@dataclass(frozen=True, slots=True, eq=False)
class Agreed:
    """What the first shows at t the second shows at t + seconds. deviation: seconds. doubly:
    whether speeds and epipolar lines say so, each for itself.
    """

    first: int
    second: int
    seconds: float
    deviation: float
    doubly: bool


def in_time(
    cameras: Sequence[Camera], recordings: Sequence[Recording], *, seed: int = 0
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
            found.append(Agreed(a, b, *own))
    kept = consistent(found, step)
    joined = {0}
    for _ in cameras:
        for one in kept:
            if joined & {one.first, one.second}:
                joined |= {one.first, one.second}
    lone = [camera.name for n, camera in enumerate(cameras) if n not in joined]
    if lone:
        raise DegenerateError(
            f"{', '.join(lone)} cannot be brought in step with {cameras[0].name}: how people move "
            "does not tell for sure at what moments both show the same; let the recordings overlap "
            "by more and people walk about unevenly where both see them, or clap for --sync audio."
        )
    design = np.zeros((len(kept), len(cameras)))
    for row, one in enumerate(kept):
        design[row, [one.first, one.second]] = [-1, 1]
    weight = 1 / np.array([one.deviation for one in kept])
    lags = np.array([one.seconds for one in kept])
    design = design[:, 1:] * weight[:, None]
    behind = np.linalg.lstsq(design, lags * weight)[0]
    off = np.abs(design @ behind / weight - lags)
    if off.max() > ASTRAY * step:
        worst = kept[int(off.argmax())]
        raise DegenerateError(
            f"How people move puts {cameras[worst.second].name} and {cameras[worst.first].name} in "
            "step otherwise than by way of the other cameras; clap for --sync audio, or let people "
            "walk about unevenly where all see them."
        )
    spread = np.sqrt(np.linalg.inv(design.T @ design).diagonal())
    return [0.0, *behind.tolist()], [0.0, *spread.tolist()]


def consistent(found: Sequence[Agreed], step: float) -> list[Agreed]:
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
                votes[pair][int(off > max(ASTRAY * step, wide))] += 1
    return [
        one
        for pair, one in by.items()
        if votes[pair][1] < votes[pair][0] or (one.doubly and not votes[pair][1])
    ]


def pair_lag(
    cameras: tuple[Camera, Camera], two: tuple[Recording, Recording], rng: np.random.Generator
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
        if count * two[0].period < COMMON:
            continue
        poses = relative_poses(both, ends, rng, most=1, samples=SAMPLES)
        if poses:
            # Where few instants are in common a pose that fits them is found by chance.
            found.append((poses[0].score / np.sqrt(count * most), lag, poses[0], ends))
    if not found:
        return None
    score, lag, view, ends = max(found, key=lambda one: one[0])
    others = [one[0] for one in found if abs(one[1] - lag) > APART]
    step = max(one.period for one in two)
    tracks = {
        (int(ends[0].track[a]), int(ends[1].track[b]))
        for a, b in zip(view.couples.one, view.couples.other, strict=True)
    }
    blocks = int((two[0].times[-1] - two[0].times[0]) / BLOCK) + 1
    near = np.arange(-REACH, REACH + 1)
    beat = _lowest(near, _beats(two, lag, step, tracks, blocks), rng)
    if beat is None or beat[1] > FIRM or beat[2] > -ALIKE or score < CLEAR * max([0.0, *others]):
        return None
    by_beat = beat[0], float(np.hypot(beat[1], BIAS[0]))
    valley = _valley(cameras, two, lag, (view.rotation, view.translation), tracks, blocks, rng)
    if valley is None or valley[1] > FIRM:
        return lag + step * by_beat[0], step * by_beat[1], False
    by_lines = valley[0], float(np.hypot(valley[1], BIAS[1]))
    if abs(by_beat[0] - by_lines[0]) > max(ASTRAY, 3 * np.hypot(by_beat[1], by_lines[1])):
        return None
    best, other = by_beat[1] ** -2, by_lines[1] ** -2
    mean = (best * by_beat[0] + other * by_lines[0]) / (best + other)
    return lag + step * mean, step * (best + other) ** -0.5, True


def proposed(two: tuple[Recording, Recording]) -> list[float]:
    """Lags at which the keypoints of some two tracks are fast and slow together, surest first."""
    step = max(one.period for one in two)
    ways: dict[int, float] = {}
    sides = [_speeds(one) for one in two]
    shorter = min(one.times[-1] - one.times[0] for one in two)
    begin = two[1].times[0] - two[0].times[0]
    for one in sides[0].values():
        for other in sides[1].values():
            lags, scores = correlation(even(one, step), even(other, step))
            off = other.times[0] - one.times[0]
            for n in peaks(scores)[:TRIED]:
                lag = off + step * float(lags[n])
                early = max(two[0].times[0], two[1].times[0] - lag)
                late = min(two[0].times[-1], two[1].times[-1] - lag)
                if scores[n] > 0 and late - early >= max(COMMON, SHARE * shorter):
                    place = round((lag - begin) / step)
                    ways[place] = max(ways.get(place, 0.0), float(scores[n]))
    chosen: list[int] = []
    for place in sorted(ways, key=lambda n: -ways[n]):
        if all(abs(place - one) > REACH // 2 for one in chosen):
            chosen.append(place)
    return [begin + step * place for place in chosen[:TRIED]]


def _speeds(recording: Recording) -> dict[int, Motion]:
    """By track: how fast each keypoint moves, in sizes of the body."""
    crowd, out = recording.crowd, {}
    reach = max(1, round(STROKE / 2 / recording.period))
    for track in np.unique(crowd.track):
        rows = np.flatnonzero(crowd.track == track)
        frames = crowd.instant[rows]
        if len(rows) < LEAST:
            continue
        first = frames.min()
        xy = np.full((frames.max() - first + 1, *crowd.xy.shape[1:]), np.nan)
        xy[frames - first] = crowd.xy[rows]
        size = float(np.median(crowd.spread[rows]))
        speeds = np.full(xy.shape[:2], np.nan)
        if len(xy) > 2 * reach:
            speeds[reach:-reach] = np.linalg.norm(xy[2 * reach :] - xy[: -2 * reach], axis=-1)
        speeds[:, np.isfinite(speeds).sum(0) < LEAST] = 0  # no deviation: does not count
        out[int(track)] = Motion(recording.times[first : first + len(xy)], speeds / size)
    return out


def _valley(
    cameras: tuple[Camera, Camera],
    two: tuple[Recording, Recording],
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
    steps = np.arange(-2 * REACH, 2 * REACH + 1)
    sums: dict[int, Doubles] = {}
    place = 0
    for _ in range(4):
        tried = steps[np.abs(steps - place) <= REACH]
        for n in tried.tolist():
            if n not in sums:
                sums[n] = _residuals(cameras, two, lag + n * step, tracks, pose, blocks)
        parts = np.stack([sums[n] for n in tried.tolist()])
        depth = _depth(parts)
        if not np.isfinite(depth).all():
            return None
        best = int(tried[depth.argmin()])
        if abs(best - place) <= 1:
            return _lowest(tried, parts, rng)
        place = best
    return None


def _lowest(
    at: Ints, parts: Doubles, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """Where (L, 2, B) sums by block are lowest in the mean, the deviation of that, and how low."""
    blocks = parts.shape[-1]
    depth = _depth(parts)
    bottom = _parabola(at, depth)
    drawn = [
        _parabola(at, _depth(parts[..., rng.integers(0, blocks, blocks)])) for _ in range(DRAWN)
    ]
    known = [one for one in drawn if one is not None]
    if bottom is None or len(known) < KNOWN * DRAWN:
        return None
    return bottom, float(np.std(known)), float(depth.min())


def _depth(parts: Doubles) -> Doubles:
    """(L,) mean residuals, 0 to 1, from (L, 2, B) sums of these and of weights."""
    total = parts.sum(-1)
    with np.errstate(all="ignore"):
        return np.asarray(total[:, 0] / total[:, 1], np.float64)


def _parabola(at: Ints, depth: Doubles) -> float | None:
    """Where it is lowest, by least squares about the lowest of all; None where there is none."""
    if not np.isfinite(depth).all():
        return None
    best = int(depth.argmin())
    near = np.abs(at - at[best]) <= FITTED
    if near.sum() < FITTED + 2:
        return None
    bend, slope, _ = np.polyfit(at[near], depth[near], 2)
    bottom = -slope / (2 * bend) if bend > 0 else np.inf
    return float(bottom) if abs(bottom - at[best]) <= FITTED else None


def _residuals(
    cameras: tuple[Camera, Camera],
    two: tuple[Recording, Recording],
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
    if len(both) < LEAST:
        return out
    for _ in range(2):
        pose = refined(pose, both)
    known = both.weight > 0
    off = sampson(essential(*pose)[None], both.p[known], both.q[known], both.deviation[:, known])[0]
    weight = both.weight[known]
    moment = two[0].times[ends[0].instant[both.one]] - two[0].times[0]
    block = np.broadcast_to((moment / BLOCK).astype(int)[:, None], known.shape)[known]
    np.add.at(out[0], block, weight * np.minimum(off / GATE, 1) ** 2)
    np.add.at(out[1], block, weight)
    return out


def _beats(
    two: tuple[Recording, Recording],
    lag: float,
    step: float,
    tracks: set[tuple[int, int]],
    blocks: int,
) -> Doubles:
    """(L, 2, B) how unlike the speeds of those tracks are at REACH steps about a lag, as above."""
    sides = [_speeds(one) for one in two]
    steps = np.arange(-REACH, REACH + 1)
    out = np.zeros((len(steps), 2, blocks))
    for a, b in tracks & {(a, b) for a in sides[0] for b in sides[1]}:
        one, other = sides[0][a], sides[1][b]
        ours, theirs = even(one, step), even(other, step)
        for values in (ours, theirs):
            known = np.isfinite(values)
            mean = np.nan_to_num(values).sum(1) / np.maximum(known.sum(1), 1)
            values -= mean[:, None]
        moments = one.times[0] + step * np.arange(ours.shape[1])
        block = ((moments - two[0].times[0]) / BLOCK).astype(int).clip(0, blocks - 1)
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
