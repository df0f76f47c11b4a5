"""Takes of people whose motions are known, and the motions of a take, each whole."""

from __future__ import annotations

from collections.abc import Sequence

from engines.types.skeleton import Skeleton
from realtime.mocap.take import PersonMotion, Span, Take


def take_with(skeleton: Skeleton, rate: float, people: Sequence[PersonMotion]) -> Take:
    known = {one.id: one for one in people}

    def load(span: Span, first: int, end: int) -> PersonMotion:
        one = known[span.id]
        own = slice(first - one.first, end - one.first)
        return PersonMotion(one.id, first, one.xyz[own], one.error[own], one.filled[own])

    spans = (*(Span(one.id, one.first, len(one)) for one in people),)
    return Take(skeleton, rate, spans, load)


def people_of(take: Take) -> list[PersonMotion]:
    return [take.load(one, one.first, one.first + one.count) for one in take.spans]
