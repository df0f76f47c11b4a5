"""Captions and help over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.types.arrays import Image
from realtime.drawing.skeletons import FONT

MAX_CAPTION_SHARE = 0.55  # of the picture that text may take, across and down
MAX_LINE_HEIGHT = 1 / 30  # in picture heights
MIN_FONT_SCALE = 7 / 22  # capitals of 7 pixels can just be read
BACKGROUND_BRIGHTNESS = 0.3  # of the picture's, behind text


def write_caption(image: Image, text: str) -> Image:
    """A new picture with a line at its foot."""
    return _written(image, [text], foot=True)


def write_help(image: Image, rows: Sequence[tuple[str, str]]) -> Image:
    """A new picture with two columns in its top left corner."""
    return _written(image, rows, foot=False)


def _written(image: Image, rows: Sequence[str | tuple[str, str]], *, foot: bool) -> Image:
    cells = [(row,) if isinstance(row, str) else row for row in rows]
    height, width = image.shape[:2]
    columns = list(zip(*cells, strict=True))
    wide = [max(_width(text) for text in column) for column in columns]
    gap, line = _width("mm"), 44  # at scale 1
    total = sum(wide) + gap * (len(wide) + 1)
    most = (
        MAX_CAPTION_SHARE * width / total,
        MAX_CAPTION_SHARE * height / (line * (len(cells) + 1)),
        MAX_LINE_HEIGHT * height / line,
    )
    scale = max(min(most), MIN_FONT_SCALE)
    out = image.copy()
    right, bottom = min(width, round(total * scale)), round(line * (len(cells) + 0.5) * scale)
    bottom = min(height, bottom)
    top = height - bottom if foot else 0
    plate = out[top : top + bottom, :right]
    plate[...] = np.rint(plate * BACKGROUND_BRIGHTNESS).astype(np.uint8)
    thickness = max(1, round(scale * 2))
    for n, row in enumerate(cells):
        at = float(gap)
        for text, room in zip(row, wide, strict=True):
            foot_point = round(at * scale), top + round(line * (n + 0.9) * scale)
            cv2.putText(out, text, foot_point, FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
            at += room + gap
    return out


def _width(text: str) -> int:
    return int(cv2.getTextSize(text, FONT, 1.0, 2)[0][0])
