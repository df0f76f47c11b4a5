"""Plots over time as HTML with SVG, whose lines stay thin and whose text stays as large as text at
any width: the drawing alone is stretched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from engines.types.arrays import Doubles, Floats, Indices
from realtime.types.movement import Event

WIDE, HIGH = 1000, 200  # of the drawing
MAX_MARKS = 200  # events drawn in a plot
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)  # seconds
MAX_TICKS = 6
BRIDGED_S = 0.3  # between two frames that know a number


class Line(NamedTuple):
    """A line of a plot: its name, the class of its colour, and (B,) seconds, mean, least and
    greatest.
    """

    title: str
    colour: str
    times: Doubles
    mean: Floats
    low: Floats
    high: Floats


def clock(seconds: float) -> str:
    """1:05, or 1:02:03."""
    whole = round(seconds)
    hours, rest = divmod(abs(whole), 3600)
    minutes, left = divmod(rest, 60)
    text = f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
    return f"-{text}" if whole < 0 else text


def nice_range(least: float, most: float, steps: int = 4) -> tuple[float, float, float]:
    """From, to and step of an axis with round numbers."""
    most = most if most > least else least + 1
    span = most - least
    size = 10 ** np.floor(np.log10(span / steps))
    step = next(factor * size for factor in (1, 2, 5, 10) if span / (factor * size) <= steps + 1e-9)
    return float(np.floor(least / step) * step), float(np.ceil(most / step) * step), float(step)


def chart(
    title: str,
    unit: str,
    lines: Sequence[Line],
    events: Sequence[Event],
    span: tuple[float, float],
    *,
    shows: tuple[float, float],
) -> Iterator[str]:
    """A figure; nothing where nothing is known. shows: what the axis has in any case."""
    known = [one for one in lines if not np.isnan(one.mean).all()]
    if not known:
        return
    least = min(shows[0], *(float(np.nanmin(one.low)) for one in known))
    most = max(shows[1], *(float(np.nanmax(one.high)) for one in known))
    bottom, top, step = nice_range(least, most)
    begin, end = span[0], max(span[1], span[0] + 0.1)

    def across(time: Doubles | float) -> Doubles:
        return np.asarray((time - begin) / (end - begin) * WIDE)

    def up(value: Floats | float) -> Floats:
        return np.asarray(HIGH - (value - bottom) / (top - bottom) * HIGH, np.float32)

    legend = "".join(
        f'<span class="key {one.colour}">{escape(one.title)}</span>' for one in known if one.title
    )
    yield f"<figure><figcaption><b>{escape(title)}</b> <i>{escape(unit)}</i>{legend}</figcaption>"
    yield '<div class="plot"><div class="drawing">'
    yield f'<svg viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio="none" role="img">'
    yield f"<title>{escape(title)}</title>"
    levels = np.arange(bottom, top + step / 2, step)
    for level in levels:
        y = float(up(float(level)))
        yield f'<path class="grid" d="M0 {y:.1f}H{WIDE}"/>'
    for event in events[:MAX_MARKS]:
        x = float(across(event.time))
        if 0 <= x <= WIDE:
            told = f"{event.kind} {event.number}, {clock(event.time)}"
            yield f'<path class="mark {event.kind}" d="M{x:.1f} 0V{HIGH}">'
            yield f"<title>{told}</title></path>"
    for one in known:
        along, runs = across(one.times), _runs(one.times, one.mean)
        if band := _band(along, up(one.low), up(one.high), runs):
            yield f'<path class="band {one.colour}" d="{band}"/>'
        yield f'<path class="line {one.colour}" d="{_path(along, up(one.mean), runs)}"/>'
    yield "</svg>"
    places = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    for level in levels:
        share = 100 * float(up(float(level))) / HIGH
        yield f'<span class="level" style="top:{share:.1f}%">{level:.{places}f}</span>'
    step_s = next((one for one in STEPS if (end - begin) / one <= MAX_TICKS), STEPS[-1])
    for tick in np.arange(np.ceil(begin / step_s) * step_s, end, step_s):
        share = float(across(float(tick))) / WIDE * 100
        yield f'<span class="tick" style="left:{share:.1f}%">{clock(float(tick))}</span>'
    yield "</div></div></figure>"


def counted(title: str, colour: str, events: Sequence[Event], span: tuple[float, float]) -> Line:
    """How many there were: a line that rises by one at every event."""
    times, counts = [span[0]], [0.0]
    for event in events:
        times += [event.time, event.time]
        counts += [counts[-1], event.number]
    height = np.array([*counts, counts[-1]], np.float32)
    return Line(title, colour, np.array([*times, span[1]]), height, height, height)


def _path(x: Doubles, y: Floats, runs: Sequence[Indices]) -> str:
    """Lines through what is known; gaps stay open, and what is alone is a dot."""
    out: list[str] = []
    for run in runs:
        first, *rest = (f"{x[n]:.1f} {y[n]:.1f}" for n in run)
        out.append(f"M{first}" + (f"L{' '.join(rest)}" if rest else "h.01"))
    return "".join(out)


def _band(x: Doubles, low: Floats, high: Floats, runs: Sequence[Indices]) -> str:
    """What is between the least and the greatest, where they differ."""
    out: list[str] = []
    for run in runs:
        if len(run) < 2 or float((low[run] - high[run]).max()) < 0.5:
            continue
        there = [f"{x[n]:.1f} {high[n]:.1f}" for n in run]
        back = [f"{x[n]:.1f} {low[n]:.1f}" for n in run[::-1]]
        out.append(f"M{' '.join([*there, *back])}Z")
    return "".join(out)


def _runs(times: Doubles, mean: Floats) -> list[Indices]:
    """The places of what is known, apart where nothing is known for longer than BRIDGED_S."""
    known = np.flatnonzero(~np.isnan(mean))
    if not len(known):
        return []
    missing = np.flatnonzero((np.diff(known) > 1) & (np.diff(times[known]) > BRIDGED_S))
    return np.split(known, missing + 1)
