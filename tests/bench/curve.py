"""Accuracy over time of what was measured: docs/accuracy.svg, and the tables of docs and README.

    python -m tests.bench.curve

Draws what engines/measured.toml says (see tests.bench.accuracy and tests.bench.cost), and prints
the rows of the table in docs/benchmarks.md and of the one in the README.
"""

from __future__ import annotations

from math import log
from xml.sax.saxutils import escape

from engines.models.measured import Measured, cards_of, measured, measured_on, megabytes, size_of
from realtime.presets import PRESETS
from tests.conftest import ROOT

FILE = ROOT / "docs" / "accuracy.svg"
WIDE, HIGH = 760, 470
LEFT, RIGHT, TOP, BOTTOM = 60, 30, 46, 92  # margins
REFINES = {  # crop networks, as texts have them
    "": "alone",
    "cropnet": "+ cropnet",
    "movenet-lightning": "+ Lightning",
    "movenet-thunder": "+ Thunder",
}
PEOPLE = 2  # in the picture
COLOURS = {"human-pose-estimation-0001": "#1f5fa8", "pafnet": "#c2571a"}
STEPS_MS = (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300)
INK, GREY = "#222222", "#d5d5d5"


def preset_of(one: Measured) -> str | None:
    """The preset that stands for this, if one does."""
    found = (
        name
        for name, preset in PRESETS.items()
        if (preset.model, "int8", preset.height, preset.refine) == one.key
    )
    return next(found, None)


def best(points: list[Measured]) -> list[Measured]:
    """Those than which nothing is both faster and more accurate."""
    front: list[Measured] = []
    for one in sorted(points, key=lambda point: (point.ms(PEOPLE), -point.ap)):
        if not front or one.ap > front[-1].ap:
            front.append(one)
    return front


class Axes:
    """Milliseconds, logarithmic, and AP, to places in the drawing."""

    def __init__(self, points: list[Measured]) -> None:
        times = [one.ms(PEOPLE) for one in points]
        self.first, self.last = min(times) / 1.15, max(times) * 1.15
        self.low = int(min(one.ap for one in points) * 20) / 20
        self.high = int(max(one.ap for one in points) * 20 + 1) / 20

    def x(self, ms: float) -> float:
        share = log(ms / self.first) / log(self.last / self.first)
        return LEFT + share * (WIDE - LEFT - RIGHT)

    def y(self, ap: float) -> float:
        share = (ap - self.low) / (self.high - self.low)
        return HIGH - BOTTOM - share * (HIGH - TOP - BOTTOM)

    def at(self, one: Measured) -> tuple[float, float]:
        return self.x(one.ms(PEOPLE)), self.y(one.ap)


def mark(x: float, y: float, refine: str, colour: str) -> str:
    """A circle alone, a diamond with cropnet, a triangle with Lightning, a square with Thunder."""
    if refine.endswith("lightning"):
        corners = f"{x:.1f},{y - 6.5:.1f} {x - 6:.1f},{y + 4.5:.1f} {x + 6:.1f},{y + 4.5:.1f}"
        return f'<polygon points="{corners}" fill="{colour}"/>'
    if refine.endswith("thunder"):
        return f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" fill="{colour}"/>'
    if refine:
        tips = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
        return f'<polygon points="{tips}" fill="{colour}"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'


def text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def label(one: Measured) -> str:
    return f"{one.form} {one.height}"


