"""What people do, written under their feet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engines.types.oks import boxes
from realtime.drawing.numbers import Numbers
from realtime.types.movement import KINDS, MEASURES, OF_EVENTS, Movement
from realtime.types.results import Tracks


def write_movements(numbers: Numbers, tracks: Tracks, movements: Mapping[int, Movement]) -> None:
    """Write how often each person did what, a line a kind, with the first measure of the latest:
    `2 jumps: 0.31 m`. Nothing of those who did nothing yet.
    """
    corners = boxes(np.clip(tracks.poses.xy, -1e4, 1e4))
    for person, corner in zip(tracks.id.tolist(), corners.tolist(), strict=True):
        movement = movements.get(person)
        if movement is None or corner[0] != corner[0]:
            continue
        left, _, right, bottom = corner
        lines, high = movement_lines(movement), numbers.line_px
        # Two lines lower than the feet: the first is for the speed of --angles.
        lowest = numbers.out.shape[0] - high * (0.5 + 2 * (len(lines) - 1))
        top = min(bottom + 5 * high, lowest)
        for n, line in enumerate(lines):
            numbers.write_under(line, left, right, top + 2 * n * high)


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
