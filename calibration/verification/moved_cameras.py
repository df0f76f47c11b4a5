"""Which camera of a rig is not where it was calibrated.

Each camera's pose alone is solved anew, the others held fast: the one whose new pose makes all
agree best is the one that was moved, if what it sees has shifted by more than keypoints are off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from calibration.geometry.arrays import Doubles, Ints
from calibration.geometry.bundle_adjustment import Adjusted, adjust
from calibration.geometry.bundle_scene import FOCAL, Scene, Sights, free_poses
from calibration.geometry.camera import Camera, Rig, rotation_vector
from calibration.people.epipolar import essential
from calibration.people.shift_statistic import MIN_PLACES, ShiftTest, measure_shift

LOOSE_SCALE = 3.0  # times as far off as usual that keypoints may be before a camera that was moved
TOLERANCE = 1e-5  # share of the cost by which a step must be expected to lower it
HUBER_SIGMAS = 2.0  # deviations beyond which residuals count linearly: 13 % of Gaussian ones
ASSOCIATION_ROUNDS = 2  # of finding what is common with a better pose, and solving the pose again
MIN_SHIFT_RATIO = 2.0  # median residuals by which what a camera sees must have shifted,
MIN_SHIFT_PX = 1.5  # and pixels, for it to be called moved (rule of thumb)

# Cameras, and how many times as far as usual keypoints may be off -> what they see in common, and
# (T,) numbers of the places where the targets are, -1 = does not count.
Associate = Callable[[Sequence[Camera], float], tuple[Scene, Sights, Ints]]


@dataclass(frozen=True, slots=True, eq=False)
class MovedCamera:
    """A camera that is not where the rig says, but `now`. pixels: by how much what it sees has
    shifted; degrees, metres: by how much it was turned and moved.
    """

    camera: int
    now: Camera
    pixels: float
    degrees: float
    metres: float


@dataclass(frozen=True, slots=True, eq=False)
class RigCheck:
    """error: (V,) median pixels between what a camera sees and where the others say that it is.
    pairs: (V, V) median pixels from each other's epipolar lines, NaN = nothing in common. count:
    (V,) points. moved: cameras that are not where the rig says, the worst first. rest: median
    pixels of all, once these are corrected. places: (V,) where each camera sees somebody together
    with others. detectable: (V,) degrees by which it must have turned to be called moved.
    """

    error: Doubles
    pairs: Doubles
    count: Ints
    moved: list[MovedCamera]
    rest: float
    places: Ints
    detectable: Doubles


def compare(
    rig: Rig, associate: Associate, guesses: Mapping[int, Camera] | None = None
) -> RigCheck:
    """The rig and what its cameras see now. guesses: where cameras may be that see nothing in
    common with the others from where the rig says.
    """
    cameras = list(rig.cameras)
    suspects = dict(guesses or {})
    scene, sights, _ = associate(
        [suspects.get(n, one) for n, one in enumerate(cameras)], LOOSE_SCALE
    )
    solved = [_solved(scene, sights, n) for n in range(len(cameras))]
    error = np.array([_misses(one, solved[n].scene, sights, n) for n, one in enumerate(cameras)])
    pairs = _pairs(rig, sights)
    count = np.bincount(sights.camera, minlength=len(cameras))
    moved: set[int] = set()
    for _ in range(2 * len(cameras)):
        if suspects:
            number, now = suspects.popitem()
        else:
            if moved:
                scene, sights, _ = associate(cameras, LOOSE_SCALE)
                solved = [_solved(scene, sights, n) for n in range(len(cameras))]
            number = int(np.argmin([done.cost for done in solved]))
            now = solved[number].scene.cameras[number]
        before = list(cameras)
        cameras[number] = now
        for _ in range(ASSOCIATION_ROUNDS):
            scene, sights, place = associate(
                [suspects.get(n, one) for n, one in enumerate(cameras)], 1.0
            )
            done = _solved(scene, sights, number)
            cameras[number] = done.scene.cameras[number]
        test = _test(done.scene, sights, place, number, before[number])
        enough = test.shift > _detectable(test, done.scene, sights)
        # Where two cameras remain of all, nothing tells which of them it is; and a pose solved in
        # few places takes up bias, which the next camera would be blamed for.
        most = max(len(cameras) - 2, 1) if test.places >= MIN_PLACES else 1
        if not enough or len(moved | {number}) > most:
            cameras = before
            break
        moved.add(number)
    scene, sights, place = associate(cameras, 1.0)
    settled = _solved(scene, sights, None).scene
    bumps = [_moved_camera(n, rig.cameras[n], settled, sights) for n in moved]
    known = [_test(settled, sights, place, n, cameras[n]) for n in range(len(cameras))]
    return RigCheck(
        error,
        pairs,
        count,
        sorted(bumps, key=lambda one: -one.pixels),
        _median(settled, sights),
        np.array([one.places for one in known]),
        np.degrees([_detectable(one, settled, sights) for one in known] / rig.focals.mean(1)),
    )


def _test(scene: Scene, sights: Sights, place: Ints, number: int, was: Camera) -> ShiftTest:
    return measure_shift(scene, sights, place, number, was, _points(scene, sights))


def _detectable(test: ShiftTest, scene: Scene, sights: Sights) -> float:
    """Pixels by which what a camera sees must have shifted for it to be called moved."""
    return max(test.chance, MIN_SHIFT_RATIO * _median(scene, sights), MIN_SHIFT_PX)


def _solved(scene: Scene, sights: Sights, number: int | None) -> Adjusted:
    """Targets, and the pose of one camera, that explain the sights best."""
    free = np.zeros_like(free_poses(scene.cameras))
    if number is not None:
        free[number, :FOCAL] = True
    return adjust(scene, sights, free, huber=HUBER_SIGMAS, steps=15, tolerance=TOLERANCE)


def _points(scene: Scene, sights: Sights) -> Doubles:
    """(N, 3) where the scene says that what was seen is."""
    local = sights.point
    if scene.rotations is not None:
        local = (scene.rotations[sights.target] @ local[..., None])[..., 0]
    return local + scene.translations[sights.target]


def _misses(camera: Camera, scene: Scene, sights: Sights, number: int) -> float:
    """Median pixels by which a camera misses what the others see, NaN = they share nothing."""
    own = np.flatnonzero(sights.camera == number)
    if not len(own):
        return float("nan")
    off = np.linalg.norm(camera.project(_points(scene, sights[own])) - sights.xy[own], axis=1)
    # What should be behind it, but was seen, is missed by more than any picture holds.
    return float(np.median(np.nan_to_num(off, nan=max(camera.size))))


def _median(scene: Scene, sights: Sights) -> float:
    return float(np.nanmedian(np.linalg.norm(scene.residuals(sights), axis=1)))


def _shift(was: Camera, now: Camera, scene: Scene, sights: Sights) -> float:
    """Median pixels between what both cameras see of what `now` saw."""
    here = [n for n, one in enumerate(scene.cameras) if one.name == now.name]
    points = _points(scene, sights[np.flatnonzero(np.isin(sights.camera, here))])
    shift = np.linalg.norm(was.project(points) - now.project(points), axis=1)
    # What the camera does not see any more has shifted beyond all bounds.
    return float(np.median(np.nan_to_num(shift, nan=max(was.size))))


def _moved_camera(number: int, was: Camera, scene: Scene, sights: Sights) -> MovedCamera:
    now = scene.cameras[number]
    pixels = _shift(was, now, scene, sights)
    turn = float(np.linalg.norm(rotation_vector(now.rotation @ was.rotation.T)))
    metres = float(np.linalg.norm(now.centre - was.centre))
    return MovedCamera(number, now, pixels, float(np.degrees(turn)), metres)


def _pairs(rig: Rig, sights: Sights) -> Doubles:
    """(V, V) median pixels of Sampson distances between two cameras."""
    _, point = np.unique(
        np.column_stack([sights.target, sights.point]), axis=0, return_inverse=True
    )
    xy = np.full((len(rig), point.max() + 1, 2), np.nan)
    xy[sights.camera, point] = sights.xy
    undistorted = rig.normalise(xy)
    rays = np.concatenate([undistorted, np.ones_like(undistorted[..., :1])], -1)
    out = np.full((len(rig), len(rig)), np.nan)
    for a, b in combinations(range(len(rig)), 2):
        turn = rig.rotations[b] @ rig.rotations[a].T
        matrix = essential(turn, rig.translations[b] - turn @ rig.translations[a])
        both = np.isfinite(rays[[a, b]]).all((0, 2))
        if not both.any():
            continue
        there, here = rays[a, both] @ matrix.T, rays[b, both] @ matrix
        slope = np.hypot(
            np.linalg.norm(there[:, :2], axis=1) / rig.focals[b].mean(),
            np.linalg.norm(here[:, :2], axis=1) / rig.focals[a].mean(),
        )
        off = np.abs((there * rays[b, both]).sum(1)) / np.maximum(slope, 1e-12)
        out[a, b] = out[b, a] = np.median(off)
    return out
