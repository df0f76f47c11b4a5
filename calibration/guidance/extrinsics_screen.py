"""What the person with the board sees of a whole rig: all pictures, and who is joined to whom."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import cv2
import numpy as np

from calibration.geometry.arrays import Image
from calibration.guidance.extrinsics_guide import MIN_LINK_BOARDS, WANTED_BOARDS, ExtrinsicsGuide
from calibration.guidance.intrinsics_guide import Advice
from calibration.guidance.intrinsics_screen import FONT, GREEN, GREY, WHITE, YELLOW, text
from calibration.guidance.tiles import side_by_side

PICTURES_SIZE = (960, 660)  # pixels of the pictures
TABLE_WIDTH = 320
BAR_HEIGHT = 44
BACKGROUND_GREY = 28
MAX_CELL_PX = 44  # pixels, at most


def gathering_picture(
    pictures: Sequence[Image | None], found: ExtrinsicsGuide, advice: Advice
) -> Image:
    """A new picture: words above; each camera's picture with the board of now and the seconds until
    it is taken; beside them the boards that cameras share.
    """
    image = cameras_picture(pictures, found, advice)
    high, wide = image.shape[:2]
    page = np.full(
        (BAR_HEIGHT + max(high, TABLE_WIDTH), wide + TABLE_WIDTH, 3), BACKGROUND_GREY, np.uint8
    )
    colour = GREEN if advice.took or advice.left is not None else WHITE
    text(page, advice.words, (14, 30), 24, colour, page.shape[1] - 28)
    page[BAR_HEIGHT : BAR_HEIGHT + high, :wide] = image
    _table(page[BAR_HEIGHT:, wide:], found)
    return page


def cameras_picture(
    pictures: Sequence[Image | None], found: ExtrinsicsGuide, advice: Advice
) -> Image:
    """The cameras' pictures of it alone, with their names and boards."""
    panes = side_by_side(pictures, PICTURES_SIZE, BACKGROUND_GREY)
    ready = advice.took or advice.left is not None
    own, joined = found.shared.diagonal().tolist(), found.groups[0]
    for n, name in enumerate(found.names):
        pane, sight = panes.pane(n), found.now[n]
        if sight is not None and panes.scales[n]:
            for at in (sight.xy * panes.scales[n]).round().astype(int).tolist():
                cv2.circle(pane, at, 4, GREEN if ready else YELLOW, -1, cv2.LINE_AA)
        what = name if pictures[n] is not None else f"{name}: no picture"
        row = pane[:22]
        row[:] = (row * 0.3).astype(np.uint8)
        linked = len(joined) > 1 and n in joined
        text(pane, what, (8, 16), 16, GREEN if linked else YELLOW, pane.shape[1] - 90)
        many = f"{own[n]} board{'s' * (own[n] != 1)}"
        text(pane, many, (pane.shape[1] - 78, 16), 16, WHITE, 70)
        if sight is not None and advice.left is not None:
            _count(pane, ceil(advice.left))
    return panes.image


def _count(pane: Image, number: int) -> None:
    size = pane.shape[0] / 130
    (across, up), _ = cv2.getTextSize(str(number), FONT, size, 8)
    at = (pane.shape[1] - across) // 2, (pane.shape[0] + up) // 2
    cv2.putText(pane, str(number), at, FONT, size, (0, 0, 0), 14, cv2.LINE_AA)
    cv2.putText(pane, str(number), at, FONT, size, GREEN, 7, cv2.LINE_AA)


def _table(page: Image, found: ExtrinsicsGuide) -> None:
    """Boards that two cameras share, a square for each two."""
    names, shared = found.names, found.shared
    left, top = 16, 24
    text(
        page,
        f"{len(found.taken)} boards of {WANTED_BOARDS}",
        (left, top),
        20,
        WHITE,
        TABLE_WIDTH - 32,
    )
    cv2.rectangle(page, (left, top + 10), (TABLE_WIDTH - 16, top + 18), GREY, 1)
    share = min(1.0, len(found.taken) / WANTED_BOARDS)
    end = left + round(share * (TABLE_WIDTH - 32))
    cv2.rectangle(page, (left, top + 10), (end, top + 18), GREEN if share == 1 else YELLOW, -1)
    text(
        page,
        f"shared by two cameras (green: {MIN_LINK_BOARDS} or more)",
        (left, top + 46),
        16,
        WHITE,
        TABLE_WIDTH - 32,
    )
    # Each name stands at the end of its row and at the head of its column.
    side = min(MAX_CELL_PX, (TABLE_WIDTH - 102) // max(1, len(names) - 1))
    joined = found.groups[0]
    for n, name in enumerate(names):
        y = top + 62 + n * side
        for a in range(n):
            x, count = left + a * side, int(shared[a, n])
            corner = x + side - 3, y + side - 3
            colour = GREEN if count >= MIN_LINK_BOARDS else YELLOW if count else GREY
            cv2.rectangle(page, (x, y), corner, colour, -1 if count else 1)
            if count:
                at = x + 4, y + side // 2 + 5
                text(page, str(count), at, min(18, side // 2), (0, 0, 0), side - 8)
        x = left + n * side + 4
        colour = GREEN if len(joined) > 1 and n in joined else YELLOW
        text(page, name, (x, y + side // 2 + 5), min(18, side), colour, TABLE_WIDTH - 24 - x)
