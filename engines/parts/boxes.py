"""Where hands and faces are: from the body at first, from themselves once they were found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.crops.affine import Crops
from engines.types.arrays import Floats, Mask

MIN_SIDE_PX = 12.0  # of a crop: a smaller one shows no fingers, and no eyes
MAX_SIDE_PX = 1e5  # what is larger comes of keypoints gone astray
AHEAD = 0.33  # of the forearm's length that a hand's middle lies beyond the wrist (OpenPose 1.7)
# Side of a hand's crop in forearms. OpenPose has 1.5, for upright crops; of those turned by the
# forearm 0.7 times that is best on webcam clips and on COCO (python -m tests.bench.parts).
FOREARM_SIDE = 0.7 * 1.5
UPPER_ARM = 0.9  # what a foreshortened forearm is at least, in upper arms (OpenPose)
# MediaPipe's hand_landmark_landmarks_to_roi: the box of wrist and knuckles, shifted towards the
# fingers by a share of its height, and so many times as large.
PALM = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
PALM_SHIFT = 0.1
PALM_SIDE = 2.0
EYES_SIDE = 3.4  # side of a face's crop, in distances between the eyes,
EYES_SHIFT = 0.3  # and how far below the eyes its middle is
FOREHEAD = 0.21  # what a mesh has above the brows, in heights from brows to chin
FACE_SIDE = 1.5  # of a crop for one of the mesh's box (MediaPipe's face_landmark_landmarks_to_roi)
EYES = slice(36, 48)  # of OpenPose's 70: those of the right eye, then the left one's
EACH_EYE = 6

Boxes = tuple[Crops, NDArray[np.bool_]]


def lengths(xy: Floats) -> Floats:
    """(..., 2) -> (...); a tenth of np.linalg.norm's time where there are few."""
    out: Floats = np.hypot(xy[..., 0], xy[..., 1])
    return out


def forearms(wrist: Floats, elbow: Floats, shoulder: Floats) -> Floats:
    """(N,) lengths in pixels, those of foreshortened ones by the upper arm; NaN = not known.

    wrist, elbow, shoulder: (N, 2) picture pixels, NaN = not found; a shoulder may be missing.
    """
    upper, lower = lengths(elbow - shoulder), lengths(wrist - elbow)
    return np.where(np.isnan(upper), lower, np.maximum(lower, UPPER_ARM * upper))


def forearm_boxes(wrist: Floats, elbow: Floats, forearm: Floats, size: tuple[int, int]) -> Boxes:
    """N crops of hands, turned so that the forearm points up, and whether there is one.

    wrist, elbow, forearm: as `forearms` has and gives them. size: (width, height) of the network's
    input.
    """
    along = (wrist - elbow).astype(np.float32)
    side = FOREARM_SIDE * forearm
    return _squares(wrist + np.float32(AHEAD) * along, side, _turn(along), size)


def hand_boxes(hands: Floats, size: tuple[int, int]) -> Boxes:
    """N crops of hands (N, 21, 2) that are known, turned so that the fingers point up."""
    knuckles = ((hands[:, 5] + hands[:, 13]) / 2 + hands[:, 9]) / 2
    angle = _turn(np.asarray(knuckles - hands[:, 0], np.float32))
    low, high = _turned_box(hands[:, PALM], angle)
    middle, span = np.asarray((low + high) / 2, np.float32), high - low
    middle[:, 1] -= PALM_SHIFT * span[:, 1]
    return _squares(_back(middle, angle), PALM_SIDE * span.max(axis=1), angle, size)


def eye_boxes(right: Floats, left: Floats, size: tuple[int, int]) -> Boxes:
    """N crops of faces by their eyes (N, 2), turned so that these are level."""
    across = (left - right).astype(np.float32)
    apart = lengths(across)
    down = np.stack([-across[:, 1], across[:, 0]], axis=-1)
    centre = (left + right) / 2 + np.float32(EYES_SHIFT) * down
    return _squares(centre, EYES_SIDE * apart, np.arctan2(across[:, 1], across[:, 0]), size)


def profile_boxes(
    eye: Floats, ear: Floats, nose: Floats, across: Floats, apart: Floats, size: tuple[int, int]
) -> Boxes:
    """N crops of faces that are turned to the side, by the eye that is seen, its ear and the nose.

    eye, ear, nose: (N, 2). across: (N, 2) from ear to eye or back, towards the person's left.
    apart: (N,) pixels between the eyes, were the head not turned.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        along = (across / np.linalg.norm(across, axis=-1, keepdims=True)).astype(np.float32)
    down = np.stack([-along[:, 1], along[:, 0]], axis=-1)
    middle = (((nose + ear) / 2 - eye) * along).sum(-1, keepdims=True)
    centre = eye + middle * along + np.float32(EYES_SHIFT) * apart[:, None] * down
    angle = np.arctan2(along[:, 1], along[:, 0])
    return _squares(centre, EYES_SIDE * apart, angle, size)


def face_boxes(faces: Floats, size: tuple[int, int]) -> Boxes:
    """N crops of faces (N, 70, 2) that are known, turned so that the eyes are level."""
    right, left = eyes_of(faces)
    across = left - right
    angle = np.arctan2(across[:, 1], across[:, 0])
    low, high = _turned_box(faces, angle)
    low[:, 1] -= FOREHEAD * (high - low)[:, 1]
    side = FACE_SIDE * (high - low).max(axis=1)
    return _squares(_back(np.asarray((low + high) / 2, np.float32), angle), side, angle, size)


def eyes_of(faces: Floats) -> tuple[Floats, Floats]:
    """(N, 2) middles of the right and the left eye of faces (N, 70, 2)."""
    both = faces[:, EYES].reshape(len(faces), 2, EACH_EYE, 2).sum(axis=2) / np.float32(EACH_EYE)
    return both[:, 0], both[:, 1]


def either(which: Mask, one: Crops, other: Crops) -> Crops:
    """(N,) crops of the one, of the other elsewhere."""
    return Crops(
        np.where(which[:, None], one.centre, other.centre),
        np.where(which[:, None], one.extent, other.extent),
        np.where(which, one.angle, other.angle),
        one.size,
    )


def _turn(up: Floats) -> Floats:
    """(N,) radians clockwise from the picture's upward to (N, 2)."""
    angle: Floats = np.arctan2(up[:, 0], -up[:, 1])
    return angle


def _turned_box(xy: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """(N, 2) least and most coordinates of (N, K, 2) in axes that are turned clockwise."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = xy[..., 0], xy[..., 1]
    turned = np.stack([x * cos + y * sin, y * cos - x * sin], axis=-1)
    return turned.min(axis=1), turned.max(axis=1)


def _back(at: Floats, angle: Floats) -> Floats:
    """(N, 2) from turned axes into the picture's."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = at[:, 0], at[:, 1]
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1)


def _squares(centre: Floats, side: Floats, angle: Floats, size: tuple[int, int]) -> Boxes:
    """Square crops; those that cannot be are the least, at the origin, and not ok."""
    with np.errstate(invalid="ignore"):
        ok = (side >= MIN_SIDE_PX) & (side <= MAX_SIDE_PX) & np.isfinite(angle)
        ok &= (np.abs(centre) <= MAX_SIDE_PX).all(axis=-1)
    centre = np.where(ok[:, None], centre, 0).astype(np.float32)
    side = np.where(ok, side, MIN_SIDE_PX).astype(np.float32)
    angle = np.where(ok, angle, 0).astype(np.float32)
    return Crops(centre, np.repeat(side[:, None], 2, axis=1), angle, size), ok
