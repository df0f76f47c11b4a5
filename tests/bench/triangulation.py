"""How long points take: the LM beside scipy's, a frame of a few people, a frame of a crowd.

Usage: python -m tests.bench.triangulation
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.optimize import least_squares

from calibration.geometry.dense_least_squares import minimise
from calibration.geometry.triangulation import triangulate
from engines.types.arrays import Doubles, Indices
from tests.calibration.cameras import cloud, ring


def best(work: Callable[[], object], rounds: int = 7) -> float:
    """Seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    rng = np.random.default_rng(0)
    rig = ring(4)
    points = cloud(100, rng)
    seen = rig.project(points) + rng.normal(0, 1, (4, 100, 2))
    start = points + rng.normal(0, 0.05, points.shape)

    def residuals(x: Doubles, which: Indices) -> tuple[Doubles, Doubles]:
        pixels, slope = rig.linearise(x)
        return (pixels - seen[:, which]).swapaxes(0, 1), slope.swapaxes(0, 1)

    def by_scipy() -> Doubles:
        costs = []
        for n in range(100):
            one = np.array([n])
            found = least_squares(
                lambda x, one=one: residuals(x[None], one)[0].ravel(),
                start[n],
                jac=lambda x, one=one: residuals(x[None], one)[1].reshape(-1, 3),
                method="lm",
            )
            costs.append(found.cost)
        return np.array(costs)

    ours, theirs = best(lambda: minimise(residuals, start)), best(by_scipy, 2)
    print(
        f"LM, 100 points x 4 views: {ours * 1e3:.1f} ms, scipy {theirs * 1e3:.0f} ms, "
        f"{theirs / ours:.0f} times as fast, costs equal to "
        f"{np.abs(minimise(residuals, start).cost / by_scipy() - 1).max():.0e}"
    )
    for views, people in ((5, 4), (16, 10)):
        rig = ring(views)
        points = cloud(25 * people, rng)
        seen = rig.project(points) + rng.normal(0, 1, (views, len(points), 2))
        wrong = rng.random(seen.shape[:2]) < 0.05
        seen[wrong] += 50
        print(
            f"{people} people x {views} views, 5 % outliers: "
            f"{best(partial(triangulate, rig, seen, sigma=2)) * 1e3:.1f} ms"
        )


if __name__ == "__main__":
    main()
