"""Guidance while a whole rig is calibrated live: which boards to keep, and what to do next."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.board.detection import Sighting
from calibration.board.view_selection import usable_blur
from calibration.guidance.intrinsics_guide import (
    BLUR_HISTORY,
    MAX_STILL_SPEED,
    SHARP_PERCENTILE,
    Advice,
    apart,
    speed,
)

# Boards that join two cameras: more than twice what a pose needs, as some are left out.
MIN_LINK_BOARDS = 8
WANTED_BOARDS = 20  # of the whole rig (rule of thumb)
MIN_DIFFERENCE = 0.04  # of the longer side by which some corner must differ from all boards before

Seen = tuple[float, Sighting]  # seconds, and the board then


class ExtrinsicsGuide:
    """Takes a board where two cameras or more see it at once, sharp, still for `hold` seconds (with
    0: in motion too), and elsewhere than before.

    taken: by camera, instant after instant. now: what each camera sees of it now.
    """

    def __init__(
        self, names: Sequence[str], hold: float = 1.0, taken: Sequence[Mapping[int, Sighting]] = ()
    ) -> None:
        self.names = list(names)
        self.taken: list[dict[int, Sighting]] = [dict(one) for one in taken]
        self.now: list[Sighting | None] = [None] * len(names)
        self._hold = hold
        self._met = np.zeros((len(names), len(names)), np.int64)  # pictures, taken or not
        self._blurs: list[deque[float]] = [deque(maxlen=BLUR_HISTORY) for _ in names]
        self._last: Sequence[Seen | None] = [None] * len(names)
        self._sharp: list[int] = []
        self._since: float | None = None  # when the board came to rest

    def look(self, seen: Sequence[Seen | None]) -> Advice:
        """What to do now that the cameras see this (None: no board, or no picture)."""
        last, self._last = self._last, list(seen)
        self.now = [one and one[1] for one in seen]
        here = [n for n, one in enumerate(self.now) if one is not None]
        for n in here:
            self._met[n, here] += 1
        self._sharp = [n for n in here if self._is_sharp(n)]
        still = [n for n in self._sharp if self._rests(last[n], seen[n])]
        since, self._since = self._since, None
        if not here:
            return self._say(self._wish("the board"))
        if len(here) == 1:
            return self._say(f"only {self.names[here[0]]} sees the board: {self.todo}")
        if len(self._sharp) < 2:
            return self._say("blurred: hold it still or add light")
        if len(still) < 2:
            return self._say("hold it still")
        if not self._new(still):
            return self._say(f"already seen like this: {self.todo}")
        time = max(one[0] for one in seen if one is not None)
        self._since = time if since is None else since
        left = self._since + self._hold - time
        if left > 0:
            return self._say("keep still", left)
        return self._take(still)

    def take(self) -> Advice:
        """Take what is seen now, asked or not."""
        if len(self._sharp) < 2:
            return self._say("not taken: no two cameras see the board sharply")
        return self._take(self._sharp)

    def drop(self) -> Advice:
        """Forget the board that was taken last."""
        if not self.taken:
            return self._say("no board taken yet")
        self.taken.pop()
        return self._say("last board removed")

    @property
    def shared(self) -> NDArray[np.int64]:
        """(N, N) boards that two cameras saw at once; on the diagonal those of each."""
        count = np.zeros_like(self._met)
        for one in self.taken:
            count[np.ix_(list(one), list(one))] += 1
        return count

    @property
    def groups(self) -> list[list[int]]:
        """The cameras that are joined by enough boards, the largest group first."""
        of = list(range(len(self.names)))
        for a, b in np.argwhere(np.triu(self.shared, 1) >= MIN_LINK_BOARDS).tolist():
            of = [of[a] if own == of[b] else own for own in of]
        groups = [[n for n, own in enumerate(of) if own == one] for one in dict.fromkeys(of)]
        return sorted(groups, key=len, reverse=True)

    @property
    def done(self) -> bool:
        """Whether all cameras are joined, by boards enough."""
        return len(self.taken) >= WANTED_BOARDS and len(self.groups) == 1

    @property
    def todo(self) -> str:
        """What is missing most."""
        return self._wish("it")

    def _wish(self, board: str) -> str:
        groups = self.groups
        if len(groups) == 1:
            left = WANTED_BOARDS - len(self.taken)
            more = f"{left} more board{'s' * (left > 1)}, near and far, tilted"
            return more if left > 0 else "enough boards"
        shared, of = self.shared, {n: g for g, group in enumerate(groups) for n in group}
        apart = [
            pair for pair in combinations(range(len(self.names)), 2) if of[pair[0]] != of[pair[1]]
        ]
        a, b = max(apart, key=lambda pair: (shared[pair], self._met[pair]))
        if self._met[a, b] or shared[a, b]:
            return (
                f"show {board} to {self.names[a]} and {self.names[b]} at once "
                f"({shared[a, b]} of {MIN_LINK_BOARDS} boards)"
            )
        lone = [self.names[n] for n in groups[-1]]
        return f"show {board} to {' or '.join(lone[:3])} and another camera at once"

    def _take(self, which: Sequence[int]) -> Advice:
        sights = {n: one for n in which if (one := self.now[n]) is not None}
        self.taken.append(sights)
        self._since = None
        return self._say(f"taken: {self.todo}", took=True)

    def _is_sharp(self, n: int) -> bool:
        sight = self.now[n]
        assert sight is not None
        self._blurs[n].append(sight.blur)
        return sight.blur <= usable_blur([float(np.percentile(self._blurs[n], SHARP_PERCENTILE))])

    def _rests(self, last: Seen | None, now: Seen | None) -> bool:
        if not self._hold:
            return True
        return last is not None and now is not None and speed(*last, *now) <= MAX_STILL_SPEED

    def _new(self, which: Sequence[int]) -> bool:
        """Whether some two cameras have not seen the board so, and are in want of boards."""
        groups, shared = self.groups, self.shared
        for a, b in combinations(which, 2):
            if len(groups) > 1 and shared[a, b] >= 2 * MIN_LINK_BOARDS:
                continue
            before = [one for one in self.taken if a in one and b in one]
            if all(any(self._elsewhere(n, one[n]) for n in (a, b)) for one in before):
                return True
        return False

    def _elsewhere(self, n: int, before: Sighting) -> bool:
        now = self.now[n]
        assert now is not None
        return bool(apart(before, now).max() >= MIN_DIFFERENCE * max(now.size))

    def _say(self, words: str, left: float | None = None, *, took: bool = False) -> Advice:
        return Advice(words, None, left, took, self.done)
