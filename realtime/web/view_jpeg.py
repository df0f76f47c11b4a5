"""A view as a JPEG for a browser, as whoever looks wishes to see it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import cv2

from realtime.drawing.people import draw_people
from realtime.drawing.reprojection import Reprojection
from realtime.types.errors import SettingsError
from realtime.types.results import Result
from realtime.types.view_mode import PEOPLE_3D, PLAIN, People3D, Shown, Style, ViewMode

MAX_SIDE_PX = 1280  # of a picture's longer side: enough for a page, and cheap
JPEG_QUALITY = 80
SIDES_PX = 320, 640, 960, MAX_SIDE_PX  # few, so that those who look share pictures


class Wish(NamedTuple):
    """What somebody wishes to see; None = as in the run. side: pixels of the longer side."""

    mode: ViewMode | None = None
    people3d: People3D | None = None
    side: int = MAX_SIDE_PX

    @classmethod
    def read(cls, query: Mapping[str, str], shown: Shown) -> Wish:
        """Of `view`, `people3d` and `side`; SettingsError for what there is not."""
        view, people3d = query.get("view"), query.get("people3d") or None
        known = next((one for one in PEOPLE_3D if one == people3d), None)
        if people3d is not None and known is None:
            raise SettingsError(f"people3d is one of {', '.join(PEOPLE_3D)}.")
        side = query.get("side") or str(MAX_SIDE_PX)
        if side not in map(str, SIDES_PX):
            raise SettingsError(f"side is one of {', '.join(map(str, SIDES_PX))}.")
        return cls(shown.parse(view) if view else None, known, int(side))

    def granted(self, shown: Shown) -> tuple[ViewMode, float, Style]:
        """The view, the confidence from which keypoints are drawn, and the style."""
        style = (
            shown.style if self.people3d is None else replace(shown.style, people3d=self.people3d)
        )
        return self.mode or shown.mode, shown.threshold, style


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
    scale = min(1.0, side / max(view.frame.size))
    picture = draw_people(view, number, result, mode, threshold, style, scale, bodies=bodies)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()


def timed_jpeg(*what: Any) -> tuple[bytes, float]:
    """`jpeg` of this, and the processor seconds that it took."""
    began = time.thread_time()
    return jpeg(*what), time.thread_time() - began
