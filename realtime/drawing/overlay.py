"""The pictures with what is shown drawn, which several outputs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines.types.arrays import Image
from realtime.drawing.heatmaps import draw_view
from realtime.drawing.movements import draw_movements
from realtime.drawing.scaling import centred, fitting_scale, scaled
from realtime.drawing.skeletons import draw_angles
from realtime.types.movement import Movement
from realtime.types.results import Result, View
from realtime.types.view_mode import Shown, ViewMode


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What pictures of a result show, drawn.

    camera: its name, or that of the whole. name: what files call it. time: seconds. image: (H, W,
    3) uint8 BGR, read-only. maps: whether there were maps of the network to draw.
    """

    camera: str
    name: str
    time: float
    image: Image
    maps: bool

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


State = tuple[View, ViewMode, float]


class Overlay:
    """Draws each view once, at the first output that asks, for however many ask.

    size: (width, height) of the pictures in place of the views' own; what shape that leaves over is
    black.
    """

    def __init__(
        self,
        shown: Shown | None = None,
        *,
        angles: bool = False,
        events: bool = False,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.shown = shown or Shown()
        self._angles, self._events = angles, events
        self._size = size
        self._latest: dict[str, tuple[State, Image]] = {}

    def pictures(self, result: Result) -> list[Picture]:
        """The pictures of the views; a camera that is out has none."""
        return [
            Picture(
                view.frame.camera,
                view.frame.name,
                view.frame.time,
                self._drawn(view, result.movements[n] if self._events else {}),
                view.maps is not None,
            )
            for n, view in enumerate(result.views)
            if view
        ]

    def _drawn(self, view: View, movements: Mapping[int, Movement]) -> Image:
        camera, now = view.frame.camera, (view, self.shown.mode, self.shown.threshold)
        known = self._latest.get(camera)
        if known is None or known[0] != now:
            _, mode, threshold = now
            scale = 1.0 if self._size is None else fitting_scale(view.frame.size, self._size)
            image, tracks = scaled(view, scale)  # before it is drawn upon: lines stay fine
            picture = draw_view(image, tracks, view.maps, mode, threshold, self.shown.style)
            if self._angles:
                draw_angles(picture, tracks)
            draw_movements(picture, tracks, movements)
            if self._size is not None:
                picture = centred(picture, self._size)
            picture.flags.writeable = False
            known = self._latest[camera] = now, picture
        return known[1]
