"""Cameras drawn into a view of the plan."""

from __future__ import annotations

import cv2
import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Rig
from calibration.plots.camera_labels import label
from calibration.plots.lettering import camera_colour
from calibration.plots.plan_view import PlanView


def draw_cameras(view: PlanView, rig: Rig, lines: dict[str, Doubles]) -> None:
    spots = {name: view.inside(points) for name, points in lines.items()}
    shade = view.pane.copy()
    for n, spot in enumerate(spots.values()):
        for a in range(4):
            face = spot[[0, 1 + a, 1 + (a + 1) % 4]]
            cv2.fillPoly(shade, [face], camera_colour(n), cv2.LINE_AA, shift=4)
    cv2.addWeighted(shade, 0.16, view.pane, 0.84, 0, view.pane)
    taken: list[tuple[float, float, float, float]] = []
    for n, spot in enumerate(spots.values()):
        colour = camera_colour(n)
        for end in spot[1:]:
            cv2.line(view.pane, spot[0].tolist(), end.tolist(), colour, 1, cv2.LINE_AA, shift=4)
        for a in range(4):  # the thick side is the picture's top
            side = spot[1 + a].tolist(), spot[1 + (a + 1) % 4].tolist()
            cv2.line(view.pane, *side, colour, 1 if a else 3, cv2.LINE_AA, shift=4)
        cv2.circle(view.pane, spot[0].tolist(), 5 * 16, colour, -1, cv2.LINE_AA, shift=4)
        x, y = spot[0] / 16
        taken.append((x - 6, y - 6, x + 6, y + 6))
    corners = np.stack(list(spots.values()))[:, None, [0, 0, 0, 0, 1, 2, 3, 4]]
    ends = np.stack(list(spots.values()))[:, None, [1, 2, 3, 4, 2, 3, 4, 1]]
    share = np.linspace(0, 1, 13)[:, None, None]
    edges = ((1 - share) * corners + share * ends).reshape(-1, 2) / 16
    for n, (name, spot) in enumerate(spots.items()):
        label(view, name, spot / 16, camera_colour(n), taken, edges)
