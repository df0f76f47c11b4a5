"""Looks for parts of people: from the body at first, from the part itself where it is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engines.crops.affine import Crops
from engines.decoders.parts import PartHead
from engines.parts.boxes import Boxes, either
from engines.parts.part_network import PartNetwork
from engines.parts.turns import Turns
from engines.types.arrays import Floats, Image, Indices, Mask

MIN_HINT = 0.1  # presence in the body's crop from which on the part's own crop is tried
SAME_PLACE = 0.5  # sides of a crop that a part has moved at most since its last turn
PATIENCE = 3  # sets of pictures from one search for a part that was not found to the next


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """N parts of one picture to look for.

    first: crops by the body, and (N,) whether there is one. known: (N, K, 2) where the part should
    be by what came before, NaN = not known. waits: (N,) whose person is known, but whose part was
    not found lately: it is sought in every third set only.
    """

    first: Boxes
    known: Floats
    waits: Mask

    def __len__(self) -> int:
        return len(self.known)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """N parts of one picture: (N, K, 2) picture pixels and (N,) their presence, 0 = not there, NaN
    = nobody looked. right: (N,) how much of a right hand it is, 0..1; NaN = not known.
    """

    xy: Floats
    presence: Floats
    right: Floats


class PartCrops:
    """One kind of part, such as hands: a batch a set of pictures, and one for second tries.

    own: crops of parts that are known. budget: seconds a set, as Turns has them. Used and closed by
    one thread.
    """

    def __init__(
        self,
        network: PartNetwork,
        own: Callable[[Floats, tuple[int, int]], Boxes],
        budget: float | None = None,
    ) -> None:
        head = network.decoder.settings
        self._head: PartHead = head  # type: ignore[assignment]
        self._network = network
        self._own = own
        self._turns = Turns(budget)
        self._hurried = budget is not None
        self._sets = 0
        self._lost = np.zeros((0, 2), np.float32)  # middles of own crops that showed nothing

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the network's input."""
        return self._network.size

    def begin(self, most: int) -> bool:
        """Whether to look at any of the next set of pictures, of so many parts at most."""
        return self._turns.begin(most)

    def look(self, images: Sequence[Image], wanted: Sequence[Wanted]) -> list[Found]:
        """The parts of each picture, in the order of those wanted; `begin` comes before."""
        ends = np.cumsum([len(one) for one in wanted])
        known = np.concatenate([one.known for one in wanted])
        first = _together([one.first[0] for one in wanted])
        has_first = np.concatenate([one.first[1] for one in wanted])
        own, has_own = self._own(known, self.size)
        doubted = has_first & self._lost_at(own.centre, own.extent)
        has_own &= ~doubted
        crops = either(has_own, own, first)
        waits = np.concatenate([one.waits for one in wanted])
        if self._hurried and (has_own | (has_first & ~waits)).any():
            waits[:] = False  # each has its turns, and the others should not take them
        waits &= (np.arange(len(waits)) + self._sets) % PATIENCE != 0
        self._sets += 1
        ok = self._turns.chosen(crops.extent[:, 1], has_own | (has_first & ~waits))
        found = Found(
            np.full(known.shape, np.nan, np.float32),
            np.full(len(known), np.nan, np.float32),
            np.full(len(known), np.nan, np.float32),
        )
        began, rows = time.perf_counter(), np.flatnonzero(ok)
        self._see(images, crops, rows, ends, found)
        # Found in its body's crop a part is seen better in its own; lost in its own, in its body's.
        # Where time is short, both wait for the part's next turn, but for what is hardly seen.
        unsure = found.presence < self._head.present
        fresh, lost = ok & ~has_own & (found.presence >= MIN_HINT), ok & has_own & unsure
        if self._hurried:
            fresh &= unsure
            self._lost = own.centre[lost | (doubted & ~ok)]
            lost[:] = False
        lost &= has_first
        again = first
        if fresh.any():
            closer, fits = self._own(found.xy, self.size)
            fresh &= fits
            again = either(fresh, closer, first)
        anew = np.flatnonzero(fresh | lost)
        self._see(images, again, anew, ends, found)
        self._turns.learn(time.perf_counter() - began, len(rows) + len(anew), len(anew))
        there = found.presence >= self._head.present
        found.xy[~there] = np.nan
        found.presence[ok & ~there] = 0
        places = zip([0, *ends.tolist()], ends.tolist(), strict=False)
        return [Found(found.xy[a:b], found.presence[a:b], found.right[a:b]) for a, b in places]

    def close(self) -> None:
        """Let the device go."""
        self._network.close()

    def _lost_at(self, centre: Floats, extent: Floats) -> Mask:
        """(N,) whether an own crop there has shown nothing at its last turn."""
        if not len(self._lost):
            return np.zeros(len(centre), bool)
        gaps = np.linalg.norm(centre[:, None] - self._lost[None], axis=-1)
        return np.asarray((gaps < SAME_PLACE * extent[:, :1]).any(axis=1), bool)

    def _see(
        self, images: Sequence[Image], crops: Crops, rows: Indices, ends: Indices, found: Found
    ) -> None:
        """What the network says of these rows, unless what is there already is surer."""
        if not len(rows):
            return
        cuts = np.searchsorted(rows, ends).tolist()
        boxes = [crops.some(rows[a:b]) for a, b in zip([0, *cuts], cuts, strict=False)]
        xy, _, arrays = self._network.look(images, boxes)
        presence, before = self._head.presence(arrays), np.nan_to_num(found.presence[rows])
        better = (presence >= self._head.present) | (presence >= before)
        rows = rows[better]
        found.xy[rows], found.presence[rows] = xy[better], presence[better]
        if "right" in arrays:
            found.right[rows] = arrays["right"][better, 0]


def _together(crops: Sequence[Crops]) -> Crops:
    """Those of all pictures."""
    if len(crops) == 1:
        return crops[0]
    return Crops(
        np.concatenate([one.centre for one in crops]),
        np.concatenate([one.extent for one in crops]),
        np.concatenate([one.angle for one in crops]),
        crops[0].size,
    )
