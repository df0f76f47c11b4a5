"""A view as a JPEG for a browser, as whoever looks wishes to see it."""

from __future__ import annotations

import cv2

from engines.types.arrays import Image
from realtime.drawing.heatmaps import confident
from realtime.drawing.people import draw_people, with_3d_people
from realtime.drawing.reprojection import Reprojection
from realtime.types.results import Result
from realtime.types.view_mode import PLAIN, Shown, Style, ViewMode
from realtime.web.pictures.looks import MAX_SIDE_PX, Wish
from realtime.web.pictures.people_bytes import with_people

JPEG_QUALITY = 80


def rendered(
    result: Result, number: int, wish: Wish, shown: Shown, bodies: Reprojection | None = None
) -> bytes:
    """A view as it was wished for: a JPEG, or one `with_people`.

    Views of maps, and of a style of their own, are drawn here in any case; nobody is beside them.
    """
    mode, threshold, style = wish.granted(shown)
    view = result.views[number]
    assert view is not None
    own = style.backdrop == "black" or style.opacity is not None  # which pages do not draw
    if wish.drawn or mode.of_maps or own:
        picture = jpeg(result, number, mode, threshold, style, bodies, wish.side)
        return picture if wish.drawn else with_people(number, picture)
    scale = _scale(view.frame.size, wish.side)
    image, tracks, seen = with_3d_people(view, number, result, style, scale, bodies)
    outlined = None
    if seen is not None and style.people3d == "outline":
        xy, poses = seen
        outlined = poses.id, xy
    return with_people(number, _encoded(image), confident(tracks, threshold), outlined)


def jpeg(
    result: Result,
    number: int,
    mode: ViewMode,
    threshold: float,
    style: Style = PLAIN,
    bodies: Reprojection | None = None,
    side: int = MAX_SIDE_PX,
) -> bytes:
    """A view's picture with what is shown drawn, at most `side` pixels wide and high.

    bodies: places the 3D people in it. ValueError where the camera is out.
    """
    view = result.views[number]
    if view is None:
        raise ValueError(f"View {number} has no picture.")
    scale = _scale(view.frame.size, side)
    return _encoded(draw_people(view, number, result, mode, threshold, style, scale, bodies=bodies))


def _scale(size: tuple[int, int], side: int) -> float:
    return min(1.0, side / max(size))


def _encoded(picture: Image) -> bytes:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()
