"""The 1 Euro filter against its paper's equations, and what a viewer relies on."""

import math
from dataclasses import replace

import numpy as np

from engines.types.oks import areas
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_groups import with_groups
from realtime.tracking import one_euro as smooth
from realtime.tracking.one_euro import OneEuro
from realtime.types.results import Tracks
from tests.realtime.tracked import found, walk


def tracks(poses: Poses, *ids: int) -> Tracks:
    return Tracks(np.array(ids, np.int64), poses, np.zeros(poses.score.shape, bool))


def one_euro(values: list[float], times: list[float], sides: list[float]) -> list[float]:
    """The paper's algorithm, a value at a time."""

    def alpha(cutoff: float, seconds: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))

    out, speed = [values[0]], 0.0
    for n in range(1, len(values)):
        seconds = times[n] - times[n - 1]
        now = (values[n] - out[-1]) / seconds
        speed += alpha(smooth.SPEED_CUTOFF_HZ, seconds) * (now - speed)
        cutoff = smooth.MIN_CUTOFF_HZ + smooth.CUTOFF_SLOPE * abs(speed) / sides[n]
        out.append(out[-1] + alpha(cutoff, seconds) * (values[n] - out[-1]))
    return out


def test_it_is_the_papers_filter_at_uneven_times() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.09, 40)).tolist()
    still = walk(300, 0, 0)
    shifts = (20 * np.sin(np.array(times) * 5) + rng.normal(0, 3, 40)).tolist()
    filtered = OneEuro()
    seen, side = [], []
    for time, shift in zip(times, shifts, strict=True):
        poses = found([still + np.array([shift, 0])])
        side.append(float(np.sqrt(areas(poses.xy)[0])))
        seen.append(float(filtered.smooth(tracks(poses, 1), time).poses.xy[0, 1, 0]))
    expected = one_euro([still[1, 0] + shift for shift in shifts], times, side)
    np.testing.assert_allclose(seen, expected, atol=0.02)


def test_tremble_calms_and_motion_does_not_lag() -> None:
    rng = np.random.default_rng(1)
    calm = OneEuro()
    rest, moving = [], []
    for n in range(60):
        raw = walk(300, 0, 0) + rng.normal(0, 3, (18, 2))
        rest.append(calm.smooth(tracks(found([raw]), 1), n / 30).poses.xy[0, 1])
    assert np.std(rest[20:], axis=0).max() < 1.7
    quick = OneEuro()
    for n in range(60):
        raw = walk(0, 300, n / 30)
        out = quick.smooth(tracks(found([raw]), 1), n / 30).poses.xy[0, 1]
        moving.append(raw[1, 0] - out[0])
    assert max(moving) < 300 / 30  # never as much as a frame behind


def test_gaps_ids_and_strangers() -> None:
    filtered = OneEuro()
    here, there = walk(200, 0, 0), walk(400, 0, 0)
    filtered.smooth(tracks(found([here, there]), 1, 2), 0.0)
    swapped = filtered.smooth(tracks(found([there + 4, here + 4]), 2, 1), 1 / 30).poses.xy
    assert 0 < np.nanmax(swapped[0] - there) < 4  # drawn towards its own past
    assert 0 < np.nanmax(swapped[1] - here) < 4
    back = filtered.smooth(tracks(found([here + 50]), 1), 2.0).poses.xy  # after a long gap
    np.testing.assert_allclose(back[0], here + 50, atol=1e-3)
    nobody = filtered.smooth(tracks(found([there]), -1), 2.1).poses.xy
    np.testing.assert_allclose(nobody[0], there, atol=1e-3)


def test_a_keypoint_that_is_away_for_a_moment_stays_smooth() -> None:
    filtered = OneEuro()
    body = walk(300, 0, 0)
    gone = body.copy()
    gone[4] = np.nan
    filtered.smooth(tracks(found([body]), 1), 0.0)
    out = filtered.smooth(tracks(found([gone]), 1), 0.04).poses.xy
    assert np.isnan(out[0, 4]).all()
    out = filtered.smooth(tracks(found([body + 5]), 1), 0.08).poses.xy
    assert 0 < out[0, 4, 0] - body[4, 0] < 5


def test_times_that_stand_or_run_back() -> None:
    filtered = OneEuro()
    for time in (0.0, 0.0, -5.0, 1e9, 3.0, math.nan, 4.0):
        out = filtered.smooth(tracks(found([walk(300, 0, 0)]), 1), time).poses.xy
        np.testing.assert_allclose(out[0], walk(300, 0, 0), atol=1e-3)


def with_hand(hand: np.ndarray) -> Tracks:
    """Somebody who stands still, with a left hand of 16 px."""
    skeleton = with_groups(named_skeleton("coco18"), ("left_hand",))
    xy = np.concatenate([walk(300, 0, 0), hand]).astype(np.float32)[None]
    poses = Poses(skeleton, xy, np.ones(xy.shape[:2], np.float32), np.ones(1, np.float32))
    return tracks(poses, 1)


HAND = np.array([(300 + n % 5 * 4.0, 200 + n // 5 * 4.0) for n in range(21)])


def test_a_finger_is_smoothed_by_the_size_of_its_hand() -> None:
    """Its tremble calms; a bend within 0.2 s, which is little for the body, does not lag."""
    rng = np.random.default_rng(2)
    calm = OneEuro()
    rest = [
        calm.smooth(with_hand(HAND + rng.normal(0, 0.4, HAND.shape)), n / 30).poses.xy[0, 18:]
        for n in range(60)
    ]
    assert np.std(rest[20:], axis=0).mean() < 0.28
    lags = {}
    for name, skeleton in (("own", True), ("body", False)):
        bending, lag = OneEuro(), []
        for n in range(36):
            hand = HAND.copy()
            hand[20, 1] -= 10 * np.clip((n - 20) / 6, 0, 1)  # 10 px in 0.2 s
            one = with_hand(hand)
            if not skeleton:  # as a keypoint of the body
                plain = replace(one.poses.skeleton, left_hand=())
                one = replace(one, poses=replace(one.poses, skeleton=plain))
            lag.append(abs(bending.smooth(one, n / 30).poses.xy[0, 38, 1] - hand[20, 1]))
        lags[name] = max(lag)
    assert lags["own"] < 3
    assert lags["own"] < 0.75 * lags["body"]
