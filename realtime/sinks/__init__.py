"""Outputs: where results go. One file a kind, one line in open_sinks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from engines.card import Card
from realtime.config import OutputSettings
from realtime.errors import OutputError
from realtime.frames import Source
from realtime.poses import Result
from realtime.sinks import images, video
from realtime.sinks.coco import CocoSink
from realtime.sinks.files import source_files
from realtime.sinks.images import ImageSink, ImagesSink
from realtime.sinks.json import JsonSink
from realtime.sinks.overlay import Overlay
from realtime.sinks.progress import ProgressSink
from realtime.sinks.video import VideoSink
from realtime.sinks.window import WindowSink
from realtime.web.address import parse_address


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


def open_sinks(
    settings: OutputSettings,
    source: Source,
    origin: str = "",
    card: Card | None = None,
) -> list[Sink]:
    """The outputs that the settings ask for, in the order in which to enter them.

    origin: the --source, whose files no output may overwrite. card: the model, which --serve names
    and without which it is left out.
    OutputError where one of them cannot work; nothing is overwritten yet.
    """
    overlay = Overlay()
    sources = source_files(origin)
    files: list[Sink] = []
    if settings.output is not None:
        files.append(_open_pictures(settings.output, source, sources, overlay))
    if settings.json is not None:
        files.append(JsonSink(settings.json))
    if settings.coco is not None:
        files.append(CocoSink(settings.coco, sources, card.skeleton if card else None))
    # Entered last, the files are finished first; then comes the summary; then the window, which
    # may wait for a key.
    front: list[Sink] = []
    if settings.show:
        hold = source.total == 1 and not source.live
        front.append(WindowSink(overlay, hold=hold))
    if settings.serve is not None and card is not None:
        # Imported here: a web server takes a third of a second that other runs need not pay.
        from realtime.sinks.web import WebSink

        front.append(
            WebSink(
                parse_address(settings.serve),
                settings.serve_token,
                card.name,
                card.skeleton,
                [source.name],
                announce=not settings.quiet,
            )
        )
    if not settings.quiet:
        written = [settings.output, settings.json, settings.coco]
        front.append(ProgressSink(source, [path for path in written if path is not None]))
    return [*front, *files]


def _open_pictures(
    path: Path, source: Source, sources: list[Path], overlay: Overlay
) -> VideoSink | ImageSink | ImagesSink:
    ending = path.suffix.lower()
    if path.is_dir() or not ending:
        return ImagesSink(path, sources, overlay)
    if ending in video.ENDINGS:
        return VideoSink(path, source, sources, overlay)
    if ending in images.ENDINGS:
        return ImageSink(path, source, sources, overlay)
    raise OutputError(
        f"--output {path}: {ending} is not an ending that can be written; choose "
        f"{', '.join(video.ENDINGS)}, {', '.join(images.ENDINGS)} or a folder."
    )


class Together:
    """Several sinks as one: each is closed whatever happens to the others.

    The first error is the one that is raised; what fails while closing after it becomes a note.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._entered: list[Sink] = []

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

    def write(self, result: Result) -> None:
        """Give the result to each."""
        for sink in self._sinks:
            sink.write(result)
