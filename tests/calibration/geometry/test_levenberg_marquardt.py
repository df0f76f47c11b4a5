"""Levenberg-Marquardt against scipy, and what it says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.geometry.arrays import Doubles, Indices
from calibration.geometry.dense_least_squares import minimise
from calibration.geometry.levenberg_marquardt import Stop
from tests.calibration.cameras import cloud, ring

optimize = pytest.importorskip("scipy.optimize")

RNG = np.random.default_rng(11)
RIG = ring(4)
POINTS = cloud(100, RNG)
SEEN = RIG.project(POINTS) + RNG.normal(0, 1, (4, 100, 2))
SEEN[1, ::7] += 60  # some sightings are of something else


def residuals(x: Doubles, which: Indices) -> tuple[Doubles, Doubles]:
    pixels, slope = RIG.linearise(x)
    return (pixels - SEEN[:, which]).swapaxes(0, 1), slope.swapaxes(0, 1)


@pytest.mark.parametrize("huber", [np.inf, 3.0])
def test_it_ends_where_scipy_ends(huber: float) -> None:
    start = POINTS + RNG.normal(0, 0.1, POINTS.shape)
    ours = minimise(residuals, start, huber=huber)
    assert (ours.stop == Stop.CONVERGED).all()
    assert (ours.cost <= ours.start).all()
    assert (ours.steps > 0).all()
    for n in range(0, 100, 4):

        def lengths(x: Doubles, n: int = n) -> Doubles:
            r, _ = residuals(x[None], np.array([n]))
            return np.asarray(r[0].ravel() if huber == np.inf else np.linalg.norm(r[0], axis=-1))

        theirs = optimize.least_squares(
            lengths,
            start[n],
            loss="linear" if huber == np.inf else "huber",
            f_scale=1.0 if huber == np.inf else huber,
            x_scale="jac",
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
        )
        assert ours.cost[n] <= theirs.cost * (1 + 1e-6)
        assert ours.cost[n] >= theirs.cost * (1 - 1e-3)  # theirs may stop short, ours may not


def rosenbrock(x: Doubles, _: Indices) -> tuple[Doubles, Doubles]:
    a, b = x.T
    r = np.stack([10 * (b - a * a), 1 - a], -1)
    zero = np.zeros_like(a)
    slope = np.stack([np.stack([-20 * a, zero + 10], -1), np.stack([zero - 1, zero], -1)], 1)
    return r[..., None], slope[:, :, None]


def test_a_bent_valley_is_followed_to_its_end() -> None:
    done = minimise(rosenbrock, np.array([[-1.2, 1.0], [3.0, -2.0], [1.0, 1.0]]))
    np.testing.assert_allclose(done.x, 1, atol=1e-6)
    assert done.stop.tolist() == [Stop.CONVERGED] * 3


def test_it_stops_in_time_and_says_so() -> None:
    ticks = iter(range(100))
    start = np.array([[-1.2, 1.0]])
    done = minimise(rosenbrock, start, deadline=6, clock=lambda: next(ticks))
    assert done.stop.tolist() == [Stop.TIME]
    assert 0 < done.cost[0] < done.start[0]
    assert minimise(rosenbrock, start, max_evaluations=3).stop.tolist() == [Stop.STEPS]


def test_what_is_not_finite_is_left_as_it_is() -> None:
    behind = RIG.cameras[0].centre - 5 * RIG.cameras[0].rotation[2]
    start = np.stack([behind, POINTS[1]])
    done = minimise(lambda x, which: residuals(x, which), start)
    assert done.stop.tolist() == [Stop.INVALID, Stop.CONVERGED]
    np.testing.assert_array_equal(done.x[0], behind)
    assert len(minimise(residuals, np.empty((0, 3))).x) == 0
