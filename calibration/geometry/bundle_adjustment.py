"""Bundle adjustment: cameras and what they look at, all at once.

Levenberg-Marquardt with an analytic Jacobian on the reduced camera system (Triggs et al., "Bundle
Adjustment - A Modern Synthesis", section 6.1): targets are eliminated block by block, so that only
a matrix as large as all cameras' parameters is solved, however many targets there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.geometry.camera import Camera, padded, rotation_matrix
from calibration.geometry.distortion import by_coefficients, distort, distort_fisheye

POSE, FOCAL, CENTRE, LENS = 0, 6, 8, 10  # where a camera's parameters begin
STEPS = 100
ENOUGH = 1e-10  # of the cost, by which a step must lower it to be worth another


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """N image points: `camera` (N,) saw at `xy` (N, 2) pixels the `point` (N, 3) of `target` (N,),
    in the target's own frame; `weight` (N,) is 1 / standard deviation in pixels.
    """

    camera: Ints
    target: Ints
    point: Doubles
    xy: Doubles
    weight: Doubles

    def __len__(self) -> int:
        return len(self.camera)

    def __getitem__(self, rows: Mask | Ints) -> Sights:
        return Sights(
            self.camera[rows], self.target[rows], self.point[rows], self.xy[rows], self.weight[rows]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Cameras and targets: boards have rotations (T, 3, 3), points have none; translations (T, 3)
    say where in the world they are.
    """

    cameras: tuple[Camera, ...]
    translations: Doubles
    rotations: Doubles | None = None

    def residuals(self, sights: Sights) -> Doubles:
        """(N, 2) pixels, projected minus seen; NaN where behind its camera."""
        return _linearise(self, sights)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """How it ended. cost: half the robust sum of squares; covariance: of the free parameters of
    the cameras, camera by camera, for residuals with the weights' deviations.
    """

    scene: Scene
    cost: float
    steps: int
    reason: str
    free: Mask
    information: Doubles

    def deviations(self) -> Doubles:
        """(V, P) standard deviations of all parameters of the cameras, NaN where held fast."""
        out = np.full(self.free.shape, np.nan)
        out[self.free] = np.sqrt(np.clip(np.diag(np.linalg.pinv(self.information)), 0, None))
        return out


def held(cameras: Sequence[Camera], *, first: bool = True) -> Mask:
    """Which parameters move in a rig with known intrinsics: all poses (but the first camera's)."""
    free = np.zeros((len(cameras), LENS + max(len(one.distortion) for one in cameras)), bool)
    free[int(first) :, :FOCAL] = True
    return free


def adjust(
    scene: Scene,
    sights: Sights,
    free: Mask,
    *,
    huber: float | None = 2.0,
    prior: Doubles | None = None,
    square: float = np.inf,
    steps: int = STEPS,
    enough: float = ENOUGH,
) -> Adjusted:
    """The scene that explains the sights best.

    free: (V, P) which parameters of the cameras move: turn, shift (6), focal lengths (2), centre
    (2), coefficients; targets always move. huber: standard deviations from which on residuals
    count linearly. prior: (V, P) standard deviations around where parameters start, inf for none.
    enough: share of the cost by which a step must lower it to be worth another.
    square: standard deviation, pixels, of by how much the focal lengths of a camera drift apart.
    """
    order = np.lexsort((sights.target, sights.camera))
    sights = sights[order]
    begin = np.flatnonzero(
        np.diff(sights.camera, prepend=-1).astype(bool)
        | np.diff(sights.target, prepend=-1).astype(bool)
    )
    tightness = np.zeros((*free.shape, free.shape[1]))
    if prior is not None:
        tightness[:] = (1 / prior**2)[..., None] * np.eye(free.shape[1])
    tightness[:, FOCAL:CENTRE, FOCAL:CENTRE] += np.array([[1, -1], [-1, 1]]) / square**2
    shift = np.zeros(free.shape)  # from where the parameters started
    damping = 1e-4
    cost, system = _system(scene, sights, begin, free, huber, tightness, shift)
    reason = f"{steps} steps were not enough"
    taken = 0
    while taken < steps and reason.startswith(str(steps)):
        while True:
            by_camera, by_target = _step(system, damping)
            moved, by = _moved(scene, free, by_camera, by_target)
            new_shift = shift + by
            new_cost = _cost(moved, sights, huber, tightness, new_shift)
            if new_cost <= cost:
                break
            damping *= 10
            if damping > 1e12:
                reason = "no step lowers the cost any more"
                break
        if new_cost > cost:
            break
        taken += 1
        damping = max(damping / 10, 1e-12)
        small = cost - new_cost <= enough * cost
        scene, shift = moved, new_shift
        cost, system = _system(scene, sights, begin, free, huber, tightness, shift)
        if small:
            reason = "converged"
    return Adjusted(scene, cost, taken, reason, free, _reduced(system, 0.0)[0])


