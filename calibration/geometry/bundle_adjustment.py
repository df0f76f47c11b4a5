"""Bundle adjustment: cameras and what they look at, all at once, by Levenberg-Marquardt with an
analytic Jacobian on the reduced camera system (bundle_equations.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.geometry.arrays import Doubles, Indices, Mask
from calibration.geometry.bundle_equations import Equations, Step, equations, runs
from calibration.geometry.bundle_scene import CENTRE, FOCAL, LENS, Scene, Sights, linearise, moved
from calibration.geometry.levenberg_marquardt import Stop, descend

MAX_STEPS = 100  # bounds the time of a rig that cannot be solved
TOLERANCE = 1e-10  # share of the cost by which a step must be expected to lower it


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """How it ended. cost: half the robust sum of squares; information: (F, F) on the free
    parameters of the cameras, camera by camera, for residuals with the weights' deviations.
    """

    scene: Scene
    cost: float
    steps: int
    stop: Stop
    free: Mask
    information: Doubles

    def deviations(self) -> Doubles:
        """(V, P) standard deviations of all parameters of the cameras, NaN where held fast."""
        out = np.full(self.free.shape, np.nan)
        out[self.free] = np.sqrt(np.clip(np.diag(np.linalg.pinv(self.information)), 0, None))
        return out


def adjust(
    scene: Scene,
    sights: Sights,
    free: Mask,
    *,
    huber: float | None = 2.0,
    prior: Doubles | None = None,
    square: float = np.inf,
    steps: int = MAX_STEPS,
    tolerance: float = TOLERANCE,
) -> Adjusted:
    """The scene that explains the sights best.

    free: (V, P) which parameters of the cameras move: turn, shift (6), focal lengths (2), centre
    (2), coefficients; targets always move. huber: standard deviations from which on residuals
    count linearly. prior: (V, P) standard deviations around where parameters start, inf for none.
    square: standard deviation, pixels, of by how much the focal lengths of a camera drift apart.
    steps: to try, at most. tolerance: share of the cost by which a step must be expected to lower
    it.
    """
    information = np.zeros((*free.shape, free.shape[1]))
    if prior is not None:
        information[:] = (1 / prior**2)[..., None] * np.eye(free.shape[1])
    information[:, FOCAL:CENTRE, FOCAL:CENTRE] += np.array([[1, -1], [-1, 1]]) / square**2
    order = np.lexsort((sights.target, sights.camera))
    bundle = _Bundle(scene, sights[order], free, huber, information)
    done = descend(bundle, max_evaluations=steps, tolerance=tolerance)
    now = bundle.now
    return Adjusted(
        now.scene,
        now.cost,
        int(done.steps[0]),
        Stop(int(done.stop[0])),
        free,
        bundle.equations.reduced(0.0)[0],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """A scene, by how much its cameras' parameters have moved (V, P), and what follows: residuals
    and derivatives, the weight (N,) of each squared residual, the cost.
    """

    scene: Scene
    shift: Doubles
    linear: tuple[Doubles, Doubles, Doubles]
    weight: Doubles
    cost: float


class _Bundle:
    """The one large problem, as `descend` wants it."""

    def __init__(
        self, scene: Scene, sights: Sights, free: Mask, huber: float | None, information: Doubles
    ) -> None:
        self._sights, self._begin = sights, runs(sights)
        self._free, self._huber, self._information = free, huber, information
        self.now = self._trial = self._state(scene, np.zeros(free.shape))
        self.equations: Equations = self._equations()
        self._step: Step | None = None

    def begin(self) -> Doubles:
        return np.array([self.now.cost])

    def propose(self, which: Indices, damping: Doubles) -> Doubles:
        self._step = self.equations.step(float(damping[0]))
        return np.array([self._step.expected])

    def evaluate(self, which: Indices) -> Doubles:
        assert self._step is not None
        scene, by = moved(self.now.scene, self._free, self._step.cameras, self._step.targets)
        self._trial = self._state(scene, self.now.shift + by)
        return np.array([self._trial.cost])

    def accept(self, which: Indices, better: Mask) -> None:
        if better[0]:
            self.now = self._trial
            self.equations = self._equations()

    def _state(self, scene: Scene, shift: Doubles) -> _State:
        lenses = bool(self._free[:, LENS:].any())
        linear = linearise(scene, self._sights, lenses=lenses)
        cost, weight = _robust(linear[0], self._sights.weight, self._huber)
        cost += float(np.einsum("vp,vpq,vq->", shift, self._information, shift)) / 2
        return _State(scene, shift, linear, weight, cost)

    def _equations(self) -> Equations:
        now = self.now
        gradient = (self._information @ now.shift[..., None])[..., 0]
        return equations(
            self._sights,
            self._begin,
            now.weight,
            now.linear,
            len(now.scene.translations),
            self._free,
            (self._information, gradient),
        )


def _robust(residuals: Doubles, weight: Doubles, huber: float | None) -> tuple[float, Doubles]:
    """Half the robust sum of squares, and the weight (N,) of each squared residual."""
    size = np.sqrt((residuals**2).sum(1)) * weight
    if huber is None:
        return float((size**2).sum()) / 2, weight**2
    far = size > huber
    rho = np.where(far, huber * (2 * size - huber), size**2)
    with np.errstate(all="ignore"):
        return float(rho.sum()) / 2, weight**2 * np.where(far, huber / size, 1)
