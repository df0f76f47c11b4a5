"""Outputs: where results go. One file a kind, one line in open_sinks."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self, runtime_checkable

from calibration.geometry.camera import Rig
from engines.console.import_errors import explain_import_error
from engines.types.skeleton import Skeleton
from realtime.drawing.mosaic import Mosaic
from realtime.drawing.overlay import Overlay
from realtime.drawing.reprojection import Reprojection
from realtime.runtime.signals import held
from realtime.settings.all import VIDEO_ENDINGS, OutputSettings, Settings
from realtime.sinks.files import image_files as images
from realtime.sinks.files.audio_track import Sound, open_sound
from realtime.sinks.files.coco_results import CocoSink
from realtime.sinks.files.image_files import ImageSink, ImagesSink
from realtime.sinks.files.jsonl_csv_udp import CsvSink, JsonLinesSink, UdpSink
from realtime.sinks.files.mot_challenge import MotSink
from realtime.sinks.files.openpose_heatmaps import HeatmapsSink, Kind
from realtime.sinks.files.openpose_json_2d import JsonSink, json_skeleton
from realtime.sinks.files.stats_json import Network, StatsSink
from realtime.sinks.files.video_file import VideoSink
from realtime.sinks.registry_3d import open_space, space_files
from realtime.sinks.screens.progress import ProgressSink
from realtime.sinks.screens.window import WindowSink
from realtime.types.errors import OutputError, Stopped
from realtime.types.frames import Source
from realtime.types.results import Result
from realtime.types.view_mode import Shown
from realtime.web.address import parse_address
from realtime.writing.json_text import header_line
from realtime.writing.whole_files import source_files

LOG = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes results, in order, on the main thread. Leaving the `with` finishes what it writes.

    OutputError says what went wrong; what was written until then stays readable.
    """

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def write(self, result: Result) -> None: ...


@runtime_checkable
class Idle(Protocol):
    """A sink that also has something to do while no result comes."""

    def idle(self) -> None: ...


class Model(Protocol):
    """What found the people: a model's card, or `Keypoints`."""

    @property
    def name(self) -> str: ...
    @property
    def skeleton(self) -> Skeleton: ...


class Keypoints(NamedTuple):
    """People that somebody else found."""

    name: str
    skeleton: Skeleton


def open_sinks(
    settings: OutputSettings,
    sources: Sequence[Source],
    origins: Sequence[str] = (),
    model: Model | None = None,
    shown: Shown | None = None,
    rig: Rig | None = None,
) -> list[Sink]:
    """The outputs that the settings ask for, in the order in which to enter them.

    Several sources have files of their own: folders get a folder for each, files its name.
    origins: what --source said, whose files no output may overwrite. model: what the
    outputs by lines and --serve name and without which they are left out. shown: what pictures
    show, and whether maps are needed for that. rig: its cameras in the order of the sources.
    OutputError where one of them cannot work; nothing is overwritten yet.
    """
    names = [source.name for source in sources]
    bodies = Reprojection(rig) if rig is not None and settings.mosaic else None
    overlay = Overlay(shown, angles=settings.angles)
    if settings.mosaic:
        overlay = Mosaic(names, shown, bodies, angles=settings.angles)
    if isinstance(model, Keypoints):
        _refuse_maps(settings)
    taken = [file for origin in origins for file in source_files(origin)]
    files: list[Sink] = []
    if settings.mosaic and settings.output is not None:
        sound = open_sound(sources[0], origins[0]) if settings.audio and origins else None
        files.append(_open_pictures(settings.output, sources[0], taken, overlay, sound))
    for camera, source in enumerate(sources):
        own = settings if len(sources) == 1 else _of_source(settings, source.name)
        origin = origins[camera] if camera < len(origins) else ""
        skeleton = model.skeleton if model else None
        for sink in _open_files(own, source, origin, taken, overlay, skeleton):
            files.append(sink if len(sources) == 1 else OneView(camera, sink))
    if model is not None:
        files.extend(_open_lines(settings, sources, taken, model, rig))
        if rig is not None:
            files.extend(open_space(settings, sources[0], taken, model.skeleton, rig))
    # Entered last, the files are finished first; then comes the summary; then the window, which
    # may wait for a key.
    front: list[Sink] = []
    if settings.show:
        hold = not sources[0].live and all(source.total == 1 for source in sources)
        live, announce = sources[0].live, not settings.quiet
        front.append(WindowSink(overlay, hold=hold, live=live, announce=announce))
    if settings.serve is not None and model is not None:
        front.append(_open_server(settings, settings.serve, sources, model, overlay.shown, rig))
    if not settings.quiet:
        own = settings if len(sources) == 1 else _of_source(settings, "*")
        written = [
            *(own.output, own.json, own.coco, own.heatmaps, own.mot),
            *(
                settings.jsonl,
                settings.csv,
                *space_files(settings),
                settings.record,
                settings.stats,
            ),
        ]
        front.append(ProgressSink(sources, [path for path in written if path is not None]))
    return [*front, *files]


