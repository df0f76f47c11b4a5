"""Levenberg-Marquardt: one loop for many small problems at once and for a single large one.

Damping as Nielsen's (Madsen, Nielsen, Tingleff, "Methods for Non-Linear Least Squares Problems",
2004, section 3.2). What a problem is made of, and how its normal equations are solved, its own
class knows: dense_least_squares.py for small dense ones, bundle_adjustment.py for a rig.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles, Indices, Mask

FIRST_DAMPING = 1e-4  # relative to the curvature: near Gauss-Newton, as starts are good here
MIN_DAMPING, MAX_DAMPING = 1e-15, 1e12  # no effect in double precision; no step left to take
MIN_FALL = 1e-300  # of a cost, so that a cost of exactly 0 counts as converged


class Stop(IntEnum):
    """Why a problem was left alone."""

    CONVERGED = 0
    STEPS = 1
    TIME = 2
    INVALID = 3  # its residuals are not finite at the start
    STALLED = 4  # no step lowers its cost, however short

    def __str__(self) -> str:
        """In words, for a report."""
        return {
            Stop.CONVERGED: "converged",
            Stop.STEPS: "stopped before it converged",
            Stop.TIME: "ran out of time before it converged",
            Stop.INVALID: "could not start: residuals are not finite",
            Stop.STALLED: "converged as far as rounding lets it",
        }[self]


class Problems(Protocol):
    """N independent problems, each at the best parameters found so far.

    which: (M,) rising places of those that are still worked on.
    """

    def begin(self) -> Doubles:
        """(N,) costs at the start; not finite where a problem cannot be solved from there."""

    def propose(self, which: Indices, damping: Doubles) -> Doubles:
        """Solve for a step of each; (M,) by how much the linear model says it lowers the cost."""

    def evaluate(self, which: Indices) -> Doubles:
        """(M,) costs after the steps last proposed to these, NaN where they are not defined."""

    def accept(self, which: Indices, better: Mask) -> None:
        """Move on to where the last evaluation of `which` was, where (M,) `better` says so."""


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """Of N problems: cost and start (N,) after and before; steps (N,); stop (N,) of Stop."""

    cost: Doubles
    start: Doubles
    steps: NDArray[np.int64]
    stop: NDArray[np.int64]


def descend(
    problems: Problems,
    *,
    max_evaluations: int,
    tolerance: float,
    deadline: float = np.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Descent:
    """Lower the cost of each problem by itself; a step that raises it is never taken.

    tolerance: share of the cost by which a step must be expected to lower it. deadline: seconds on
    the clock after which the best until then is good enough.
    """
    cost = problems.begin()
    start = cost.copy()
    steps = np.zeros(len(cost), np.int64)
    stop = np.full(len(cost), Stop.STEPS, np.int64)
    valid = np.isfinite(cost)
    stop[~valid] = Stop.INVALID
    live = np.flatnonzero(valid)
    damping, growth = np.full(len(live), FIRST_DAMPING), np.full(len(live), 2.0)
    for _ in range(max_evaluations):
        if not len(live):
            break
        if clock() > deadline:
            stop[live] = Stop.TIME
            break
        expected = problems.propose(live, damping)
        more = expected > np.maximum(tolerance * cost[live], MIN_FALL)
        if not more.all():
            stop[live[~more]] = Stop.CONVERGED
            live, damping, growth, expected = (
                live[more],
                damping[more],
                growth[more],
                expected[more],
            )
            if not len(live):
                break
        now, before = problems.evaluate(live), cost[live]
        with np.errstate(invalid="ignore"):
            better = now <= before
        gain = np.where(better, before - now, 0) / np.maximum(expected, MIN_FALL)
        problems.accept(live, better)
        took = live[better]
        cost[took] = now[better]
        steps[took] += 1
        shrink = np.maximum(1 / 3, 1 - (2 * np.minimum(gain, 1) - 1) ** 3)
        damping = np.where(better, np.maximum(damping * shrink, MIN_DAMPING), damping * growth)
        growth = np.where(better, 2.0, growth * 2)
        stuck = damping > MAX_DAMPING
        if stuck.any():
            stop[live[stuck]] = Stop.STALLED
            live, damping, growth = live[~stuck], damping[~stuck], growth[~stuck]
    return Descent(cost, start, steps, stop)
