"""3D people drawn into the picture of a camera, in the colours of their ids."""

from __future__ import annotations

import cv2
import numpy as np

from calibration.geometry.camera import Camera, Rig
from engines.types.arrays import Floats, Image
from realtime.drawing.skeletons import SUBPIXEL_BITS, id_colour
from realtime.types.results import Poses3D, View

LINE_SHARE = 1 / 260  # thickness of a line, in short sides of the picture
RIM_PX = 2  # of the dark rim on either side
MAX_OUTSIDE = 4  # picture sides beyond the picture: keeps ends within OpenCV's integers


class Reprojection:
    """Draws people into the views of a rig whose cameras are in the order of the sources."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._cameras: dict[tuple[int, tuple[int, int]], Camera] = {}

    def draw(self, out: Image, number: int, view: View, poses: Poses3D) -> None:
        """Draw into the view's picture, which may be scaled."""
        key = number, view.frame.size
        if key not in self._cameras:
            self._cameras[key] = self._rig.cameras[number].scaled(view.frame.size)
        xy = self._cameras[key].project(poses.xyz.astype(np.float64))
        scale = np.array(out.shape[1::-1]) / view.frame.size
        draw_bodies(out, np.asarray((xy + 0.5) * scale - 0.5, np.float32), poses)


def draw_bodies(out: Image, xy: Floats, poses: Poses3D) -> None:
    """A line a limb at (P, K, 2) pixels, NaN = not there."""
    height, width = out.shape[:2]
    most = MAX_OUTSIDE * max(width, height)
    there = (np.abs(np.nan_to_num(xy, nan=np.inf)) < most).all(-1)
    points = np.rint(np.where(there[..., None], xy, 0) * (1 << SUBPIXEL_BITS)).astype(int)
    line = max(1, round(min(width, height) * LINE_SHARE))
    for thickness, dark in ((line + 2 * RIM_PX, True), (line, False)):
        for person, identity in enumerate(poses.id.tolist()):
            colour = (0, 0, 0) if dark else id_colour(identity)
            for one, other in poses.skeleton.drawn:
                if there[person, one] and there[person, other]:
                    ends = points[person, one].tolist(), points[person, other].tolist()
                    cv2.line(out, *ends, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
