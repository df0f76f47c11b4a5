"""What one camera saw of people by its own clock, and what it would have seen at other moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.geometry.arrays import Doubles, Ints
from calibration.people.observations import Crowd
from calibration.sync.correlation import MAX_GAP_FRAMES

SAME_FRAME = 0.001  # frames: nearer than that a moment is the frame's own


@dataclass(frozen=True, slots=True, eq=False)
class PeopleRecording:
    """What one camera saw: the crowd's instants count its own frames. times: (F,) seconds of all
    of these, rising.
    """

    crowd: Crowd
    times: Doubles

    @property
    def period(self) -> float:
        """Seconds from frame to frame."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else 1.0

    def at(self, moments: Doubles) -> Crowd:
        """The people at other moments, whose places in the list the instants are: on the line
        between two frames that follow each other.
        """
        crowd = self.crowd
        clock = self.times[crowd.instant]
        parts: list[tuple[Ints, Ints, Ints, Doubles]] = []
        for track in np.unique(crowd.track):
            rows = np.flatnonzero(crowd.track == track)
            rows = rows[np.argsort(clock[rows], kind="stable")]
            if len(rows) < 2:
                continue
            own = clock[rows]
            right = np.searchsorted(own, moments, side="right").clip(1, len(rows) - 1)
            gap = own[right] - own[right - 1]
            inside = (moments >= own[right - 1]) & (moments <= own[right])
            some = np.flatnonzero(inside & (gap > 0) & (gap <= MAX_GAP_FRAMES * self.period))
            share = (moments[some] - own[right[some] - 1]) / gap[some]
            parts.append((some, rows[right[some] - 1], rows[right[some]], share))
        if not parts:
            return crowd[np.zeros(len(crowd), bool)]
        place, left, right, share = (np.concatenate(one) for one in zip(*parts, strict=True))
        # At a frame itself the other one does not matter, which may not know a keypoint.
        nearly = np.minimum(share, 1 - share) < SAME_FRAME
        nearer = np.where(share < 0.5, left, right)
        left, right = np.where(nearly, nearer, left), np.where(nearly, nearer, right)
        by = share[:, None]

        def between(values: Doubles, part: Doubles) -> Doubles:
            return np.asarray(values[left] + part * (values[right] - values[left]), np.float64)

        return Crowd(
            place.astype(np.int64),
            crowd.track[left],
            between(crowd.xy, by[..., None]),
            np.minimum(crowd.score[left], crowd.score[right]),
            between(crowd.sigma, by),
        )


def together(recordings: Sequence[PeopleRecording], behind: Sequence[float]) -> list[Crowd]:
    """What cameras saw at the moments of the first one's frames, before and after it too."""
    first = recordings[0].times
    step = recordings[0].period
    begin = min(one.times[0] - late for one, late in zip(recordings, behind, strict=True))
    end = max(one.times[-1] - late for one, late in zip(recordings, behind, strict=True))
    before = np.arange(max(0, int((first[0] - begin) / step)), 0, -1)
    after = np.arange(1, max(0, int((end - first[-1]) / step)) + 1)
    moments = np.concatenate([first[0] - before * step, first, first[-1] + after * step])
    return [one.at(moments + late) for one, late in zip(recordings, behind, strict=True)]
