"""What goes wrong in real footage, as synthetic scenes: limbs unseen, mistaken or hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.geometry.camera import Rig
from engines.types.arrays import Doubles
from realtime.multiview.bone_lengths import BoneLengths
from realtime.multiview.reconstructor import MultiViewReconstructor
from realtime.types.results import Poses3D, View
from tests.bodies import BODY25, body, sightings

BONES = BoneLengths(BODY25)
RIGID = BONES.limbs[BONES.rigid]
NOISE_PX = 3.0
Views = list[View | None]
# Changes what the views saw, in place: frame, truth of everybody, views.
Mistake = Callable[[int, list[Doubles], Views], None]


def index(*names: str) -> list[int]:
    return [BODY25.keypoints.index(name) for name in names]


@dataclass(frozen=True, slots=True)
class Shown:
    """One person at one frame: (K, 3) true and shown keypoints, NaN = not shown."""

    frame: int
    truth: Doubles
    xyz: Doubles
    poses: Poses3D
    row: int

    @property
    def off(self) -> Doubles:
        """(K,) metres."""
        return np.asarray(np.linalg.norm(self.xyz - self.truth, axis=-1), np.float64)

    @property
    def stretch(self) -> Doubles:
        """(B,) by what share the rigid bones shown are longer or shorter than they are."""
        true, shown = lengths(self.truth), lengths(self.xyz)
        return (shown / true - 1)[np.isfinite(shown)]


def lengths(xyz: Doubles) -> Doubles:
    """(B,) of rigid bones."""
    return np.asarray(np.linalg.norm(xyz[RIGID[:, 0]] - xyz[RIGID[:, 1]], axis=-1), np.float64)


def played(
    rig: Rig,
    truth: Callable[[int], Sequence[Doubles]],
    frames: int,
    mistake: Mistake,
    *,
    seed: int,
    rate: float = 25,
    space: MultiViewReconstructor | None = None,
) -> Iterator[Shown]:
    """Everybody shown at each frame; sightings miss by NOISE_PX, then by the mistake."""
    rng = np.random.default_rng(seed)
    space = space or MultiViewReconstructor(rig, BODY25)
    for n in range(frames):
        people = list(truth(n))
        views = sightings(rig, people, n / rate)
        for view in views:
            assert view is not None
            view.tracks.poses.xy[:] += rng.normal(0, NOISE_PX, view.tracks.poses.xy.shape)
        mistake(n, people, views)
        poses = space.update(n / rate, views)
        for row, xyz in enumerate(poses.xyz.astype(float)):
            gaps = [np.nanmean(np.linalg.norm(xyz - one, axis=-1)) for one in people]
            yield Shown(n, people[int(np.argmin(gaps))], xyz, poses, row)


def walker(
    at: tuple[float, float] = (0.3, -0.2), seed: int = 0, height: float = 1.75
) -> Callable[[int], list[Doubles]]:
    """Somebody who walks to and fro, with a heading of the seed's."""
    turn = 2.4 * seed

    def truth(n: int) -> list[Doubles]:
        place = at[0] + 0.5 * np.sin(n / 40), at[1] + 0.3 * np.cos(n / 50)
        return [body(place, heading=turn + n / 90, phase=n / 4 + seed, height=height)]

    return truth


def hide(views: Views, keypoints: list[int], kept: Sequence[int] = (), person: int = 0) -> None:
    """The keypoints are seen by the kept views alone."""
    for v, view in enumerate(views):
        if view is not None and v not in kept:
            view.tracks.poses.xy[person, keypoints] = np.nan
            view.tracks.poses.score[person, keypoints] = 0


def shift(view: View | None, keypoint: int, by: Doubles, person: int = 0) -> None:
    """A keypoint is found elsewhere, pixels."""
    assert view is not None
    view.tracks.poses.xy[person, keypoint] += by


def pixels_per_metre(rig: Rig, view: int, xyz: Doubles) -> float:
    camera = rig.cameras[view]
    depth = float(camera.rotation[2] @ xyz + camera.translation[2])
    return float(camera.matrix[0, 0]) / depth
