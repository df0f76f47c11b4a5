"""Whole people: bones that keep their length, against the same problem by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from engines.types.arrays import Doubles
from realtime.multiview.bone_lengths import BoneLengths
from realtime.multiview.bone_refinement import BoneRefinement
from realtime.multiview.reconstructor import MultiViewReconstructor
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring

BONES = BoneLengths(BODY25)
REFINEMENT = BoneRefinement(BONES)
PARENT, CHILD = BONES.limbs.T


def problem(seed: int) -> tuple[Doubles, Doubles, Doubles, Doubles, Doubles]:
    """The truth, keypoints that miss it, their covariances, the bones' lengths and tolerances."""
    rng = np.random.default_rng(seed)
    truth = np.array([body((0, 0)), body((1, 0.5), heading=1, phase=2)])
    root = rng.normal(0, 0.03, (*truth.shape, 3))
    covariance = root @ root.swapaxes(-1, -2) + 1e-4 * np.eye(3)
    xyz = truth + np.array(
        [[rng.multivariate_normal(np.zeros(3), one) for one in person] for person in covariance]
    )
    lengths = np.where(BONES.rigid, BONES.measured(truth), np.nan)
    return truth, xyz, covariance, lengths, 0.03 * lengths


@pytest.mark.parametrize("seed", range(3))
def test_the_most_likely_body_is_that_of_scipy(seed: int) -> None:
    _, xyz, covariance, lengths, sigma = problem(seed)
    found, done = REFINEMENT.refined(xyz, covariance, lengths, sigma)
    assert done
    for person in range(2):
        whitening = np.linalg.inv(np.linalg.cholesky(covariance[person]))

        def residuals(x: Doubles, person: int = person, white: Doubles = whitening) -> Doubles:
            one = x.reshape(-1, 3)
            off = (white @ (one - xyz[person])[..., None]).ravel()
            length = np.linalg.norm(one[PARENT] - one[CHILD], axis=-1)
            stretch = (length - lengths[person]) / sigma[person]
            return np.concatenate([off, stretch[np.isfinite(stretch)]])

        best = least_squares(residuals, xyz[person].ravel())
        cost = 0.5 * (residuals(found[person].ravel()) ** 2).sum()
        assert cost <= 1.01 * best.cost
        assert cost < 0.5 * (residuals(xyz[person].ravel()) ** 2).sum()


def test_bodies_come_nearer_to_the_truth() -> None:
    before, after = [], []
    for seed in range(20):
        truth, xyz, covariance, lengths, sigma = problem(seed)
        found, _ = REFINEMENT.refined(xyz, covariance, lengths, sigma)
        limbs = np.unique(BONES.limbs[BONES.rigid])
        before.append(np.linalg.norm(xyz - truth, axis=-1)[:, limbs].mean())
        after.append(np.linalg.norm(found - truth, axis=-1)[:, limbs].mean())
    assert np.mean(after) < 0.95 * np.mean(before)


def test_what_is_not_known_stays_so_and_bones_that_are_not_do_nothing() -> None:
    _, xyz, covariance, lengths, sigma = problem(0)
    xyz[0, 4], covariance[1, 7] = np.nan, np.nan
    xyz[1, 7] = np.nan
    found, _ = REFINEMENT.refined(xyz, covariance, lengths, sigma)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(xyz))
    unknown = np.full_like(lengths, np.nan)
    found, _ = REFINEMENT.refined(xyz, covariance, unknown, unknown)
    np.testing.assert_array_equal(found, xyz)


def test_when_time_is_up_the_body_is_no_worse_and_it_is_said() -> None:
    _, xyz, covariance, lengths, sigma = problem(1)
    times = iter([0.0, 2.0])
    found, done = REFINEMENT.refined(
        xyz, covariance, lengths, sigma, deadline=1.0, clock=lambda: next(times)
    )
    assert not done
    stretch = np.nansum(((BONES.measured(found) - lengths) / sigma) ** 2)
    assert stretch < np.nansum(((BONES.measured(xyz) - lengths) / sigma) ** 2)
    rig = ring(4, radius=5)
    reconstructor = MultiViewReconstructor(rig, BODY25)
    people = [body((-0.5, 0)), body((0.8, 0.4))]
    rng = np.random.default_rng(0)
    for n in range(8):
        poses = reconstructor.update(n / 25, sightings(rig, people, rng=rng, noise=3), deadline=0)
    assert not poses.refined
    assert len(poses) == 2
    poses = reconstructor.update(8 / 25, sightings(rig, people, rng=rng, noise=3))
    assert poses.refined


def test_bones_of_noisy_sightings_hold_their_length() -> None:
    rig, rng = ring(4, radius=5), np.random.default_rng(0)
    reconstructor = MultiViewReconstructor(rig, BODY25)
    lengths = []
    for n in range(60):
        person = body((np.sin(n / 25), 0.2), phase=n / 4)
        poses = reconstructor.update(n / 25, sightings(rig, [person], rng=rng, noise=8))
        lengths.append(BONES.measured(poses.xyz.astype(float))[0, BONES.rigid])
    usual = np.median(lengths[10:], axis=0)
    truth = BONES.measured(body((0, 0))[None])[0, BONES.rigid]
    assert (np.median(np.abs(lengths[10:] - usual), axis=0) / usual).max() < 0.03
    np.testing.assert_allclose(usual, truth, rtol=0.05)
