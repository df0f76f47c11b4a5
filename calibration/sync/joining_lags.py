"""All recordings of a rig against the first, by lags of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from calibration.geometry.errors import DegenerateError
from calibration.sync.correlation import MotionSignal
from calibration.sync.motion_lag import MIN_Z, Lag, lag_of


def join(motions: Sequence[MotionSignal], names: Sequence[str], what: str) -> list[float]:
    """Seconds that each recording is behind the first, along the surest pairs.

    CalibrationError names those that cannot be joined; what: "the board's motion".
    """
    lags = []
    for a, b in combinations(range(len(motions)), 2):
        found = lag_of(motions[a], motions[b])
        if found is not None and found[1] >= MIN_Z:
            lags.append(Lag(a, b, *found))
    return along(lags, names, what)


def along(lags: Sequence[Lag], names: Sequence[str], what: str) -> list[float]:
    """The same of lags that are known already."""
    behind: dict[int, float] = {0: 0.0}
    while len(behind) < len(names):
        ways = [one for one in lags if (one.first in behind) != (one.second in behind)]
        if not ways:
            lone = ", ".join(name for n, name in enumerate(names) if n not in behind)
            raise DegenerateError(
                f"{lone} cannot be synchronised with {names[0]}: {what} does not agree in both "
                "for long enough; film a longer overlap, move the board faster and less "
                "evenly, or clap and use --sync audio."
            )
        best = max(ways, key=lambda one: one.sure)
        if best.first in behind:
            behind[best.second] = behind[best.first] + best.seconds
        else:
            behind[best.first] = behind[best.second] - best.seconds
    return [behind[n] for n in range(len(names))]
