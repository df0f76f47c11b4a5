"""Tracked people, and what all cameras saw at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engines.parts.kinds import Part
from engines.types.arrays import Floats
from engines.types.evidence import Evidence
from engines.types.poses import Maps, Poses, check_shape
from engines.types.skeleton import Skeleton
from realtime.types.frames import Frame
from realtime.types.movement import Movement


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The people of one frame with their identities.

    id: (P,) int64, -1 = untracked. filled: (P, K) keypoints carried over rather than seen.
    speed: (P,) pixels / second against the background, NaN = unknown; None = of nobody.
    camera: (2,) pixels by which the background has moved since the frame before; None = unknown.
    """

    id: NDArray[np.int64]
    poses: Poses
    filled: NDArray[np.bool_]
    speed: Floats | None = None
    camera: Floats | None = None

    def __post_init__(self) -> None:
        check_shape("Tracks", "id", self.id, len(self.poses))
        check_shape("Tracks", "filled", self.filled, *self.poses.score.shape)
        if self.speed is not None:
            check_shape("Tracks", "speed", self.speed, len(self.poses))

    def __len__(self) -> int:
        return len(self.id)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(P,) whole numbers that tell the people of a table's frame apart: their ids; places in
        the picture where nobody has an id; -1, -2, ... of those without among others with one.
        """
        places = np.arange(len(self), dtype=np.int64)
        known = self.id >= 0
        return np.where(known, self.id, -1 - places if known.any() else places)

    @classmethod
    def untracked(cls, poses: Poses) -> Tracks:
        """Poses of a single frame: nobody has an identity."""
        return cls(np.full(len(poses), -1, np.int64), poses, np.zeros(poses.score.shape, bool))

    def with_others(self, others: Poses) -> Tracks:
        """These, and poses of nobody in particular after them."""
        return self.joined(Tracks.untracked(others))

    def joined(self, others: Tracks) -> Tracks:
        """These, and others after them, whose skeleton theirs is then."""
        one, other = self.poses, others.poses
        poses = Poses(
            other.skeleton,
            np.concatenate([one.xy, other.xy]),
            np.concatenate([one.score, other.score]),
            np.concatenate([one.person_score, other.person_score]),
        )
        speed = None
        if self.speed is not None or others.speed is not None:
            parts = [
                np.full(len(part), np.nan, np.float32) if part.speed is None else part.speed
                for part in (self, others)
            ]
            speed = np.concatenate(parts)
        ids = np.concatenate([self.id, others.id])
        filled = np.concatenate([self.filled, others.filled])
        return Tracks(ids, poses, filled, speed, self.camera)

    def some(self, which: NDArray[np.int_]) -> Self:
        """The people in these rows."""
        speed = None if self.speed is None else self.speed[which]
        return replace(
            self,
            id=self.id[which],
            poses=self.poses.some(which),
            filled=self.filled[which],
            speed=speed,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrackedFrame(Frame):
    """A frame whose people somebody else has tracked already, who had the picture.

    id, filled, speed: as those of Tracks, of `poses`.
    """

    id: NDArray[np.int64]
    filled: NDArray[np.bool_]
    speed: Floats | None = None

    @property
    def tracks(self) -> Tracks:
        """Its people."""
        assert self.poses is not None, "tracked people are poses"
        return Tracks(self.id, self.poses, self.filled & self.poses.found, self.speed)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one camera saw.

    evidence: what the network found before people were made of it, None without one.
    """

    frame: Frame
    tracks: Tracks
    evidence: Evidence | None = None

    def at_least(self, score: float) -> Self:
        """Without the people whose score is lower."""
        rows = np.flatnonzero(self.tracks.poses.person_score >= score)
        return replace(self, tracks=self.tracks.some(rows))

    @property
    def maps(self) -> Maps | None:
        """The network's maps, where somebody wanted to see them when it gave them."""
        return self.evidence.maps if self.evidence else None


@dataclass(frozen=True, slots=True, eq=False)
class Poses3D:
    """The P 3D people of one instant, by all cameras of a rig.

    id: (P,) int64. xyz: (P, K, 3) metres in the rig's world, NaN = not known.
    error: (P, K) root mean square distance from the views it rests on, pixels, NaN without any.
    views: (P, K) how many views it rests on. filled: (P, K) carried over or guided by what came
    before, as fewer than two views agree. detections: (P, V) each person's place among the people
    of each view, -1 = not seen there. refined: whether there was time for all of the refinement.
    covariance: (P, K, 3, 3) square metres, of xyz; NaN = not known; None = nobody says.
    measured: (P, K, 3) metres, what the views of this instant say alone, without what came before
    and without what is known of bones: noisier than xyz, but never late; None = nobody says.
    ground: metres along the world's upward axis to the floor, None = not wanted.
    """

    skeleton: Skeleton
    id: NDArray[np.int64]
    xyz: Floats
    error: Floats
    views: NDArray[np.int64]
    filled: NDArray[np.bool_]
    detections: NDArray[np.int64]
    refined: bool = True
    ground: float | None = None
    covariance: Floats | None = None
    measured: Floats | None = None

    def __post_init__(self) -> None:
        shape = len(self.id), len(self.skeleton.keypoints)
        if self.covariance is not None:
            check_shape("Poses3D", "covariance", self.covariance, *shape, 3, 3)
        if self.measured is not None:
            check_shape("Poses3D", "measured", self.measured, *shape, 3)
        check_shape("Poses3D", "id", self.id, None)
        check_shape("Poses3D", "xyz", self.xyz, *shape, 3)
        for name in ("error", "views", "filled"):
            check_shape("Poses3D", name, getattr(self, name), *shape)
        check_shape("Poses3D", "detections", self.detections, len(self.id), None)

    def __len__(self) -> int:
        return len(self.id)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(P, K) whether a keypoint is known."""
        return ~np.isnan(self.xyz[..., 0])

    def as_measured(self) -> Self:
        """With what the views of this instant say alone, where that is known."""
        if self.measured is None:
            return self
        return replace(self, xyz=np.where(self.filled[..., None], np.nan, self.measured))

    def some(self, which: NDArray[np.int_]) -> Self:
        """The people in these rows."""
        return replace(
            self,
            id=self.id[which],
            xyz=self.xyz[which],
            error=self.error[which],
            views=self.views[which],
            filled=self.filled[which],
            detections=self.detections[which],
            covariance=None if self.covariance is None else self.covariance[which],
            measured=None if self.measured is None else self.measured[which],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What all cameras saw at one instant.

    time: seconds, of the first view. views: one a camera, None = that camera is out.
    seconds: how long each stage took for it. dropped: frames left out so far to stay live.
    poses3d: the 3D people, None without a rig; their ids are those of the views' tracks.
    part_seconds: how much of the stage `people` hands, face and feet took each.
    movements: one a view, those of its people by their ids, where somebody wants to know; of the 3D
        people where there is a rig, the same for all views.
    """

    time: float
    views: tuple[View | None, ...]
    seconds: Mapping[str, float]
    dropped: int = 0
    poses3d: Poses3D | None = None
    part_seconds: Mapping[Part, float] = field(default_factory=dict)
    movements: tuple[Mapping[int, Movement], ...] = ()

    @property
    def movements3d(self) -> Mapping[int, Movement]:
        """Those of the 3D people, by their ids."""
        known = self.poses3d is not None and self.movements
        return self.movements[0] if known else {}
