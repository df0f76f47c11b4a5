"""What is known of the people of a rig, as arrays with a row for each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from engines.types.arrays import Doubles, Indices, Mask
from realtime.multiview.association import NOBODY


@dataclass(slots=True, eq=False)
class People:
    """Those who are followed; arrays with P rows.

    state, spread: of the filter, NaN = keypoint never seen. sure: seconds when two views last
    agreed on a keypoint. met: seconds when two views last showed the person. sightings: frames in
    which they did. real: whether that is enough. memory: 2D ids of the views. lengths, counts:
    of bones.
    """

    id: Indices
    state: Doubles
    spread: Doubles
    sure: Doubles
    met: Doubles
    sightings: Indices
    real: Mask
    memory: Indices
    lengths: Doubles
    counts: Indices

    def __len__(self) -> int:
        return len(self.id)

    @classmethod
    def none(cls, people: int, keypoints: int, views: int, limbs: int) -> People:
        """So many of whom nothing is known."""
        return cls(
            id=np.full(people, NOBODY, np.int64),
            state=np.full((people, keypoints, 6), np.nan),
            spread=np.full((people, keypoints, 6, 6), np.nan),
            sure=np.full((people, keypoints), -np.inf),
            met=np.full(people, -np.inf),
            sightings=np.zeros(people, np.int64),
            real=np.zeros(people, bool),
            memory=np.full((people, views), NOBODY, np.int64),
            lengths=np.full((people, limbs), np.nan),
            counts=np.zeros((people, limbs), np.int64),
        )

    def only(self, rows: Mask | Indices) -> People:
        return People(*(getattr(self, field.name)[rows] for field in fields(self)))

    def and_(self, other: People) -> People:
        names = [field.name for field in fields(self)]
        return People(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """What the views show of P bodies.

    xy, flat: (V, P, K, 2) pixels, as they are and undistorted, NaN = not seen. score: (V, P, K).
    """

    xy: Doubles
    flat: Doubles
    score: Doubles

    def at(self, which: Any) -> Bodies:
        """Those that an index picks."""
        return Bodies(self.xy[which], self.flat[which], self.score[which])


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the views say of P bodies: xyz, covariance, and how many views agree (0 = not known)."""

    xyz: Doubles
    covariance: Doubles
    views: Indices
    error: Doubles
