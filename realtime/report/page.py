"""The report of a session as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from realtime.report.charts import Line, chart, clock, counted
from realtime.report.session import FIRST_ANGLE, HIPS, PIXELS, SPEED, PersonRecord, Session
from realtime.types.movement import KINDS, MEASURES, OF_EVENTS, Event, Kind

CSS = Path(__file__).with_name("page.css")
POINTS = 700  # of a line at most: the pixels that there are for it
MAX_ROWS = 100  # of a table of events, the newest
MAX_BARS = 60
BRIEFLY_S = 2.0  # who was seen for less and did nothing has no place
PLURALS = {"squat": "squats", "jump": "jumps", "throw": "throws"}
# Whose best is told on a tile: measure, title.
BEST: dict[Kind, tuple[str, str]] = {
    "squat": ("depth", "deepest squat"),
    "jump": ("height", "highest jump"),
    "throw": ("release_speed", "fastest throw"),
}
NOWHERE = "\N{EN DASH}"


def report_page(
    session: Session, model: str, sources: Sequence[str], started: str, scale: str
) -> Iterator[bytes]:
    """The page in pieces. started: when the run began; scale: where metres come from."""
    for piece in _page(session, model, sources, started, scale):
        yield piece.encode()


def _page(
    session: Session, model: str, sources: Sequence[str], started: str, scale: str
) -> Iterator[str]:
    names = ", ".join(sources)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
    )
    yield f"<title>Report: {escape(names)}</title>\n<style>\n"
    yield CSS.read_text(encoding="utf-8")
    yield "</style>\n</head>\n<body>\n<header>\n"
    yield f"<h1>{escape(names)}</h1>\n"
    length = session.last - session.first if session.frames else 0.0
    about = f"{started} \N{MIDDLE DOT} {clock(length)} \N{MIDDLE DOT} {session.frames} frames"
    yield f'<p class="about">{escape(about)} \N{MIDDLE DOT} model {escape(model)}</p>\n'
    yield f'<p class="about">{escape(scale)}</p>\n</header>\n<main>\n'
    everybody = session.people
    people = [one for one in everybody if one.counts or one.last - one.first >= BRIEFLY_S]
    yield '<section class="card">'
    yield from _tiles(session, people)
    yield "</section>\n"
    for one in people:
        yield from _person(one, session.angles, several=len(sources) > 1)
    yield "</main>\n<footer>"
    briefly = len(everybody) - len(people) + session.left_out
    if briefly:
        were = "1 other was" if briefly == 1 else f"{briefly} others were"
        yield f"{were} seen too briefly to be listed. "
    yield (
        "Angles: 180\N{DEGREE SIGN} = straight. Dashed lines mark events; a pale band is the range "
        "where a line stands for several frames. Made by posestream.</footer>\n</body>\n</html>\n"
    )


def _tiles(session: Session, people: Sequence[PersonRecord]) -> Iterator[str]:
    yield '<div class="tiles">'
    yield _tile(str(len(people)), "person" if len(people) == 1 else "people")
    for kind, count in session.counts.items():
        yield _tile(str(count), kind if count == 1 else PLURALS[kind])
    for kind, (name, title) in BEST.items():
        values = _measures(people, kind, name)
        if values:
            yield _tile(_told(name, max(values)), title)
    yield "</div>"


def _measures(people: Sequence[PersonRecord], kind: Kind, name: str) -> list[float]:
    """Those that are known."""
    values = (event.measures[name] for one in people for event in _of(kind, one.events))
    return [value for value in values if value == value]


def _tile(value: str, title: str) -> str:
    return f"<div><strong>{escape(value)}</strong><span>{escape(title)}</span></div>"


def _told(name: str, value: float) -> str:
    measure = MEASURES[name]
    if value != value:
        return NOWHERE
    space = "" if measure.unit == "\N{DEGREE SIGN}" else "\N{NO-BREAK SPACE}"
    return f"{value:.{measure.digits}f}{space}{measure.unit}"


def _person(one: PersonRecord, joints: Sequence[str], *, several: bool) -> Iterator[str]:
    where = f" \N{MIDDLE DOT} {escape(one.camera)}" if several and one.camera else ""
    yield f'<section class="card"><h2>Person {one.number}{where}</h2>'
    done = [f"{n} {kind if n == 1 else PLURALS[kind]}" for kind, n in one.counts.items() if n]
    seen = f"seen from {clock(one.first)} to {clock(one.last)}"
    yield f'<p class="about">{", ".join([*done, seen])}</p>'
    if one.events:
        yield '<div class="repetitions">'
        for kind in KINDS:
            yield from _bars(kind, _of(kind, one.events))
        yield "</div>"
    yield '<div class="charts">'
    yield from _charts(one, joints)
    yield "</div>"
    for kind in KINDS:
        yield from _table(kind, _of(kind, one.events))
    yield "</section>\n"


def _charts(one: PersonRecord, joints: Sequence[str]) -> Iterator[str]:
    times, *bins = one.series.bins(POINTS)
    span, events = (one.first, one.last), one.events

    def line(title: str, colour: str, column: int, factor: float = 1.0) -> Line:
        return Line(title, colour, times, *(factor * values[:, column] for values in bins))

    if events:
        rising = [
            counted(PLURALS[kind], kind, own, span) for kind in KINDS if (own := _of(kind, events))
        ]
        yield from chart("Repetitions", "", rising, events, span, shows=(0, 4))
    hips = line("", "plain", HIPS, 100)
    yield from chart(
        "Height of the hips", "%, 100 = standing upright", [hips], events, span, shows=(60, 120)
    )
    metres = not np.isnan(bins[0][:, SPEED]).all()
    speed = line("", "plain", SPEED if metres else PIXELS)
    unit, usual = ("m/s", 2.0) if metres else ("pixels/s", 100.0)
    yield from chart("Speed", unit, [speed], events, span, shows=(0, usual))
    for joint in ("knee", "hip", "elbow", "shoulder", "ankle"):
        sides = [
            line(side, side, FIRST_ANGLE + joints.index(f"{side}_{joint}"))
            for side in ("left", "right")
            if f"{side}_{joint}" in joints
        ]
        unit = "\N{DEGREE SIGN}"
        yield from chart(f"{joint.capitalize()} angle", unit, sides, events, span, shows=(90, 180))


def _bars(kind: Kind, events: Sequence[Event]) -> Iterator[str]:
    """The first measure of each repetition that is known."""
    for name in OF_EVENTS[kind][:1] if kind != "squat" else ("depth", "knee_angle"):
        values = [(one.number, one.measures[name]) for one in events[-MAX_BARS:]]
        known = [(number, value) for number, value in values if value == value]
        if not known:
            continue
        most = max(value for _, value in known)
        yield f"<div><h3>{kind.capitalize()}s: {escape(MEASURES[name].title)}</h3>"
        yield f'<div class="bars {kind}">'
        for number, value in known:
            share = max(2.0, 100 * value / max(most, 1e-9))
            told = f"{kind} {number}: {_told(name, value)}"
            yield f'<div style="height:{share:.0f}%" title="{escape(told)}"></div>'
        middle = float(np.mean([value for _, value in known]))
        told = f"mean {_told(name, middle)}, greatest {_told(name, most)}"
        yield f"</div><p>{escape(told)}</p></div>"
        return


def _table(kind: Kind, events: Sequence[Event]) -> Iterator[str]:
    """A row for each repetition."""
    if not events:
        return
    head = ["at", *(MEASURES[name].title for name in OF_EVENTS[kind])]
    yield f'<div class="scroll"><table><thead><tr><th>{kind}</th>'
    yield "".join(f"<th>{escape(one)}</th>" for one in head) + "</tr></thead><tbody>"
    for event in events[-MAX_ROWS:]:
        cells = [f"{event.time:.2f}\N{NO-BREAK SPACE}s"]
        cells += [_told(name, event.measures[name]) for name in OF_EVENTS[kind]]
        yield f"<tr><td>{event.number}</td>"
        yield "".join(f"<td>{escape(one)}</td>" for one in cells) + "</tr>"
    yield "</tbody></table></div>"
    if len(events) > MAX_ROWS:
        yield f'<p class="about">The last {MAX_ROWS}; --csv has all.</p>'


def _of(kind: Kind, events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.kind == kind]
