"""Pictures of a calibration: where corners were seen, and by how much they miss."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.intrinsics import Intrinsics
from calibration.plots.viewpoint import grid_step

CHART_WIDTH, MAX_CHART_HEIGHT = 960, 900  # pixels
ARROW_SCALE = 40  # times its length is a residual drawn
MARGIN = 30
TEXT = cv2.FONT_HERSHEY_SIMPLEX


def coverage_chart(found: Intrinsics) -> NDArray[np.uint8]:
    """All corners with their residuals enlarged, and each view's RMS as a bar below."""
    wide, high = found.camera.size
    scale = min(CHART_WIDTH / wide, MAX_CHART_HEIGHT / high)
    shown, rows = round(wide * scale), round(high * scale)
    page = np.full((rows + 240, CHART_WIDTH, 3), 255, np.uint8)
    left = (CHART_WIDTH - shown) // 2
    pane = page[:rows, left : left + shown]
    for third in (1, 2):
        cv2.line(pane, (shown * third // 3, 0), (shown * third // 3, rows), (220, 220, 220), 1)
        cv2.line(pane, (0, rows * third // 3), (shown, rows * third // 3), (220, 220, 220), 1)
    cv2.rectangle(pane, (0, 0), (shown - 1, rows - 1), (120, 120, 120), 1)
    worst = max(3 * found.rms, 1e-9)
    for view, off in zip(found.seen, found.residuals, strict=True):
        for xy, by in zip(view.xy, off, strict=True):
            share = min(float(np.linalg.norm(by)) / worst, 1.0)
            colour = (40, round(160 * (1 - share)), round(220 * share))
            at = np.round(xy * scale).astype(int)
            to = np.round((xy + ARROW_SCALE * by) * scale).astype(int)
            cv2.line(pane, at.tolist(), to.tolist(), colour, 1, cv2.LINE_AA)
            cv2.circle(pane, at.tolist(), 2, colour, -1, cv2.LINE_AA)
    centre = np.round(found.camera.matrix[:2, 2] * scale).astype(int)
    cv2.drawMarker(pane, centre.tolist(), (200, 80, 0), cv2.MARKER_CROSS, 20, 2)
    title = (
        f"{found.camera.name}: reprojection error {found.rms:.2f} px (RMS), "
        f"{len(found.residuals)} views"
    )
    cv2.putText(page, title, (MARGIN, rows + 22), TEXT, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    legend = (
        f"Above: corners and residuals (x {ARROW_SCALE}), green 0 to red {worst:.2f} px; "
        "cross: principal point. Below: RMS of each view."
    )
    _write(page, legend, (MARGIN, rows + 42), 0.0)
    _bars(page, rows + 66, [float(np.sqrt((off**2).sum(1).mean())) for off in found.residuals])
    return page


def _bars(page: NDArray[np.uint8], top: int, values: list[float]) -> None:
    """A bar for each view, over its number, beside a scale in pixels."""
    bottom, left, right = page.shape[0] - 34, MARGIN + 36, CHART_WIDTH - MARGIN
    most = max(*values, 1e-3) if len(values) > 1 else max(values[0], 1e-3)
    scale = (bottom - top) / most
    step = grid_step(most / 4)
    for k in range(int(most / step) + 1):
        y = round(bottom - k * step * scale)
        cv2.line(page, (left, y), (right, y), (225, 225, 225), 1)
        _write(page, f"{k * step:.4g}", (left - 6, y + 4), 1.0)
    _write(page, "px", (left - 6, top - 8), 1.0)
    wide = (right - left) / len(values)
    every = int(grid_step(max(1.0, 26 / wide)))
    for n, value in enumerate(values):
        x = left + n * wide
        y = round(bottom - value * scale)
        end = max(round(x + 0.1 * wide) + 1, round(x + 0.9 * wide))
        cv2.rectangle(page, (round(x + 0.1 * wide), y), (end, bottom), (160, 120, 60), -1)
        if n == 0 or (n + 1) % every == 0:
            _write(page, str(n + 1), (round(x + wide / 2), bottom + 15), 0.5)
    cv2.line(page, (left, bottom), (right, bottom), (120, 120, 120), 1)
    _write(page, "view", (right, bottom + 29), 1.0)


def _write(page: NDArray[np.uint8], words: str, at: tuple[int, int], align: float) -> None:
    """Small, from there to the right (align 0), around it (0.5) or up to it (1)."""
    wide = cv2.getTextSize(words, TEXT, 0.4, 1)[0][0]
    where = round(at[0] - align * wide), at[1]
    cv2.putText(page, words, where, TEXT, 0.4, (80, 80, 80), 1, cv2.LINE_AA)
