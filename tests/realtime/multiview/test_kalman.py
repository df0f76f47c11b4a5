"""The filter of moving points, against what is known without it."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.multiview.kalman import (
    INITIAL_SPEED_SIGMA,
    MANOEUVRE_DISTANCE,
    SPEED_DECAY_S,
    compared,
    fresh,
    predicted,
    updated,
    widened,
)


def random_covariance(rng: np.random.Generator) -> np.ndarray:
    root = rng.normal(size=(3, 3))
    return root @ root.T + np.eye(3)


def test_two_measurements_of_a_point_are_their_weighted_mean() -> None:
    """Without time between them it is the estimate of least variance (Gauss and Markov)."""
    rng = np.random.default_rng(0)
    (one, other), (a, b) = rng.normal(size=(2, 3)), (random_covariance(rng), random_covariance(rng))
    state, covariance = updated(*fresh(one, a), other, b)
    best = np.linalg.inv(np.linalg.inv(a) + np.linalg.inv(b))
    np.testing.assert_allclose(covariance[:3, :3], best, atol=1e-9)
    mean = best @ (np.linalg.solve(a, one) + np.linalg.solve(b, other))
    np.testing.assert_allclose(state[:3], mean, atol=1e-9)
    np.testing.assert_allclose(state[3:], 0)  # neither says anything of speed
    np.testing.assert_allclose(covariance[3:, 3:], INITIAL_SPEED_SIGMA**2 * np.eye(3))


def test_many_points_are_filtered_as_each_alone() -> None:
    rng = np.random.default_rng(1)
    xyz, seen = rng.normal(size=(2, 4, 3))
    covariances = np.array([random_covariance(rng) for _ in range(4)])
    together = updated(*predicted(*fresh(xyz, covariances), 0.04), seen, covariances)
    for n in range(4):
        alone = updated(*predicted(*fresh(xyz[n], covariances[n]), 0.04), seen[n], covariances[n])
        for one, many in zip(alone, together, strict=True):
            np.testing.assert_allclose(many[n], one, atol=1e-12)


def test_what_moves_evenly_is_followed_and_its_speed_found() -> None:
    speed, noise = np.array([1.0, -0.5, 0.2]), 1e-6 * np.eye(3)
    state, covariance = fresh(np.zeros(3), noise)
    for n in range(1, 51):
        state, covariance = updated(*predicted(state, covariance, 0.02), speed * 0.02 * n, noise)
    np.testing.assert_allclose(state[:3], speed, atol=1e-3)  # after one second
    np.testing.assert_allclose(state[3:], speed, rtol=0.1)


def test_the_speed_of_what_is_not_seen_fades_and_its_place_becomes_vague() -> None:
    speed = np.array([1.0, 2.0, 3.0])
    state, covariance = np.concatenate([np.zeros(3), speed]), np.eye(6) * 1e-4
    once = predicted(state, covariance, 2 * SPEED_DECAY_S)
    np.testing.assert_allclose(once[0][3:], speed * np.exp(-2), rtol=1e-9)
    twice = predicted(*predicted(state, covariance, SPEED_DECAY_S), SPEED_DECAY_S)
    np.testing.assert_allclose(twice[0], once[0])  # in one step or two
    far = predicted(state, covariance, 1000.0)[0]
    np.testing.assert_allclose(far[:3], SPEED_DECAY_S * speed)  # it comes to rest there
    widths = [np.trace(predicted(state, covariance, t)[1][:3, :3]) for t in (0.02, 0.1, 0.5)]
    assert widths == sorted(widths)


def test_the_distance_counts_deviations() -> None:
    rng = np.random.default_rng(2)
    a, b = random_covariance(rng), random_covariance(rng)
    root = np.linalg.cholesky(a + b)
    state, covariance = fresh(np.ones(3), a)
    off = root @ np.array([2.0, 0, 0])  # two standard deviations along some axis
    squared, gain = compared(state, covariance, 1 + off, b)
    assert squared == pytest.approx(4)
    moved, _ = updated(state, covariance, 1 + np.eye(3), b)
    assert gain == pytest.approx(np.trace(moved[:, :3] - 1) / 3)  # a metre along each axis


def test_only_a_surprise_widens_what_is_possible() -> None:
    covariance = np.tile(np.eye(6), (2, 1, 1))
    wider = widened(
        covariance, np.array([MANOEUVRE_DISTANCE - 0.1, MANOEUVRE_DISTANCE + 0.1]), 0.04
    )
    np.testing.assert_array_equal(wider[0], covariance[0])
    assert np.linalg.eigvalsh(wider[1] - covariance[1]).max() > 1
    assert np.linalg.eigvalsh(wider[1] - covariance[1]).min() > -1e-9
