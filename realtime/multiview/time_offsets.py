"""Cameras that are not in step: people who move stand elsewhere in the view of a camera that is
late or early.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.camera import Rig
from calibration.geometry.small_matrices import COLUMNS, DIAGONAL, ROWS, inverse, times
from engines.types.arrays import Doubles
from realtime.multiview.track_table_3d import Bodies

VELOCITY_SPAN_S = 0.1  # to either side over which a velocity is taken
MIN_INTERVAL_S = 0.08  # between instants that are used: bounds the time that this takes
MIN_SPEED = 0.3  # metres / second, below which noise hides what time does to a keypoint
# Standard deviations beyond which residuals count linearly: Huber's usual, by which 5 % of what
# Gaussian ones tell is lost.
HUBER_SIGMAS = 1.345
RENEWED = 1.2  # times as many instants as before, from which on offsets for weights are found anew


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """An instant to be looked at when what comes after it is known too."""

    time: float
    late: Doubles
    id: NDArray[np.int64]
    xyz: Doubles
    bodies: Bodies


class TimeOffsets:
    """The offsets of V views in time, from people who are followed.

    Around each keypoint, where x is the error of its place and d that of a view's time, a sighting
    is off by J x + (J v) d, v being its velocity. Both unknown, least squares; the places are
    eliminated (Schur's complement), the offsets add up over instants. moving_instants: how
    many of them showed people who move.
    """

    def __init__(self, rig: Rig, sigma: Callable[[Doubles], Doubles]) -> None:
        """sigma: (P, K, 3) bodies to (V, P, K), by which sightings are off as a rule, in
        undistorted coordinates.
        """
        self._rig = rig
        self._sigma = sigma
        self._moments: deque[Moment] = deque()
        self._last = -np.inf
        self.moving_instants = 0
        self._curvature = np.zeros((len(rig), len(rig)))
        self._gradient = np.zeros(len(rig))
        self._known: tuple[Doubles, Doubles] | None = None
        self._for_weights, self._renewed_at = np.zeros(len(rig)), 0

    def add(
        self,
        time: float,
        late: Doubles,
        id: NDArray[np.int64],
        xyz: Doubles,
        bodies: Bodies,
    ) -> None:
        """An instant, seconds. late: (V,) by which the views' own times differ from it. xyz:
        (P, K, 3) metres.
        """
        moments = self._moments
        moments.append(Moment(time, late, id, xyz.copy(), bodies))
        middle = next(
            (one for one in moments if one.time >= moments[0].time + VELOCITY_SPAN_S), None
        )
        if middle is None or time < middle.time + VELOCITY_SPAN_S:
            return
        if middle.time >= self._last + MIN_INTERVAL_S:
            self._last = middle.time
            self._look(moments[0], middle, moments[-1])
        while len(moments) > 1 and moments[1].time <= middle.time - VELOCITY_SPAN_S + 1e-6:
            moments.popleft()
        moments.popleft()

    def offsets(self) -> tuple[Doubles, Doubles]:
        """(V,) seconds by which the views show a later time than they say, against their median,
        and (V,) standard deviations of that; infinite where nothing is known.
        """
        if self._known is None:
            self._known = self._solved()
        return self._known

    def _solved(self) -> tuple[Doubles, Doubles]:
        diagonal = np.diag(self._curvature)
        known = diagonal > 1e-6 * max(diagonal.max(initial=0), 1e-12)
        offsets, deviations = np.zeros(len(diagonal)), np.full(len(diagonal), np.inf)
        if known.sum() < 2:
            return offsets, deviations
        # All views could be late together: that is no error, and nothing tells of it.
        inverse = np.linalg.pinv(self._curvature[np.ix_(known, known)], rcond=1e-6, hermitian=True)
        offsets[known] = inverse @ self._gradient[known]
        # By hand: numpy.median loads a module of its own when first called, 70 ms of a frame.
        among = np.sort(offsets[known])
        offsets[known] -= (among[(len(among) - 1) // 2] + among[len(among) // 2]) / 2
        deviations[known] = np.sqrt(np.diag(inverse))
        return offsets, deviations

    def _look(self, before: Moment, now: Moment, after: Moment) -> None:
        alike = (now.id[:, None, None] == before.id[:, None]) & (now.id[:, None, None] == after.id)
        other, first, last = np.nonzero(alike)
        if not len(other):
            return
        speed = (after.xyz[last] - before.xyz[first]) / (after.time - before.time)
        place, keypoint = np.nonzero(np.vecdot(speed, speed) > MIN_SPEED**2)
        if not len(place):
            return
        velocity, which = speed[place, keypoint].T, (other[place], keypoint)
        score, sigma = now.bodies.score[:, *which], self._sigma(now.xyz)[:, *which]
        ideal, slope = self._rig.linearised(now.xyz[which].T)
        by_time = np.add.reduce(slope * velocity[:, None, None], 0)
        off = now.bodies.undistorted[:, :, *which] - ideal - by_time * now.late[:, None]
        seen = (score > 0) & np.isfinite(off[0])
        seen &= np.add.reduce(seen, 0) >= 2
        # Weights are of what is left when the offsets found so far are taken away: those of a view
        # that is late would shrink with how late it is.
        left = off - by_time * self._rough()[:, None]
        length = np.sqrt(np.where(seen, left[0] ** 2 + left[1] ** 2, 0.0))
        weight = score / sigma**2
        weight *= np.minimum(1.0, HUBER_SIGMAS * sigma / np.maximum(length, 1e-9))
        rows = np.where(seen, np.concatenate([slope, by_time[None], off[None]]), 0.0)
        # Of each sighting: derivatives by the place and by time, and what it is off by.
        products = np.einsum("ikvn,jkvn->ijvn", rows * weight, rows)
        of_place = np.add.reduce(products[:3], 2)
        information = of_place[ROWS, COLUMNS]
        information[DIAGONAL] += 1e-6
        by = inverse(information)
        mixed = products[:3, 3]  # (3, V, N)
        self.moving_instants += 1
        self._known = None
        self._curvature += np.diag(products[3, 3].sum(1))
        self._curvature -= np.einsum("ivn,iwn->vw", mixed, times(by[:, None], mixed))
        self._gradient += products[3, 4].sum(1)
        self._gradient -= np.einsum("ivn,in->v", mixed, times(by, of_place[:, 4]))

    def _rough(self) -> Doubles:
        """(V,) offsets as they were a while ago: weights need no better ones."""
        if self.moving_instants >= RENEWED * self._renewed_at:
            self._for_weights, self._renewed_at = self.offsets()[0], self.moving_instants
        return self._for_weights
