"""One camera's lens from views of a board."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.board.board_pose import board_poses
from calibration.board.detection import Sighting
from calibration.board.lens_uncertainty import projected
from calibration.board.target import Board
from calibration.board.view_diversity import missing, part, variety
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import Adjusted, adjust
from calibration.geometry.bundle_scene import FOCAL, LENS, Scene, Sights
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError, DegenerateError

LEAST = 4  # views
MOST = 100  # views that a calibration is made of; more tell hardly more
COMPARED = 40  # of them, that models are compared on
BLURRED = 2.0  # times the usual width of an edge
SHARP = 3.0  # pixels, a width that is never too much
OUTLIER = 5.0  # times the usual residual
WORTH = 0.98  # a larger model must lower the held-out error to this much
FOLDS = 5
FEW = 10  # views
NEAR, ASTRAY = 0.002, 0.006  # of the longer side, that points may be off in good and usable ones
COVERED = 5  # ninths of the picture, at least
KEPT = 0.98  # of the corners count when models are compared
HUBER = 2.5
SQUARE = 0.001  # of the focal length, by which pixels of today's sensors may not be square
BENT = 10.0  # standard deviation of distortion terms
STRETCHED = 2.0  # times as far apart as that, they are not
NOTHING = 1e-3 * np.eye(6)  # what is known of a lens before the first view, as `told`
# Name -> number of coefficients, which of them move, fisheye; smaller before larger.
MODELS: dict[str, tuple[int, tuple[int, ...], bool]] = {
    "2 terms (radial)": (5, (0, 1), False),
    "5 terms": (5, (0, 1, 2, 3, 4), False),
    "8 terms (rational)": (8, (0, 1, 2, 3, 4, 5, 6, 7), False),
    "fisheye": (4, (0, 1, 2, 3), True),
}


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
        raise CalibrationError(f"{name} has pictures of {listed}; give pictures of one size.")
    most_blur = usable_blur([one.blur for one in sightings])
    sharp = [n for n, one in enumerate(sightings) if one.blur <= most_blur]
    if len(sharp) < LEAST:
        raise CalibrationError(
            f"{name} shows the board in {len(sharp)} usable picture{'s' * (len(sharp) != 1)}; take "
            f"at least {LEAST}, "
            "better 20, at different places, distances and tilts."
        )
    points = board.points
    start = _first_guess([sightings[n] for n in sharp], points, name, bool(fisheye))
    sharp = [n for n in sharp if board_poses(start, points[sightings[n].ids], sightings[n].xy)]
    chosen = _informative(start, [sightings[n] for n in sharp], points)
    views = [sharp[n] for n in chosen]
    compared = [sightings[n] for n in sorted(views[:COMPARED])]
    views = sorted(views)
    seen = [sightings[n] for n in views]
    names = [key for key, model in MODELS.items() if fisheye is None or model[2] is fisheye]
    tried: dict[str, float] = {}
    best = names[0]
    for key in names:
        tried[key] = _held_out(start, compared, points, key, KEPT)[0]
        if tried[key] < WORTH * tried[best]:
            best = key
    done, sights = _fit(start, seen, points, best)
    length = np.linalg.norm(done.scene.residuals(sights), axis=1)
    good = length <= OUTLIER * max(float(np.median(length)), 0.05)
    enough = np.bincount(sights.target[good], minlength=len(seen)) >= LEAST
    good &= enough[sights.target]
    seen = [
        replace(one, ids=one.ids[good[sights.target == n]], xy=one.xy[good[sights.target == n]])
        for n, one in enumerate(seen)
    ]
    views = [view for view, one in zip(views, seen, strict=True) if len(one)]
    seen = [one for one in seen if len(one)]
    done, sights = _fit(done.scene.cameras[0], seen, points, best)
    residuals = done.scene.residuals(sights)
    rms = float(np.sqrt((residuals**2).sum(1).mean()))
    sigma = np.sqrt((residuals**2).sum() / max(residuals.size - done.free.sum() - 6 * len(seen), 1))
    camera = done.scene.cameras[0]
    held_out, folds = _held_out(camera, seen, points, best)
    # Corners of one view err together (no board is flat), and so do views that follow each other,
    # which only whole stretches left out show.
    numbers = [[*one.matrix.diagonal()[:2], *one.matrix[:2, 2]] for one in folds]
    spread = np.sqrt(len(folds) - 1) * np.std(numbers, axis=0)
    deviations = np.maximum(done.deviations()[0, FOCAL:LENS] * sigma, spread)
    _check_determined(camera, deviations, done, name)
    across = projected(done.scene, sights, folds, sigma, BENT, SQUARE * camera.matrix[0, 0])
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


def usable_blur(blurs: Collection[float]) -> float:
    """The largest blur, pixels, of a view that is used among views of these."""
    return max(BLURRED * float(np.median(list(blurs))), SHARP) if blurs else SHARP


def _first_guess(seen: Sequence[Sighting], points: Doubles, name: str, fisheye: bool) -> Camera:
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
        if len(errors) >= LEAST and (best is None or np.median(errors) < best[0]):
            best = float(np.median(errors)), camera
    if best is None:
        raise DegenerateError(
            f"{name}: no lens explains these views; is --board what was filmed, and flat?"
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


def _fit(
    start: Camera, seen: Sequence[Sighting], points: Doubles, model: str
) -> tuple[Adjusted, Sights]:
    count, moving, fisheye = MODELS[model]
    lens = np.zeros(count)
    if fisheye is start.fisheye:
        known = min(count, len(start.distortion))
        lens[:known] = start.distortion[:known]
    matrix = start.matrix.copy()
    matrix[[0, 1], [0, 1]] = matrix.diagonal()[:2].mean()
    square = SQUARE * matrix[0, 0]
    camera = replace(start, matrix=matrix, distortion=lens, fisheye=fisheye)
    scene, sights = scene_of(camera, seen, points)
    free = np.zeros((1, LENS + count), bool)
    free[0, FOCAL:LENS] = True
    prior = np.full(free.shape, np.inf)
    # Focal lengths and centre first: a bent lens can imitate them.
    first = adjust(scene, sights, free, huber=HUBER, square=square, steps=15).scene
    free[0, [LENS + n for n in moving]] = True
    prior[0, LENS:] = BENT  # keeps terms apart that only differ beyond the picture
    done = adjust(first, sights, free, huber=HUBER, prior=prior, square=square)
    across, down = done.scene.cameras[0].matrix.diagonal()[:2]
    if abs(across - down) > STRETCHED * square:  # a picture that was scaled unevenly
        done = adjust(done.scene, sights, free, huber=HUBER, prior=prior)
    return done, sights


def _held_out(
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
        camera = _fit(start, train, points, model)[0].scene.cameras[0]
        lenses.append(camera)
        scene, sights = scene_of(camera, test, points)
        free = np.zeros((1, LENS + len(camera.distortion)), bool)
        residuals = adjust(scene, sights, free, huber=HUBER, steps=30).scene.residuals(sights)
        length = np.sort(np.linalg.norm(residuals, axis=1))
        # Corners that are all wrong must not choose the model.
        length = length[: max(1, int(np.ceil(kept * len(length))))]
        total += float((length**2).sum())
        count += len(length)
    rms = float(np.sqrt(total / count))
    return (rms if np.isfinite(rms) else float("inf")), lenses


def _informative(camera: Camera, seen: Sequence[Sighting], points: Doubles) -> list[int]:
    """At most MOST views that together tell most about the lens: each time the one that adds most
    to the determinant of the information on focal lengths, centre and radial terms (D-optimal).
    """
    if len(seen) <= COMPARED:
        return list(range(len(seen)))
    known = np.stack([told(camera, one, points) for one in seen])
    total = NOTHING
    chosen: list[int] = []
    for _ in range(min(MOST, len(seen))):
        gains = np.linalg.slogdet(total + known)[1]
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        total = total + known[chosen[-1]]
    return chosen


def told(camera: Camera, one: Sighting, points: Doubles) -> Doubles:
    """(6, 6) information that a view holds on focal lengths and centre, in thousandths of the
    focal length, and on two radial terms, in hundredths, for corners good to a pixel.
    """
    scale = np.array([1e-3 * camera.matrix[0, 0]] * 4 + [0.01, 0.01])
    scene, sights = scene_of(camera, [one], points)
    free = np.zeros((1, LENS + len(camera.distortion)), bool)
    free[0, FOCAL : LENS + 2] = True
    information = adjust(scene, sights, free, huber=None, steps=0).information
    return np.asarray(information * scale[:, None] * scale, np.float64)


def _check_determined(camera: Camera, deviations: Doubles, done: Adjusted, name: str) -> None:
    assert done.scene.rotations is not None
    focal = camera.matrix.diagonal()[:2]
    normals = done.scene.rotations[:, :, 2]
    spread = float(np.degrees(np.arccos((normals @ _mean(normals)).clip(-1, 1))).max())
    loose = not np.isfinite(deviations).all() or (deviations[:2] > 0.05 * focal).any()
    if loose or spread < 3:
        raise DegenerateError(
            f"{name}: the views are all alike (the board's tilt changes by {spread:.0f} degrees), "
            "so that focal length and distance cannot be told apart; tilt the board by 30 to 45 "
            "degrees, to the left, right, up and down."
        )
    inside = (camera.matrix[:2, 2] > 0) & (camera.matrix[:2, 2] < np.array(camera.size))
    if not inside.all():
        raise DegenerateError(
            f"{name}: the calibration puts the lens's axis outside the picture; take more views "
            "that fill it, tilted every way."
        )


def _mean(normals: Doubles) -> Doubles:
    mean = normals.mean(0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float64)


def verdict(found: Intrinsics) -> list[str]:
    """How good it is, then what to add, in words."""
    camera, words = found.camera, []
    focal = float((found.deviations[:2] / camera.matrix.diagonal()[:2]).max())
    centre = float(found.deviations[2:].max())
    few = len(found.views) < FEW
    # So few views agree by chance about a centre that a flat board hardly tells apart from tilt.
    poor_centre = few or centre > 0.002 * max(camera.size)
    various = variety(found.seen, found.poses, camera.size)
    worst, where = _worst(found.across)
    share = worst / max(camera.size)
    covered = int(various.covered.sum())
    if focal >= 0.01 or share >= ASTRAY or covered < COVERED:
        grade = "poor"
    elif focal < 0.002 and share < NEAR and not poor_centre:
        grade = "good"
    else:
        grade = "usable"
    off = f"to {worst:.1f} px" if np.isfinite(worst) else "not at all"
    words.append(
        f"{grade}: focal lengths are known to {100 * focal:.2g} %, points in the {where} of the "
        f"picture {off}"
    )
    if covered < COVERED:
        words.append(
            f"the board was seen in {covered} of 9 parts of the picture: in the others the lens is "
            "a guess"
        )
    if poor_centre:
        words.append(
            f"the principal point is poorly known (to {centre:.1f} px{' or worse' if few else ''})"
        )
    if found.held_out > 1.5 * found.rms and found.held_out > 0.3:
        words.append("it explains new views worse than its own: take more views")
    elif few:
        words.append(f"take more views ({len(found.views)} were used, 20 are better)")
    return words + missing(various)


def _worst(across: Doubles) -> tuple[float, str]:
    """The largest of the medians over the ninths of the picture, and which it is."""
    size = len(across) // 3
    parts = across.reshape(3, size, 3, size).transpose(0, 2, 1, 3).reshape(9, -1)
    middles = np.sort(parts, axis=1)[:, parts.shape[1] // 2]
    worst = int(middles.argmax())
    return float(middles[worst]), part(*divmod(worst, 3))