def _refuse_maps(settings: OutputSettings) -> None:
    """What needs a network cannot be had of keypoints alone."""
    wanted = {
        "--heatmaps": settings.heatmaps is not None,
        "--part-candidates": settings.part_candidates,
        "--bootstrap": settings.bootstrap is not None,
        f"--view {settings.view}": settings.view != "skeleton",
    }
    for option, given in wanted.items():
        if given:
            raise OutputError(
                f"{option} needs pictures and a network, but none runs where the source brings the "
                f"keypoints; leave it away or give the pictures as --source."
            )


def _of_source(settings: OutputSettings, name: str) -> OutputSettings:
    """The settings with the paths of one source of several."""

    def own(path: Path | None) -> Path | None:
        if path is None or os.path.isdir(path) or not path.suffix:
            return path and path / name
        return path.with_name(f"{path.stem}_{name}{path.suffix}")

    return replace(
        settings,
        output=settings.output if settings.mosaic else own(settings.output),
        json=settings.json and settings.json / name,
        coco=own(settings.coco),
        mot=own(settings.mot),
        heatmaps=settings.heatmaps and settings.heatmaps / name,
    )


def _open_files(
    settings: OutputSettings,
    source: Source,
    origin: str,
    taken: list[Path],
    overlay: Overlay,
    skeleton: Skeleton | None,
) -> Iterator[Sink]:
    if settings.output is not None and not settings.mosaic:
        sound = open_sound(source, origin) if settings.audio else None
        yield _open_pictures(settings.output, source, taken, overlay, sound)
    if settings.json is not None:
        target = json_skeleton(settings.json_skeleton, skeleton)
        yield JsonSink(settings.json, target, taken, candidates=settings.part_candidates)
    if settings.heatmaps is not None:
        kinds: dict[Kind, bool] = {
            "parts": settings.heatmaps_parts,
            "background": settings.heatmaps_background,
            "pafs": settings.heatmaps_pafs,
        }
        maps = frozenset(kind for kind, wanted in kinds.items() if wanted)
        yield HeatmapsSink(settings.heatmaps, settings.heatmaps_format, maps, overlay.shown)
    if settings.mot is not None:
        yield MotSink(settings.mot, taken)
    if settings.coco is not None:
        yield CocoSink(settings.coco, taken, skeleton)


def _open_lines(
    settings: OutputSettings,
    sources: Sequence[Source],
    taken: list[Path],
    model: Model,
    rig: Rig | None,
) -> Iterator[Sink]:
    """Outputs that name the source in every line, so that one serves all."""
    if settings.jsonl is not None:
        names = [source.name for source in sources]
        header = header_line(model.name, model.skeleton, names, rig)
        yield JsonLinesSink(settings.jsonl, taken, header, angles=settings.angles)
    if settings.csv is not None:
        yield CsvSink(settings.csv, taken, model.skeleton)
    if settings.udp is not None:
        yield UdpSink(settings.udp, angles=settings.angles)


