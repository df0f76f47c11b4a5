"""Pictures of a calibration: where corners were seen, and by how much they miss."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.intrinsics import Intrinsics

WIDTH = 960  # pixels
ARROW = 40  # times its length is a residual drawn
MARGIN = 30
TEXT = cv2.FONT_HERSHEY_SIMPLEX


def residual_chart(found: Intrinsics) -> NDArray[np.uint8]:
    """All corners with their residuals enlarged, and each view's RMS as a bar below."""
    wide, high = found.camera.size
    scale = WIDTH / wide
    rows = round(high * scale)
    page = np.full((rows + 200, WIDTH, 3), 255, np.uint8)
    for third in (1, 2):
        cv2.line(page, (WIDTH * third // 3, 0), (WIDTH * third // 3, rows), (220, 220, 220), 1)
        cv2.line(page, (0, rows * third // 3), (WIDTH, rows * third // 3), (220, 220, 220), 1)
    cv2.rectangle(page, (0, 0), (WIDTH - 1, rows), (120, 120, 120), 1)
    worst = max(3 * found.rms, 1e-9)
    for view, off in zip(found.seen, found.residuals, strict=True):
        for xy, by in zip(view.xy, off, strict=True):
            share = min(float(np.linalg.norm(by)) / worst, 1.0)
            colour = (40, round(160 * (1 - share)), round(220 * share))
            at = np.round(xy * scale).astype(int)
            to = np.round((xy + ARROW * by) * scale).astype(int)
            cv2.line(page, at.tolist(), to.tolist(), colour, 1, cv2.LINE_AA)
            cv2.circle(page, at.tolist(), 2, colour, -1, cv2.LINE_AA)
    centre = np.round(found.camera.matrix[:2, 2] * scale).astype(int)
    cv2.drawMarker(page, centre.tolist(), (200, 80, 0), cv2.MARKER_CROSS, 20, 2)
    _bars(page, rows + 30, [float(np.sqrt((off**2).sum(1).mean())) for off in found.residuals])
    title = f"{found.camera.name}: RMS {found.rms:.2f} px, lines: residuals x {ARROW}; below: views"
    cv2.putText(page, title, (MARGIN, rows + 22), TEXT, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return page


def _bars(page: NDArray[np.uint8], top: int, values: list[float]) -> None:
    bottom, left = page.shape[0] - 25, MARGIN
    step = (WIDTH - 2 * MARGIN) / len(values)
    most = max(*values, 1e-9) if len(values) > 1 else max(values[0], 1e-9)
    for n, value in enumerate(values):
        x = round(left + n * step)
        y = round(bottom - (bottom - top - 15) * value / most)
        cv2.rectangle(page, (x, y), (max(x, round(x + 0.8 * step)), bottom), (160, 120, 60), -1)
    cv2.putText(page, f"0 to {most:.2f} px", (left, page.shape[0] - 8), TEXT, 0.45, (0, 0, 0), 1)
