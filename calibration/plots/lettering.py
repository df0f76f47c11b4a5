"""Text and colours of pictures of a rig."""

from __future__ import annotations

import colorsys
from functools import cache

import cv2

from calibration.geometry.arrays import Image

Colour = tuple[int, int, int]  # BGR
INK, SOFT, LINES, PAPER = (40, 32, 27), (122, 107, 98), (228, 222, 216), (255, 255, 255)


def residual_colour(share: float) -> Colour:
    """From green by yellow to red, 0 to 1; BGR."""
    share = min(max(share, 0.0), 1.0)
    return _hsv(0.36 * (1 - share), 0.85, 0.80)


def camera_colour(number: int) -> Colour:
    """BGR; neighbours differ."""
    return _hsv(0.58 + number * 0.618034, 0.8, 0.68)


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = (round(255 * v) for v in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return blue, green, red


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def measure(text: str, size: int, weight: int = 400) -> int:
    return int(cv2.getTextSize((4000, 100), text, (0, 50), _font(), size, weight)[2])


def shortened(text: str, room: int, size: int) -> str:
    """The text, shortened in its middle until it fits."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)[:200]
    whole, keep = text, len(text)
    while keep > 2 and measure(text, size, 600) > room:
        keep -= 1
        text = f"{whole[: (keep + 1) // 2]}…{whole[len(whole) - keep // 2 :]}"
    return text


def write(
    page: Image,
    text: str,
    at: tuple[float, float],
    size: int,
    colour: Colour,
    weight: int = 400,
    *,
    align: float = 0,
    halo: bool = False,
) -> None:
    """Text on a baseline that begins (align 0), has its middle (0.5) or ends (1) at a point."""
    x = round(at[0] - align * measure(text, size, weight)) if align else round(at[0])
    where = (x, round(at[1]))
    if halo:
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            cv2.putText(page, text, (x + dx, where[1] + dy), PAPER, _font(), size, weight)
    cv2.putText(page, text, where, colour, _font(), size, weight)
