"""Results and sources to try outputs with."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from calibration.geometry.camera import Rig
from engines.types.arrays import Image
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.types.frames import Frame
from realtime.types.results import Result, Tracks, View
from realtime.types.start import Start
from realtime.writing.header import Header
from tests.synth import SKELETON, Points


class Origin:
    """What outputs ask of a source."""

    def __init__(
        self,
        name: str = "clip",
        total: int | None = None,
        rate: float | None = None,
        *,
        live: bool = False,
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.total, self.rate, self.live, self.notes = name, total, rate, live, notes

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        return iter(())


def header(
    skeleton: Skeleton = SKELETON,
    names: Sequence[str] = ("clip",),
    rig: Rig | None = None,
    model: str = "tiny",
) -> Header:
    """Of a run of 25 fps files."""
    start = Start(100.0, 1_700_000_000.25)
    return Header(model, skeleton, [Origin(name, rate=25) for name in names], rig, start)


def tracks(
    people: Sequence[Points] = (),
    ids: Sequence[int] | None = None,
    filled: Sequence[tuple[int, int]] = (),
    skeleton: Skeleton = SKELETON,
) -> Tracks:
    """People of whom every keypoint found has score 0.5, every person the score 10 + its place."""
    xy = np.array(people, np.float32).reshape(-1, len(skeleton.keypoints), 2)
    score = np.where(np.isnan(xy[..., 0]), 0, 0.5).astype(np.float32)
    poses = Poses(skeleton, xy, score, np.arange(len(xy), dtype=np.float32) + 10)
    mask = np.zeros(score.shape, bool)
    for place in filled:
        mask[place] = True
    return Tracks(np.array(ids if ids is not None else [-1] * len(xy), np.int64), poses, mask)


def grey(width: int = 320, height: int = 240, value: int = 100) -> Image:
    """A picture of one grey."""
    return np.full((height, width, 3), value, np.uint8)


def result(
    seen: Tracks | None = None,
    *,
    name: str = "clip_000000000000",
    index: int = 0,
    time: float = 0.0,
    image: Image | None = None,
) -> Result:
    """The result of one frame of one camera."""
    frame = Frame("clip", index, name, time, time, grey() if image is None else image)
    return Result(time, (View(frame, tracks() if seen is None else seen),), {})


def keypoints(**where: tuple[float, float]) -> Points:
    """A person with these keypoints alone."""
    points = np.full((len(SKELETON.keypoints), 2), np.nan)
    for name, at in where.items():
        points[SKELETON.keypoints.index(name)] = at
    return points


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """A disk that is full as soon as a file has `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
