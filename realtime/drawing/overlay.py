"""The pictures with what is shown drawn, which several outputs share."""

from __future__ import annotations

from engines.types.arrays import Image
from realtime.drawing.heatmaps import draw_look
from realtime.drawing.skeletons import draw_angles
from realtime.types.results import Result, View
from realtime.types.view_mode import Look, Shown

State = tuple[View, Look, float]


class Overlay:
    """Draws each view once, at the first output that asks, for however many ask."""

    def __init__(self, shown: Shown | None = None, *, angles: bool = False) -> None:
        self.shown = shown or Shown()
        self._angles = angles
        self._latest: dict[str, tuple[State, Image]] = {}

    def pictures(self, result: Result) -> list[tuple[View, Image]]:
        """The views of the result with their pictures, read-only; a camera that is out has none."""
        return [(view, self._drawn(view)) for view in result.views if view]

    def _drawn(self, view: View) -> Image:
        camera, now = view.frame.camera, (view, self.shown.look, self.shown.threshold)
        known = self._latest.get(camera)
        if known is None or known[0] != now:
            _, look, threshold = now
            picture = draw_look(view.frame.image, view.tracks, view.maps, look, threshold)
            if self._angles:
                draw_angles(picture, view.tracks)
            picture.flags.writeable = False
            known = self._latest[camera] = now, picture
        return known[1]
