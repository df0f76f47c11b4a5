"""Movements in lines of JSON and in tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from realtime.types.movement import KINDS, NO_MOVEMENT, OF_EVENTS, Event, Movement

DIGITS = 4  # behind the point, of metres and seconds
COLUMNS = (
    "speed_mps",
    *(
        name
        for kind in KINDS
        for name in (f"{kind}s", f"{kind}_time", *(f"{kind}_{one}" for one in OF_EVENTS[kind]))
    ),
)


def movement_values(movement: Movement | None) -> dict[str, Any]:
    """As plain values; None = not known."""
    one = movement or NO_MOVEMENT
    return {
        "speed": _known(one.speed),
        "hips": _known(one.hips),
        "counts": {kind: one.counts.get(kind, 0) for kind in KINDS},
        "events": [event_values(event) for event in one.events],
    }


def json_of(values: dict[str, Any]) -> str:
    """As short as it gets."""
    return json.dumps(values, separators=(",", ":"))


def event_values(event: Event) -> dict[str, Any]:
    """An event as plain values."""
    return {
        "kind": event.kind,
        "number": event.number,
        **{name: _known(getattr(event, name)) for name in ("time", "start", "end")},
        **{name: _known(event.measures[name]) for name in OF_EVENTS[event.kind]},
    }


def movement_cells(movement: Movement | None) -> list[str]:
    """Of COLUMNS: how often each kind was, and of those recognised at this frame all there is."""
    one = movement or NO_MOVEMENT
    now: Mapping[str, Event] = {event.kind: event for event in one.events}
    cells = [_text(one.speed)]
    for kind in KINDS:
        cells.append(str(one.counts.get(kind, 0)))
        event = now.get(kind)
        if event is None:
            cells += [""] * (1 + len(OF_EVENTS[kind]))
        else:
            cells += [_text(event.time), *(_text(event.measures[name]) for name in OF_EVENTS[kind])]
    return cells


def _known(value: float) -> float | None:
    return None if value != value else round(value, DIGITS)


def _text(value: float) -> str:
    return "" if value != value else repr(round(value, DIGITS))
