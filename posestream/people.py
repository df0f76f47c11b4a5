"""The people of one picture, as arrays, one by one, and as other formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Image
from engines.types.oks import boxes
from engines.types.skeleton import named_skeleton
from posestream.errors import PosestreamError, translated
from posestream.tables import Row, to_arrow, to_pandas
from realtime.drawing.skeletons import draw as draw_tracks
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.types.results import Tracks


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person. id: lasts from frame to frame, -1 without tracking. score: 0..1, how sure it is
    that the person is there as shown, see `People.person_scores`. keypoints: by name
    (x, y, score), in pixels; only those found. box: x, y, width, height around the keypoints,
    pixels.
    """

    id: int
    score: float
    keypoints: dict[str, tuple[float, float, float]]
    box: tuple[float, float, float, float]

    def __getitem__(self, name: str) -> tuple[float, float, float] | None:
        """(x, y, score) of a keypoint, None where it was not found."""
        return self.keypoints.get(name)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The P people of one picture; a sequence of Person, and arrays of all.

    camera: whose picture. frame: its number there. time: seconds on a file's own clock; of
    cameras since the run started.
    """

    tracks: Tracks
    camera: str = ""
    frame: int = 0
    time: float = 0.0

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, n: int) -> Person:
        xy, score = self.keypoints[n], self.scores[n]
        seen = np.flatnonzero(score > 0).tolist()
        found = {self.names[k]: (float(xy[k, 0]), float(xy[k, 1]), float(score[k])) for k in seen}
        left, top, right, bottom = boxes(xy[None])[0].ravel().tolist()
        box = left, top, right - left, bottom - top
        return Person(int(self.ids[n]), float(self.person_scores[n]), found, box)

    def __iter__(self) -> Iterator[Person]:
        return (self[n] for n in range(len(self)))

    @property
    def names(self) -> tuple[str, ...]:
        """The K keypoints."""
        return self.tracks.poses.skeleton.keypoints

    @property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of keypoints that are drawn as lines."""
        return tuple(self.tracks.poses.skeleton.drawn)

    @property
    def keypoints(self) -> Floats:
        """(P, K, 2) x, y in pixels, NaN = not found."""
        return self.tracks.poses.xy

    @property
    def scores(self) -> Floats:
        """(P, K) 0..1, 0 = not found."""
        return self.tracks.poses.score

    @property
    def ids(self) -> NDArray[np.int64]:
        """(P,) -1 without tracking."""
        return self.tracks.id

    @property
    def person_scores(self) -> Floats:
        """(P,) 0..1, how sure it is that each person is there as shown: what was not found of a
        person counts 0, so that whole people score more than parts of people.
        """
        return self.tracks.poses.person_score

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, ready for json.dumps."""
        people = [
            {"id": one.id, "score": one.score, "keypoints": dict(one.keypoints), "box": one.box}
            for one in self
        ]
        return {"camera": self.camera, "frame": self.frame, "time": self.time, "people": people}

    @translated()
    def to_json(self, skeleton: str | None = None) -> str:
        """OpenPose's JSON 1.3. skeleton: "body25", "coco18", ... in place of the model's own."""
        return openpose_json(self.tracks, named_skeleton(skeleton) if skeleton else None)

    def rows(self) -> list[Row]:
        """A row for each keypoint that was found, with the columns of `to_pandas`."""
        who = self.tracks.numbers.tolist()
        about = self.frame, self.time, self.camera
        return [
            (*about, who[person], self.names[keypoint], x, y, score)
            for person, keypoint in np.argwhere(self.scores > 0).tolist()
            for x, y, score in [
                (*self.keypoints[person, keypoint].tolist(), float(self.scores[person, keypoint]))
            ]
        ]

    def to_pandas(self) -> Any:
        """A DataFrame, a row a keypoint found (see `to_pandas` of the package)."""
        return to_pandas(self)

    def to_arrow(self) -> Any:
        """A pyarrow Table, a row a keypoint found (see `to_arrow` of the package)."""
        return to_arrow(self)

    def draw(self, image: Image) -> Image:
        """A new (H, W, 3) uint8 BGR picture: this one with the people drawn over it."""
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
            raise PosestreamError(
                f"draw needs the picture, a (height, width, 3) array of uint8, not "
                f"{array.dtype} of shape {array.shape}."
            )
        return draw_tracks(array, self.tracks)
