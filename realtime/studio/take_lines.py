"""The frames of a take: lines of JSON, and where each instant's are."""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles
from realtime.types.errors import OutputError

# How the lines begin that we write ourselves.
BEGIN = re.compile(
    rb'\{"source":("(?:[^"\\]|\\.)*"),"index":[0-9]+,"time":([-0-9.e+]+),"people":\['
)
SPACE = b'],"space":['
MIN_SEEN, MIN_SHARE = 5, 0.25  # frames, and of a short take, below which somebody is not counted
ABSENT = -1


class Summary(NamedTuple):
    """frames: instants. seconds: from the first to the last. people: who was seen in MIN_SEEN of
    them: in 3D, or by the camera that saw most.
    """

    frames: int
    seconds: float
    people: int


class TakeLines:
    """A file of lines as instants: views whose sources follow each other in their order.

    header: its first line. times: (N,) seconds. pictures: (N, V) the number of each view's picture
    among those of its camera, ABSENT where the camera was out.
    """

    def __init__(
        self, path: Path, header: dict[str, Any], starts: array[int], times: Doubles, end: int
    ) -> None:
        self._path, self._starts, self._end = path, starts, end
        self.header, self.times = header, times
        self.pictures: NDArray[np.int64] = np.zeros((0, 0), np.int64)

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def read(cls, path: Path) -> Self:
        """OutputError where the file is not ours. A torn last line is left out."""
        try:
            with path.open("rb") as file:
                header = json.loads(file.readline())
                cameras = {json.dumps(name).encode(): n for n, name in enumerate(header["sources"])}
                starts, times, pictures = array("q"), array("d"), array("q")
                counts, last, at = [0] * len(cameras), len(cameras), file.tell()
                for line in file:
                    found = BEGIN.match(line)
                    if not found or not line.endswith(b"\n"):
                        break
                    camera = cameras[found[1]]
                    if camera <= last or SPACE in line:
                        starts.append(at)
                        times.append(float(found[2]))
                        pictures.extend([ABSENT] * len(cameras))
                    pictures[len(pictures) - len(cameras) + camera] = counts[camera]
                    counts[camera] += 1
                    last, at = camera, at + len(line)
        except OSError as error:
            raise OutputError(f"{path} cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError, KeyError) as error:
            raise OutputError(f"{path} is damaged or of another program.") from error
        lines = cls(path, header, starts, np.array(times), at)
        lines.pictures = np.array(pictures, np.int64).reshape(len(times), -1)
        return lines

    def instants(self, first: int, end: int) -> list[list[bytes]]:
        """The lines of the instants from one to before another, without their ends."""
        end = min(end, len(self))
        if not 0 <= first < end:
            return []
        starts = self._starts
        stop = starts[end] if end < len(self) else self._end
        with self._path.open("rb") as file:
            file.seek(starts[first])
            data = file.read(stop - starts[first])
        bounds = [*(starts[n] - starts[first] for n in range(first, end)), len(data)]
        return [data[a : b - 1].split(b"\n") for a, b in pairwise(bounds)]

    def summary(self) -> Summary:
        """Of all instants."""
        seen: list[Counter[int]] = [Counter() for _ in range(self.pictures.shape[1] + 1)]
        names = self.header["sources"]
        for first in range(0, len(self), 256):
            for instant in self.instants(first, first + 256):
                for line in map(json.loads, instant):
                    view = names.index(line["source"])
                    seen[view].update(one["id"] for one in line["people"])
                    seen[-1].update(one["id"] for one in line.get("space", ()))
        seconds = float(self.times[-1] - self.times[0]) if len(self) else 0.0
        return Summary(len(self), seconds, people_of(seen, len(self)))


def people_of(seen: list[Counter[int]], frames: int) -> int:
    """How many there were. seen: frames by id of each view, and last those in 3D."""
    least = min(MIN_SEEN, max(1, round(MIN_SHARE * frames)))
    counts = [sum(n >= least for n in one.values()) for one in seen]
    return counts[-1] or max(counts)
