"""A view as a JPEG for a browser."""

from __future__ import annotations

import cv2

from realtime.drawing.people import draw_people
from realtime.drawing.reprojection import Reprojection
from realtime.types.results import Result
from realtime.types.view_mode import PLAIN, Style, ViewMode

MAX_SIDE_PX = 1280  # of a picture's longer side: enough for a page, and cheap
JPEG_QUALITY = 80


def jpeg(
    result: Result,
    number: int,
    mode: ViewMode,
    threshold: float,
    bodies: Reprojection | None = None,
    style: Style = PLAIN,
) -> bytes:
    """A view's picture with what is shown drawn, at most MAX_SIDE_PX wide and high.

    bodies: places the 3D people in it. ValueError where the camera is out.
    """
    view = result.views[number]
    if view is None:
        raise ValueError(f"View {number} has no picture.")
    scale = min(1.0, MAX_SIDE_PX / max(view.frame.size))
    picture = draw_people(view, number, result, mode, threshold, style, scale, bodies=bodies)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()
