"""A rig to look at."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import tyro

from calibration.commands.convert import parse_size
from calibration.corners import Corners, read_corners
from calibration.errors import CalibrationError, RigError
from calibration.files import check_free, set_aside, write_texts
from calibration.formats import read
from calibration.picture import draw_rig
from realtime.web.space import still_page


@dataclass(frozen=True)
class Options:
    """Draw a rig: its cameras from above and from the side, or as a page to turn."""

    rig: tyro.conf.Positional[Path]
    """A rig .toml, or whatever `convert` reads."""
    output: Path | None = None
    """The picture (.png) or page (.html) to write; else, without --web, RIG.view.png."""
    web: bool = False
    """Serve a page for this computer's browser, until Ctrl-C."""
    port: int = 8080
    """Of the page; 0 is any free one."""
    size: str | None = None
    """Width and height of the pictures, where the files do not say it: 1280x720."""
    force: bool = False
    """Replace an old file; it is kept as .bak."""


def run(options: Options) -> None:
    """The picture, or the page; corners of boards where `extrinsics` left them beside the rig."""
    if not 0 <= options.port <= 65535:
        raise CalibrationError(f"--port {options.port} is none: 0 to 65535.")
    rig = read(options.rig, parse_size(options.size)).rig
    corners: Corners | None = None
    try:
        corners = read_corners(options.rig) if options.rig.is_file() else None
    except RigError as error:
        sys.stderr.write(f"posestream: {error}\n")
    output = options.output
    if output is None and not options.web:
        output = options.rig.resolve().with_suffix(".view.png")
    if output is not None:
        if output.suffix.lower() == ".html":
            write_texts({output: still_page(rig, corners)}, force=options.force)
        elif output.suffix.lower() == ".png":
            check_free(output, force=options.force)
            done, data = cv2.imencode(".png", draw_rig(rig, corners))
            assert done
            try:
                set_aside(output)
                output.write_bytes(data.tobytes())
            except OSError as error:
                raise CalibrationError(f"{output} cannot be written: {error.strerror}.") from error
        else:
            raise CalibrationError(f"--output {output} must end in .png or .html.")
        sys.stdout.write(f"{output}\n")
    if options.web:
        from realtime.web.still import serve_page

        with suppress(KeyboardInterrupt):
            serve_page(still_page(rig, corners), options.port, _announce)


def _announce(url: str) -> None:
    sys.stderr.write(f"posestream: the rig is at {url} until Ctrl-C\n")
    sys.stderr.flush()
