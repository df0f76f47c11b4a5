"""How long a rig takes: the reduced camera system beside scipy's least_squares with a sparse
Jacobian, on the same boards from the same start.

Usage: python -m tests.bench.bundle
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import csr_array

from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import Scene, Sights, free_poses, linearise, moved
from engines.types.arrays import Doubles
from tests.calibration.geometry.test_bundle_adjustment import disturbed, scene_of


def by_scipy(start: Scene, sights: Sights) -> float:
    """The cost that scipy ends with."""
    free = free_poses(start.cameras)
    cameras, boards = int(free.sum()), len(start.translations)
    places = np.full(free.shape, -1)
    places[free] = np.arange(cameras)
    rows = np.repeat(np.arange(2 * len(sights)), 6)
    target = cameras + 6 * sights.target[:, None] + np.arange(6)
    columns = np.repeat(target[:, None], 2, axis=1).ravel()
    own = np.repeat(places[sights.camera, :6][:, None], 2, axis=1).ravel()

    def after(x: Doubles) -> Scene:
        return moved(start, free, x[:cameras], x[cameras:].reshape(-1, 6))[0]

    def jacobian(x: Doubles) -> csr_array:
        # Steps of turns add up only where they are small, which is why scipy gets a near start.
        _, by_camera, by_target = linearise(after(x), sights)
        known = own >= 0
        values = np.concatenate([by_camera[:, :, :6].ravel()[known], by_target.ravel()])
        at = np.concatenate([rows[known], rows]), np.concatenate([own[known], columns])
        return csr_array((values, at), shape=(2 * len(sights), cameras + 6 * boards))

    found = least_squares(
        lambda x: after(x).residuals(sights).ravel(),
        np.zeros(cameras + 6 * boards),
        jac=jacobian,
        x_scale="jac",
        tr_solver="lsmr",
        tr_options={"maxiter": 500, "atol": 1e-10, "btol": 1e-10},
        xtol=1e-12,
        ftol=1e-10,
        gtol=1e-12,
        max_nfev=60,
    )
    return float(found.cost)


def main() -> None:
    rng = np.random.default_rng(5)
    for views, boards in ((4, 45), (8, 100)):
        truth, sights = scene_of(views, boards, rng)
        sights = replace(sights, xy=sights.xy + rng.normal(0, 0.3, sights.xy.shape))
        start = disturbed(truth, rng, 0.003)
        began = time.perf_counter()
        ours = adjust(start, sights, free_poses(start.cameras), huber=None).cost
        middle = time.perf_counter()
        theirs = by_scipy(start, sights)
        end = time.perf_counter()
        print(
            f"{views} cameras, {boards} boards, {len(sights)} corners: {middle - began:.2f} s, "
            f"scipy {end - middle:.2f} s ({(end - middle) / (middle - began):.0f} times as long); "
            f"cost {ours:.6f}, scipy {theirs:.6f} ({ours / theirs - 1:+.0e})"
        )


if __name__ == "__main__":
    main()
