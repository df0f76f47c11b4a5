"""The pictures with the poses drawn, which several outputs share."""

from __future__ import annotations

from engines.poses import Image
from realtime.draw import draw
from realtime.poses import Result, View


class Overlay:
    """Draws each result once, at the first output that asks, for however many ask."""

    def __init__(self) -> None:
        self._result: Result | None = None
        self._drawn: list[tuple[View, Image]] = []

    def pictures(self, result: Result) -> list[tuple[View, Image]]:
        """The views of the result with their pictures, read-only; a camera that is out has none."""
        if result is not self._result:
            self._drawn = [
                (view, draw(view.frame.image, view.tracks)) for view in result.views if view
            ]
            for _, picture in self._drawn:
                picture.flags.writeable = False
            self._result = result
        return self._drawn
