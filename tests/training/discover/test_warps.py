"""Thin-plate splines against their definition and against scipy's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="for training: pip install -r requirements-train.txt")

from training.discover.warps import (  # noqa: E402
    ThinPlate,
    control_points,
    grid,
    random_warps,
    warped,
)


def test_control_points_go_where_they_were_told() -> None:
    places = (
        control_points() + torch.randn(3, 16, 2, generator=torch.Generator().manual_seed(0)) / 5
    )
    torch.testing.assert_close(ThinPlate(places)(control_points()[None]), places, atol=1e-4, rtol=0)


def test_a_plane_stays_a_plane() -> None:
    """What is affine does not bend: between the control points and far outside."""
    matrix, shift = torch.tensor([[1.2, -0.3], [0.4, 0.8]]), torch.tensor([0.1, -0.2])
    warp = ThinPlate((control_points() @ matrix.mT + shift)[None])
    points = torch.tensor([[[0.21, -0.57], [3.0, 2.0], [0.0, 0.0]]])
    torch.testing.assert_close(warp(points), points @ matrix.mT + shift, atol=1e-3, rtol=0)


def test_it_bends_as_scipys_spline_does() -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(1)
    places = control_points().numpy() + rng.normal(0, 0.2, (16, 2))
    spline = interpolate.RBFInterpolator(
        control_points().numpy(), places, kernel="thin_plate_spline", degree=1
    )
    points = rng.uniform(-1.2, 1.2, (50, 2))
    found = ThinPlate(torch.tensor(places, dtype=torch.float32)[None])(
        torch.tensor(points, dtype=torch.float32)[None]
    )
    np.testing.assert_allclose(found[0].numpy(), spline(points), atol=1e-4)


def test_a_warped_picture_shows_what_the_warp_takes_its_places_to() -> None:
    """A smooth picture whose colours say x and y: in the warped one they say where they were."""
    flat = grid(48, 64)[0].permute(2, 0, 1)[None].contiguous()
    warp = random_warps(1, (1.0, 0.75), torch.Generator().manual_seed(3), zoom=0.0, shift=0.02)
    seen = warped(flat, warp, (48, 64))[0].permute(1, 2, 0)
    wanted = warp(grid(48, 64))[0]
    inside = (wanted.abs() < 0.95).all(-1)
    assert inside.float().mean() > 0.5
    torch.testing.assert_close(seen[inside], wanted[inside], atol=1e-3, rtol=0)


def test_turns_are_turns_of_wide_pictures_too() -> None:
    """Lengths in pixels are kept, though the sides of -1..1 are not as long as each other."""
    ratio = torch.tensor([1.0, 0.5])
    warp = random_warps(
        4, (1.0, 0.5), torch.Generator().manual_seed(0), turn=1.0, zoom=0.0, bend=0.0
    )
    ends = torch.tensor([[[0.0, 0.0], [0.5, 0.0], [0.0, 1.0]]])
    out = warp(ends) * ratio
    lengths = (out[:, 1:] - out[:, :1]).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.full((4, 2), 0.5), atol=1e-3, rtol=0)
