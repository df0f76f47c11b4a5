"""The track table: the people that are being followed, as a struct of arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.poses import Poses

TENTATIVE_ID = -1  # of a tentative track: somebody who is not sure to be there yet


@dataclass(slots=True, eq=False)
class TrackTable:
    """N tracks: tentative ones (id -1), confirmed ones, and lost ones (missing for a while).

    id: (N,). xy: (N, K, 2) where each keypoint is or should be, NaN = unknown. score: (N, K) when
    it was last seen. seen: (N, K) when that was. trackable: (N, K) whether optical flow may go on
    from it. velocity: (N, 2) px/s against the background. area: (N,) px^2, smoothed. born, last:
    (N,) when first and last seen. missing: (N,) whether the network's last look did not find the
    person. person_score: (N,). bones: (N, L) and colours: (N, G, C) as appearance.py has them.
    flipped: (N, S) since when a side was found mirrored, inf = it was not. looked, refined: (N,)
    when a crop network last looked at the person, and confirmed them; -inf = it never has.
    described: (N,) when bones and colours were last learned. Times are the tracker's own seconds.
    """

    id: NDArray[np.int64]
    xy: Floats
    score: Floats
    seen: NDArray[np.float64]
    trackable: NDArray[np.bool_]
    velocity: Floats
    area: Floats
    born: NDArray[np.float64]
    last: NDArray[np.float64]
    missing: NDArray[np.bool_]
    person_score: Floats
    bones: Floats
    colours: Floats
    flipped: NDArray[np.float64]
    looked: NDArray[np.float64]
    refined: NDArray[np.float64]
    described: NDArray[np.float64]

    @classmethod
    def fresh(
        cls, poses: Poses, now: float, area: Floats, bones: Floats, colours: Floats, sides: int
    ) -> Self:
        """People who were just seen for the first time."""
        people, found, never = len(poses), poses.found, np.full(len(poses), -np.inf)
        looked = refined = np.zeros(people, bool)
        if poses.looked is not None and poses.refined is not None:
            looked, refined = poses.looked, poses.looked & poses.refined
        return cls(
            id=np.full(people, TENTATIVE_ID, np.int64),
            xy=poses.xy.copy(),
            score=poses.score.copy(),
            seen=np.where(found, now, -np.inf),
            trackable=found,
            velocity=np.zeros((people, 2), np.float32),
            area=area,
            born=np.full(people, now),
            last=np.full(people, now),
            missing=np.zeros(people, bool),
            person_score=poses.person_score.copy(),
            bones=bones,
            colours=colours,
            flipped=np.full((people, sides), np.inf),
            looked=np.where(looked, now, never),
            refined=np.where(refined, now, never),
            described=np.full(people, now),
        )

    def __len__(self) -> int:
        return len(self.id)

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Forget all others."""
        if not which.all():
            for field in fields(self):
                setattr(self, field.name, getattr(self, field.name)[which])

    def scale(self, factor: Floats) -> None:
        """The picture has become larger by these (2,) factors."""
        self.xy = (self.xy + 0.5) * factor - 0.5
        self.velocity = self.velocity * factor
        self.area = self.area * factor.prod()
        self.bones = self.bones + np.log(factor.mean())

    def add(self, other: TrackTable) -> None:
        """Take in more people."""
        for field in fields(self):
            both = getattr(self, field.name), getattr(other, field.name)
            setattr(self, field.name, np.concatenate(both))
