"""What the person with the board sees: the picture, where views were taken, and what to do."""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np

from calibration.board.view_diversity import MIN_DEPTH_RATIO, MIN_TILT
from calibration.geometry.arrays import Image
from calibration.guidance.intrinsics_guide import WANTED_VIEWS, Advice, Guide

MAX_WIDTH_PX = 1280  # pixels of what is shown
FONT = cv2.FONT_HERSHEY_SIMPLEX
GREEN, RED, YELLOW, WHITE, GREY = (
    (80, 200, 60),
    (60, 60, 230),
    (0, 220, 250),
    (255,) * 3,
    (120,) * 3,
)


def preview(image: Image, guide: Guide, advice: Advice) -> Image:
    """A new picture: taken views in green, parts that were not covered in red, the board of now
    with the seconds until it is taken, words above, meters below.
    """
    page = covered_picture(image, guide, advice)
    size = page.shape[1], page.shape[0]
    row = max(16, size[1] // 22)
    plate(page, 0, round(1.6 * row))
    colour = GREEN if advice.took or advice.left is not None else WHITE
    text(page, advice.words, (row // 2, round(1.1 * row)), row, colour, size[0] - row)
    _meters(page, guide, row)
    return np.asarray(page, np.uint8)


def covered_picture(image: Image, guide: Guide, advice: Advice) -> Image:
    """The same without words and meters."""
    high, wide = image.shape[:2]
    scale = min(1.0, MAX_WIDTH_PX / wide)
    size = round(wide * scale), round(high * scale)
    page = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image.copy()
    page = np.asarray(page, np.uint8)
    _covered(page, guide, scale)
    if advice.sight is not None:
        _board(page, advice, scale)
    return page


def meters(guide: Guide) -> list[tuple[str, float]]:
    """How far each demand is met, in words and as a share of what is asked for."""
    now = guide.variety
    return [
        (f"views {len(guide.taken)}/{WANTED_VIEWS}", len(guide.taken) / WANTED_VIEWS),
        ("tilt left-right", float(now.tilt[0]) / MIN_TILT),
        ("tilt up-down", float(now.tilt[1]) / MIN_TILT),
        ("near and far", (now.depth - 1) / (MIN_DEPTH_RATIO - 1)),
        (f"picture {int(now.covered.sum())}/9", float(now.covered.mean())),
    ]


def _covered(page: Image, guide: Guide, scale: float) -> None:
    high, wide = page.shape[:2]
    tint = page.copy()
    for one in guide.taken:
        hull = cv2.convexHull((one.xy * scale).astype(np.float32)).round().astype(np.int32)
        cv2.fillConvexPoly(tint, hull, GREEN)
    cv2.addWeighted(tint, 0.35, page, 0.65, 0, page)
    full = guide.variety.covered
    for row in range(3):
        for column in range(3):
            if not full[row, column]:
                a = wide * column // 3 + 3, high * row // 3 + 3
                b = wide * (column + 1) // 3 - 4, high * (row + 1) // 3 - 4
                cv2.rectangle(page, a, b, RED, 2)


def _board(page: Image, advice: Advice, scale: float) -> None:
    assert advice.sight is not None
    xy = (advice.sight.xy * scale).round().astype(int)
    colour = GREEN if advice.took or advice.left is not None else YELLOW
    for at in xy:
        cv2.circle(page, at.tolist(), 4, colour, -1, cv2.LINE_AA)
    if advice.left is not None:
        number = str(ceil(advice.left))
        size = page.shape[0] / 150
        (across, up), _ = cv2.getTextSize(number, FONT, size, 8)
        at = (xy.mean(0) + np.array([-across / 2, up / 2])).round().astype(int).tolist()
        cv2.putText(page, number, at, FONT, size, (0, 0, 0), 14, cv2.LINE_AA)
        cv2.putText(page, number, at, FONT, size, GREEN, 7, cv2.LINE_AA)


def _meters(page: Image, guide: Guide, row: int) -> None:
    """How far each demand is met, at the foot."""
    high, wide = page.shape[:2]
    demands = meters(guide)
    top = high - 2 * row
    plate(page, top, high)
    room = wide / len(demands)
    for n, (name, share) in enumerate(demands):
        left, right = round(n * room + 0.1 * row), round((n + 1) * room - 0.5 * row)
        text(page, name, (left, top + round(0.9 * row)), round(0.8 * row), WHITE, right - left)
        a, b = top + round(1.2 * row), top + round(1.7 * row)
        end = left + round((right - left) * min(share, 1.0))
        cv2.rectangle(page, (left, a), (right, b), GREY, 1)
        cv2.rectangle(page, (left, a), (end, b), GREEN if share >= 1 else YELLOW, -1)


def plate(page: Image, top: int, bottom: int) -> None:
    """Darkens rows, for text to be read on them."""
    page[top:bottom] = (page[top:bottom] * 0.3).astype(np.uint8)


def text(
    page: Image, words: str, at: tuple[int, int], row: int, colour: tuple[int, ...], room: int
) -> None:
    """A line `row` pixels high, smaller where there is no room for it."""
    size = row / 32
    wide = cv2.getTextSize(words, FONT, size, 1)[0][0]
    size *= min(1.0, room / max(wide, 1))
    thick = max(1, round(row / 16))
    cv2.putText(page, words, at, FONT, size, colour, thick, cv2.LINE_AA)
