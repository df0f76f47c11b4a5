"""Thin-plate splines, by which pictures are warped and known points are followed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SIDE = 4  # control points along a side
TINY = 1e-9


class ThinPlate:
    """N smooth maps of the plane, (..., 2) -> (..., 2), that take SIDE x SIDE control points on
    [-1, 1]^2 to given places and bend least on the way (Bookstein, PAMI'89).

    places: (N, SIDE^2, 2).
    """

    def __init__(self, places: Tensor) -> None:
        control = control_points().to(places)
        count = len(control)
        system = torch.zeros(count + 3, count + 3, dtype=torch.float64, device=places.device)
        system[:count, :count] = _bends(control.double(), control.double())
        system[:count, count:] = _affine(control.double())
        system[count:, :count] = system[:count, count:].T
        wanted = functional.pad(places.double(), (0, 0, 0, 3))
        self.control = control
        self.weights = torch.linalg.solve(system, wanted).to(places.dtype)

    def __call__(self, points: Tensor) -> Tensor:
        """(N, ..., 2) places -> where they go; with 1 in place of N, all maps of the same."""
        shape = points.shape
        flat = points.reshape(shape[0], -1, 2)
        terms = torch.cat([_bends(flat, self.control), _affine(flat)], -1)
        out = terms @ self.weights
        return out.reshape(len(out), *shape[1:])


def control_points() -> Tensor:
    """(SIDE^2, 2) on a grid from edge to edge."""
    along = torch.linspace(-1, 1, SIDE)
    return torch.cartesian_prod(along, along).flip(1)


def random_warps(
    count: int,
    aspect: tuple[float, float],
    chance: torch.Generator,
    device: str = "cpu",
    *,
    turn: float = 0.35,
    zoom: float = 0.2,
    shift: float = 0.12,
    bend: float = 0.08,
) -> ThinPlate:
    """Turned by up to `turn` radians, zoomed by up to a share, shifted and bent (standard deviation
    of the control points) by shares of half the longer side.

    aspect: width and height of pictures as shares of the longer side. chance: on the CPU, so that
    all devices get the same warps.
    """

    def some(*shape: int) -> Tensor:
        return torch.rand(shape, generator=chance) * 2 - 1

    angle, size = some(count) * turn, torch.exp(some(count) * zoom)
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    matrix = torch.stack([cos, -sin, sin, cos], 1).reshape(count, 2, 2)
    ratio = torch.tensor(aspect)
    control = control_points() * ratio
    bent = torch.randn(count, len(control), 2, generator=chance) * bend
    places = (control @ matrix.mT + some(count, 1, 2) * shift + bent) / ratio
    return ThinPlate(places.to(device))


def grid(high: int, wide: int) -> Tensor:
    """(1, high, wide, 2) centres of cells on [-1, 1]^2."""
    x, y = ((torch.arange(side) * 2 + 1) / side - 1 for side in (wide, high))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]


def warped(pictures: Tensor, warp: ThinPlate, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) -> (N, C, *size): what the warp takes the new picture's places to."""
    places = warp(grid(*size).to(pictures))
    return functional.grid_sample(
        pictures, places, mode="bilinear", padding_mode="border", align_corners=False
    )


def _bends(points: Tensor, control: Tensor) -> Tensor:
    """(..., C) r^2 log r^2 from each control point."""
    square = ((points[..., None, :] - control) ** 2).sum(-1)
    return square * torch.log(square + TINY)


def _affine(points: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(points[..., :1]), points], -1)
