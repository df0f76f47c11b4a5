"""Sets of pictures spread over devices: in turn, in order, and none is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest

from engines.fallback import Spared
from engines.models.card import load_card
from engines.spread import Spread
from engines.types.arrays import Image
from engines.types.device import DeviceChoice
from engines.types.errors import DeviceError
from engines.types.evidence import Evidence
from engines.types.poses import Candidates

DECODER = load_card("human-pose-estimation-0001").decoder


class Device:
    """An estimator whose evidence is its number, and what its pictures' first pixels say."""

    decoder = DECODER

    def __init__(self, number: int, log: list[str], depth: int = 2) -> None:
        self.number, self.log, self.depth = number, log, depth
        self.flying: deque[Sequence[Image]] = deque()
        self.breaks = False

    def submit(self, images: Sequence[Image]) -> None:
        if len(self.flying) == self.depth:
            raise AssertionError("too many sets in flight")
        self.flying.append(images)
        self.log.append(f"{self.number} takes {images[0][0, 0, 0]}")

    def result(self) -> list[Evidence]:
        if self.breaks:
            raise DeviceError("The GPU failed.")
        images = self.flying.popleft()
        rows = [[self.number, int(image[0, 0, 0]), 0, 1] for image in images]
        return [
            Candidates(np.array([row], np.float32), np.zeros((0, 4), np.float32)) for row in rows
        ]

    def close(self) -> None:
        self.log.append(f"{self.number} closes")
        self.flying.clear()


def pictures(value: int) -> list[Image]:
    return [np.full((2, 2, 3), value, np.uint8)]


def seen(evidence: Sequence[Evidence]) -> tuple[int, int]:
    """Device, picture."""
    (one,) = evidence
    assert isinstance(one, Candidates)
    return int(one.peaks[0, 0]), int(one.peaks[0, 1])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_sets_go_round_and_results_come_in_order(count: int) -> None:
    log: list[str] = []
    spread = Spread([partial(Device, n, log) for n in range(count)])
    assert spread.depth == 2 * count
    found = []
    flying = 0
    for n in range(11):
        spread.submit(pictures(n))
        flying += 1
        if flying == spread.depth:
            found.append(seen(spread.result()))
            flying -= 1
    found += [seen(spread.result()) for _ in range(flying)]
    assert found == [(n % count, n) for n in range(11)]
    spread.close()
    assert log[-count:] == [f"{n} closes" for n in range(count)]


def test_where_one_cannot_be_opened_the_others_are_closed() -> None:
    log: list[str] = []

    def broken() -> Device:
        raise DeviceError("There is no second GPU.")

    openers: list[Callable[[], Device]] = [partial(Device, 0, log), broken]
    with pytest.raises(DeviceError, match="no second GPU"):
        Spread(openers)
    assert log == ["0 closes"]


def test_one_that_fails_in_a_run_leaves_all_sets_to_the_cpu() -> None:
    log: list[str] = []
    devices = [Device(n, log) for n in range(2)]
    spared = Spared(
        lambda: Spread([lambda one=one: one for one in devices]),  # type: ignore[misc]
        lambda: Device(9, log, depth=8),
    )
    for n in range(4):
        spared.submit(pictures(n))
    assert seen(spared.result()) == (0, 0)
    devices[1].breaks = True
    assert [seen(spared.result()) for _ in range(3)] == [(9, 1), (9, 2), (9, 3)]


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [("auto", "auto", None), ("cpu", "cpu", None), ("cuda", "cuda", None), ("cuda:3", "cuda", 3)],
)
def test_devices_are_named(text: str, kind: str, number: int | None) -> None:
    assert DeviceChoice.parse(text) == (kind, number)


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "cuda:99999", ""])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="auto, cpu, cuda or cuda:N"):
        DeviceChoice.parse(text)
