"""A view as a JPEG for a browser."""

from __future__ import annotations

import cv2

from realtime.draw_maps import draw_look
from realtime.look import Look
from realtime.poses import View
from realtime.sinks.mosaic import shrunk

LONGEST = 1280  # pixels of a picture's longer side: enough for a page, and cheap
QUALITY = 80


def jpeg(view: View, look: Look, threshold: float) -> bytes:
    """The picture with what is shown drawn, at most LONGEST wide and high."""
    image, tracks = shrunk(view, LONGEST / max(view.frame.size))
    picture = draw_look(image, tracks, view.maps, look, threshold)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
