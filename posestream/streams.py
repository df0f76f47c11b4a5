"""Any source as a stream of results: webcams, network cameras, videos, images, several at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engines.console.options import build
from engines.types.arrays import Floats, Image
from posestream.arguments import checked
from posestream.errors import PosestreamError, translated
from posestream.people import People
from realtime.assembly import stream as run_stream
from realtime.settings.all import Settings
from realtime.types.movement import Movement
from realtime.types.results import Poses3D, Result, View

Source = str | os.PathLike[str] | int
UNSEEN = {"show": False, "quiet": True}


@dataclass(frozen=True, slots=True, eq=False)
class People3D:
    """The P people of a rig at one time.

    ids: (P,), those of the 2D people. keypoints: (P, K, 3) metres in the rig's world, NaN = not
    known. errors: (P, K) distance from the views it rests on, pixels. views: (P, K) how many.
    names: the K keypoints. covariances: (P, K, 3, 3) of the keypoints, square metres.
    """

    ids: NDArray[np.int64]
    keypoints: Floats
    errors: Floats
    views: NDArray[np.int64]
    names: tuple[str, ...]
    covariances: Floats | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, ready for json.dumps; only keypoints that are known."""
        people = []
        for n, known in enumerate(~np.isnan(self.keypoints[..., 0])):
            places = {self.names[k]: self.keypoints[n, k].tolist() for k in np.flatnonzero(known)}
            people.append({"id": int(self.ids[n]), "keypoints": places})
        return {"people": people}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What all cameras saw at one time.

    time: seconds on a file's own clock; of cameras since the run started. people: of the first
    camera that is there. cameras: the People of each camera, None for one that is out. images:
    their (H, W, 3) uint8 BGR pictures, read-only. people3d: with a rig. movements: of each camera's
    people by their ids, with events=True.
    """

    time: float
    cameras: tuple[People | None, ...]
    images: tuple[Image | None, ...]
    people3d: People3D | None = None
    movements: tuple[Mapping[int, Movement], ...] = ()

    @property
    def people(self) -> People:
        return next(one for one in self.cameras if one is not None)

    @property
    def image(self) -> Image:
        """Of the camera of `people`."""
        return next(one for one in self.images if one is not None)


class Stream:
    """Everything that a run sees: an iterator, and a context manager that ends the run."""

    def __init__(self, settings: Settings) -> None:
        self._results = run_stream(settings)

    def __iter__(self) -> Self:
        return self

    @translated()
    def __next__(self) -> Seen:
        return _seen(next(self._results))

    def close(self) -> None:
        """End the run; its outputs are finished then."""
        with translated():
            self._results.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@translated()
def stream(source: Source | Sequence[Source], /, **options: Any) -> Stream:
    """What is seen in a source (or in several cameras at once), frame by frame, with lasting ids.

    source: a file, folder, glob, address of a network camera or of a file on the web, "webcam", or
    a webcam's number. options: those of the command line, with underscores: model="pafnet",
    rig="rig.toml", output="poses.mp4", max_people=2, ... No window opens and nothing is printed
    unless show=True or quiet=False. To end a run before its source does, use it in `with`, or call
    close(); outputs are finished then. PosestreamError for what cannot be done.
    """
    return Stream(_settings(source, options))


def run(
    source: Source | Sequence[Source], callback: Callable[[Seen], object], /, **options: Any
) -> None:
    """Call `callback` with everything that `stream` gives, until it ends or False comes back."""
    if not callable(callback):
        raise PosestreamError(f"The second argument is a function, not {type(callback).__name__}.")
    with stream(source, **options) as results:
        for seen in results:
            if callback(seen) is False:
                return


async def astream(source: Source | Sequence[Source], /, **options: Any) -> AsyncIterator[Seen]:
    """`stream` for asyncio: the event loop goes on while a frame is waited for."""
    loop, results = asyncio.get_running_loop(), stream(source, **options)
    with ThreadPoolExecutor(1, "posestream") as pool:
        try:
            while (seen := await loop.run_in_executor(pool, next, results, None)) is not None:
                yield seen
        finally:
            await loop.run_in_executor(pool, results.close)


def _settings(source: object, options: dict[str, Any]) -> Settings:
    several = source if isinstance(source, list | tuple) else (source,)
    if not all(isinstance(one, str | os.PathLike | int) for one in several):
        raise PosestreamError(
            f"A source is a file, an address or a webcam's number, not {type(source).__name__}; "
            "for pictures in memory use posestream.Pose()(picture), or its track(picture)."
        )
    if "source" in options:
        raise PosestreamError("The source is the first argument; leave out source=.")
    more = "python -m posestream --help lists them all."
    given = {**UNSEEN, **options, "source": tuple(map(_word, several))}
    settings: Settings = build(Settings, checked(Settings, given, more))
    return settings


def _word(source: Source) -> str:
    return f"webcam:{source}" if isinstance(source, int) else os.fspath(source)


def _seen(result: Result) -> Seen:
    return Seen(
        result.time,
        tuple(None if view is None else _people(view) for view in result.views),
        tuple(None if view is None else view.frame.image for view in result.views),
        None if result.poses3d is None else _people3d(result.poses3d),
        result.movements,
    )


def _people(view: View) -> People:
    return People(view.tracks, view.frame.camera, view.frame.index, view.frame.time)


def _people3d(poses: Poses3D) -> People3D:
    names = poses.skeleton.keypoints
    return People3D(poses.id, poses.xyz, poses.error, poses.views, names, poses.covariance)
