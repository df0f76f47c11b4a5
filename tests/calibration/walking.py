"""People who walk about before the cameras of a rig, and what each camera makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig
from calibration.people.observations import Crowd
from engines.types.oks import areas
from tests.bodies import BODY25, body

SIGMAS = np.array(BODY25.sigmas)


@dataclass(frozen=True)
class Walk:
    """noise: pixels. missing: share of keypoints. false: share of instants at which a camera sees
    somebody who is not there. switches: times that a camera takes two people for each other.
    """

    instants: int = 120
    people: int = 3
    area: float = 1.3  # metres that they walk away from the middle
    noise: float = 3.0
    missing: float = 0.1
    false: float = 0.0
    switches: int = 0
    height: float = 1.8
    still: bool = False
    seed: int = 0

    def bodies(self) -> Doubles:
        """(T, P, K, 3) metres."""
        rng = np.random.default_rng(self.seed)
        time = np.zeros(self.instants) if self.still else np.arange(self.instants) / 25
        out = []
        for _ in range(self.people):
            speed, phase = rng.uniform(0.5, 1.1, 4), rng.uniform(0, 2 * np.pi, 4)
            x, y = (
                self.area * 0.5 * (np.sin(speed[n] * time + phase[n]) + np.sin(phase[n + 1] + time))
                for n in (0, 2)
            )
            heading = phase[0] + speed[2] * time
            out.append(
                [
                    body((x[n], y[n]), heading=heading[n], phase=9 * time[n], height=self.height)
                    for n in range(self.instants)
                ]
            )
        return np.array(out).swapaxes(0, 1)

    def crowds(self, rig: Rig, bodies: Doubles | None = None) -> list[Crowd]:
        """What the cameras see, each with track numbers of its own."""
        bodies = self.bodies() if bodies is None else bodies
        rng = np.random.default_rng(self.seed + 1)
        return [self._seen(camera, n, bodies, rng) for n, camera in enumerate(rig.cameras)]

    def _seen(
        self, camera: Camera, number: int, bodies: Doubles, rng: np.random.Generator
    ) -> Crowd:
        count, people = bodies.shape[:2]
        track = np.tile(100 * number + rng.permutation(people), (count, 1))
        for at in rng.integers(1, count, self.switches):
            track[at:, :2] = track[at:, 1::-1]
        xy = camera.project(bodies)
        xy = xy + rng.normal(0, self.noise, xy.shape)
        instant = np.repeat(np.arange(count), people)
        xy, track = xy.reshape(-1, *xy.shape[2:]), track.ravel()
        there = np.flatnonzero(rng.random(count) < self.false)
        ghosts = camera.project(bodies[rng.permutation(count)[: len(there)], 0])
        ghosts = ghosts + rng.uniform(-300, 300, (len(ghosts), 1, 2))
        xy = np.concatenate([xy, ghosts])
        track = np.concatenate([track, 100 * number + 50 + there // 20])
        instant = np.concatenate([instant, there])
        outside = ((xy < 0) | (xy > np.array(camera.size) - 1)).any(-1)
        gone = outside | (rng.random(outside.shape) < self.missing)
        xy[gone] = np.nan
        rows = np.flatnonzero((~gone).sum(1) >= 6)
        rows = rng.permutation(rows)
        xy = xy[rows]
        size = np.sqrt(areas(xy.astype(np.float32)))[:, None]
        return Crowd(
            instant[rows].astype(np.int64),
            track[rows].astype(np.int64),
            xy,
            np.where(gone[rows], 0, 0.8),
            np.hypot(SIGMAS * size, 0.004 * camera.size[1]),
        )


def hidden(rig: Rig) -> list[Camera]:
    """The cameras of a rig without where they stand."""
    return [replace(one, rotation=np.eye(3), translation=np.zeros(3)) for one in rig.cameras]


def aligned(rig: Rig, truth: Rig) -> tuple[Doubles, Doubles]:
    """(V,) degrees and (V,) shares of the largest distance between cameras by which a rig is off,
    after the similarity that brings the centres together (Umeyama 1991).
    """
    mine, theirs = rig.centres - rig.centres.mean(0), truth.centres - truth.centres.mean(0)
    u, size, v = np.linalg.svd(theirs.T @ mine)
    sign = np.diag([1, 1, np.linalg.det(u @ v)])
    turn = u @ sign @ v
    scale = (size * sign.diagonal()).sum() / (mine**2).sum()
    off = np.linalg.norm(scale * mine @ turn.T - theirs, axis=1)
    apart = np.linalg.norm(theirs[:, None] - theirs, axis=-1).max()
    return angles(rig.rotations @ turn.T, truth.rotations), off / apart


def angles(one: Iterable[Doubles], other: Iterable[Doubles]) -> Doubles:
    """Degrees between rotations."""
    cosines = [(np.trace(a @ b.T) - 1) / 2 for a, b in zip(one, other, strict=True)]
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))
