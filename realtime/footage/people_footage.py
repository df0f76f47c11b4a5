"""People in the footage of several cameras, as the pipeline sees and tracks them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError, RigError
from calibration.people.observations import Crowd
from calibration.people.self_calibration import guess
from calibration.sync.resampling import PeopleRecording
from engines.console.status_line import working
from engines.types.arrays import Doubles
from realtime.assembly import stream
from realtime.settings.all import Settings
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.window import UNSEEN
from realtime.sources import open_source
from realtime.types.sightings import crowd_of, joined

UNKNOWN_CAMERA = Camera("", (1, 1), np.eye(3))
MAX_OUTSIDE_SHARE = 0.05  # share of keypoints that may lie outside of the picture


@dataclass(frozen=True)
class FootageOptions:
    """The footage of people."""

    step: int = 1
    """Use every N-th frame."""
    start: int = 0
    """First frame to use, counted from 0."""
    end: int | None = None
    """Stop before this frame; needed for live cameras, which never end."""
    camera_fps: float | None = None
    """Frame rate of OpenPose JSON, which does not contain it."""
    models: ModelSettings = field(default_factory=ModelSettings)


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """What all cameras saw: a crowd for each, and the names of the keypoints. times: seconds of
    the instants (counted from 1) by the first camera's clock.
    """

    keypoints: tuple[str, ...]
    crowds: tuple[Crowd, ...]
    times: Doubles


def watch(
    sources: Sequence[str],
    cameras: Sequence[Camera],
    options: FootageOptions,
    synced: Sequence[Mapping[int, int]] | None = None,
) -> Footage:
    """The people before each camera, by OpenPose JSON or by the pipeline on pictures.

    synced: by camera frame -> instant; else frames belong together by their times.
    CalibrationError where sources and cameras do not fit.
    """
    check_sources(sources)
    sizes = {camera.size for camera in cameras}
    size = "{}x{}".format(*sizes.pop()) if len(sizes) == 1 else None
    settings = Settings(
        SourceSettings(
            tuple(sources),
            start=options.start,
            end=options.end,
            step=options.step,
            camera_size=None if any(map(_live, sources)) else size,
            camera_fps=options.camera_fps,
        ),
        options.models,
        window=UNSEEN,
    )
    parts: list[list[Crowd]] = [[] for _ in cameras]
    keypoints: tuple[str, ...] = ()
    times: list[float] = []
    about = f"looking for people: {', '.join(camera.name for camera in cameras)}"
    with working(about) as tell:
        for count, result in enumerate(stream(settings), 1):
            tell(f"{about}, frame {count}")
            times.append(next(view.frame.time for view in result.views if view is not None))
            for n, view in enumerate(result.views):
                if view is None:
                    continue
                keypoints = view.tracks.poses.skeleton.keypoints
                instant = count if synced is None else synced[n].get(view.frame.index)
                if instant is not None:
                    parts[n].append(crowd_of(cameras[n], view, instant))
    crowds = []
    for camera, own in zip(cameras, parts, strict=True):
        if not sum(map(len, own)):
            raise CalibrationError(
                f"{camera.name} saw nobody; film people from head to foot, or check its source."
            )
        crowd = joined(own)
        _check_inside(camera, crowd)
        crowds.append(crowd)
    return Footage(keypoints, tuple(crowds), np.array(times))


def record(
    sources: Sequence[str], cameras: Sequence[Camera], options: FootageOptions
) -> tuple[tuple[str, ...], list[PeopleRecording]]:
    """The names of the keypoints, and what each camera saw by its own clock."""
    check_sources(sources)
    for source in sources:
        if _live(source):
            raise CalibrationError(f"{source} is live; --sync is for recordings, so leave it out.")
    seen = [
        watch((source,), [camera], options) for source, camera in zip(sources, cameras, strict=True)
    ]
    if len({one.keypoints for one in seen}) > 1:
        raise CalibrationError(
            "The sources have different keypoints; use only videos, or JSON of one model."
        )
    return seen[0].keypoints, [
        PeopleRecording(replace(one.crowds[0], instant=one.crowds[0].instant - 1), one.times)
        for one in seen
    ]


def unmeasured(sources: Sequence[str], size: str | None) -> list[Camera]:
    """A camera for each source, of which nothing but the size of its pictures is known."""
    check_sources(sources)
    cameras = []
    for one in sources:
        if _live(one):
            raise CalibrationError(f"{one} is live; record a video first or give --intrinsics.")
        with open_source(SourceSettings((one,), camera_size=size)) as source:
            frame = next(iter(source), None)
            if frame is None:
                raise CalibrationError(f"{source.name} has no frames; check the source.")
            if frame.poses is not None and size is None:
                raise CalibrationError(
                    f"{source.name} is OpenPose JSON, which does not contain the picture size; "
                    "add it, such as --camera-size 1280x720, or give --intrinsics."
                )
            cameras.append(guess(replace(UNKNOWN_CAMERA, name=source.name, size=frame.size), 1.0))
    return cameras


def _live(source: str) -> bool:
    return source.partition(":")[0] == "webcam" or "://" in source


def check_sources(sources: Sequence[str]) -> None:
    real = [one if _live(one) else os.path.realpath(one) for one in sources]
    for n, one in enumerate(real):
        if one in real[:n]:
            raise CalibrationError(
                f"{sources[n]} is given twice; give each camera its own --source."
            )


def _check_inside(camera: Camera, crowd: Crowd) -> None:
    known = crowd.score > 0
    points = crowd.xy[known]
    beyond = ((points < -1) | (points > np.array(camera.size))).any(-1)
    if beyond.mean() > MAX_OUTSIDE_SHARE:
        most = points.max(0)
        raise RigError(
            f"{camera.name} is calibrated for {camera.size[0]}x{camera.size[1]} pictures, but "
            f"has keypoints at {most[0]:.0f},{most[1]:.0f}; give the cameras in the order of "
            "the sources, or calibrate this camera for this size."
        )


def chosen(cameras: Sequence[Camera], wanted: int, paths: Sequence[Path]) -> list[Camera]:
    """The cameras, if they are as many as the sources."""
    if len(cameras) != wanted:
        files = ", ".join(path.name for path in paths)
        raise CalibrationError(
            f"The numbers of sources ({wanted}) and of cameras in {files} ({len(cameras)}) "
            "differ; give one camera file per --source, in the same order, or one rig file "
            "with all cameras."
        )
    return list(cameras)
