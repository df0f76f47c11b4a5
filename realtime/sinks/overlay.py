"""The pictures with the poses drawn, which several outputs share."""

from __future__ import annotations

from engines.poses import Image
from realtime.draw import draw, draw_angles
from realtime.poses import Result, View


class Overlay:
    """Draws each view once, at the first output that asks, for however many ask."""

    def __init__(self, *, angles: bool = False) -> None:
        self._angles = angles
        self._latest: dict[str, tuple[View, Image]] = {}

    def pictures(self, result: Result) -> list[tuple[View, Image]]:
        """The views of the result with their pictures, read-only; a camera that is out has none."""
        return [self._drawn(view) for view in result.views if view]

    def _drawn(self, view: View) -> tuple[View, Image]:
        camera = view.frame.camera
        known = self._latest.get(camera)
        if known is None or known[0] is not view:
            picture = draw(view.frame.image, view.tracks)
            if self._angles:
                draw_angles(picture, view.tracks)
            picture.flags.writeable = False
            known = self._latest[camera] = view, picture
        return known
