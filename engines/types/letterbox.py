"""Picture pixels <-> network pixels, as one invertible value."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.types.arrays import Floats, Image

WIDEST = 8  # network width at most this many heights: a strip of a picture must not eat the memory
UPRIGHT = 16 / 9  # network heights of an upright picture at most, where nobody names one


@dataclass(frozen=True, slots=True)
class Rows:
    """How high a network's input is. asked: whether the user named it; then it holds for all
    pictures, else for wide ones: the rows of an upright one are so many more that it is as wide as
    others are high, and costs as much. People in it would be small otherwise.
    """

    height: int
    asked: bool = True

    def of(self, picture: tuple[int, int], step: int = 1) -> int:
        """For a (width, height) picture; what is above `height` is a multiple of `step`."""
        wide, high = picture
        if self.asked or high <= wide:
            return self.height
        more = self.height * min(high / wide, UPRIGHT)
        return max(self.height, round(more / step) * step)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A picture scaled into the top left corner of a network's input, the rest padded.

    Sizes are (width, height) in pixels. `scaled` is what the picture itself covers. Coordinates
    are those of pixel centres (the centre of the first pixel is 0), as cv2.resize maps them.
    """

    picture: tuple[int, int]
    scaled: tuple[int, int]
    network: tuple[int, int]

    @classmethod
    def fit(
        cls, picture: tuple[int, int], height: int, stride: int, step: int | None = None
    ) -> Letterbox:
        """Scale to `height`, keep the aspect, pad up to the stride (the width to `step`).

        A `step` wider than the stride puts pictures of many sizes into few network shapes.
        """
        wide, high = picture
        top = _round_up(height, stride)
        scale = min(height / high, WIDEST * height / wide)
        scaled = max(1, round(wide * scale)), max(1, round(high * scale))
        return cls(picture, scaled, (_round_up(scaled[0], step or stride), top))

    @property
    def scale(self) -> tuple[float, float]:
        """Network pixels for a picture pixel, along x and y (they differ by rounding alone)."""
        return self.scaled[0] / self.picture[0], self.scaled[1] / self.picture[1]

    def apply(self, image: Image, pad: int = 0) -> Image:
        """(H, W, 3) uint8 picture -> (h, w, 3) uint8 network input."""
        wide, high = self.network
        out = np.empty((high, wide, 3), np.uint8)
        self.apply_into(out, image, pad)
        return out

    def apply_into(self, out: Image, image: Image, pad: int = 0) -> None:
        """As apply, into memory that the caller owns."""
        wide, high = self.scaled
        # LINEAR skips pixels below half size; AREA costs ten times as much and lowers the AP.
        inner = out[:high, :wide]
        if (wide, high) == self.picture:
            inner[...] = image
        else:
            cv2.resize(image, (wide, high), dst=inner, interpolation=cv2.INTER_LINEAR)
        out[high:] = pad
        out[:high, wide:] = pad

    def to_network(self, xy: Floats) -> Floats:
        """(..., 2) picture pixels -> network pixels."""
        scale = np.array(self.scale, np.float32)
        return (xy + np.float32(0.5)) * scale - np.float32(0.5)

    def to_picture(self, xy: Floats) -> Floats:
        """(..., 2) network pixels -> picture pixels."""
        scale = np.array(self.scale, np.float32)
        return (xy + np.float32(0.5)) / scale - np.float32(0.5)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
