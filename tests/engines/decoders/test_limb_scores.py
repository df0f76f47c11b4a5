"""Line integrals of affinity fields, against a scalar computation written from the formula."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.decoders.limb_scores import score_limbs
from engines.decoders.peaks import find_peaks
from engines.types.arrays import Floats
from tests import synth

LIMBS = ((0, 1), (1, 2), (3, 1), (0, 3))
CHANNELS = ((2, 3), (0, 1), (7, 4), (5, 6))
Pairs = list[tuple[int, int, int, float]]


def bilinear(plane: list[list[float]], x: float, y: float) -> float:
    """The map's value between its cells; beyond the outermost centres it stays as it is there."""
    x = min(max(x, 0), len(plane[0]) - 1)
    y = min(max(y, 0), len(plane) - 1)
    column, row = math.floor(x), math.floor(y)
    value = 0.0
    for dy, part_y in ((0, 1 - (y - row)), (1, y - row)):
        for dx, part_x in ((0, 1 - (x - column)), (1, x - column)):
            if part_x * part_y > 0:
                value += plane[row + dy][column + dx] * part_x * part_y
    return value


def slow_limbs(
    fields: Floats,
    peaks: Floats,
    samples: int,
    threshold: float,
    least_above: float,
    limbs: tuple[tuple[int, int], ...] = LIMBS,
    channels: tuple[tuple[int, int], ...] = CHANNELS,
) -> Pairs:
    """OpenPose, CVPR'17, equation 10 as a sum, one sample after the other."""
    planes = fields.astype(float).tolist()
    found = []
    for limb, ((a, b), (x_channel, y_channel)) in enumerate(zip(limbs, channels, strict=True)):
        for first, (kind, x1, y1, _) in enumerate(peaks.tolist()):
            for second, (other, x2, y2, _) in enumerate(peaks.tolist()):
                length = math.hypot(x2 - x1, y2 - y1)
                if kind != a or other != b or length == 0:
                    continue
                above = []
                for n in range(samples):
                    share = n / (samples - 1) if samples > 1 else 0
                    at = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
                    value = (
                        bilinear(planes[x_channel], *at) * (x2 - x1)
                        + bilinear(planes[y_channel], *at) * (y2 - y1)
                    ) / length
                    if value > threshold:
                        above.append(value)
                if above and len(above) >= least_above * samples - 1e-9:
                    found.append((limb, first, second, sum(above) / len(above)))
    return found


def random_peaks(rng: np.random.Generator, counts: list[int], high: int, wide: int) -> Floats:
    """Anywhere on the map, its outermost half cells and its very corners too."""
    kinds = np.repeat(np.arange(len(counts)), counts)
    x, y = rng.uniform(-0.5, (wide - 0.5, high - 0.5), (len(kinds), 2)).T
    edge = rng.random(len(kinds)) < 0.3
    x[edge] = rng.choice([-0.5, 0, wide - 1, wide - 0.5], edge.sum())
    return np.stack([kinds, x, y, rng.uniform(0.1, 1, len(kinds))], axis=1).astype(np.float32)


def assert_same(pairs: Floats, slow: Pairs) -> None:
    assert pairs.dtype == np.float32
    have = sorted(tuple(map(int, pair[:3])) for pair in pairs.tolist())
    assert have == [pair[:3] for pair in slow]
    order = np.lexsort(pairs[:, 2::-1].T)
    np.testing.assert_allclose(pairs[order, 3], [pair[3] for pair in slow], atol=1e-5)


