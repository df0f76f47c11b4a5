"""Bundle adjustment against finite differences, scipy, and the Cramer-Rao bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import (
    FOCAL,
    LENS,
    Scene,
    Sights,
    free_poses,
    linearise,
    moved,
)
from calibration.geometry.camera import rotation_matrix
from calibration.geometry.levenberg_marquardt import Stop
from tests.calibration.boards import CHARUCO
from tests.calibration.cameras import FISHEYE, LENSES, camera, cloud, ring

BOARD = CHARUCO.points - CHARUCO.points.mean(0)


def scene_of(
    views: int, targets: int, rng: np.random.Generator, *, points: bool = False, lens: int = 5
) -> tuple[Scene, Sights]:
    """A ring of cameras, boards (or points) waved about in its middle, and what they see."""
    cameras = ring(views, lens=lens).cameras
    if points:
        scene = Scene(cameras, cloud(targets, rng))
        camera_of, target = np.indices((views, targets)).reshape(2, -1)
        local = np.zeros((len(target), 3))
    else:
        turns = np.stack([rotation_matrix(v) for v in rng.uniform(-0.5, 0.5, (targets, 3))])
        scene = Scene(cameras, cloud(targets, rng) * 0.6 + [0, 0, 0.4], turns)
        camera_of, target, corner = np.indices((views, targets, len(BOARD))).reshape(3, -1)
        local = BOARD[corner]
    blank = Sights(camera_of, target, local, np.zeros((len(target), 2)), np.ones(len(target)))
    sights = replace(blank, xy=scene.residuals(blank))
    size = np.array(cameras[0].size)
    return scene, sights[((sights.xy > 0) & (sights.xy < size)).all(1)]


def disturbed(scene: Scene, rng: np.random.Generator, by: float = 0.01) -> Scene:
    free = free_poses(scene.cameras)
    size = 3 if scene.rotations is None else 6
    step = rng.normal(0, by, (len(scene.translations), size))
    return moved(scene, free, rng.normal(0, by, free.sum()), step)[0]


@pytest.mark.parametrize("lens", [4, 5, 8, "fisheye"])
@pytest.mark.parametrize("points", [True, False])
def test_jacobian_equals_finite_differences(lens: int | str, points: bool) -> None:
    rng = np.random.default_rng(3)
    scene, sights = scene_of(3, 4, rng, points=points)
    bent = (
        camera(distortion=FISHEYE, fisheye=True)
        if lens == "fisheye"
        else camera(distortion=LENSES[lens])  # type: ignore[index]
    )
    cameras = tuple(
        replace(one, distortion=bent.distortion, fisheye=bent.fisheye) for one in scene.cameras
    )
    scene = replace(scene, cameras=cameras)
    _, by_camera, by_target = linearise(scene, sights)
    views, params = len(cameras), by_camera.shape[-1]
    free = np.ones((views, params), bool)
    nothing = np.zeros_like(scene.translations if points else np.zeros((4, 6)))
    for place in range(params):
        step = np.zeros(free.shape)
        step[:, place] = 1e-6
        ends = [
            moved(scene, free, sign * step.ravel(), nothing)[0].residuals(sights)
            for sign in (1, -1)
        ]
        numeric = (ends[0] - ends[1]) / 2e-6
        assert np.allclose(numeric, by_camera[..., place], rtol=1e-5, atol=2e-3), place
    for place in range(by_target.shape[-1]):
        step = nothing.copy()
        step[:, place] = 1e-6
        ends = [
            moved(scene, free, np.zeros(free.size), sign * step)[0].residuals(sights)
            for sign in (1, -1)
        ]
        numeric = (ends[0] - ends[1]) / 2e-6
        assert np.allclose(numeric, by_target[..., place], rtol=1e-5, atol=2e-3), place


@pytest.mark.parametrize(("points", "huber"), [(True, None), (False, None), (False, 1.0)])
def test_scipy_finds_nothing_better(points: bool, huber: float | None) -> None:
    """On noisy sights; scipy differentiates by itself, and starts elsewhere or (as its way is long
    with a robust loss) at the end.
    """
    rng = np.random.default_rng(5)
    truth, sights = scene_of(2, 4, rng, points=points)
    noise = rng.normal(0, 0.5, sights.xy.shape)
    noise[rng.random(len(noise)) < 0.1] *= 10
    sights = replace(sights, xy=sights.xy + noise)
    start = disturbed(truth, rng, 0.003)
    free = free_poses(start.cameras)
    done = adjust(start, sights, free, huber=huber)
    base = start if huber is None else done.scene
    size = 3 if points else 6

    def residuals(x: Doubles) -> Doubles:
        step = x[free.sum() :].reshape(-1, size)
        out = moved(base, free, x[: free.sum()], step)[0].residuals(sights)
        length = np.linalg.norm(out, axis=1)
        if huber is None:
            return out.ravel()
        # Huber's loss of the length of a residual as a square: sqrt(rho).
        far = length > huber
        return np.where(far, np.sqrt(huber * np.abs(2 * length - huber)), length)

    x0 = np.zeros(free.sum() + size * len(start.translations))
    known = least_squares(residuals, x0, xtol=1e-12, ftol=1e-12, gtol=1e-12, max_nfev=30)
    assert done.stop in (Stop.CONVERGED, Stop.STALLED)
    # With points and without a known length the scale is free: only the cost can be compared.
    assert done.cost == pytest.approx(known.cost, rel=1e-6)


@pytest.mark.parametrize("views", [2, 4, 16])
def test_rigs_are_recovered_within_the_bound(views: int) -> None:
    """Noise of 0.3 px, views that are missing, 10 % outliers."""
    errors, bounds = [], []
    for seed in range(4 if views < 16 else 1):
        rng = np.random.default_rng(seed)
        truth, sights = scene_of(views, 30, rng)
        kept = rng.random((views, 30)) < 0.7
        sights = sights[kept[sights.camera, sights.target]]
        free = free_poses(truth.cameras)
        exact = replace(sights, weight=np.full(len(sights), 1 / 0.3))
        bound = adjust(truth, exact, free, huber=None, steps=1).deviations()[:, :FOCAL]
        noise = rng.normal(0, 0.3, sights.xy.shape)
        wild = rng.random(len(noise)) < 0.1
        noise[wild] += rng.uniform(-30, 30, (wild.sum(), 2))
        seen = replace(exact, xy=exact.xy + noise)
        start = disturbed(truth, rng)
        done = adjust(start, seen, free)
        good = (done.scene.residuals(seen) ** 2).sum(1) < (4 * 0.3) ** 2
        done = adjust(done.scene, seen[good], free)
        for one, true, own in zip(done.scene.cameras, truth.cameras, bound, strict=True):
            turn = one.rotation @ true.rotation.T
            off = [turn[2, 1], turn[0, 2], turn[1, 0], *(one.translation - true.translation)]
            errors.append(off)
            bounds.append(own)
    ratio = (np.array(errors) / np.array(bounds))[~np.isnan(bounds).any(1)]
    assert 0.5 < np.sqrt((ratio**2).mean()) < 1.5


def test_intrinsics_are_refined_too() -> None:
    rng = np.random.default_rng(2)
    truth, sights = scene_of(4, 40, rng)
    wrong = tuple(
        replace(one, matrix=one.matrix * np.array([[1.02, 1, 1], [1, 1.02, 1], [1, 1, 1]]))
        for one in truth.cameras
    )
    free = free_poses(wrong)
    free[:, FOCAL:LENS] = True
    done = adjust(replace(truth, cameras=wrong), sights, free)
    for one, true in zip(done.scene.cameras, truth.cameras, strict=True):
        assert np.allclose(one.matrix, true.matrix, atol=1e-3)


def test_a_prior_holds_what_the_sights_do_not_tell() -> None:
    """A single board does not tell the focal length well."""
    rng = np.random.default_rng(2)
    truth, sights = scene_of(2, 1, rng)
    noisy = replace(sights, xy=sights.xy + rng.normal(0, 0.3, sights.xy.shape))
    free = free_poses(truth.cameras)
    free[:, FOCAL:LENS] = True
    prior = np.full(free.shape, np.inf)
    prior[:, FOCAL:LENS] = 1e-3
    done = adjust(truth, noisy, free, prior=prior)
    for one, true in zip(done.scene.cameras, truth.cameras, strict=True):
        assert np.allclose(one.matrix, true.matrix, atol=0.01)


def test_it_says_why_it_stopped() -> None:
    rng = np.random.default_rng(2)
    truth, sights = scene_of(2, 4, rng)
    sights = replace(sights, xy=sights.xy + rng.normal(0, 0.3, sights.xy.shape))
    start, free = disturbed(truth, rng), free_poses(truth.cameras)
    assert adjust(start, sights, free).stop is Stop.CONVERGED
    assert adjust(start, sights, free, steps=1).stop is Stop.STEPS
    behind = replace(start, translations=start.translations + np.array([0, 0, 1e4]))
    lost = adjust(behind, sights, free)
    assert lost.stop is Stop.INVALID
    assert np.array_equal(lost.scene.translations, behind.translations)
