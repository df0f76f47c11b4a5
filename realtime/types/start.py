"""When a run began, on the monotonic clock and on everybody's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self


@dataclass(frozen=True, slots=True)
class Start:
    """The moment from which the times of live frames count.

    monotonic: seconds on the monotonic clock, as in Frame.captured. epoch: seconds since 1970, UTC.
    """

    monotonic: float
    epoch: float

    @classmethod
    def now(cls) -> Self:
        """This moment."""
        return cls(time.monotonic(), time.time())

    @property
    def iso(self) -> str:
        """ISO 8601 in UTC, with microseconds."""
        return datetime.fromtimestamp(self.epoch, UTC).isoformat(timespec="microseconds")
