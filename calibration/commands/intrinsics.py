"""One camera's lens, from pictures, a video, or a camera."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2

from calibration.board.intrinsics import Intrinsics, calibrate
from calibration.board.intrinsics_verdict import verdict
from calibration.commands.options import BoardOptions
from calibration.files.atomic import check_free
from calibration.files.rig_toml import write_rig
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError
from calibration.plots.coverage_chart import coverage_chart
from engines.console.status_line import working
from realtime.footage.board_footage import sightings
from realtime.footage.live_intrinsics import guided
from realtime.runtime.display import has_display
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source


@dataclass(frozen=True)
class Options:
    """Calibrate one camera: focal lengths, centre, distortion."""

    source: str
    """A video, folder or quoted glob with the board at many places and tilts; or a camera
    (webcam[:N], rtsp://, http://), which takes the views itself and says what to do next."""
    output: Path
    """The camera file to write, a .toml; its chart goes beside it as .png."""
    board: BoardOptions = field(default_factory=BoardOptions)
    lens: Literal["auto", "pinhole", "fisheye"] = "auto"
    """Kind of lens; auto takes what explains new views best."""
    step: int = 1
    """Use every STEP-th frame."""
    end: int | None = None
    """Stop before this frame."""
    flip: bool = False
    """The pictures are mirrored; the camera file is for pictures that are not."""
    realtime: bool = False
    """Play a video as if it were a camera."""
    show: bool = field(default_factory=has_display)
    """Of a camera, show the picture with the guidance in a window. The default is whether there
    is a display."""
    web: bool = False
    """Of a camera, show it on a page for this computer's browser, in place of the window."""
    port: int = 8080
    """Of the page; 0 is any free one."""
    hold: float = 1.0
    """Of a camera, seconds that the board must stand still before a view is taken."""
    camera_size: str | None = None
    """Picture size to ask of a webcam, as WIDTHxHEIGHT: that of the later runs."""
    force: bool = False
    """Replace an old file; it is kept as .bak."""


def run(options: Options) -> None:
    """The camera file, the chart, the figures and the verdict."""
    board = options.board.wanted()
    check_free(options.output, force=options.force, ending=".toml")
    if not 0 <= options.hold <= 60:
        raise CalibrationError(f"--hold {options.hold} is not between 0 and 60 seconds.")
    if not 0 <= options.port <= 65535:
        raise CalibrationError(f"--port {options.port} is none: 0 to 65535.")
    settings = SourceSettings(
        (options.source,),
        step=options.step,
        end=options.end,
        flip=options.flip,
        camera_size=options.camera_size,
        realtime=options.realtime,
    )
    fisheye = None if options.lens == "auto" else options.lens == "fisheye"
    source = open_source(settings)
    if source.live:
        name, seen = guided(
            *(source, board, options.hold),
            show=options.show,
            fisheye=fisheye is True,
            port=options.port if options.web else None,
        )
    else:
        name, by_frame = sightings(settings, board)
        seen = list(by_frame.values())
    with working(f"calibrating {name}"):
        found = calibrate(seen, board, name, fisheye=fisheye)
    write_rig(Rig((found.camera,)), options.output, force=options.force)
    chart = options.output.with_suffix(".png")
    if not cv2.imwrite(str(chart), coverage_chart(found)):
        raise CalibrationError(f"{chart} cannot be written.")
    sys.stdout.write(report(found, len(seen)) + f"{options.output}, {chart}\n")


def report(found: Intrinsics, count: int) -> str:
    """Figures, then words."""
    matrix, off = found.camera.matrix, found.deviations
    tried = ", ".join(f"{model} {error:.3f}" for model, error in found.tried.items())
    first, *more = verdict(found)
    lines = [
        f"{found.camera.name}: {len(found.views)} of {count} views used, {found.blurred} blurred "
        f"or unusable, {found.wild} corners left out",
        f"lens           {found.model} (held-out RMS in px, wrong corners still in: {tried})",
        f"RMS            {found.rms:.3f} px, held out {found.held_out:.3f} px",
        f"focal lengths  {matrix[0, 0]:.1f} +- {off[0]:.1f}, {matrix[1, 1]:.1f} +- {off[1]:.1f} px",
        f"centre         {matrix[0, 2]:.1f} +- {off[2]:.1f}, {matrix[1, 2]:.1f} +- {off[3]:.1f} px",
        f"verdict        {first}",
        *(f"               {line}" for line in more),
    ]
    return "\n".join(lines) + "\n"
