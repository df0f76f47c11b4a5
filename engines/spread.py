"""Several devices that take turns, set of pictures by set of pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from engines.decoders.decoder import Decoder
from engines.estimator import Estimator
from engines.types.arrays import Image
from engines.types.evidence import Evidence


class Spread:
    """An Estimator that gives each set of pictures to the next of several, and takes the results in
    the order in which the sets came. All are of one model.

    openers: each opens one of them; if one cannot be opened, those before it are closed again.
    """

    def __init__(self, openers: Sequence[Callable[[], Estimator]]) -> None:
        self._all: list[Estimator] = []
        try:
            for opener in openers:
                self._all.append(opener())
        except BaseException:
            self.close()
            raise
        self._turn = 0
        self._flying: deque[Estimator] = deque()

    @property
    def depth(self) -> int:
        """As many as all can have in flight: they are given in turn, so none gets too many."""
        return len(self._all) * min(one.depth for one in self._all)

    @property
    def decoder(self) -> Decoder:
        return self._all[0].decoder

    def submit(self, images: Sequence[Image]) -> None:
        """Start on a set of (H, W, 3) BGR pictures, of any sizes."""
        one = self._all[self._turn]
        one.submit(images)
        self._turn = (self._turn + 1) % len(self._all)
        self._flying.append(one)

    def result(self) -> list[Evidence]:
        """The evidence of the oldest set in flight, in picture pixels."""
        found = self._flying[0].result()
        self._flying.popleft()
        return found

    def close(self) -> None:
        """Let all devices go, also where one of them fails."""
        first: Exception | None = None
        for one in self._all:
            try:
                one.close()
            except Exception as error:  # noqa: BLE001 - the others still want closing
                first = first or error
        self._all.clear()
        if first is not None:
            raise first
