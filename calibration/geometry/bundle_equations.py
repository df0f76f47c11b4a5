"""The normal equations of bundle adjustment, in blocks of cameras and targets.

Targets are eliminated block by block (the Schur complement: Triggs et al., "Bundle Adjustment - A
Modern Synthesis", section 6.1), so that only a matrix as large as all cameras' parameters is
solved, however many targets there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.geometry.bundle_scene import Sights

# Of the largest diagonal element: it keeps the block of a target that hardly any sight pins down
# invertible, and is far below what any damping adds.
MIN_BLOCK = 1e-12
RANK = 1e-14  # singular values below this share of the largest one are no direction to step in


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Of the free parameters of the cameras (F,) and of the targets (T, Q). expected: by how much
    it lowers the cost if that were as quadratic as the equations have it.
    """

    cameras: Doubles
    targets: Doubles
    expected: float


@dataclass(frozen=True, slots=True, eq=False)
class Equations:
    """Over the free parameters of the cameras (F) and targets (T of Q each)."""

    cameras: Doubles  # (F, F)
    targets: Doubles  # (T, Q, Q)
    mixed: Doubles  # (T, F, Q)
    right_cameras: Doubles  # (F,)
    right_targets: Doubles  # (T, Q)

    def reduced(self, damping: float) -> tuple[Doubles, Doubles, Doubles]:
        """The cameras' own equations (F, F), (F,); (T, Q, Q) inverses of the targets' blocks."""
        extra = self._extra(damping)
        damped = self.targets + extra[..., None] * np.eye(extra.shape[1])
        inverse = np.asarray(np.linalg.inv(damped), np.float64)
        through = self.mixed @ inverse
        count, wide = self.mixed.shape[1], self.right_targets.size
        joined = through.transpose(1, 0, 2).reshape(count, wide)
        matrix = self.cameras + damping * np.diag(np.diag(self.cameras))
        matrix = matrix - joined @ self.mixed.transpose(1, 0, 2).reshape(count, wide).T
        return matrix, self.right_cameras - joined @ self.right_targets.ravel(), inverse

    def step(self, damping: float) -> Step:
        """The damped step."""
        matrix, vector, inverse = self.reduced(damping)
        by_camera, rest = vector, self.right_targets
        diagonal = np.diag(self.cameras)
        if len(vector):
            scale = 1 / np.sqrt(np.clip(diagonal, 1e-300, None))
            scaled = matrix * scale[:, None] * scale
            by_camera = scale * np.linalg.lstsq(scaled, scale * vector, rcond=RANK)[0]
            rest = rest - np.einsum("tfq,f->tq", self.mixed, by_camera)
        by_target = (inverse @ rest[..., None])[..., 0]
        expected = by_camera @ (damping * diagonal * by_camera + self.right_cameras)
        expected += (by_target * (self._extra(damping) * by_target + self.right_targets)).sum()
        return Step(by_camera, by_target, float(expected) / 2)

    def _extra(self, damping: float) -> Doubles:
        """(T, Q) what is added to the diagonals of the targets' blocks."""
        diagonal = np.einsum("tqq->tq", self.targets)
        return np.asarray(damping * diagonal + MIN_BLOCK * diagonal.max(initial=MIN_BLOCK))


def runs(sights: Sights) -> Ints:
    """Where the sights of one target in one camera begin, of sights sorted by both."""
    turns = np.diff(sights.camera, prepend=-1).astype(bool)
    return np.flatnonzero(turns | np.diff(sights.target, prepend=-1).astype(bool))


def equations(
    sights: Sights,
    begin: Ints,
    weight: Doubles,
    linear: tuple[Doubles, Doubles, Doubles],
    targets: int,
    free: Mask,
    priors: tuple[Doubles, Doubles],
) -> Equations:
    """Of sights, sorted, with `runs` and the (N,) weights of their squares.

    linear: what `linearise` gives of them. free: (V, P). priors: the (V, P, P) information on the
    cameras' parameters, and the (V, P) gradient of what they add to the cost.
    """
    residuals, by_camera, by_target = linear
    size = by_target.shape[-1]
    # Of cameras and of their parameters often hardly any move.
    views, moves = np.flatnonzero(free.any(1)), np.flatnonzero(free.any(0))
    cameras, params = len(views), len(moves)
    camera, target = sights.camera[begin], sights.target[begin]
    mixed = np.zeros((targets, cameras, params, size))
    blocks, right_cameras = np.zeros((cameras, params, params)), np.zeros((cameras, params))
    of_targets, right_targets = np.zeros((targets, size, size)), np.zeros((targets, size))
    for view in np.unique(camera).tolist():
        rows = slice(*np.searchsorted(sights.camera, [view, view + 1]))
        own = slice(*np.searchsorted(camera, [view, view + 1]))
        here, first = target[own], begin[own] - rows.start  # no target comes twice
        error, slope = residuals[rows], by_target[rows]
        right = slope * weight[rows, None, None]
        of_targets[here] += _joined(np.einsum("nri,nrj->nij", right, slope), first)
        right_targets[here] -= _joined(np.einsum("nri,nr->ni", right, error), first)
        if free[view].any():
            at = np.searchsorted(views, view)
            own_slope = by_camera[rows][..., moves]
            mixed[here, at] = _joined(np.einsum("nri,nrj->nij", own_slope, right), first)
            left = (own_slope * weight[rows, None, None]).reshape(-1, params).T
            blocks[at] = left @ own_slope.reshape(-1, params)
            right_cameras[at] = -left @ error.ravel()
    blocks += priors[0][views[:, None, None], moves[:, None], moves]
    right_cameras -= priors[1][np.ix_(views, moves)]
    free = free[np.ix_(views, moves)]
    moving = np.flatnonzero(free)
    whole = np.zeros((cameras, params, cameras, params))
    whole[np.arange(cameras), :, np.arange(cameras)] = blocks
    return Equations(
        whole.reshape(free.size, free.size)[np.ix_(moving, moving)],
        of_targets,
        mixed.reshape(targets, free.size, size)[:, moving],
        right_cameras[free],
        right_targets,
    )


def _joined(parts: Doubles, first: Ints) -> Doubles:
    """(C, ...) sums over the corners of one target in one camera, of which each has its first."""
    if len(first) == len(parts):
        return parts
    return np.asarray(np.add.reduceat(parts, first), np.float64)