def _linearise(scene: Scene, sights: Sights) -> tuple[Doubles, Doubles, Doubles]:
    """Residuals (N, 2), derivatives by the camera (N, 2, P) and by the target (N, 2, 6 or 3)."""
    count = len(sights)
    most = LENS + max(len(one.distortion) for one in scene.cameras)
    residuals = np.empty((count, 2))
    by_camera = np.zeros((count, 2, most))
    by_target = np.empty((count, 2, 3 if scene.rotations is None else 6))
    local = sights.point
    if scene.rotations is not None:
        local = (scene.rotations[sights.target] @ sights.point[..., None])[..., 0]
    world = local + scene.translations[sights.target]
    for number, camera in enumerate(scene.cameras):
        rows = np.flatnonzero(sights.camera == number)
        turned = world[rows] @ camera.rotation.T
        inside = turned + camera.translation
        with np.errstate(all="ignore"):
            inverse = np.where(inside[:, 2:] > 1e-9, 1 / inside[:, 2:], np.nan)
            ideal = inside[:, :2] * inverse
            if camera.fisheye:
                bent, slope = distort_fisheye(ideal, camera.distortion)
            else:
                bent, slope = distort(ideal, padded(camera.distortion))
            focal = camera.matrix.diagonal()[:2]
            # d(ideal) / d(inside) is [[1/z, 0, -x/z^2], [0, 1/z, -y/z^2]].
            by_inside = np.concatenate([slope, -(slope @ ideal[..., None])], axis=-1) * (
                inverse[..., None] * focal[:, None]
            )
            lens = by_coefficients(ideal, camera.distortion, fisheye=camera.fisheye)
        residuals[rows] = bent * focal + camera.matrix[:2, 2] - sights.xy[rows]
        # A row g of the derivative by a point p gives g (w x p) = w (p x g) for a small turn w.
        by_camera[rows, :, :3] = np.cross(turned[:, None], by_inside)
        by_camera[rows, :, 3:FOCAL] = by_inside
        by_camera[rows, 0, FOCAL] = bent[:, 0]
        by_camera[rows, 1, FOCAL + 1] = bent[:, 1]
        by_camera[rows, 0, CENTRE] = by_camera[rows, 1, CENTRE + 1] = 1
        known = lens.shape[-1]
        by_camera[rows, :, LENS : LENS + known] = lens * focal[:, None]
        by_world = by_inside @ camera.rotation
        if scene.rotations is not None:
            by_target[rows, :, :3] = np.cross(local[rows][:, None], by_world)
        by_target[rows, :, -3:] = by_world
    return residuals, by_camera, by_target


def _robust(residuals: Doubles, sights: Sights, huber: float | None) -> tuple[float, Doubles]:
    """Half the robust sum of squares, and the weight (N,) of each squared residual."""
    weight = sights.weight
    size = np.sqrt((residuals**2).sum(1)) * weight
    if huber is None:
        return float((size**2).sum()) / 2, weight**2
    far = size > huber
    rho = np.where(far, huber * (2 * size - huber), size**2)
    with np.errstate(all="ignore"):
        return float(rho.sum()) / 2, weight**2 * np.where(far, huber / size, 1)


def _cost(
    scene: Scene, sights: Sights, huber: float | None, tightness: Doubles, shift: Doubles
) -> float:
    cost = _robust(scene.residuals(sights), sights, huber)[0] + _strain(tightness, shift)
    return float(cost) if np.isfinite(cost) else np.inf


def _strain(tightness: Doubles, shift: Doubles) -> float:
    """What the priors (V, P, P) add to the cost where the cameras' parameters moved by (V, P)."""
    return float(np.einsum("vp,vpq,vq->", shift, tightness, shift)) / 2


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """Normal equations in blocks, over the free parameters of the cameras (F) and targets (T)."""

    cameras: Doubles  # (F, F)
    targets: Doubles  # (T, Q, Q)
    mixed: Doubles  # (T, F, Q)
    right_cameras: Doubles  # (F,)
    right_targets: Doubles  # (T, Q)


