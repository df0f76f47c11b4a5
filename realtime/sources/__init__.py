"""Where frames come from: `open_source` makes the source that the settings name."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from realtime.runtime.channel import Channel
from realtime.runtime.stages import Stages
from realtime.settings.sources import NODE_SCHEME, SourceSettings
from realtime.sources.images import ImageSource, glob_images, images_in, is_image
from realtime.sources.listing.file_names import file_name, glob_name, nearest, unused
from realtime.sources.mapped import MappedSource
from realtime.sources.maps.map_files import map_files
from realtime.sources.maps.map_source import MapReading, MapSource
from realtime.sources.network_camera import StreamConnector, stream_name
from realtime.sources.node_camera import (
    AgreedSkeleton,
    NodeCamera,
    await_node,
    open_node_camera,
)
from realtime.sources.openpose_json import KeypointSource, glob_keypoints, keypoint_files
from realtime.sources.orientation import matrix_of, turned
from realtime.sources.playback import Looped, Paced
from realtime.sources.reconnecting import LiveSource
from realtime.sources.video import VideoSource
from realtime.sources.webcam import WebcamConnector, camera_indices
from realtime.types.errors import Absent, SourceError
from realtime.types.frames import Frame, Source
from realtime.writing.redaction import redacted

Clock = Callable[[], float]
Size = tuple[int, int]
LOG = logging.getLogger(__name__)


def open_sources(
    settings: SourceSettings,
    clock: Clock = time.monotonic,
    sizes: Sequence[Size | None] | None = None,
    maps: Callable[[], MapReading] | None = None,
    origin: float = 0.0,
) -> list[Source]:
    """All sources that the settings name, to be entered; SourceError where they do not mix.

    sizes: (width, height) that each has where it does not say, and the user does not either; they
    may be put there until the sources are entered. maps: how folders of heat maps are read. origin:
    see open_source.
    """
    sources, agreed = [], AgreedSkeleton()
    for n, one in enumerate(settings.source):
        fitting = partial(sizes.__getitem__, n) if sizes else None
        one_of = replace(settings, source=(one,))
        sources.append(open_source(one_of, clock, fitting, maps, origin, agreed))
    if len({source.live for source in sources}) > 1:
        raise SourceError(
            "Live cameras and files cannot be mixed; give only cameras or only files."
        )
    if len({isinstance(source, NodeCamera) for source in sources}) > 1:
        raise SourceError(
            "Cameras of nodes bring keypoints and cannot be mixed with pictures; run the cameras "
            "of this computer as a node too: posestream webcam --publish PORT."
        )
    if len({source.skeleton for source in sources}) > 1:
        brought = {one.skeleton.name if one.skeleton else "pictures" for one in sources}
        raise SourceError(
            f"Sources with {' and '.join(sorted(brought))} cannot be mixed; give only pictures, or "
            "only keypoints of one skeleton."
        )
    taken: set[str] = set()
    for n, source in enumerate(sources):
        name = unused(source.name, taken)
        taken.add(name)
        if name != source.name:
            _call(source, name)
            sources[n] = MappedSource(source, partial(_renamed, name=name), name)
    return sources


def enter_sources(sources: Sequence[Source], stack: ExitStack) -> None:
    """Enter all sources, cameras at the same time, to be left with the stack.

    Cameras that are absent are waited for; the other cameras go on meanwhile. SourceError where all
    are absent and none can come by itself, or where a file cannot be read.
    """
    if not sources[0].live:
        for source in sources:
            stack.enter_context(source)
        return
    outcomes: Channel[Absent | None] = Channel(len(sources))

    def enter(source: Source) -> None:
        try:
            source.__enter__()
        except Absent as error:
            outcomes.put(error)
        else:
            outcomes.put(None)

    with Stages(outcomes) as stages:
        for source in sources:
            stack.push(source)
            stages.start(f"open {source.name}", partial(enter, source))
        absent = [one for one in islice(outcomes, len(sources)) if one is not None]
    if len(absent) == len(sources) and not any(one.passing for one in absent):
        raise SourceError(" ".join(map(str, absent)))
    what = (
        "The other cameras go on without it." if len(absent) < len(sources) else "Waiting for it."
    )
    for error in absent:
        LOG.warning("%s %s", error, what)
    if len(absent) == len(sources):
        await_node(sources)


def shifted(sources: Sequence[Source], offsets: Mapping[str, float]) -> list[Source]:
    """The sources with these seconds added to the times of those that are named."""

    def later(frame: Frame, seconds: float) -> Frame:
        return replace(frame, time=frame.time + seconds)

    return [
        MappedSource(source, partial(later, seconds=offsets[source.name]), source.name)
        if offsets.get(source.name)
        else source
        for source in sources
    ]


def _call(source: Source, name: str) -> None:
    """Let a camera be called so in the log: several may be channels of one host."""
    while isinstance(source, MappedSource):
        source = source.source
    if isinstance(source, LiveSource) and not isinstance(source, NodeCamera):
        source.called = name


def _renamed(frame: Frame, name: str) -> Frame:
    return replace(frame, camera=name)


def open_source(
    settings: SourceSettings,
    clock: Clock = time.monotonic,
    fitting: Callable[[], Size | None] | None = None,
    maps: Callable[[], MapReading] | None = None,
    origin: float = 0.0,
    agreed: AgreedSkeleton | None = None,
) -> Source:
    """The first source that the settings name, ready to be entered.

    origin: what the clock shows where the times of a camera's frames begin; files have their own.
    fitting: asked, when it is entered, for the (width, height) of its frames where neither it nor
    the user says. agreed: what the cameras of nodes in a run have in common.
    Its name, total and rate are final once it is entered. SourceError where there is nothing to
    open; whether a video or camera can be read shows when it is entered.
    """
    end = sys.maxsize if settings.end is None else settings.end
    chosen = range(settings.start, end, settings.step)
    source: Source
    spec = settings.source[0]
    if "\0" in spec:
        raise SourceError(f"There is no file or folder {spec!r}: a name cannot contain a NUL.")
    if spec.partition(":")[0] == "webcam":
        source = _camera(settings, chosen, clock, origin)
    elif spec.startswith(NODE_SCHEME):
        source = open_node_camera(settings, chosen, agreed or AgreedSkeleton(), clock, origin)
    elif "://" in spec:
        connect = StreamConnector(spec, clock=clock)
        name, patience = stream_name(spec), settings.give_up
        source = LiveSource(name, connect, chosen, give_up=patience, clock=clock, origin=origin)
    else:
        if fitting and settings.rotate in (90, 270):
            fitting = partial(_turned, fitting)
        source = _file(spec, chosen, settings, clock, fitting, maps)
        if settings.loop:
            source = Looped(lambda: _file(spec, chosen, settings, clock, fitting, maps))
        if settings.realtime:
            source = Paced(source, clock)
    if isinstance(source, LiveSource) and (settings.loop or settings.realtime):
        option = "--loop" if settings.loop else "--realtime"
        raise SourceError(f"{option} is for files; {source.name} is live.")
    if (settings.flip or settings.rotate) and isinstance(source, NodeCamera):
        raise SourceError("--flip and --rotate are for pictures; give them where --publish runs.")
    if settings.flip or settings.rotate:
        matrix = matrix_of(settings.flip, settings.rotate)
        source = MappedSource(source, partial(turned, matrix=matrix))
    return source


def _turned(fitting: Callable[[], Size | None]) -> Size | None:
    size = fitting()
    return size and size[::-1]


def _camera(settings: SourceSettings, chosen: range, clock: Clock, origin: float) -> LiveSource:
    name = settings.source[0]
    if not re.fullmatch(r"webcam(:[0-9]{1,3})?", name):
        raise SourceError(f"{name!r} is not a camera; write webcam, or webcam:0, webcam:1, ...")
    number = name.partition(":")[2]
    connect = WebcamConnector(
        [int(number)] if number else camera_indices(),
        size=settings.size,
        fps=settings.camera_fps,
        clock=clock,
    )
    patience = settings.give_up
    return LiveSource(connect.name, connect, chosen, give_up=patience, clock=clock, origin=origin)


def _file(
    name: str,
    chosen: range,
    settings: SourceSettings,
    clock: Clock,
    fitting: Callable[[], Size | None] | None = None,
    maps: Callable[[], MapReading] | None = None,
) -> Source:
    path = os.path.expanduser(name)

    def images(name: str, files: list[str]) -> Source:
        return ImageSource(file_name(name), files, chosen, clock, settings.camera_fps)

    def keypoints(name: str, files: list[str]) -> Source:
        return KeypointSource(
            file_name(name),
            files,
            chosen,
            size=settings.size,
            fitting=fitting,
            rate=settings.camera_fps,
            clock=clock,
        )

    if os.path.isfile(path):
        if is_image(path):
            return images(Path(path).stem, [path])
        if path.lower().endswith(".json"):
            return keypoints(Path(path).stem.removesuffix("_keypoints"), [path])
        return VideoSource(path, chosen, clock)
    if os.path.isdir(path):
        folder = os.path.basename(os.path.abspath(path))
        if maps is not None and (files := map_files(path)):
            return MapSource(
                file_name(folder),
                files,
                chosen,
                maps(),
                size=settings.size,
                fitting=fitting,
                rate=settings.camera_fps,
                clock=clock,
            )
        try:
            paths = images_in(path)
        except SourceError:
            if files := keypoint_files(path):
                return keypoints(folder, files)
            raise
        return images(folder, paths)
    if os.path.exists(path):
        raise SourceError(f"{name} is neither a file nor a folder.")
    if any(sign in path for sign in "*?["):
        found = glob_keypoints(path) or glob_images(path)
        called = glob_name(path, found)
        return images(called, found) if is_image(found[0]) else keypoints(called, found)
    if (shown := redacted(name)) != name:
        raise SourceError(
            f"{shown} is neither a file nor the address of a network camera, which begins with "
            "rtsp:// or http://."
        )
    if _out_of_reach(path):
        raise SourceError(f"{name} cannot be read: Permission denied.")
    hint = f" For a camera, write webcam:{name}." if name.isdecimal() else nearest(path)
    raise SourceError(f"There is no file or folder {name!r}.{hint}")


def _out_of_reach(path: str) -> bool:
    """Whether a folder on the way keeps this user out, so that nobody can tell what is there."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return False
