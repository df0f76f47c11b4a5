"""MOTChallenge text: a line for each person of each frame."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from engines.types.arrays import Floats
from engines.types.oks import boxes
from realtime.sinks.files.jsonl_csv_udp import LineFile
from realtime.types.results import Result

# Keypoints end at the eyes, the wrists and the ankles; people do not. In shares of the box's
# sides: left and right, top, bottom.
SIDE_MARGIN, TOP_MARGIN, BOTTOM_MARGIN = 0.12, 0.1, 0.06
MIN_ASPECT = 0.25  # width in heights, bounds people seen from the side


class MotSink:
    """Writes frame, id, left, top, width, height, score, -1, -1, -1; frames count from 1.

    Only people with an id. left and top count from 1 too, as MOTChallenge's.
    """

    def __init__(self, path: Path, sources: list[Path]) -> None:
        self._file = LineFile(path, "--mot", sources)
        self.written = str(path)

    def __enter__(self) -> Self:
        self._file.open("")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close(kind)

    def write(self, result: Result) -> None:
        """The lines of the one view."""
        for view in filter(None, result.views):
            tracks = view.tracks
            corners = person_boxes(tracks.poses.xy)
            known = (tracks.id >= 0) & ~np.isnan(corners[:, 0])
            left, top, right, bottom = corners[known].T.tolist()
            scores = tracks.poses.person_score[known].tolist()
            frame = view.frame.index + 1
            lines = (
                f"{frame},{track},{x + 1:.2f},{y + 1:.2f},{x2 - x:.2f},{y2 - y:.2f},{score:.4f},"
                "-1,-1,-1\n"
                for track, x, y, x2, y2, score in zip(
                    tracks.id[known].tolist(), left, top, right, bottom, scores, strict=True
                )
            )
            self._file.append("".join(lines))


def person_boxes(xy: Floats) -> Floats:
    """(P, K, 2) poses -> (P, 4) left, top, right, bottom of the whole people, enlarged."""
    left, top, right, bottom = boxes(xy).T
    wide, high = right - left, bottom - top
    aside = np.maximum(SIDE_MARGIN * wide, (MIN_ASPECT * high - wide) / 2)
    return np.stack(
        [left - aside, top - TOP_MARGIN * high, right + aside, bottom + BOTTOM_MARGIN * high],
        axis=1,
    )
