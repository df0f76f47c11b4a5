"""Who is looked at when there is no time for all: the largest first, the others in turns."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Floats, Mask

ROUNDING = 1e-6  # of places that are thirds
PATIENCE = 3  # sets from one look to the next, of up to so many crops
PACE_SHARE = 0.1  # of the newest set in what a crop is known to take


class Turns:
    """Chooses crops of a set of pictures. budget: seconds a set, None = there is time for all.

    Half of the places go to the largest, the others go round. However little time there is, each of
    up to three crops is looked at in every third set, and one of several in each. Second looks at a
    crop are paid for by the sets that follow.
    """

    def __init__(self, budget: float | None = None) -> None:
        self._budget = budget
        self._pace: float | None = None
        self._turn = 0
        self._places = 0.0  # of this set, with what is left of those before, or owed to them

    def begin(self, most: int) -> bool:
        """Whether anybody has a turn in the next set, of so many at most; else it passes by."""
        if not most:
            return False
        if self._budget is None or self._pace is None:
            return True
        income = max(self._budget / self._pace, min(1.0, most / PATIENCE))
        self._places = min(self._places, 1.0) + income
        return self._places >= 1 - ROUNDING

    def chosen(self, side: Floats, ok: Mask) -> Mask:
        """Those of (N,) crops that there is time for, in a set that has begun. side: their sizes.
        ok: who is wanted.
        """
        rows = np.flatnonzero(ok)
        if self._budget is None or self._pace is None or not len(rows):
            return ok
        most = int(self._places + ROUNDING)
        if len(rows) <= most:
            self._places = 0.0
            return ok
        self._places -= most
        rows = rows[np.argsort(-side[rows], kind="stable")]
        always = most // 2
        others = np.roll(np.sort(rows[always:]), -self._turn)  # sizes change places all the time
        self._turn += most - always
        keep = np.zeros(len(ok), bool)
        keep[rows[:always]] = keep[others[: most - always]] = True
        return keep

    def learn(self, seconds: float, crops: int, again: int = 0) -> None:
        """What so many crops took, some of them second looks; the first set, which warms up, is
        forgotten by the second.
        """
        if not crops:
            return
        pace = seconds / crops
        if self._pace is None:
            self._pace = pace
            return
        self._places -= again
        self._pace = min(self._pace, pace) + PACE_SHARE * max(pace - self._pace, 0)
