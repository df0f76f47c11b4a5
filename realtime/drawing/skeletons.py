"""Poses drawn over a picture, in OpenPose's colours."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Image
from engines.types.oks import boxes
from engines.types.skeleton import Skeleton
from realtime.types.results import Tracks

LIMB_OPACITY = 0.6  # as in OpenPose
SUBPIXEL_BITS = 4  # OpenCV draws at sixteenths of a pixel
LIMB_WIDTH = 0.055  # half-width of a limb, in lengths of the person's longest limb
MAX_LIMB_ASPECT = 0.25  # most half-width of a limb, in its own lengths: faces stay fine
DOT_WIDTH = 1.15  # radius of a dot, in half-widths of the thinnest limb that ends in it
MIN_HALF_WIDTH_PX = 1.0  # least half-width of a limb
MAX_HALF_WIDTH = 1 / 110  # most half-width of a limb, in short sides of the picture
FINE_GROUPS = ("left_hand", "right_hand", "face")  # drawn thin, and not at all when small:
MIN_FINE_PX = 16.0  # longer side of a hand or a face that is drawn
FINE_WIDTH = 0.012  # half-width of its lines, in its longer side,
MIN_FINE_HALF_WIDTH_PX = 0.5  # and at least
FONT = cv2.FONT_HERSHEY_SIMPLEX
CAPITAL_HEIGHT_PX = 22  # of FONT at scale 1
ELLIPSE_ANGLES = np.arange(16) * np.pi / 8  # of the polygon drawn for an ellipse

Box = tuple[slice, slice]
Colour = tuple[int, int, int]
Plate = tuple[int, int, int, int]  # left, top, width, height


def draw(image: Image, tracks: Tracks, opacity: float = LIMB_OPACITY) -> Image:
    """A new picture: translucent limbs, a dot a keypoint (a ring where carried over), id labels."""
    out = image.copy()
    skeleton = tracks.poses.skeleton
    if not len(tracks):
        return out
    height, width = image.shape[:2]
    # A coordinate far away must not overflow OpenCV's integers.
    size = np.array([width, height], np.float32)
    xy = np.clip(tracks.poses.xy, -size, 2 * size)
    fine = _fine_widths(xy, skeleton)
    xy = np.where((fine == 0)[..., None], np.float32(np.nan), xy)
    limbs = np.array(skeleton.drawn, int).reshape(-1, 2)
    start, end = xy[:, limbs[:, 0]], xy[:, limbs[:, 1]]
    length = np.linalg.norm(end - start, axis=-1)
    thin = fine[:, limbs[:, 1]]
    longest = np.nan_to_num(np.where(np.isnan(thin), length, 0)).max(axis=1, initial=0)
    widest = np.clip(
        longest * LIMB_WIDTH,
        MIN_HALF_WIDTH_PX,
        max(MIN_HALF_WIDTH_PX, min(width, height) * MAX_HALF_WIDTH),
    )
    half = np.clip(length * MAX_LIMB_ASPECT, MIN_HALF_WIDTH_PX, widest[:, None])
    half = np.where(np.isnan(thin), half, thin)
    # Limbs get a layer of their own, so that crossing ones do not shine through each other.
    layer = image.copy()
    shapes = _fixed(_ellipses(start, end, half))
    for person, limb in np.argwhere(~np.isnan(length)).tolist():
        colour = skeleton.colours[limbs[limb, 1]]
        cv2.fillConvexPoly(layer, shapes[person, limb], colour, cv2.LINE_AA, SUBPIXEL_BITS)
    for box in _boxes(xy, widest + 1, width, height):
        cv2.addWeighted(layer[box], opacity, image[box], 1 - opacity, 0, dst=out[box])
    _draw_dots(out, xy, _radii(limbs, half, widest, xy), tracks.filled, skeleton.colours)
    plates: list[Plate] = []
    for person in np.flatnonzero(tracks.id >= 0).tolist():
        _draw_label(out, xy[person], float(longest[person]), int(tracks.id[person]), plates)
    return out


def id_colour(track: int) -> Colour:
    """A bright BGR colour for an id; steps of the golden ratio keep the hues of near ids apart."""
    red, green, blue = colorsys.hsv_to_rgb(track * 0.618034 % 1, 0.6, 1.0)
    return round(blue * 255), round(green * 255), round(red * 255)


def _ellipses(start: Floats, end: Floats, half: Floats) -> Floats:
    """(P, L, 2) ends of limbs and (P, L) half-widths -> (P, L, 16, 2) outlines."""
    along = (end - start)[:, :, None] / 2
    length = np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-3)
    across = along[..., ::-1] * (1, -1) / length * half[:, :, None, None]
    turn = ELLIPSE_ANGLES[:, None]
    centre = (start + end)[:, :, None] / 2
    outlines: Floats = centre + along * np.cos(turn) + across * np.sin(turn)
    return outlines


def _fine_widths(xy: Floats, skeleton: Skeleton) -> Floats:
    """(P, K) half-width of the lines of hands and faces, 0 = too small to be drawn; NaN = any other
    keypoint.
    """
    widths = np.full(xy.shape[:2], np.nan, np.float32)
    for name in FINE_GROUPS:
        at = [n for n in skeleton.groups[name] if n not in skeleton.body]
        if not at:
            continue
        corners = boxes(xy[:, at])
        side = np.nan_to_num((corners[:, 2:] - corners[:, :2]).max(axis=1))
        half = np.maximum(FINE_WIDTH * side, MIN_FINE_HALF_WIDTH_PX)
        widths[:, at] = np.where(side >= MIN_FINE_PX, half, 0)[:, None]
    return widths


def _radii(limbs: NDArray[np.int_], half: Floats, widest: Floats, xy: Floats) -> Floats:
    """(P, K) radii of the dots."""
    touches = (limbs[:, :, None] == np.arange(xy.shape[1])).any(axis=1)
    ending = np.where(touches & ~np.isnan(half[..., None]), half[..., None], np.inf)
    alone = np.maximum(widest[:, None] * 0.6, MIN_HALF_WIDTH_PX)
    radius = ending.min(axis=1, initial=np.inf)
    radii: Floats = np.where(np.isinf(radius), alone, radius) * DOT_WIDTH
    return radii


def _fixed(xy: Floats) -> NDArray[np.int32]:
    """Pixels -> OpenCV's fixed point; NaN, which is not drawn, -> 0."""
    return np.rint(np.nan_to_num(xy) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _boxes(xy: Floats, margin: Floats, width: int, height: int) -> list[Box]:
    """What of the picture each person covers; all of it where that is less."""
    boxes: list[Box] = []
    area = 0
    for points, pad in zip(xy, margin, strict=True):
        found = points[~np.isnan(points[:, 0])]
        if not len(found):
            continue
        left, top = np.maximum(np.floor(found.min(axis=0) - pad), 0).astype(int).tolist()
        right, bottom = np.ceil(found.max(axis=0) + pad + 1).astype(int).tolist()
        right, bottom = min(right, width), min(bottom, height)
        if left < right and top < bottom:
            boxes.append((slice(top, bottom), slice(left, right)))
            area += (right - left) * (bottom - top)
    return boxes if area < width * height else [(slice(0, height), slice(0, width))]


def _draw_dots(
    out: Image,
    xy: Floats,
    radii: Floats,
    filled: NDArray[np.bool_],
    colours: tuple[Colour, ...],
) -> None:
    centres, fixed_radii = _fixed(xy), _fixed(radii)
    for person, keypoint in np.argwhere(~np.isnan(xy[..., 0])).tolist():
        radius = radii[person, keypoint]
        thickness = max(1, round(radius / 2)) if filled[person, keypoint] else cv2.FILLED
        cv2.circle(
            out,
            centres[person, keypoint].tolist(),
            int(fixed_radii[person, keypoint]),
            colours[keypoint],
            thickness,
            cv2.LINE_AA,
            SUBPIXEL_BITS,
        )


def _draw_label(
    out: Image, points: Floats, longest: float, track: int, plates: list[Plate]
) -> None:
    """The id on a plate above the head, whole within the picture, and above the plates of others
    where it would cover them.
    """
    found = points[~np.isnan(points[:, 0])]
    if not len(found):
        return
    height, width = out.shape[:2]
    scale = float(np.clip(longest * 0.2, 9, max(9, min(width, height) / 48))) / CAPITAL_HEIGHT_PX
    thickness = max(1, round(scale * 2))
    (wide, high), _ = cv2.getTextSize(str(track), FONT, scale, thickness)
    pad = max(2, high // 3)
    x, y = found[found[:, 1].argmin()].tolist()
    left = round(np.clip(x - wide / 2 - pad, 0, max(0, width - wide - 2 * pad)))
    top = round(np.clip(y - longest * 0.3 - high - 2 * pad, 0, max(0, height - high - 2 * pad)))
    for _ in plates:  # of many above each other the last one may have no room
        covered = [one for one in plates if _meet(one, (left, top, wide + 2 * pad, high + 2 * pad))]
        above = min((one[1] for one in covered), default=top + high + 2 * pad) - high - 2 * pad
        if not covered or above < 0:
            break
        top = above
    plates.append((left, top, wide + 2 * pad, high + 2 * pad))
    corner = left + wide + 2 * pad - 1, top + high + 2 * pad - 1
    cv2.rectangle(out, (left, top), corner, id_colour(track), cv2.FILLED)
    foot = left + pad, top + pad + high - 1
    cv2.putText(out, str(track), foot, FONT, scale, (0, 0, 0), thickness, cv2.LINE_AA)


def _meet(one: Plate, other: Plate) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )
