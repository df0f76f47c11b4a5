"""What people do, written under their feet."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from engines.types.arrays import Image
from engines.types.oks import boxes
from realtime.drawing.skeletons import FONT, write_text
from realtime.types.movement import KINDS, MEASURES, OF_EVENTS, Movement
from realtime.types.results import Tracks


def draw_movements(out: Image, tracks: Tracks, movements: Mapping[int, Movement]) -> None:
    """Write how often each person did what, a line a kind, with the first measure of the latest:
    `2 jumps: 0.31 m`. Nothing of those who did nothing yet.
    """
    scale = max(0.3, min(out.shape[:2]) / 1200)
    corners = boxes(np.clip(tracks.poses.xy, -1e4, 1e4))
    for person, corner in zip(tracks.id.tolist(), corners.tolist(), strict=True):
        movement = movements.get(person)
        if movement is None or corner[0] != corner[0]:
            continue
        left, _, right, bottom = corner
        lines = movement_lines(movement)
        high = cv2.getTextSize("0", FONT, scale, 1)[0][1]
        # Two lines lower than the feet: the first is for the speed of --angles.
        top = min(bottom + 5 * high, out.shape[0] - high * (0.5 + 2 * (len(lines) - 1)))
        for n, line in enumerate(lines):
            wide = cv2.getTextSize(line, FONT, scale, 1)[0][0]
            x = np.clip((left + right - wide) / 2, 0, max(0, out.shape[1] - wide))
            write_text(out, line, (round(x), round(top + 2 * n * high)), scale)


def movement_lines(movement: Movement) -> list[str]:
    """One for each kind of event that somebody has done."""
    lines = []
    for kind in KINDS:
        count = movement.counts.get(kind, 0)
        if not count:
            continue
        line = f"{count} {kind}{'s' * (count > 1)}"
        latest = movement.latest
        if latest is not None and latest.kind == kind:
            for name in OF_EVENTS[kind]:
                value, measure = latest.measures[name], MEASURES[name]
                if value == value:
                    unit = (
                        "deg" if measure.unit == "\N{DEGREE SIGN}" else measure.unit
                    )  # not in FONT
                    line += f": {value:.{measure.digits}f} {unit}"
                    break
        lines.append(line)
    return lines
