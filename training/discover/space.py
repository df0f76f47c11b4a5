"""Landmarks in 3D from several calibrated views (Keypoint3D, Chen et al., ICML'21), in torch, and
the relative pose of two views (KeypointNet, Suwajanakorn et al., NeurIPS'18) in numpy.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engines.types.arrays import Doubles
from training.discover.clip import Pinholes

REACH = 0.6  # of the distance to the scene's middle, by which a depth may differ from it
NEAR = 0.02  # depths, as shares of the distance: nearer than this nothing is projected
AWAY = 0.01  # of the distance, off the ray of a view, that halves the view's weight
REWEIGHTED = 5  # times
TOWARDS = 1e-3  # weight of the scene's middle, which parallel rays have for want of a place


class Stage:
    """Cameras as tensors; places are those of the network's pictures, -1..1 from edge to edge.

    size: (width, height) of the pictures in pixels.
    """

    def __init__(self, pinholes: Pinholes, size: tuple[int, int], device: str = "cpu") -> None:
        self.half = torch.tensor(size, dtype=torch.float32, device=device) / 2
        self.matrix, self.rotation, self.translation = (
            torch.tensor(one, dtype=torch.float32, device=device)
            for one in (pinholes.matrix, pinholes.rotation, pinholes.translation)
        )
        self.centres, self.focus = (
            torch.tensor(one, dtype=torch.float32, device=device)
            for one in (pinholes.centres, pinholes.focus)
        )
        focus = pinholes.rotation @ pinholes.focus + pinholes.translation
        self.distance = torch.tensor(focus[:, 2], dtype=torch.float32, device=device).abs()

    @property
    def scale(self) -> float:
        """Metres of a unit: the mean distance of the cameras from what all look at."""
        return float(self.distance.mean())

    @property
    def side(self) -> float:
        """Metres that the longer side of a picture shows in the scene's middle."""
        focal = self.matrix.diagonal(dim1=1, dim2=2)[:, :2].mean(1)
        return float((2 * self.half.max() * self.distance / focal).mean())

    def local(self, xy: Tensor, depth: Tensor) -> Tensor:
        """(F, V, K, 2) places and (F, V, K) depths of the network -> (F, V, K, 3) metres in the
        axes of each camera.
        """
        metres = self.distance[:, None] * (1 + REACH * torch.tanh(depth))
        return self._ahead(xy) * metres[..., None]

    def _ahead(self, xy: Tensor) -> Tensor:
        """(F, V, K, 3) ways of depth 1 in the axes of each camera."""
        pixels = (xy + 1) * self.half - 0.5
        focal = self.matrix.diagonal(dim1=1, dim2=2)[:, None, :2]
        flat = (pixels - self.matrix[:, None, :2, 2]) / focal
        return torch.cat([flat, torch.ones_like(flat[..., :1])], -1)

    def triangulate(self, xy: Tensor, sure: Tensor) -> Tensor:
        """(F, V, K, 2) places, (F, V, K) how sure they are -> (F, K, 3) world: nearest to the rays
        of all views by weighted squares, then again without those that are far from it (Cauchy's
        weights). Differentiable, but for the weights.
        """
        way = torch.nn.functional.normalize(self._ahead(xy) @ self.rotation, dim=-1)
        across = torch.eye(3).to(xy) - way[..., None] * way[..., None, :]
        centres = self.centres[:, None, :, None]

        def nearest(weight: Tensor) -> Tensor:
            weight = (weight / weight.sum(1, keepdim=True).clamp(min=1e-6))[..., None, None]
            system = (weight * across).sum(1) + TOWARDS * torch.eye(3).to(xy)
            wanted = (weight * (across @ centres)).sum(1) + TOWARDS * self.focus[:, None]
            return torch.linalg.solve(system, wanted)

        weight = given = sure.detach() + 1e-3
        with torch.no_grad():
            for _ in range(REWEIGHTED):
                off = (across @ (nearest(weight)[:, None] - centres)).norm(dim=(-2, -1))
                weight = given / (1 + (off / (AWAY * self.scale)) ** 2)
        return nearest(weight)[..., 0]

    def to_world(self, local: Tensor) -> Tensor:
        """(F, V, K, 3) of the cameras' axes to those of the world."""
        return (local - self.translation[:, None]) @ self.rotation

    def project(self, world: Tensor) -> Tensor:
        """(F, K, 3) world -> (F, V, K, 2) places in each view."""
        local = world[:, None] @ self.rotation.mT + self.translation[:, None]
        ahead = torch.maximum(local[..., 2:], NEAR * self.distance[:, None, None])
        focal = self.matrix.diagonal(dim1=1, dim2=2)[:, None, :2]
        pixels = local[..., :2] / ahead * focal + self.matrix[:, None, :2, 2]
        return (pixels + 0.5) / self.half - 1


def together(world: Tensor, confidence: Tensor) -> Tensor:
    """(F, V, K, 3) what each view says -> (F, K, 3) their mean, weighted by the softmax over the
    views of (F, V, K) confidences (Keypoint3D, equation 4).
    """
    return (world * confidence.softmax(1)[..., None]).sum(1)


def consistency(world: Tensor, agreed: Tensor, scale: float) -> Tensor:
    """Mean distance of the places that views say (as Keypoint3D's equation 6, but from one place
    that is agreed on), in shares of `scale`: a distance rather than its square, as for
    equivariance.

    world: (F, V, K, 3). agreed: (F, K, 3).
    """
    away = ((world - agreed[:, None]) ** 2).sum(-1) / scale**2
    return ((away + 1e-6).sqrt() - 1e-3).mean()


def kabsch(source: Doubles, target: Doubles) -> tuple[Doubles, Doubles]:
    """Rotation (3, 3) and shift (3,) with rotation @ source + shift nearest to target, of (K, 3)
    points each (Kabsch 1976); never a reflection.
    """
    middle, other = source.mean(0), target.mean(0)
    left, _, right = np.linalg.svd((target - other).T @ (source - middle))
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ sign @ right
    return rotation, other - rotation @ middle


def turn_between(one: Doubles, other: Doubles) -> float:
    """Degrees of the rotation from one (3, 3) orientation to another."""
    cos = (np.trace(one.T @ other) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cos, -1, 1))))
