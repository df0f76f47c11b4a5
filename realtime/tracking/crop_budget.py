"""How many people to look at in a frame, in units of what a look at the whole picture costs."""

from __future__ import annotations

# Chosen on street.avi and TUD-Campus, for less than half the work of a look at every frame, and so
# that somebody alone is looked at in each by the small crop networks, whatever the processor.
CROPS_SHARE = 0.6  # of a whole look, that the crops of a frame may cost,
CROWD_SHARE = 0.2  # or less, where the whole picture is looked at often
MAX_SAVED = 2.0  # whole looks that can be saved up for later frames


class CropBudget:
    """Counts crops, not seconds, so that a file gives the same each time.

    cost: of a crop, in looks at a whole picture.
    """

    def __init__(self, cost: float) -> None:
        self._cost = cost
        self._saved = 0.0

    def most(self, cameras: int, crowds: int) -> int:
        """How many people to look at in the next frames of so many cameras, some with crowds."""
        income = CROWD_SHARE * crowds + CROPS_SHARE * (cameras - crowds)
        self._saved = min(self._saved, max(MAX_SAVED, self._cost)) + income
        return max(0, int(self._saved / self._cost + 1e-9))

    def spend(self, crops: int) -> None:
        """So many were looked at."""
        self._saved -= crops * self._cost
