"""A rig as a picture: from above and from the side, in one scale, with what its cameras are."""

from __future__ import annotations

import cv2
import numpy as np

from calibration.files.corners_csv import Corners
from calibration.geometry.arrays import Doubles, Image
from calibration.geometry.camera import Camera, Rig
from calibration.plots.lettering import (
    INK,
    LINES,
    SOFT,
    camera_colour,
    residual_colour,
    shortened,
    write,
)
from calibration.plots.plan_cameras import draw_cameras
from calibration.plots.plan_view import PlanView
from calibration.plots.viewpoint import grid_step, reach, sight, upwards, worst

VIEW_WIDTH = 1080  # pixels of the views
MAX_VIEW_HEIGHTS = (640, 340)  # pixels of the view from above and of that from the side
MIN_VIEW_PX = 150  # height of a view of a rig in one plane
TABLE_WIDTH = 400  # pixels
MARGIN = 56
VIEW_GAP = 76
MIN_GRID_PX = 56  # pixels between its lines, at least
AXES = (("X", (60, 60, 205)), ("Y", (70, 150, 50)), ("Z", (200, 110, 40)))
MAX_LISTED_CAMERAS = 24  # cameras in the table


def draw_rig(rig: Rig, corners: Corners | None = None) -> Image:
    """(H, W, 3) BGR. corners: of boards, coloured by their residuals."""
    up = upwards(rig)
    right = np.roll(np.abs(up), 1)  # Z up: X to the right, Y ahead
    if np.abs(up)[1]:
        right = np.array([1.0, 0, 0])
    basis = np.stack([right, np.cross(up, right), up])
    length = reach(rig)
    lines = {
        one.name: np.stack([one.centre, *(one.centre + length * sight(one))]) for one in rig.cameras
    }
    places = [*lines.values()] + ([corners.xyz] if corners is not None else [])
    low, high = _bounds(np.concatenate(places) @ basis.T)
    spans = high - low
    scale = min(
        VIEW_WIDTH / spans[0], MAX_VIEW_HEIGHTS[0] / spans[1], MAX_VIEW_HEIGHTS[1] / spans[2]
    )
    tall = [max(MIN_VIEW_PX, round(float(span * scale))) for span in spans[1:]]
    middle = (low + high) / 2
    table = 210 + 52 * min(len(rig), MAX_LISTED_CAMERAS + 1)
    rows = max(2 * MARGIN + sum(tall) + VIEW_GAP, table)
    page = np.full((rows, MARGIN + VIEW_WIDTH + MARGIN + TABLE_WIDTH, 3), 255, np.uint8)
    tops = (MARGIN, MARGIN + tall[0] + VIEW_GAP)
    for title, axis, top, height in zip(
        ("from above", "from the side"), (1, 2), tops, tall, strict=True
    ):
        view = PlanView(
            page, (MARGIN, top, VIEW_WIDTH, height), basis[[0, axis]], middle[[0, axis]], scale
        )
        _grid(view, title)
        if corners is not None:
            _dots(view, corners)
        _origin(view)
        draw_cameras(view, rig, lines)
    _table(page, rig, basis, corners)
    return page


def _bounds(points: Doubles) -> tuple[Doubles, Doubles]:
    """(3,), (3,): what is shown, all points and the world's origin where it is not far away."""
    low, high = points.min(0), points.max(0)
    most = float((high - low).max())
    if (np.maximum(low, -high) < 0.5 * most).all():
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    # A rig far from the origin still needs a width that its numbers can hold.
    rim = max(0.07 * float((high - low).max()), 1e-4, 1e-9 * float(np.abs(points).max()))
    return low - rim, high + rim


