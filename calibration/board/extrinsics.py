"""Where the cameras of a rig stand, from a board that several of them see at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.board.board_poses_in_rig import boards_in_space, fitted
from calibration.board.camera_pairs import (
    HUBER_SIGMAS,
    Pair,
    camera_pairs,
    joining_pairs,
    place_cameras,
)
from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import Adjusted, adjust
from calibration.geometry.bundle_scene import (
    CENTRE,
    FOCAL,
    LENS,
    RAYLEIGH_MEDIAN,
    Scene,
    Sights,
    free_poses,
)
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import BoardError, CalibrationError

# Far out, as a hasty board and cameras that are not quite in step have long tails (rule of thumb).
OUTLIER_SIGMAS = 8.0
OUTLIER_ROUNDS = 2  # of dropping outliers and adjusting again
# Priors of lenses that are refined: focal lengths and centre, as shares of the focal length, and
# radial terms. As far as autofocus and a lens refitted to its camera move them (rule of thumb).
FOCAL_SIGMA, CENTRE_SIGMA, RADIAL_SIGMA = 0.03, 0.02, 0.05
ASPECT_SIGMA = 0.001  # of the focal length: pixels of today's sensors are square, to manufacturing


@dataclass(frozen=True, slots=True, eq=False)
class BoardExtrinsics:
    """A calibrated rig. instants: of the boards. sights: all that entered, `good` (N,) those that
    were kept; residuals: (N, 2) pixels of all.
    """

    rig: Rig
    scene: Scene
    instants: list[int]
    sights: Sights
    good: np.ndarray[tuple[int], np.dtype[np.bool_]]
    residuals: Doubles
    tree: list[Pair]
    reason: str

    @property
    def rms(self) -> float:
        """Pixels, over the corners that were kept."""
        return float(np.sqrt((self.residuals[self.good] ** 2).sum(1).mean()))


def locate(
    cameras: Sequence[Camera],
    seen: Sequence[Mapping[int, Sighting]],
    board: Board,
    *,
    refine: bool = False,
) -> BoardExtrinsics:
    """The rig of cameras with known lenses; the first one's frame is the world's.

    seen: by camera and instant. refine: focal lengths, centres and two radial terms move too, near
    what they were. CalibrationError where they are not connected, RigError where
    pictures are not of the size that a camera was calibrated for, BoardError for boards that look
    the same upside down.
    """
    if board.ambiguous:
        raise BoardError(
            f"A {board} looks the same upside down, so two cameras may see it turned by 180 "
            "degrees; use a chessboard with one even and one odd number, or a ChArUco board."
        )
    if len(cameras) < 2:
        raise CalibrationError("A rig needs at least two cameras; give one --source per camera.")
    points = board.points
    fitting, poses = fitted(cameras, seen, points)
    pairs = camera_pairs(fitting, seen, poses, points)
    tree = joining_pairs(fitting, pairs, poses)
    placed = place_cameras(fitting, tree)
    instants = sorted(n for n in set().union(*poses) if sum(n in own for own in poses) > 1)
    scene, sights = boards_in_space(placed, seen, poses, instants, points)
    free = free_poses(placed)
    done = adjust(scene, sights, free, huber=HUBER_SIGMAS)
    good = np.ones(len(sights), bool)
    for _ in range(OUTLIER_ROUNDS):
        length = np.linalg.norm(done.scene.residuals(sights), axis=1)
        deviation = max(float(np.median(length[good])) / RAYLEIGH_MEDIAN, 0.05)
        good = length <= OUTLIER_SIGMAS * deviation
        weighed = replace(sights, weight=np.full(len(sights), 1 / deviation))
        done = adjust(done.scene, weighed[np.flatnonzero(good)], free, huber=HUBER_SIGMAS)
    if refine:
        done = _refined(done.scene, weighed[np.flatnonzero(good)])
    residuals = done.scene.residuals(sights)
    return BoardExtrinsics(
        Rig(done.scene.cameras), done.scene, instants, sights, good, residuals, tree, str(done.stop)
    )


def _refined(scene: Scene, sights: Sights) -> Adjusted:
    """With the lenses as free as a calibration of their own is wrong at times."""
    free = free_poses(scene.cameras)
    prior = np.full(free.shape, np.inf)
    for n, camera in enumerate(scene.cameras):
        radial = LENS + min(2, len(camera.distortion))
        free[n, FOCAL:radial] = True
        focal = float(camera.matrix[0, 0])
        prior[n, FOCAL:CENTRE], prior[n, CENTRE:LENS] = FOCAL_SIGMA * focal, CENTRE_SIGMA * focal
        prior[n, LENS:] = RADIAL_SIGMA
    return adjust(scene, sights, free, huber=HUBER_SIGMAS, prior=prior, square=ASPECT_SIGMA * focal)


def on_board(found: BoardExtrinsics, board: Board, instant: int) -> Rig:
    """The rig with the world on the board as it lay at `instant`: origin in its outer corner, X
    along the columns, Z up from the printed side.
    """
    if instant not in found.instants:
        usable = found.instants
        raise CalibrationError(
            f"--origin {instant}: no two cameras see the board in this frame; they do in "
            f"{', '.join(map(str, usable[:8]))}{' …' if len(usable) > 8 else ''}."
        )
    assert found.scene.rotations is not None
    at = found.instants.index(instant)
    # The board's own z points into it.
    turn = found.scene.rotations[at] @ np.diag([1.0, -1.0, -1.0])
    shift = found.scene.translations[at]
    return Rig(
        tuple(
            replace(
                camera,
                rotation=camera.rotation @ turn,
                translation=camera.rotation @ shift + camera.translation,
            )
            for camera in found.rig.cameras
        )
    )
