"""Who is looked at when there is no time for all: the largest first, the others in turns."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Floats, Mask

PACE_SHARE = 0.1  # of the newest set in what a crop is known to take


class Turns:
    """Chooses crops of a set of pictures. budget: seconds a set, None = there is time for all.

    Half of the places go to the largest, the others go round. However little time there is, a
    single crop is looked at in every other set, and one of several in each.
    """

    def __init__(self, budget: float | None = None) -> None:
        self._budget = budget
        self._pace: float | None = None
        self._turn = 0
        self._saved = 0.0  # of a place, from the sets before

    def chosen(self, side: Floats, ok: Mask) -> Mask:
        """Those of (N,) crops that there is time for. side: their sizes. ok: who is wanted."""
        rows = np.flatnonzero(ok)
        if self._budget is None or self._pace is None or not len(rows):
            return ok
        places = max(self._budget / self._pace, min(1.0, len(rows) / 2)) + self._saved
        most = int(places)
        if len(rows) <= most:
            self._saved = 0.0
            return ok
        self._saved = places - most
        rows = rows[np.argsort(-side[rows], kind="stable")]
        always = most // 2
        others = np.roll(np.sort(rows[always:]), -self._turn)  # sizes change places all the time
        self._turn += most - always
        keep = np.zeros(len(ok), bool)
        keep[rows[:always]] = keep[others[: most - always]] = True
        return keep

    def learn(self, seconds: float, crops: int) -> None:
        """What so many crops took; the first set, which warms up, is forgotten by the second."""
        if not crops:
            return
        pace = seconds / crops
        if self._pace is None:
            self._pace = pace
        else:
            self._pace = min(self._pace, pace) + PACE_SHARE * max(pace - self._pace, 0)
