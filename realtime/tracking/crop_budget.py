"""How many people to look at in a frame, in units of what a look at the whole picture costs."""

from __future__ import annotations

# Of the work of looks at the whole picture and at everybody in it in every frame. In a crowd, that
# is all of it in every second frame.
WORK_SHARE = 0.5
# Of a whole look, that the crop of somebody alone may cost in any case: the small crop networks
# look at them in every frame, whatever the processor.
ALONE_SHARE = 0.6
MAX_SAVED = 2.0  # whole looks that can be saved up for later frames


class CropBudget:
    """Counts looks, not seconds, so that a file gives the same each time.

    cost: of a crop, in looks at a whole picture.
    """

    def __init__(self, cost: float) -> None:
        self._cost = cost
        self._saved = 0.0

    def most(self, cameras: int, people: int, looks: int) -> int:
        """How many people to look at in the next frames of so many cameras, with so many people.

        looks: how many of the frames are looked at whole.
        """
        income = WORK_SHARE * (cameras + people * self._cost) - looks
        if people <= cameras:
            income = max(income, min(ALONE_SHARE, self._cost) * cameras)
        self._saved = min(self._saved, max(MAX_SAVED, self._cost)) + income
        return max(0, int(self._saved / self._cost + 1e-9))

    def spend(self, crops: int) -> None:
        """So many were looked at."""
        self._saved -= crops * self._cost
