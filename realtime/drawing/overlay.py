"""The pictures with what is shown drawn, which several outputs share."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from engines.types.arrays import Image
from realtime.drawing.people import draw_people
from realtime.drawing.reprojection import Reprojection
from realtime.drawing.scaling import centred, fitting_scale
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


State = tuple[Result, ViewMode, float]


class Overlay:
    """Draws each view once, at the first output that asks, for however many ask.

    size: (width, height) of the pictures in place of the views' own; what shape that leaves over is
    black. bodies: places the 3D people in them.
    """

    def __init__(
        self,
        shown: Shown | None = None,
        *,
        bodies: Reprojection | None = None,
        angles: bool = False,
        events: bool = False,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.shown = shown or Shown()
        self._bodies = bodies
        self._angles, self._events = angles, events
        self._size = size
        self._latest: tuple[State, list[Picture]] | None = None

    def of(self, camera: int) -> Overlay:
        """For results that have this camera's view alone."""
        one = copy(self)
        one._latest, one._bodies = None, self._bodies and self._bodies.of(camera)
        return one

    def pictures(self, result: Result) -> list[Picture]:
        """The pictures of the views; a camera that is out has none."""
        now = result, self.shown.mode, self.shown.threshold
        if self._latest is None or self._latest[0] != now:
            self._latest = now, self._draw(result)
        return self._latest[1]

    def _draw(self, result: Result) -> list[Picture]:
        return [self._picture(result, n, view) for n, view in enumerate(result.views) if view]

    def _picture(self, result: Result, number: int, view: View) -> Picture:
        scale = 1.0 if self._size is None else fitting_scale(view.frame.size, self._size)
        image = self._drawn(result, number, view, scale)
        if self._size is not None:
            image = centred(image, self._size)
        image.flags.writeable = False
        frame = view.frame
        return Picture(frame.camera, frame.name, frame.time, image, view.maps is not None)

    def _drawn(self, result: Result, number: int, view: View, scale: float) -> Image:
        """A new picture of a view, so many times as large."""
        return draw_people(
            *(view, number, result, self.shown.mode, self.shown.threshold, self.shown.style, scale),
            bodies=self._bodies,
            angles=self._angles,
            events=self._events,
        )
