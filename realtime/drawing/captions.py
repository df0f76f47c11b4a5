"""Words over a picture in a window."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.types.arrays import Image
from realtime.drawing.skeletons import FONT

SHARE = 0.55  # of the picture that words may take, across and down
LARGEST = 1 / 30  # height of a line, in heights of the picture
SMALLEST = 7 / 22  # scale of the font: capitals of 7 pixels can just be read
SHADE = 0.3  # what is left of the picture's brightness behind words


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
        SHARE * width / total,
        SHARE * height / (line * (len(cells) + 1)),
        LARGEST * height / line,
    )
    scale = max(min(most), SMALLEST)
    out = image.copy()
    right, bottom = min(width, round(total * scale)), round(line * (len(cells) + 0.5) * scale)
    bottom = min(height, bottom)
    top = height - bottom if foot else 0
    plate = out[top : top + bottom, :right]
    plate[...] = np.rint(plate * SHADE).astype(np.uint8)
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