@pytest.mark.parametrize("least_above", [0.5, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("samples", [1, 2, 5, 10, 25])
def test_agrees_with_the_formula_on_random_fields(samples: int, least_above: float) -> None:
    """Rejecting pairs early must not change what is found."""
    rng = np.random.default_rng([samples, int(100 * least_above)])
    found = 0
    for high, wide in ((11, 14), (7, 5), (1, 9), (9, 1), (1, 1), (2, 2)):
        # A slant to the positive, so that long rows of samples exceed the threshold at times.
        fields = rng.normal(0.3, 0.5, (8, high, wide)).astype(np.float32)
        peaks = random_peaks(rng, [4, 5, 3, 4], high, wide)
        slow = slow_limbs(fields, peaks, samples, 0.05, least_above)
        found += len(slow)
        assert_same(score_limbs(fields, peaks, LIMBS, CHANNELS, samples, 0.05, least_above), slow)
    assert found > 5, "the comparison would be empty"


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    counts=st.lists(st.integers(0, 4), min_size=4, max_size=4),
    high=st.integers(1, 6),
    wide=st.integers(1, 6),
)
def test_agrees_with_the_formula_whichever_peaks_there_are(
    seed: int, counts: list[int], high: int, wide: int
) -> None:
    rng = np.random.default_rng(seed)
    fields = rng.normal(0.3, 0.5, (8, high, wide)).astype(np.float32)
    peaks = random_peaks(rng, counts, high, wide)
    pairs = score_limbs(fields, peaks, LIMBS, CHANNELS, 6, 0.05, 0.8)
    assert_same(pairs, slow_limbs(fields, peaks, 6, 0.05, 0.8))


def test_agrees_with_the_formula_on_people() -> None:
    size = (328, 184)
    rng = np.random.default_rng(4)
    heat, pafs = synth.render(synth.crowd(5, size, rng), size, noise=0.02, rng=rng)
    peaks = find_peaks(heat[:18], 0.1)
    limbs = synth.SKELETON.limbs
    pairs = score_limbs(pafs, peaks, limbs, synth.CHANNELS)
    slow = slow_limbs(pafs, peaks, 10, 0.05, 0.95, limbs, synth.CHANNELS)
    assert len(slow) > 5 * 15
    assert_same(pairs, slow)


def test_a_straight_limb_scores_the_strength_of_its_field() -> None:
    fields = np.zeros((2, 5, 20), np.float32)
    fields[0, 2, 3:16] = 0.75
    peaks = np.array([[0, 4, 2, 0.9], [1, 14, 2, 0.9]], np.float32)
    pairs = score_limbs(fields, peaks, [(0, 1)], [(0, 1)])
    np.testing.assert_allclose(pairs, [[0, 0, 1, 0.75]])
    # A field that points from the second keypoint to the first says: not these two.
    assert score_limbs(-fields, peaks, [(0, 1)], [(0, 1)]).shape == (0, 4)


def test_a_gap_in_the_field_is_allowed_for_by_least_above_alone() -> None:
    fields = np.zeros((2, 3, 21), np.float32)
    fields[0, 1] = 1
    fields[0, 1, 9:13] = 0  # samples 5 and 6 of 0..10 fall in, at x = 10 and 12
    peaks = np.array([[0, 0, 1, 0.9], [1, 20, 1, 0.9]], np.float32)

    def found(least_above: float) -> int:
        return len(score_limbs(fields, peaks, [(0, 1)], [(0, 1)], 11, 0.05, least_above))

    assert found(0.95) == found(0.83) == 0
    assert found(9 / 11) == found(0.5) == 1


@pytest.mark.parametrize("counts", [[0, 0, 0, 0], [3, 0, 2, 0], [0, 2, 0, 0], [0, 0, 0, 3]])
def test_without_both_ends_there_is_no_limb(counts: list[int]) -> None:
    rng = np.random.default_rng(0)
    peaks = random_peaks(rng, counts, 6, 6)
    pairs = score_limbs(np.ones((8, 6, 6), np.float32), peaks, LIMBS, CHANNELS)
    assert pairs.shape == (0, 4)
    assert pairs.dtype == np.float32


def test_keypoints_on_the_same_spot_make_no_limb() -> None:
    """There is no direction to compare the field with."""
    peaks = np.array([[0, 2, 2, 1], [1, 2, 2, 1]], np.float32)
    assert len(score_limbs(np.ones((2, 5, 5), np.float32), peaks, [(0, 1)], [(0, 1)])) == 0


def test_a_sample_must_exceed_the_threshold() -> None:
    fields = np.zeros((2, 3, 21), np.float32)
    fields[0] = 0.25
    peaks = np.array([[0, 2, 1, 0.9], [1, 18, 1, 0.9]], np.float32)
    assert len(score_limbs(fields, peaks, [(0, 1)], [(0, 1)], sample_threshold=0.25)) == 0
    assert len(score_limbs(fields, peaks, [(0, 1)], [(0, 1)], sample_threshold=0.2499)) == 1
