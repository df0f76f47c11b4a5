"""A view of a rig along an axis of the world, in one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles, Image


@dataclass(frozen=True, slots=True, eq=False)
class PlanView:
    """A view along an axis. box: x, y, width, height on the page; axes (2, 3): to the right and
    up the page; middle (2,): what is shown at its centre; scale: pixels a metre.
    """

    page: Image
    box: tuple[int, int, int, int]
    axes: Doubles
    middle: Doubles
    scale: float

    def at(self, points: Doubles) -> Doubles:
        """(..., 3) metres to (..., 2) pixels."""
        x, y, wide, high = self.box
        off = (points @ self.axes.T - self.middle) * self.scale
        return np.array([x + wide / 2, y + high / 2]) + off * [1, -1]

    @property
    def pane(self) -> Image:
        """Its part of the page: what is drawn here goes not beyond."""
        x, y, wide, high = self.box
        return self.page[y : y + high, x : x + wide]

    def inside(self, points: Doubles) -> NDArray[np.int32]:
        """(..., 3) metres to (..., 2) pixels of the pane, for OpenCV, 1/16 fine."""
        off = np.clip(self.at(points) - self.box[:2], -1e6, 1e6)
        return np.round(off * 16).astype(np.int32)
