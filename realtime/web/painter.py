"""A view as a JPEG for a browser."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from realtime.draw_maps import draw_look
from realtime.look import Look
from realtime.poses import View

LONGEST = 1280  # pixels of a picture's longer side: enough for a page, and cheap
QUALITY = 80


def jpeg(view: View, look: Look, threshold: float) -> bytes:
    """The picture with what is shown drawn, at most LONGEST wide and high."""
    image, tracks = view.frame.image, view.tracks
    scale = LONGEST / max(view.frame.size)
    if scale < 1:
        size = [max(1, round(side * scale)) for side in view.frame.size]
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        xy = (tracks.poses.xy + 0.5) * scale - 0.5  # pixel centres at whole numbers
        tracks = replace(tracks, poses=replace(tracks.poses, xy=xy))
    picture = draw_look(image, tracks, view.maps, look, threshold)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
