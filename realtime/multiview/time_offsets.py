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
from engines.types.arrays import Doubles
from realtime.multiview.track_table_3d import Bodies

VELOCITY_SPAN_S = 0.1  # to either side over which a velocity is taken
MIN_INTERVAL_S = 0.08  # between instants that are used: bounds the time that this takes
MIN_SPEED = 0.3  # metres / second, below which noise hides what time does to a keypoint
# Standard deviations beyond which residuals count linearly: Huber's usual, by which 5 % of what
# Gaussian ones tell is lost.
HUBER_SIGMAS = 1.345


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
        way = after.xyz[last] - before.xyz[first]
        speed = way / (after.time - before.time)
        moving = np.linalg.norm(speed, axis=-1) > MIN_SPEED
        xyz, velocity = now.xyz[other][moving], speed[moving]
        score, sigma = (
            array[:, other][:, moving] for array in (now.bodies.score, self._sigma(now.xyz))
        )
        xy = now.bodies.undistorted[:, :, other][:, :, moving].transpose(1, 2, 0)
        ideal, across = self._rig.linearised(xyz.T)
        ideal, slope = ideal.transpose(1, 2, 0), across.transpose(2, 3, 1, 0)
        by_time = (slope @ velocity[..., None])[..., 0]
        off = xy - ideal - by_time * now.late[:, None, None]
        seen = (score > 0) & np.isfinite(off[..., 0]) & np.isfinite(sigma)
        seen &= seen.sum(0) >= 2
        # Weights are of what is left when the offsets found so far are taken away: those of a view
        # that is late would shrink with how late it is.
        left = off - by_time * self.offsets()[0][:, None, None]
        length = np.linalg.norm(np.where(seen[..., None], left, 0), axis=-1)
        with np.errstate(all="ignore"):
            weight = (
                score / sigma**2 * np.minimum(1, HUBER_SIGMAS * sigma / np.maximum(length, 1e-9))
            )
        weight = np.where(seen, weight, 0.0)[..., None]
        off, by_time = np.where(seen[..., None], off, 0), np.where(seen[..., None], by_time, 0)
        slope = np.where(seen[..., None, None], slope, 0)
        across = (slope * weight[..., None]).swapaxes(-1, -2)
        information = (across @ slope).sum(0) + 1e-6 * np.eye(3)
        mixed = (across @ by_time[..., None])[..., 0]  # (V, N, 3)
        place = np.linalg.solve(information, (across @ off[..., None])[..., 0].sum(0)[..., None])
        by_place = np.linalg.solve(information, mixed.transpose(1, 2, 0))  # (N, 3, V)
        self.moving_instants += bool(moving.any())
        self._known = None
        self._curvature += np.diag((weight * by_time**2).sum((1, 2)))
        self._curvature -= np.einsum("vni,niw->vw", mixed, by_place)
        self._gradient += (weight * by_time * off).sum((1, 2))
        self._gradient -= np.einsum("vni,ni->v", mixed, place[..., 0])
