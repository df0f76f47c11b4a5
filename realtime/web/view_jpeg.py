"""A view as a JPEG for a browser."""

from __future__ import annotations

import cv2

from realtime.drawing.heatmaps import draw_view
from realtime.drawing.reprojection import Reprojection
from realtime.drawing.scaling import shrunk
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

    bodies: draws the 3D people over it. ValueError where the camera is out.
    """
    view = result.views[number]
    if view is None:
        raise ValueError(f"View {number} has no picture.")
    image, tracks = shrunk(view, MAX_SIDE_PX / max(view.frame.size))
    picture = draw_view(image, tracks, view.maps, mode, threshold, style)
    if bodies is not None and result.poses3d is not None:
        bodies.draw(picture, number, view, result.poses3d)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()