def _system(
    scene: Scene,
    sights: Sights,
    begin: Ints,
    free: Mask,
    huber: float | None,
    tightness: Doubles,
    shift: Doubles,
) -> tuple[float, _System]:
    residuals, by_camera, by_target = _linearise(scene, sights)
    cost, weight = _robust(residuals, sights, huber)
    cost += _strain(tightness, shift)
    views, params = free.shape
    seen, size = len(scene.translations), by_target.shape[-1]
    # Sums over the corners of one target in one camera, then over targets and cameras.
    left = (by_camera * weight[:, None, None]).transpose(0, 2, 1)
    right = (by_target * weight[:, None, None]).transpose(0, 2, 1)
    camera, target = sights.camera[begin], sights.target[begin]

    def joined(parts: Doubles) -> Doubles:
        """(C, ...) sums over the corners of one target in one camera."""
        return parts if len(begin) == len(parts) else np.add.reduceat(parts, begin)

    mixed = np.zeros((seen, views, params, size))
    mixed[target, camera] = joined(left @ by_target)
    cameras, right_cameras = np.zeros((views, params, params)), np.zeros((views, params))
    targets, right_targets = np.zeros((seen, size, size)), np.zeros((seen, size))
    sums = (
        joined(left @ by_camera),
        joined((left @ residuals[..., None])[..., 0]),
        joined(right @ by_target),
        joined((right @ residuals[..., None])[..., 0]),
    )
    for view in range(views):  # in which no target comes twice
        own = slice(*np.searchsorted(camera, [view, view + 1]))
        cameras[view], right_cameras[view] = sums[0][own].sum(0), -sums[1][own].sum(0)
        targets[target[own]] += sums[2][own]
        right_targets[target[own]] -= sums[3][own]
    right_cameras -= (tightness @ shift[..., None])[..., 0]
    moving = np.flatnonzero(free)
    whole = np.zeros((views, params, views, params))
    whole[np.arange(views), :, np.arange(views)] = cameras + tightness
    flat = whole.reshape(views * params, -1)[np.ix_(moving, moving)]
    return cost, _System(
        flat,
        targets,
        mixed.reshape(seen, views * params, size)[:, moving],
        right_cameras[free],
        right_targets,
    )


def _reduced(system: _System, damping: float) -> tuple[Doubles, Doubles, Doubles]:
    """The cameras' own equations, and (T, Q, Q) inverses of the targets' blocks."""
    diagonal = np.einsum("tqq->tq", system.targets)
    # Of a target that hardly any sight pins down, something must keep the block invertible.
    extra = damping * diagonal + 1e-12 * diagonal.max(initial=1e-12)
    inverse = np.linalg.inv(system.targets + extra[..., None] * np.eye(diagonal.shape[1]))
    through = system.mixed @ inverse
    count = system.mixed.shape[1]
    matrix = system.cameras + damping * np.diag(np.diag(system.cameras))
    wide = system.right_targets.size
    joined = through.transpose(1, 0, 2).reshape(count, wide)
    matrix = matrix - joined @ system.mixed.transpose(1, 0, 2).reshape(count, wide).T
    vector = system.right_cameras - joined @ system.right_targets.ravel()
    return matrix, vector, inverse


def _step(system: _System, damping: float) -> tuple[Doubles, Doubles]:
    matrix, vector, inverse = _reduced(system, damping)
    if not len(vector):
        return vector, (inverse @ system.right_targets[..., None])[..., 0]
    scale = 1 / np.sqrt(np.clip(np.diag(system.cameras), 1e-300, None))
    scaled = matrix * scale[:, None] * scale
    by_camera = scale * np.linalg.lstsq(scaled, scale * vector, rcond=1e-14)[0]
    rest = system.right_targets - np.einsum("tfq,f->tq", system.mixed, by_camera)
    return by_camera, (inverse @ rest[..., None])[..., 0]


def _moved(
    scene: Scene, free: Mask, by_camera: Doubles, by_target: Doubles
) -> tuple[Scene, Doubles]:
    """The scene after a step, and the step of all parameters of the cameras (V, P)."""
    by = np.zeros(free.shape)
    by[free] = by_camera
    cameras = []
    for camera, own in zip(scene.cameras, by, strict=True):
        matrix = camera.matrix.copy()
        # A focal length stays above 0 whatever the step says; the cost then refuses the step.
        matrix[[0, 1], [0, 1]] = np.maximum(matrix.diagonal()[:2] + own[FOCAL:CENTRE], 1e-3)
        matrix[:2, 2] += own[CENTRE:LENS]
        turn = rotation_matrix(own[:3])
        cameras.append(
            replace(
                camera,
                matrix=matrix,
                distortion=camera.distortion + own[LENS : LENS + len(camera.distortion)],
                rotation=_orthogonal(turn @ camera.rotation),
                translation=camera.translation + own[3:FOCAL],
            )
        )
    rotations = scene.rotations
    if rotations is not None:
        rotations = _turns(by_target[:, :3]) @ rotations
    return Scene(tuple(cameras), scene.translations + by_target[:, -3:], rotations), by


def _orthogonal(matrix: Doubles) -> Doubles:
    """The nearest rotation: thousands of steps must not add up to something else."""
    u, _, v = np.linalg.svd(matrix)
    return np.asarray(u @ v, np.float64)


def _turns(vectors: Doubles) -> Doubles:
    """(T, 3, 3) of Rodrigues vectors (T, 3)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    safe = np.where(angle > 1e-12, angle, 1)
    x, y, z = np.moveaxis(vectors, 1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3) / safe
    turns = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return np.asarray(turns, np.float64)
