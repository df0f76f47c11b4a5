"""A take as results again, for everything that takes results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from engines.types.arrays import Doubles, Floats, Image
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.studio.take_card import TakeCard
from realtime.studio.take_lines import TakeLines
from realtime.studio.take_pictures import Film
from realtime.types.frames import Frame
from realtime.types.results import Poses3D, Result, Tracks, View

BATCH = 64  # instants that are read at a time
UNSAID = (1280, 720)  # where a camera gave no picture


class TakeCamera:
    """A camera of a take as the source that it was."""

    live = False
    notes: Sequence[str] = ()
    skeleton: Skeleton | None = None

    def __init__(self, name: str, rate: float | None, total: int) -> None:
        self.name, self.rate = name, rate
        self.total: int | None = total

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        return iter(())


def take_results(
    card: TakeCard, lines: TakeLines, films: Sequence[Path] | None = None
) -> Iterator[Result]:
    """The frames that were not cut off. films: a file for each camera, whose pictures the frames
    have; without them they are black. SourceError where a film cannot be read.
    """
    first, end = card.span
    open_films = [Film(path) if path.is_file() else None for path in films] if films else []
    black = [_black(camera.get("size")) for camera in lines.header["cameras"]]
    try:
        for begin in range(first, end, BATCH):
            instants = lines.instants(begin, min(begin + BATCH, end))
            for n, instant in enumerate(instants, begin):
                pictures = {
                    view: film.picture(int(lines.pictures[n, view]))
                    for view, film in enumerate(open_films)
                    if film is not None and lines.pictures[n, view] >= 0
                }
                yield _result(card, [*map(json.loads, instant)], black, pictures)
    finally:
        for film in filter(None, open_films):
            film.close()


def _result(
    card: TakeCard,
    instant: Sequence[dict[str, Any]],
    black: Sequence[Image],
    pictures: dict[int, Image],
) -> Result:
    views: list[View | None] = [None] * len(card.cameras)
    for line in instant:
        n = card.cameras.index(line["source"])
        image = pictures.get(n, black[n])
        index, time = line["index"], line["time"]
        name = f"{line['source']}_{index:012d}"
        frame = Frame(line["source"], index, name, time, 0.0, image)
        views[n] = View(frame, _tracks(card.skeleton, line["people"]))
    space = instant[0].get("space")
    poses = None if space is None else poses3d_of(card, space)
    return Result(instant[0]["time"], (*views,), {}, 0, poses)


def _tracks(skeleton: Skeleton, people: Sequence[dict[str, Any]]) -> Tracks:
    shape = len(people), len(skeleton.keypoints), 3
    triples = np.array([one["keypoints"] for one in people], np.float32).reshape(shape)
    score = triples[..., 2].copy()
    xy = np.where(score[..., None] > 0, triples[..., :2], np.float32(np.nan))
    poses = Poses(skeleton, xy, score, np.array([one["score"] for one in people], np.float32))
    ids = np.array([one["id"] for one in people], np.int64)
    speed = _known([one.get("speed") for one in people])
    return Tracks(ids, poses, np.zeros(score.shape, bool), speed)


def poses3d_of(card: TakeCard, people: Sequence[dict[str, Any]]) -> Poses3D:
    """The 3D people of a line."""
    many, keypoints = len(people), len(card.skeleton.keypoints)
    nowhere, unknown = [None] * 3, [None] * 6

    def filled(name: str, size: int, nothing: Sequence[None]) -> Floats:
        rows = [[one if one is not None else nothing for one in person[name]] for person in people]
        return _known(rows).reshape(many, keypoints, size)

    covariance = None
    if people and "covariance" in people[0]:
        upper = filled("covariance", 6, unknown)
        covariance = upper[..., [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(many, keypoints, 3, 3)
    shape = many, keypoints
    return Poses3D(
        card.skeleton,
        np.array([one["id"] for one in people], np.int64),
        filled("xyz", 3, nowhere),
        _known([one["error"] for one in people]).reshape(shape),
        np.array([one["views"] for one in people], np.int64).reshape(shape),
        np.array([one["filled"] for one in people], bool).reshape(shape),
        np.full((many, len(card.cameras)), -1, np.int64),
        covariance=covariance,
    )


def _known(values: Sequence[Any]) -> Floats:
    """Numbers, NaN for null."""
    doubles: Doubles = np.array(values, float)
    return doubles.astype(np.float32)


def _black(size: Sequence[int] | None) -> Image:
    """A picture of that (width, height) that needs no room."""
    width, height = size or UNSAID
    return np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (height, width, 3))
