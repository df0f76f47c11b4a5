"""Where the names of cameras go in a plan, so that they cover little."""

from __future__ import annotations

import cv2
import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.plots.lettering import Colour, measure, shortened, write
from calibration.plots.plan_view import PlanView


def label(
    view: PlanView,
    name: str,
    spot: Doubles,
    colour: Colour,
    taken: list[tuple[float, float, float, float]],
    edges: Doubles,
) -> None:
    """The name beside its camera where little else is, behind it rather than in its sight."""
    text = shortened(name, 170, 15)
    wide, high = measure(text, 15, 600), 16
    behind = spot[0] - spot[1:].mean(0)
    angle = float(np.arctan2(behind[1], behind[0]))
    best: tuple[float, tuple[float, float, float, float]] | None = None
    edges = edges[(np.abs(edges - spot[0]) < 320).all(1)]
    for far in (12, 24, 40, 60, 90, 120):
        if best is not None and best[0] <= far / 12:
            break  # farther away costs more
        for turn in np.linspace(0, np.pi, 9):
            for side in (1, -1):
                towards = np.array([np.cos(angle + side * turn), np.sin(angle + side * turn)])
                middle = spot[0] + towards * [far + wide / 2, far + high / 2]
                box = (
                    *(float(middle[0] - wide / 2), float(middle[1] - high / 2)),
                    *(float(middle[0] + wide / 2), float(middle[1] + high / 2)),
                )
                crossed = ((edges > box[:2]) & (edges < box[2:])).all(1).sum()
                cost = far / 12 + turn + 0.6 * crossed + 50 * _crowded(box, taken, view.box[2:])
                if best is None or cost < best[0]:
                    best = cost, box
    assert best is not None
    box = best[1]
    taken.append(box)
    nearest = np.clip(spot[0], box[:2], box[2:])
    if np.linalg.norm(nearest - spot[0]) > 24:
        start, end = np.round([spot[0], nearest]).astype(int).tolist()
        cv2.line(view.pane, start, end, colour, 1, cv2.LINE_AA)
    write(view.pane, text, (box[0], box[3] - 3), 15, colour, 600, halo=True)


def _crowded(
    box: tuple[float, ...],
    taken: list[tuple[float, float, float, float]],
    pane: tuple[int, int],
) -> float:
    """Share of the box that others cover, and 3 where it leaves the pane."""
    left, top, right, bottom = box
    out = left < 4 or top < 4 or right > pane[0] - 4 or bottom > pane[1] - 4
    covered = sum(
        max(0.0, min(right, r) - max(left, a)) * max(0.0, min(bottom, b) - max(top, t))
        for a, t, r, b in taken
    )
    return 3 * out + covered / ((right - left) * (bottom - top))
