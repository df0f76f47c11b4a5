"""One camera's lens from views of a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.board.board_pose import board_poses
from calibration.board.detection import Sighting
from calibration.board.lens_fit import (
    ASPECT_SIGMA,
    COMPARED_SHARE,
    DISTORTION_SIGMA,
    MAX_ERROR_RATIO,
    MIN_VIEWS,
    MODELS,
    first_guess,
    fit,
    held_out_error,
)
from calibration.board.lens_uncertainty import projected
from calibration.board.target import Board
from calibration.board.view_selection import MAX_COMPARED_VIEWS, informative, usable_blur
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import Adjusted
from calibration.geometry.bundle_scene import FOCAL, LENS
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError, DegenerateError

OUTLIER_RATIO = 5.0  # times the median residual: 1 in 30 million of Gaussian ones


@dataclass(frozen=True, slots=True, eq=False)
class Intrinsics:
    """A calibrated camera and how well it is known.

    views: places of the sightings that were used. residuals: (N, 2) pixels of each of them. poses:
    each board's (3, 3), (3,). rms, held_out: pixels; the latter of views that the lens was not
    fitted to. tried: held-out error by model. deviations: of fx, fy, cx, cy, pixels. across: those
    of points all over the picture (R, C), rows from the top, pixels. blurred, wild: views and
    corners that were left out.
    """

    camera: Camera
    model: str
    rms: float
    held_out: float
    tried: dict[str, float]
    deviations: Doubles
    across: Doubles
    views: list[int]
    seen: list[Sighting]
    residuals: list[Doubles]
    poses: list[tuple[Doubles, Doubles]]
    blurred: int
    wild: int


def calibrate(
    sightings: Sequence[Sighting], board: Board, name: str, *, fisheye: bool | None = None
) -> Intrinsics:
    """The camera that explains the sightings.

    fisheye: None tries both kinds of lens. CalibrationError where there are too few views or of
    several sizes, DegenerateError where they are all alike.
    """
    sizes = {one.size for one in sightings}
    if len(sizes) > 1:
        listed = " and ".join(f"{w}x{h}" for w, h in sorted(sizes))
        raise CalibrationError(f"{name} has pictures of {listed}; use pictures of one size.")
    most_blur = usable_blur([one.blur for one in sightings])
    sharp = [n for n, one in enumerate(sightings) if one.blur <= most_blur]
    if len(sharp) < MIN_VIEWS:
        raise CalibrationError(
            f"{name} shows the board in only {len(sharp)} usable "
            f"picture{'s' * (len(sharp) != 1)}; take at least {MIN_VIEWS}, better 20, at "
            "different places, distances and tilts."
        )
    points = board.points
    start = first_guess([sightings[n] for n in sharp], points, name, bool(fisheye))
    sharp = [n for n in sharp if board_poses(start, points[sightings[n].ids], sightings[n].xy)]
    chosen = informative(start, [sightings[n] for n in sharp], points)
    views = [sharp[n] for n in chosen]
    compared = [sightings[n] for n in sorted(views[:MAX_COMPARED_VIEWS])]
    views = sorted(views)
    seen = [sightings[n] for n in views]
    names = [key for key, model in MODELS.items() if fisheye is None or model[2] is fisheye]
    tried: dict[str, float] = {}
    best = names[0]
    for key in names:
        tried[key] = held_out_error(start, compared, points, key, COMPARED_SHARE)[0]
        if tried[key] < MAX_ERROR_RATIO * tried[best]:
            best = key
    done, sights = fit(start, seen, points, best)
    length = np.linalg.norm(done.scene.residuals(sights), axis=1)
    good = length <= OUTLIER_RATIO * max(float(np.median(length)), 0.05)
    enough = np.bincount(sights.target[good], minlength=len(seen)) >= MIN_VIEWS
    good &= enough[sights.target]
    seen = [
        replace(one, ids=one.ids[good[sights.target == n]], xy=one.xy[good[sights.target == n]])
        for n, one in enumerate(seen)
    ]
    views = [view for view, one in zip(views, seen, strict=True) if len(one)]
    seen = [one for one in seen if len(one)]
    done, sights = fit(done.scene.cameras[0], seen, points, best)
    residuals = done.scene.residuals(sights)
    rms = float(np.sqrt((residuals**2).sum(1).mean()))
    sigma = np.sqrt((residuals**2).sum() / max(residuals.size - done.free.sum() - 6 * len(seen), 1))
    camera = done.scene.cameras[0]
    held_out, folds = held_out_error(camera, seen, points, best)
    # Corners of one view err together (no board is flat), and so do views that follow each other,
    # which only whole stretches left out show.
    numbers = [[*one.matrix.diagonal()[:2], *one.matrix[:2, 2]] for one in folds]
    folds_sigma = np.sqrt(len(folds) - 1) * np.std(numbers, axis=0)
    deviations = np.maximum(done.deviations()[0, FOCAL:LENS] * sigma, folds_sigma)
    _check_determined(camera, deviations, done, name)
    across = projected(
        done.scene, sights, folds, sigma, DISTORTION_SIGMA, ASPECT_SIGMA * camera.matrix[0, 0]
    )
    assert done.scene.rotations is not None
    return Intrinsics(
        camera,
        best,
        rms,
        held_out,
        tried,
        deviations,
        across,
        views,
        seen,
        [residuals[sights.target == n] for n in range(len(seen))],
        list(zip(done.scene.rotations, done.scene.translations, strict=True)),
        len(sightings) - len(sharp),
        int((~good).sum()),
    )


def _check_determined(camera: Camera, deviations: Doubles, done: Adjusted, name: str) -> None:
    assert done.scene.rotations is not None
    focal = camera.matrix.diagonal()[:2]
    normals = done.scene.rotations[:, :, 2]
    tilt = float(np.degrees(np.arccos((normals @ _mean(normals)).clip(-1, 1))).max())
    loose = not np.isfinite(deviations).all() or (deviations[:2] > 0.05 * focal).any()
    if loose or tilt < 3:
        raise DegenerateError(
            f"{name}: the views are too much alike (the board's tilt varies by {tilt:.0f} "
            "degrees) to tell focal length and distance apart; tilt the board by 30 to 45 "
            "degrees left, right, up and down."
        )
    inside = (camera.matrix[:2, 2] > 0) & (camera.matrix[:2, 2] < np.array(camera.size))
    if not inside.all():
        raise DegenerateError(
            f"{name}: the calibration puts the principal point outside the picture; take more "
            "views that fill the picture, with the board tilted in all directions."
        )


def _mean(normals: Doubles) -> Doubles:
    mean = normals.mean(0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float64)