def drawn(points: list[Measured]) -> str:
    """The chart as SVG."""
    axes = Axes(points)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{WIDE}" height="{HIGH}" fill="white"/>',
        text(LEFT, 22, "AP on 141 COCO photos, and the time of a picture with two people",
             more=' font-size="15"'),
    ]  # fmt: skip
    bottom, right = HIGH - BOTTOM, WIDE - RIGHT
    for step in range(round(axes.low * 20), round(axes.high * 20) + 1):
        y = axes.y(step / 20)
        out.append(f'<path d="M{LEFT},{y:.1f}H{right}" stroke="{GREY}"/>')
        out.append(text(LEFT - 8, y + 4, f"{step / 20:.2f}", "end"))
    for ms in STEPS_MS:
        if axes.first <= ms <= axes.last:
            x = axes.x(ms)
            out.append(f'<path d="M{x:.1f},{TOP}V{bottom}" stroke="{GREY}"/>')
            out.append(text(x, bottom + 17, str(ms), "middle"))
    out.append(
        text((LEFT + right) / 2, bottom + 36, f"ms, 1280x720, {measured_on().processor}", "middle")
    )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(axes.at, best(points)))
    out.append(f'<polyline points="{line}" fill="none" stroke="#999999" stroke-dasharray="5 4"/>')
    for one in points:
        x, y = axes.at(one)
        out.append(mark(x, y, one.refine, COLOURS[one.model]))
        name = preset_of(one)
        if name:
            out.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="11" fill="none" stroke="{INK}" '
                'stroke-width="1.5"/>'
            )
            others = (axes.at(other) for other in points if other is not one)
            taken = any(0 < x - left < 95 and abs(y - 4 - up) < 25 for left, up in others)
            bold = ' font-weight="bold"'
            aside = (x + 16, y + 4, name) if taken else (x - 14, y - 9, name, "end")
            out.append(text(*aside, more=bold))
        # Beside it where the one below would be in the way of the next.
        aside = (x + 9, y + 4, label(one)) if x < right - 70 else (x - 9, y + 4, label(one), "end")
        place = aside if one.refine == "cropnet" else (x, y + 20, label(one), "middle")
        out.append(text(*place, more=' font-size="10"'))
    x = float(LEFT)
    for model, colour in COLOURS.items():
        out.append(f'<rect x="{x:.1f}" y="{HIGH - 32}" width="12" height="12" fill="{colour}"/>')
        out.append(text(x + 18, HIGH - 22, model))
        x += 26 + 6.8 * len(model)
    for refine, words in REFINES.items():
        out.append(mark(x + 6, HIGH - 26, refine, INK))
        out.append(text(x + 18, HIGH - 22, words))
        x += 32 + 6.3 * len(words)
    out.append(f'<circle cx="{x + 6:.1f}" cy="{HIGH - 26}" r="8" fill="none" stroke="{INK}"/>')
    out.append(text(x + 20, HIGH - 22, "preset"))
    return "\n".join([*out, "</svg>"]) + "\n"


def chart() -> str:
    """What was measured at a height of its own: default heights hardly differ from 256."""
    return drawn([one for one in measured() if one.height and one.ms(PEOPLE)])


def table() -> list[str]:
    """That of docs/benchmarks.md: a line a combination of model, precision and height."""
    lines = [
        f"| model, precision, height | {': AP, ms | '.join(REFINES.values())}: AP, ms | "
        "licences, size |",
        "|---|" + "---|" * (len(REFINES) + 1),
    ]
    by_first: dict[tuple[str, str, int], dict[str, Measured]] = {}
    for one in measured():
        by_first.setdefault((one.model, one.precision, one.height), {})[one.refine] = one
    for (model, _, height), each in by_first.items():
        cells = []
        for refine in REFINES:
            point = each[refine]
            ms = point.ms(1)
            cells.append(f"{point.ap:.3f}, {ms:.0f}" if ms >= 10 else f"{point.ap:.3f}, {ms:.1f}")
        sizes = [sum(size_of(card, each[""].precision) for card in cards_of(point))
                 for point in each.values()]  # fmt: skip
        licences = dict.fromkeys(c.licence for point in each.values() for c in cards_of(point))
        words = f"{', '.join(licences)}; {megabytes(min(sizes))} to {megabytes(max(sizes))}"
        name = f"{model}, {each[''].form}, {height or 'default'}"
        lines.append(f"| {name} | {' | '.join(cells)} | {words} |")
    return lines


def headline() -> list[str]:
    """The README's table: what users choose by name, the most accurate first."""
    chosen = {
        f"`--preset {name}`": (preset.model, "int8", preset.height, preset.refine)
        for name, preset in PRESETS.items()
    }
    chosen["without options, after `posestream models fetch`"] = (
        "human-pose-estimation-0001",
        "int8",
        0,
        "movenet-lightning",
    )
    chosen["without options, from the box"] = ("pafnet", "int8", 0, "cropnet")
    found = {one.key: one for one in measured()}
    lines = ["| | AP | ms | weights |", "|---|---|---|---|"]
    for words, key in sorted(chosen.items(), key=lambda item: -found[item[1]].ap):
        one = found[key]
        size = sum(size_of(card, one.precision) for card in cards_of(one))
        lines.append(f"| {words} | {one.ap:.2f} | {one.ms(1):.0f} | {megabytes(size)} |")
    return lines


def main() -> None:
    """Draw and print."""
    FILE.write_text(chart(), encoding="utf-8")
    print("\n".join([*table(), "", *headline()]))


if __name__ == "__main__":
    main()
