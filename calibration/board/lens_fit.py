"""Lens models fitted to views of a board, and judged by views left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibration.board.board_pose import board_poses
from calibration.board.detection import Sighting
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import Adjusted, adjust
from calibration.geometry.bundle_scene import FOCAL, LENS, Scene, Sights
from calibration.geometry.camera import Camera
from calibration.geometry.errors import DegenerateError

MIN_VIEWS = 4  # Zhang (2000) needs 3 for all of the matrix; a fourth can be held out
# Of the smaller model's held-out error, that a larger model must reach to be taken: less is chance
# (rule of thumb).
MAX_ERROR_RATIO = 0.98
FOLDS = 5  # of cross-validation, the usual number
# Of the corners, the nearest, count when models are compared: some corners are wrong.
COMPARED_SHARE = 0.98
# Pixels beyond which residuals count linearly, far beyond what good corners are off (rule of thumb)
HUBER_PX = 2.5
ASPECT_SIGMA = 0.001  # of the focal length: pixels of today's sensors are square, to manufacturing
# Prior of distortion terms: so wide that it only keeps apart terms which differ beyond the picture.
DISTORTION_SIGMA = 10.0
MAX_ASPECT_SIGMAS = 2.0  # focal lengths farther apart than that belong to a picture scaled unevenly
# Name -> number of coefficients, which of them move, fisheye; smaller before larger.
MODELS: dict[str, tuple[int, tuple[int, ...], bool]] = {
    "2 terms (radial)": (5, (0, 1), False),
    "5 terms": (5, (0, 1, 2, 3, 4), False),
    "8 terms (rational)": (8, (0, 1, 2, 3, 4, 5, 6, 7), False),
    "fisheye": (4, (0, 1, 2, 3), True),
}


def first_guess(seen: Sequence[Sighting], points: Doubles, name: str, fisheye: bool) -> Camera:
    """An ideal lens in the middle of the picture, of the focal length that suits most views."""
    wide, high = seen[0].size
    some = [seen[n] for n in np.linspace(0, len(seen) - 1, min(len(seen), 12)).astype(int)]
    best: tuple[float, Camera] | None = None
    for factor in np.geomspace(0.25 if fisheye else 0.4, 3.0, 14):
        focal = factor * max(wide, high)
        matrix = np.array([[focal, 0, (wide - 1) / 2], [0, focal, (high - 1) / 2], [0, 0, 1]])
        lens = np.zeros(4 if fisheye else 5)
        camera = Camera(name, (wide, high), matrix, lens, fisheye=fisheye)
        errors = []
        for one in some:
            poses = board_poses(camera, points[one.ids], one.xy)
            if not poses:
                continue
            there = replace(camera, rotation=poses[0][0], translation=poses[0][1])
            off = there.project(points[one.ids]) - one.xy
            errors.append(float(np.sqrt((off**2).sum(1).mean())))
        if len(errors) >= MIN_VIEWS and (best is None or np.median(errors) < best[0]):
            best = float(np.median(errors)), camera
    if best is None:
        raise DegenerateError(
            f"{name}: no lens model explains these views; check that --board describes the "
            "filmed board and that the board is flat."
        )
    return best[1]


def scene_of(camera: Camera, seen: Sequence[Sighting], points: Doubles) -> tuple[Scene, Sights]:
    """The camera at the origin with a board for each sighting."""
    poses = []
    for one in seen:
        found = board_poses(camera, points[one.ids], one.xy)
        # Behind a lens that is not right yet no pose may be found: straight ahead will do.
        poses.append(found[0] if found else (np.eye(3), np.array([0, 0, 10 * np.ptp(points)])))
    target = np.repeat(np.arange(len(seen)), [len(one) for one in seen])
    sights = Sights(
        np.zeros(len(target), np.int64),
        target,
        np.concatenate([points[one.ids] for one in seen]),
        np.concatenate([one.xy for one in seen]),
        np.ones(len(target)),
    )
    rotations, translations = (np.stack(part) for part in zip(*poses, strict=True))
    own = replace(camera, rotation=np.eye(3), translation=np.zeros(3))
    return Scene((own,), translations, rotations), sights


def fit(
    start: Camera, seen: Sequence[Sighting], points: Doubles, model: str
) -> tuple[Adjusted, Sights]:
    count, moving, fisheye = MODELS[model]
    lens = np.zeros(count)
    if fisheye is start.fisheye:
        known = min(count, len(start.distortion))
        lens[:known] = start.distortion[:known]
    matrix = start.matrix.copy()
    matrix[[0, 1], [0, 1]] = matrix.diagonal()[:2].mean()
    square = ASPECT_SIGMA * matrix[0, 0]
    camera = replace(start, matrix=matrix, distortion=lens, fisheye=fisheye)
    scene, sights = scene_of(camera, seen, points)
    free = np.zeros((1, LENS + count), bool)
    free[0, FOCAL:LENS] = True
    prior = np.full(free.shape, np.inf)
    # Focal lengths and centre first: a bent lens can imitate them.
    first = adjust(scene, sights, free, huber=HUBER_PX, square=square, steps=15).scene
    free[0, [LENS + n for n in moving]] = True
    prior[0, LENS:] = DISTORTION_SIGMA  # keeps terms apart that only differ beyond the picture
    done = adjust(first, sights, free, huber=HUBER_PX, prior=prior, square=square)
    across, down = done.scene.cameras[0].matrix.diagonal()[:2]
    if abs(across - down) > MAX_ASPECT_SIGMAS * square:  # a picture that was scaled unevenly
        done = adjust(done.scene, sights, free, huber=HUBER_PX, prior=prior)
    return done, sights


def held_out_error(
    start: Camera, seen: Sequence[Sighting], points: Doubles, model: str, kept: float = 1.0
) -> tuple[float, list[Camera]]:
    """RMS of views that the lens was not fitted to, in folds (inf where a fold fits nothing), and
    the lens of each fold.
    """
    folds = min(FOLDS, len(seen))
    total, count = 0.0, 0
    lenses = []
    for fold in range(folds):
        # Stretches of views that follow each other: neighbours are nearly the same view.
        train = [one for n, one in enumerate(seen) if n * folds // len(seen) != fold]
        test = [one for n, one in enumerate(seen) if n * folds // len(seen) == fold]
        camera = fit(start, train, points, model)[0].scene.cameras[0]
        lenses.append(camera)
        scene, sights = scene_of(camera, test, points)
        free = np.zeros((1, LENS + len(camera.distortion)), bool)
        residuals = adjust(scene, sights, free, huber=HUBER_PX, steps=30).scene.residuals(sights)
        length = np.sort(np.linalg.norm(residuals, axis=1))
        # Corners that are all wrong must not choose the model.
        length = length[: max(1, int(np.ceil(kept * len(length))))]
        total += float((length**2).sum())
        count += len(length)
    rms = float(np.sqrt(total / count))
    return (rms if np.isfinite(rms) else float("inf")), lenses
