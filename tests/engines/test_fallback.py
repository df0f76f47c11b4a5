"""A device that fails in the middle of a run; the spare one goes on where it stopped."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

import numpy as np
import pytest

from engines.fallback import Spared
from engines.types.errors import DeviceError, WeightsError


class Echo:
    """Gives back what it was given; its n-th submit or result may fail."""

    def __init__(self, depth: int = 2, fails: dict[str, int] | None = None) -> None:
        self.depth, self.closed = depth, False
        self._fails = dict(fails or {})
        self._flying: deque[Any] = deque()

    def _count(self, verb: str) -> None:
        self._fails[verb] = self._fails.get(verb, 0) - 1
        if self._fails[verb] == 0:
            raise DeviceError(f"The GPU failed in {verb}.")

    def submit(self, images: Any) -> None:
        self._count("submit")
        self._flying.append(images)

    def result(self) -> Any:
        self._count("result")
        return self._flying.popleft()

    decoder = None

    def close(self) -> None:
        self.closed = True
        self._count("close")


def sets(estimator: Any, count: int) -> list[int]:
    """The numbers of the sets that come back, with as many in flight as the estimator likes."""
    found, flying = [], 0
    for n in range(count):
        estimator.submit([np.full((1, 1, 3), n, np.uint8)])
        flying += 1
        while flying >= estimator.depth:
            found.append(int(estimator.result()[0][0, 0, 0]))
            flying -= 1
    while flying:
        found.append(int(estimator.result()[0][0, 0, 0]))
        flying -= 1
    return found


@pytest.mark.parametrize("verb", ["submit", "result"])
@pytest.mark.parametrize("turn", [1, 2, 5])
@pytest.mark.parametrize("depth", [1, 3])
def test_no_set_is_lost_and_one_sentence_says_what_happened(
    caplog: pytest.LogCaptureFixture, verb: str, turn: int, depth: int
) -> None:
    first, spare = Echo(fails={verb: turn, "close": 1}), Echo(depth)
    estimator = Spared(lambda: first, lambda: spare)
    with caplog.at_level(logging.WARNING):
        assert sets(estimator, 8) == list(range(8))
    assert caplog.messages == [f"The GPU failed in {verb}. The CPU is used."]
    assert first.closed
    assert estimator.depth == depth
    estimator.close()
    assert spare.closed


def test_what_does_not_fail_never_opens_the_spare(caplog: pytest.LogCaptureFixture) -> None:
    estimator = Spared(Echo, lambda: pytest.fail("the spare was opened"))
    assert sets(estimator, 5) == list(range(5))
    assert not caplog.messages


@pytest.mark.parametrize("error", [DeviceError("No GPU."), WeightsError("No fp16.")])
def test_what_does_not_open_is_told_and_spared(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def first() -> Any:
        raise error

    assert sets(Spared(first, Echo), 3) == [0, 1, 2]
    assert caplog.messages == [f"{error} The CPU is used."]


def test_a_spare_that_fails_too_is_an_error() -> None:
    broken = Echo(fails={"result": 1}), Echo(fails={"submit": 3})
    estimator = Spared(lambda: broken[0], lambda: broken[1])
    with pytest.raises(DeviceError, match="failed in submit"):
        sets(estimator, 8)
