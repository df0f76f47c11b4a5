"""The studio of a run, and the studio of takes alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engines.types.skeleton import named_skeleton
from realtime.sinks.opening import Pages
from realtime.sinks.screens.web_sink import WebSink
from realtime.studio.access import new_token
from realtime.studio.routes import StudioPages
from realtime.studio.studio import Studio, StudioRun
from realtime.types.frames import Source
from realtime.web.address import parse_address
from realtime.writing.header import Header


def studio_of(
    folder: Path,
    token: str | None,
    header: Header,
    sources: Sequence[Source],
    altered: Sequence[str] = (),
) -> tuple[Studio, Pages]:
    """A run's: the sink that records, and the pages of --serve with their token.

    header: of the run, for this alone. token: of --serve-token, None = one is made. altered:
    see StudioRun.
    """
    filmed = sources[0].skeleton is None
    studio = Studio(folder, StudioRun(header, sources, filmed, altered))
    token = token or new_token()
    return studio, (StudioPages(studio, token), token)


def serve_takes(folder: Path, serve: str, token: str | None, *, announce: bool = True) -> None:
    """The studio without cameras, until KeyboardInterrupt. OutputError where the port cannot be
    had.
    """
    studio, own = Studio(folder), token or new_token()
    header = Header("no model", named_skeleton("coco17"), [])
    pages = StudioPages(studio, own)
    sink = WebSink(
        *(parse_address(serve), token, header),
        announce=announce,
        extension=pages,
        studio_token=own,
        studio_alone=True,
    )
    with sink, suppress(KeyboardInterrupt):
        while True:
            time.sleep(0.2)
