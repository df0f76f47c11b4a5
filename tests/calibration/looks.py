"""Scenes before a camera that go on when they were looked at, so that no machine is too slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from engines.types.arrays import Image
from realtime.footage.board_footage import BoardSearch

FIND = BoardSearch.find

STAYS_S = 0.25  # over twice as long as the tests have a board held


class Looks:
    """Counts how often a board was looked for. Ctrl-C is pressed after so many, where that is said.

    each: looks that a picture stays before the camera; where they are quick the last of them is
    counted only once the picture was there for STAYS_S, as a board is held still for a time.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, each: int, ends: int | None = None) -> None:
        self.count, self.each = 0, each
        self._shown = time.monotonic()

        def counted(search: BoardSearch, image: Image) -> object:
            found = FIND(search, image)
            now = time.monotonic()
            if (self.count + 1) % each or now - self._shown >= STAYS_S:
                self.count += 1
                self._shown = self._shown if self.count % each else now
            if ends is not None and self.count >= ends:
                raise KeyboardInterrupt
            return found

        monkeypatch.setattr(BoardSearch, "find", counted)

    def films(
        self, pictures: Sequence[Image], *, then: Callable[[int], Image | None]
    ) -> Callable[[int], Image | None]:
        """A camera's script: each picture for its looks, `then` what `then` says of the next."""

        def script(_: int) -> Image | None:
            time.sleep(0.02)  # the rate of a camera
            at = self.count // self.each
            return pictures[at] if at < len(pictures) else then(at)

        return script
