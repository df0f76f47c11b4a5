"""What a network eats, as its card says: shape, kind of numbers, colours, and how pictures fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engines.types.errors import CardError
from engines.types.letterbox import FixedSize, Letterbox, LongerSide, Rows, Sizing

MAX_SIDE = 4096  # pixels of a network's input, as of --height
CHANNELS = 3


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """(value - mean) / scale per channel, of pixels 0 to 255, in this colour order.

    stride: sides are multiples of it; of maps, input pixels a cell. One of three says how large the
    input is: height (rows; columns follow from the picture), longer (of the picture's two sides),
    size (width, height: the one that the network knows). place, pad: where the picture lies in it,
    and the pixel value around it. element, layout: the numbers of the network's own input tensor;
    whole ones are pixels as they are.
    """

    stride: int
    height: int | None = None
    colour: Literal["bgr", "rgb"] = "bgr"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    longer: int | None = None
    size: tuple[int, ...] = ()
    element: Literal["f32", "i32", "u8"] = "f32"
    layout: Literal["nchw", "nhwc"] = "nchw"
    place: Literal["corner", "centre"] = "corner"
    pad: int = 0

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.scale) == CHANNELS or 0 in self.scale:
            raise CardError("input needs three numbers for mean and scale, and no zero in scale.")
        if sum(map(bool, (self.height is not None, self.longer is not None, self.size))) != 1:
            raise CardError(
                "input needs one of height (rows), longer (pixels of the longer side) and size "
                "([width, height], for a network that knows no other)."
            )
        if self.size and len(self.size) != 2:
            raise CardError("size in input must be two numbers: width and height.")
        sides = [side for side in (self.height, self.longer, *self.size) if side is not None]
        if self.stride < 1 or not all(self.stride <= side <= MAX_SIDE for side in sides):
            named = (
                "height" if self.height is not None else "longer side" if self.longer else "size"
            )
            raise CardError(
                f"input needs a positive stride and a {named} that is not below it, and at most "
                f"{MAX_SIDE}."
            )
        if self.element != "f32" and (any(self.mean) or set(self.scale) != {1}):
            raise CardError(
                f"input has mean or scale, but element {self.element!r}: whole numbers are pixels "
                "as they are."
            )
        if not 0 <= self.pad <= 255:
            raise CardError(f"pad in input is a pixel's value, 0 to 255, not {self.pad}.")

    @property
    def normalises(self) -> bool:
        """Whether pixels are changed at all."""
        return any(self.mean) or set(self.scale) != {1}

    def sizing(self, wanted: int | None = None) -> Sizing:
        """How large the input is.

        wanted: the user's --height: rows, or the longer side where that is what the card gives.
        CardError for a network that knows one size alone.
        """
        if self.size:
            if wanted is not None:
                raise CardError(
                    f"takes pictures of {self.size[0]}x{self.size[1]} alone; leave out --height."
                )
            return FixedSize(*self.size)
        if self.longer is not None:
            return LongerSide(wanted or self.longer)
        assert self.height is not None
        return Rows(wanted or self.height, asked=wanted is not None)

    def letterbox(
        self, sizing: Sizing, picture: tuple[int, int], step: int | None = None
    ) -> Letterbox:
        """Where a (width, height) picture lies in the input."""
        box = sizing.letterbox(picture, self.stride, step)
        return box.centred() if self.place == "centre" else box

    def shape(self, count: int, high: int, wide: int) -> tuple[int, int, int, int]:
        """Of the network's input tensor for so many pictures."""
        if self.layout == "nhwc":
            return count, high, wide, CHANNELS
        return count, CHANNELS, high, wide
