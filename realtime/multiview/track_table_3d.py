"""The track table of 3D people: arrays with a row for each."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from engines.types.arrays import Doubles, Indices, Mask
from realtime.multiview.association import NOBODY

# Squared deviation by which the rays of two views may miss each other for a keypoint to begin
# there: 99 % of chi-squared in one dimension. Later what is expected has a say as well.
MAX_BEGINNING_MISFIT = 6.6
USUAL_TRUST = 0.9  # share of sightings that networks have right as a rule


@dataclass(slots=True, eq=False)
class TrackTable3D:
    """The tracks; arrays with P rows.

    state, covariance: of the filter, NaN = keypoint never seen. measured_at: seconds when two views
    last agreed on a keypoint. seen_at: seconds when two views last showed the person. sightings:
    frames in which they did. confirmed: whether that is enough; a track is tentative until then.
    memory: 2D ids of the views. lengths, evidence: (P, L) what `BoneLengths` learnt of limbs.
    believed, deviation: (P, L) what it believes of them, metres. trust: (P, V, K) probabilities
    that views have keypoints right, see `reliability`. measured: (P, K, 3) what the views of this
    instant say alone, NaN = no two agree.
    """

    id: Indices
    state: Doubles
    covariance: Doubles
    measured_at: Doubles
    seen_at: Doubles
    sightings: Indices
    confirmed: Mask
    memory: Indices
    lengths: Doubles
    evidence: Doubles
    believed: Doubles
    deviation: Doubles
    trust: Doubles
    measured: Doubles

    def __len__(self) -> int:
        return len(self.id)

    @classmethod
    def none(cls, people: int, keypoints: int, views: int, limbs: int) -> TrackTable3D:
        """That many tracks of which nothing is known."""
        return cls(
            id=np.full(people, NOBODY, np.int64),
            state=np.full((people, keypoints, 6), np.nan),
            covariance=np.full((people, keypoints, 6, 6), np.nan),
            measured_at=np.full((people, keypoints), -np.inf),
            seen_at=np.full(people, -np.inf),
            sightings=np.zeros(people, np.int64),
            confirmed=np.zeros(people, bool),
            memory=np.full((people, views), NOBODY, np.int64),
            lengths=np.full((people, limbs), np.nan),
            evidence=np.zeros((people, limbs)),
            believed=np.full((people, limbs), np.nan),
            deviation=np.full((people, limbs), np.nan),
            trust=np.full((people, views, keypoints), USUAL_TRUST),
            measured=np.full((people, keypoints, 3), np.nan),
        )

    def only(self, rows: Mask | Indices) -> TrackTable3D:
        return TrackTable3D(*(getattr(self, field.name)[rows] for field in fields(self)))

    def and_(self, other: TrackTable3D) -> TrackTable3D:
        names = [field.name for field in fields(self)]
        return TrackTable3D(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """What the views show of P bodies.

    undistorted: (2, V, P, K) undistorted (normalised) coordinates, NaN = not seen; components come
    first, so that numpy works on long rows. score: (V, P, K).
    """

    undistorted: Doubles
    score: Doubles

    def at(self, which: Any) -> Bodies:
        """Those that an index picks."""
        return Bodies(self.undistorted[:, *which], self.score[which])


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the views say of P bodies: xyz, covariance, how many views agree (0 = not known), the
    error in pixels, and used (V, P, K) which views these are. misfit: (P, K) of their squared
    residuals to those that are usual.
    """

    xyz: Doubles
    covariance: Doubles
    views: Indices
    error: Doubles
    misfit: Doubles
    used: Mask

    def at(self, which: slice) -> Measured:
        """Those bodies."""
        return Measured(
            *(self.xyz[which], self.covariance[which], self.views[which], self.error[which]),
            *(self.misfit[which], self.used[:, which]),
        )

    @property
    def begins(self) -> Mask:
        """(P, K) the keypoints that may begin there: those on which three views agree, or two that
        miss each other by little.
        """
        by_two = (self.views == 2) & (self.misfit < MAX_BEGINNING_MISFIT)
        return np.asarray((self.views > 2) | by_two, bool)

    def beginning(self) -> Measured:
        """The keypoints that may begin there alone."""
        on = self.begins
        return replace(
            self, views=np.where(on, self.views, 0), error=np.where(on, self.error, np.nan)
        )