def _open_server(
    settings: OutputSettings,
    serve: str,
    sources: Sequence[Source],
    model: Model,
    shown: Shown,
    rig: Rig | None,
) -> Sink:
    # Imported here: a web server takes a fifth of a second that other runs need not pay.
    try:
        from realtime.sinks.screens.web_sink import WebSink
    except ModuleNotFoundError as error:
        raise OutputError(f"--serve does not work: {explain_import_error(error)}") from error
    return WebSink(
        parse_address(serve),
        settings.serve_token,
        model.name,
        model.skeleton,
        [source.name for source in sources],
        shown,
        announce=not settings.quiet,
        rig=rig,
        stay=settings.stay if settings.show3d and not sources[0].live else None,
    )


def open_stats(
    settings: Settings, sources: Sequence[Source], network: Network | None
) -> list[Sink]:
    """The file of figures, where it is asked for: to be entered first, it sees how all ends."""
    path = settings.outputs.stats
    if path is None:
        return []
    taken = [file for origin in settings.sources.source for file in source_files(origin)]
    return [StatsSink(path, taken, sources, network, settings.sources.step)]


class OneView:
    """A sink that gets one camera's views alone."""

    def __init__(self, camera: int, sink: Sink) -> None:
        self._camera = camera
        self._sink = sink

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sink.__exit__(kind, error, trace)

    def write(self, result: Result) -> None:
        """Pass the camera's view on, unless it is out."""
        view = result.views[self._camera]
        if view is not None:
            self._sink.write(replace(result, views=(view,)))


def _open_pictures(
    path: Path, source: Source, sources: list[Path], overlay: Overlay, sound: Sound | None
) -> VideoSink | ImageSink | ImagesSink:
    ending = path.suffix.lower()
    if os.path.isdir(path) or not ending:
        return ImagesSink(path, sources, overlay)
    if ending in VIDEO_ENDINGS:
        return VideoSink(path, source, sources, overlay, sound)
    if ending in images.ENDINGS:
        return ImageSink(path, source, sources, overlay)
    raise OutputError(
        f"--output {path}: {ending} is not an ending that can be written; choose "
        f"{', '.join(VIDEO_ENDINGS)}, {', '.join(images.ENDINGS)} or a folder."
    )


class Together:
    """Several sinks as one: each is closed whatever happens to the others.

    One that cannot write any more is closed at once and left out, which the log says; its error is
    raised at the end. Where no other is left that keeps the results (needed: and nobody else
    does), it is raised now. What fails while closing after an error becomes a note of it.
    """

    def __init__(self, sinks: Sequence[Sink], *, needed: bool = True) -> None:
        self._sinks = sinks
        self._needed = needed
        self._entered: list[Sink] = []
        self._failed: OutputError | None = None

    def __enter__(self) -> Self:
        try:
            for sink in self._sinks:
                sink.__enter__()
                self._entered.append(sink)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        first = error
        for sink in reversed(self._entered):
            try:
                sink.__exit__(None if first is None else type(first), first, trace)
            except BaseException as later:  # noqa: BLE001 - the others still want closing
                if first is None:
                    first = later
                else:
                    first.add_note(f"then: {later}")
        if first is not None and first is not error:
            raise first
        if self._failed is not None and (error is None or isinstance(error, Stopped)):
            raise self._failed

    def write(self, result: Result) -> None:
        """Give the result to each; a signal waits until the files have all of it."""
        # A window in pause may keep its write for as long as it likes, so it is left open to them.
        for waits, sinks in groupby([*self._entered], lambda sink: isinstance(sink, Idle)):
            with nullcontext() if waits else held():
                for sink in sinks:
                    try:
                        sink.write(result)
                    except OutputError as error:
                        self._leave_out(sink, error)

    def idle(self) -> None:
        """While no result comes."""
        for sink in self._entered:
            if isinstance(sink, Idle):
                sink.idle()

    def _leave_out(self, sink: Sink, error: OutputError) -> None:
        self._entered.remove(sink)
        try:
            sink.__exit__(OutputError, error, error.__traceback__)
        except OutputError as later:
            error.add_note(f"then: {later}")
        about_the_run = ProgressSink | StatsSink
        if self._needed and all(isinstance(one, about_the_run) for one in self._entered):
            raise error
        LOG.error("%s The rest goes on.", error)
        self._failed = self._failed or error
