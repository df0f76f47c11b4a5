"""Picture pixels <-> network pixels, as one invertible value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from engines.types.arrays import Floats, Image

MAX_ASPECT = 8  # network width at most this many heights: a strip must not eat the memory
MAX_UPRIGHT = 16 / 9  # network heights of an upright picture at most, where nobody names one


class Sizing(Protocol):
    """How large a network's input is for a picture."""

    def letterbox(
        self, picture: tuple[int, int], stride: int, step: int | None = None
    ) -> Letterbox:
        """For a (width, height) picture; sides are multiples of `stride`.

        step: more than the stride where pictures of many sizes are to have few input shapes.
        """
        ...


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
        more = self.height * min(high / wide, MAX_UPRIGHT)
        return max(self.height, round(more / step) * step)

    def letterbox(
        self, picture: tuple[int, int], stride: int, step: int | None = None
    ) -> Letterbox:
        """So many rows, and as many columns as the picture's shape asks for."""
        return Letterbox.fit(picture, self.of(picture, step or stride), stride, step)


@dataclass(frozen=True, slots=True)
class LongerSide:
    """The longer side of the picture has so many pixels in a network's input."""

    pixels: int

    def letterbox(
        self, picture: tuple[int, int], stride: int, step: int | None = None
    ) -> Letterbox:
        """The shorter side as the picture's shape asks for; it alone grows to the step."""
        wide, high = picture
        scale = self.pixels / max(wide, high)
        scaled = max(1, round(wide * scale)), max(1, round(high * scale))
        grown = [_round_up(side, step or stride) for side in scaled]
        grown[wide < high] = _round_up(self.pixels, stride)
        return Letterbox(picture, scaled, (grown[0], grown[1]))


@dataclass(frozen=True, slots=True)
class FixedSize:
    """A network that knows one size of input alone."""

    width: int
    height: int

    def letterbox(
        self, picture: tuple[int, int], stride: int, step: int | None = None
    ) -> Letterbox:
        """As large as fits into it."""
        wide, high = picture
        scale = min(self.width / wide, self.height / high)
        scaled = max(1, round(wide * scale)), max(1, round(high * scale))
        return Letterbox(picture, scaled, (self.width, self.height))


@dataclass(frozen=True, slots=True)
class Letterbox:
    """A picture scaled into a network's input, the rest padded.

    Sizes are (width, height) in pixels. `scaled` is what the picture itself covers, `offset` where
    its top left pixel lies. Coordinates are those of pixel centres (the centre of the first pixel
    is 0), as cv2.resize maps them.
    """

    picture: tuple[int, int]
    scaled: tuple[int, int]
    network: tuple[int, int]
    offset: tuple[int, int] = (0, 0)

    @classmethod
    def fit(
        cls, picture: tuple[int, int], height: int, stride: int, step: int | None = None
    ) -> Letterbox:
        """Scale to `height`, keep the aspect, pad up to the stride (the width to `step`).

        A `step` wider than the stride puts pictures of many sizes into few network shapes.
        """
        wide, high = picture
        top = _round_up(height, stride)
        scale = min(height / high, MAX_ASPECT * height / wide)
        scaled = max(1, round(wide * scale)), max(1, round(high * scale))
        return cls(picture, scaled, (_round_up(scaled[0], step or stride), top))

    def centred(self) -> Letterbox:
        """The picture in the middle, in place of the top left corner."""
        (wide, high), (inner_wide, inner_high) = self.network, self.scaled
        return replace(self, offset=((wide - inner_wide) // 2, (high - inner_high) // 2))

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
        left, top = self.offset
        # LINEAR skips pixels below half size; AREA costs ten times as much and lowers the AP.
        inner = out[top : top + high, left : left + wide]
        if (wide, high) == self.picture:
            inner[...] = image
        else:
            cv2.resize(image, (wide, high), dst=inner, interpolation=cv2.INTER_LINEAR)
        out[:top] = pad
        out[top + high :] = pad
        out[top : top + high, :left] = pad
        out[top : top + high, left + wide :] = pad

    def to_network(self, xy: Floats) -> Floats:
        """(..., 2) picture pixels -> network pixels."""
        scale = np.array(self.scale, np.float32)
        return (xy + np.float32(0.5)) * scale + self._shift

    def to_picture(self, xy: Floats) -> Floats:
        """(..., 2) network pixels -> picture pixels."""
        scale = np.array(self.scale, np.float32)
        return (xy - self._shift) / scale - np.float32(0.5)

    @property
    def _shift(self) -> Floats:
        return np.array(self.offset, np.float32) - np.float32(0.5)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
