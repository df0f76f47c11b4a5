"""Triangulation of points that are known, under noise, outliers and missing views."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from calibration.geometry.camera import Rig
from calibration.geometry.linear_triangulation import Expected
from calibration.geometry.triangulation import triangulate
from tests.calibration.cameras import FISHEYE, camera, cloud, ring


def rms(off: np.ndarray) -> float:
    return float(np.sqrt((off**2).sum(-1).mean()))


@pytest.mark.parametrize("views", [2, 4, 16])
def test_exact_sightings_give_exact_points(views: int) -> None:
    rig = ring(views, lens=8)
    points = cloud(200, np.random.default_rng(0))
    found = triangulate(rig, rig.project(points))
    np.testing.assert_allclose(found.xyz, points, atol=1e-6)
    assert (found.views == views).all()
    assert (found.error < 1e-3).all()


@pytest.mark.parametrize("views", [2, 5, 16])
@pytest.mark.parametrize("noise", [0.5, 3.0])
def test_no_estimate_could_be_much_better(views: int, noise: float) -> None:
    """The Cramer-Rao bound of Gaussian noise, from the derivative at the true points."""
    rng = np.random.default_rng(1)
    rig = Rig(ring(max(views, 5)).cameras[:views])
    points = cloud(2000, rng)
    found = triangulate(rig, rig.project(points) + rng.normal(0, noise, (views, 2000, 2)), sigma=3)
    slope = rig.linearise(points)[1]
    bound = np.linalg.inv(np.einsum("vnij,vnik->njk", slope, slope)) * noise**2
    assert np.isfinite(found.xyz).all(1).mean() > 0.99
    good = np.isfinite(found.xyz).all(1)
    limit = np.sqrt(np.trace(bound[good], axis1=1, axis2=2).mean())
    assert rms(found.xyz[good] - points[good]) <= 1.2 * limit
    # The covariance was asked for sightings of sigma 3.
    claimed = np.sqrt(np.trace(found.covariance[good], axis1=1, axis2=2).mean()) * noise / 3
    assert claimed == pytest.approx(limit, rel=0.1)
    assert (found.after[good] <= found.before[good]).all()


@pytest.mark.parametrize("views", [5, 8, 16])
def test_a_third_of_the_views_may_see_something_else(views: int) -> None:
    rng = np.random.default_rng(2)
    rig = ring(views)
    points = cloud(300, rng)
    xy = rig.project(points) + rng.normal(0, 1, (views, 300, 2))
    order = np.argsort(rng.random((views, 300)), axis=0)
    wrong = order < int(0.3 * views)
    xy[wrong] += rng.choice([-1, 1], (wrong.sum(), 2)) * rng.uniform(40, 300, (wrong.sum(), 2))
    found = triangulate(rig, xy, sigma=1.5)
    off = np.linalg.norm(found.xyz - points, axis=-1)
    assert (off < 0.02).mean() > 0.98
    assert (found.used & wrong).sum() <= 0.02 * wrong.sum()
    assert (found.used | wrong).mean() > 0.97


def test_the_order_of_cameras_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    rig = ring(6)
    points = cloud(100, rng)
    xy = rig.project(points) + rng.normal(0, 1, (6, 100, 2))
    xy[2, ::3] += 90
    xy[4, ::5] = np.nan
    weight = rng.uniform(0.3, 1, (6, 100))
    turn = [3, 5, 0, 2, 4, 1]
    one = triangulate(rig, xy, weight, sigma=1.5)
    other = triangulate(Rig(tuple(rig.cameras[n] for n in turn)), xy[turn], weight[turn], sigma=1.5)
    np.testing.assert_allclose(one.xyz, other.xyz, atol=1e-6)
    np.testing.assert_array_equal(one.used[turn], other.used)


@pytest.mark.parametrize("views", [3, 5])
def test_right_views_are_rarely_left_out_and_covariances_are_true(views: int) -> None:
    rng = np.random.default_rng(10)
    rig = ring(views)
    points = cloud(2000, rng)
    found = triangulate(rig, rig.project(points) + rng.normal(0, 3, (views, 2000, 2)), sigma=3)
    assert found.used.mean() > 0.98
    off = (found.xyz - points)[..., None]
    squared = (off * np.linalg.solve(found.covariance, off)).sum((1, 2))
    assert np.mean(squared < chi2.ppf(0.9, 3)) == pytest.approx(0.9, abs=0.03)


def test_what_is_expected_chooses_among_views_that_contradict_each_other() -> None:
    """Two views see a point, two others another one."""
    rig, rng = ring(4), np.random.default_rng(11)
    points = cloud(100, rng)
    others = points + rng.choice([-0.4, 0.4], points.shape)
    xy = rig.project(points)
    xy[2:] = rig.project(others)[2:]
    near = points + rng.normal(0, 0.02, points.shape)
    expected = Expected.of(near, np.broadcast_to(0.05**2 * np.eye(3), (100, 3, 3)))
    found = triangulate(rig, xy, sigma=3, expected=expected)
    # The points rest on views alone, to a thousandth of what they may be off by.
    np.testing.assert_allclose(found.xyz, points, atol=2e-5)
    assert found.used.tolist() == [[True] * 100] * 2 + [[False] * 100] * 2
    nothing = Expected.of(near * np.nan, np.full((100, 3, 3), np.nan))
    blind, plain = triangulate(rig, xy, sigma=3, expected=nothing), triangulate(rig, xy, sigma=3)
    np.testing.assert_array_equal(blind.used, plain.used)


def test_a_doubtful_view_counts_less() -> None:
    rig = ring(3)
    points = cloud(50, np.random.default_rng(4))
    xy = rig.project(points)
    xy[0] += 2
    trusted = triangulate(rig, xy, np.ones((3, 50)), sigma=2)
    doubted = triangulate(rig, xy, np.array([[0.05], [1], [1]]) + np.zeros((3, 50)), sigma=2)
    assert rms(doubted.xyz - points) < 0.3 * rms(trusted.xyz - points)


def test_what_cannot_be_known_is_not_told() -> None:
    rig = ring(4)
    points = cloud(6, np.random.default_rng(5))
    xy = rig.project(points)
    xy[1:, 0] = np.nan  # one view
    xy[:, 1] = np.nan  # none
    xy[2:, 2] = np.nan
    xy[1, 2] += (300, -200)  # two that contradict each other
    weight = np.ones((4, 6))
    weight[1:, 3] = 0
    found = triangulate(rig, xy, weight)
    assert np.isnan(found.xyz[:4]).all()
    assert np.isnan(found.error[:4]).all()
    assert found.views.tolist() == [0, 0, 0, 0, 4, 4]
    np.testing.assert_allclose(found.xyz[4:], points[4:], atol=1e-6)
    assert triangulate(rig, np.empty((4, 0, 2))).xyz.shape == (0, 3)


def test_two_cameras_in_one_place_know_no_distance() -> None:
    one = ring(1).cameras[0]
    twins = Rig(
        (
            one,
            camera("twin").__class__(
                "twin", one.size, one.matrix, one.distortion, one.rotation, one.translation
            ),
        )
    )
    found = triangulate(twins, twins.project(cloud(20, np.random.default_rng(6))))
    assert np.isnan(found.xyz).all()
    assert (found.views == 0).all()


def test_fisheyes_and_lenses_work_together() -> None:
    wide = camera("wide", FISHEYE, fisheye=True, rotation=(1.2, 0.4, 0.2))
    rig = Rig((*ring(3).cameras, wide))
    points = cloud(50, np.random.default_rng(7))
    found = triangulate(rig, rig.project(points))
    np.testing.assert_allclose(found.xyz, points, atol=1e-6)


def test_without_time_there_is_still_a_point() -> None:
    rig = ring(4)
    points = cloud(30, np.random.default_rng(8))
    xy = rig.project(points) + np.random.default_rng(9).normal(0, 1, (4, 30, 2))
    late = triangulate(rig, xy, deadline=0, clock=lambda: 1)
    assert not late.refined
    assert np.linalg.norm(late.xyz - points, axis=-1).max() < 0.05
    assert triangulate(rig, xy).refined


def test_errors_of_wide_lenses_are_pixels() -> None:
    """Lenses are taken as straight over the few pixels of an error."""
    rng = np.random.default_rng(12)
    wide = camera("wide", FISHEYE, fisheye=True, rotation=(1.2, 0.4, 0.2))
    rig = Rig((*ring(3).cameras, wide))
    points = cloud(300, rng)
    xy = rig.project(points) + rng.normal(0, 3, (4, 300, 2))
    found = triangulate(rig, xy, sigma=3)
    off = np.linalg.norm(rig.project(found.xyz) - xy, axis=-1)
    squared = np.where(found.used, off**2, 0).sum(0) / found.views
    good = np.isfinite(found.error)
    assert good.mean() > 0.98
    np.testing.assert_allclose(found.error[good], np.sqrt(squared[good]), rtol=0.02)
