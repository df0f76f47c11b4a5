"""The outputs that the settings ask for, opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.geometry.camera import Rig
from engines.console.import_errors import explain_import_error
from realtime.avatars.vmc_sink import VmcSink
from realtime.drawing.mosaic import Mosaic
from realtime.drawing.overlay import Overlay
from realtime.drawing.reprojection import Reprojection
from realtime.nodes.key import read_key
from realtime.nodes.publisher import PublishSink
from realtime.runtime.service import ServiceManager
from realtime.settings.all import Settings
from realtime.settings.web import WebSettings
from realtime.sinks.files.jsonl_csv_udp import UdpSink
from realtime.sinks.protocol import Sink, Writing
from realtime.sinks.screens.progress import ProgressSink
from realtime.sinks.screens.service_sink import ServiceSink
from realtime.sinks.screens.window import WindowSink
from realtime.sinks.table import OF_3D, OF_ALL_SOURCES, OF_EACH_SOURCE, Opening, open_takes
from realtime.sinks.together import OneView
from realtime.types.errors import OutputError
from realtime.types.frames import Source
from realtime.types.model import Keypoints, Model
from realtime.types.start import Start
from realtime.types.view_mode import Shown
from realtime.web.address import parse_address
from realtime.writing.header import Header
from realtime.writing.json_text import ResultLines
from realtime.writing.whole_files import source_files

if TYPE_CHECKING:
    from realtime.web.extension import Extension

Pages = tuple["Extension", str]


def open_sinks(
    settings: Settings,
    sources: Sequence[Source],
    model: Model,
    shown: Shown | None = None,
    rig: Rig | None = None,
    start: Start | None = None,
    pages: Pages | None = None,
) -> list[Sink]:
    """The outputs that the settings ask for, in the order in which to enter them.

    Several sources have files of their own: folders get a folder for each, files its name. shown:
    what pictures show, and whether maps are needed for that. rig: its cameras in the order of the
    sources. start: when the run began. pages: further ones of --serve, and the token of their
    address. OutputError where one of them cannot work; nothing is
    overwritten yet.
    """
    if isinstance(model, Keypoints):
        _refuse_maps(settings)
    names = [source.name for source in sources]
    angles, events = settings.pictures.angles, settings.sports.events
    size = settings.pictures.size
    bodies = Reprojection(rig) if rig is not None else None
    overlay = Overlay(shown, bodies=bodies, angles=angles, events=events, size=size)
    if settings.pictures.mosaic:
        overlay = Mosaic(names, shown, bodies=bodies, angles=angles, events=events, size=size)
    paced = settings.sources.realtime
    header = Header(model.name, model.skeleton, sources, rig, start, paced=paced)
    opening = Opening(
        settings.files,
        sources[0],
        settings.sources.source[0],
        files_of(settings.sources.source),
        overlay,
        ResultLines(angles=angles, events=events),
        header,
        model,
        angles,
        events,
        settings.sports.person_height,
    )
    files = [*_open_files(settings, sources, opening, rig)]
    # Entered last, the files are finished first; then comes the summary; then the window, which
    # may wait for a key.
    front: list[Sink] = []
    if (manager := ServiceManager()).there:
        front.append(ServiceSink(manager))
    if settings.window.show:
        hold = not sources[0].live and all(source.total == 1 for source in sources)
        live, announce = sources[0].live, not settings.window.quiet
        full = settings.window.fullscreen
        front.append(WindowSink(overlay, hold=hold, live=live, announce=announce, full=full))
    if settings.web.serve is not None:
        plain = not (angles or events)  # pages are not told of these
        lines = opening.lines if plain else ResultLines()
        announce = not settings.window.quiet
        shows = overlay.shown
        front.append(_open_server(settings.web, sources, header, shows, lines, announce, pages))
    if settings.web.publish is not None:
        front.append(
            PublishSink(
                parse_address(settings.web.publish, "--publish"),
                settings.web.node_name,
                read_key(settings.sources.key_file),
                {source.name: source.rate for source in sources},
                model.skeleton,
                announce=not settings.window.quiet,
            )
        )
    if not settings.window.quiet:
        written = [sink.written for sink in files if isinstance(sink, Writing)]
        others = (settings.files.record, settings.files.stats)
        written += [str(path) for path in others if path is not None]
        front.append(ProgressSink(sources, [*dict.fromkeys(written)]))
    return [*front, *files]


def files_of(origins: Sequence[str]) -> list[Path]:
    """The files of all sources, which no output may overwrite."""
    return [file for origin in origins for file in source_files(origin)]


def _refuse_maps(settings: Settings) -> None:
    """What needs a network cannot be had of keypoints alone."""
    wanted = {
        "--heatmaps": settings.files.heatmaps is not None,
        "--part-candidates": settings.files.part_candidates,
        "--bootstrap": settings.files.bootstrap is not None,
        f"--view {settings.pictures.view}": settings.pictures.view != "skeleton",
    }
    for option, given in wanted.items():
        if given:
            raise OutputError(
                f"{option} needs pictures and a network, but the source contains keypoints; leave "
                f"it out or give the pictures as --source."
            )


def _open_files(
    settings: Settings, sources: Sequence[Source], opening: Opening, rig: Rig | None
) -> Iterator[Sink]:
    """Files, and datagrams, which go as lines of a file do."""
    whole = settings.pictures.mosaic
    if whole and settings.files.output is not None:
        yield OF_EACH_SOURCE[0].open(settings.files.output, opening)
    origins = settings.sources.source
    for camera, (source, origin) in enumerate(zip(sources, origins, strict=True)):
        overlay = opening.overlay if len(sources) == 1 else opening.overlay.of(camera)
        one = replace(opening, source=source, origin=origin, overlay=overlay)
        for output in OF_EACH_SOURCE[1:] if whole else OF_EACH_SOURCE:
            path = getattr(settings.files, output.option)
            if path is None:
                continue
            if len(sources) == 1:
                yield output.open(path, one)
            else:
                sink = output.open(output.own(path, source.name), one)
                yield OneView(camera, sink, str(output.own(path, "*")))
    for shared in OF_ALL_SOURCES:
        path = getattr(settings.files, shared.option)
        if path is not None:
            yield shared.open(path, opening)
    if settings.web.udp is not None:
        yield UdpSink(settings.web.udp, opening.lines)
    if rig is not None and settings.web.vmc is not None:
        yield VmcSink(settings.web.vmc, opening.skeleton, rig, settings.web.vmc_people)
    if rig is not None and settings.space.rig is not None:
        for of_people in OF_3D:
            path = getattr(settings.files, of_people.option)
            if path is not None:
                yield of_people.open(path, opening, rig, settings.space.rig.stem)
        yield from open_takes(opening, rig)


def _required(web: WebSettings, sources: Sequence[Source]) -> tuple[str, ...] | None:
    """The cameras of --required; OutputError where one is no source of the run."""
    names = [source.name for source in sources]
    for name in web.required:
        if name not in names:
            raise OutputError(f"--required {name}: the sources are called {', '.join(names)}.")
    return web.required or None


def _open_server(
    web: WebSettings,
    sources: Sequence[Source],
    header: Header,
    shown: Shown,
    lines: ResultLines,
    announce: bool,
    pages: Pages | None,
) -> Sink:
    # Imported here: a web server takes a fifth of a second that other runs need not pay.
    try:
        from realtime.sinks.screens.web_sink import WebSink
    except ModuleNotFoundError as error:
        raise OutputError(f"--serve does not work: {explain_import_error(error)}") from error
    assert web.serve is not None
    return WebSink(
        parse_address(web.serve),
        web.serve_token,
        header,
        shown,
        lines,
        announce=announce,
        required=_required(web, sources),
        stay=web.stay if web.studio or (web.show3d and not sources[0].live) else None,
        extension=pages and pages[0],
        studio_token=pages and pages[1],
        studio_alone=web.studio,
    )