def _grid(view: PlanView, title: str) -> None:
    x, y, wide, high = view.box
    step = grid_step(MIN_GRID_PX / view.scale)
    view.pane[:] = (252, 250, 249)
    for n, (axis, span, sign) in enumerate(zip(view.axes, (wide, high), (1, -1), strict=True)):
        letter = int(np.abs(axis).argmax())
        turned = float(axis[letter])
        first = np.ceil((view.middle[n] - span / 2 / view.scale) / step)
        last = np.floor((view.middle[n] + span / 2 / view.scale) / step)
        for k in np.arange(first, last + 1):
            off = round(span / 2 + sign * float(k * step - view.middle[n]) * view.scale)
            if not 0 <= off < span:
                continue
            ground = k == 0
            text = f"{turned * k * step + 0.0:.4g}"
            ends = ((off, 0), (off, high)) if n == 0 else ((0, off), (wide, off))
            cv2.line(view.pane, *ends, (190, 180, 172) if ground else LINES, 1)
            if n == 0:
                write(view.page, text, (x + off, y + high + 18), 13, SOFT, align=0.5)
            else:
                write(view.page, text, (x - 8, y + off + 5), 13, SOFT, align=1)
        name, colour = AXES[letter]
        where = (x + wide, y + high + 38) if n == 0 else (x - 40, y - 12)
        write(view.page, f"{name} in metres", where, 14, colour, 600, align=1 if n == 0 else 0)
    cv2.rectangle(view.page, (x, y), (x + wide - 1, y + high - 1), (200, 192, 184), 1)
    write(view.page, f"seen {title}", (x + wide / 2, y - 12), 16, INK, 600, align=0.5)
    bar = round(step * view.scale)
    left, foot = x, y + high + 33
    cv2.line(view.page, (left, foot), (left + bar, foot), INK, 3)
    write(view.page, f"{step:.4g} m", (left + bar + 8, foot + 5), 14, INK)


def _origin(view: PlanView) -> None:
    """The world's axes."""
    length = 0.8 * MIN_GRID_PX / view.scale
    for axis, (_, colour) in zip(np.eye(3), AXES, strict=True):
        start, end = view.inside(np.stack([np.zeros(3), length * axis])).tolist()
        if abs(start[0] - end[0]) + abs(start[1] - end[1]) > 16:
            start, end = ([round(v / 16) for v in point] for point in (start, end))
            cv2.arrowedLine(view.pane, start, end, colour, 2, cv2.LINE_AA, tipLength=0.25)


def _dots(view: PlanView, corners: Corners) -> None:
    most = worst(corners)
    for n in np.argsort(corners.error):
        colour = residual_colour(float(corners.error[n]) / most)
        at = view.inside(corners.xyz[n]).tolist()
        cv2.circle(view.pane, at, 32, colour, -1, cv2.LINE_AA, shift=4)


def _table(page: Image, rig: Rig, basis: Doubles, corners: Corners | None) -> None:
    x, y = MARGIN + VIEW_WIDTH + 30, MARGIN
    many = "1 camera" if len(rig) == 1 else f"{len(rig)} cameras"
    write(page, many, (x, y), 20, INK, 600)
    if len(rig) > 1:
        apart = np.linalg.norm(rig.centres[:, None] - rig.centres, axis=2)
        apart = apart[np.triu_indices(len(rig), 1)]
        write(page, f"{apart.min():.3g} to {apart.max():.3g} m apart", (x, y + 24), 14, SOFT)
    y += 62
    for n, one in enumerate(rig.cameras[:MAX_LISTED_CAMERAS]):
        cv2.circle(page, (x + 7, y - 5), 6, camera_colour(n), -1, cv2.LINE_AA)
        write(page, shortened(one.name, 320, 16), (x + 22, y), 16, INK, 600)
        write(page, _about(one, float(one.centre @ basis[2])), (x + 22, y + 20), 13, SOFT)
        y += 52
    if len(rig) > MAX_LISTED_CAMERAS:
        write(page, f"and {len(rig) - MAX_LISTED_CAMERAS} more", (x + 22, y), 16, SOFT)
        y += 52
    if corners is not None and len(corners):
        median = float(np.median(corners.error))
        write(
            page, f"{len(corners)} board corners, median {median:.2f} px", (x, y + 6), 15, INK, 600
        )
        for k in range(300):
            cv2.line(page, (x + k, y + 20), (x + k, y + 34), residual_colour(k / 299), 1)
        write(page, "0", (x, y + 52), 13, SOFT)
        text = f"{worst(corners):.2f} px and more"
        write(page, text, (x + 300, y + 52), 13, SOFT, align=1)


def _about(camera: Camera, height: float) -> str:
    wide, high = camera.size
    focal = camera.matrix[0, 0]
    lens = (
        "fisheye" if camera.fisheye else f"{np.degrees(2 * np.arctan(wide / 2 / focal)):.0f}° wide"
    )
    return f"{wide}x{high}, f {focal:.0f} px, {lens}, height {height:.2f} m"
