"""One camera's lens, from pictures, a video, or a camera."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2

from calibration.board.intrinsics import calibrate
from calibration.disk.replace import write_file
from calibration.disk.same_file import Inputs, check_apart
from calibration.files.atomic import check_free
from calibration.files.rig_toml import write_rig
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError
from calibration.plots.coverage_chart import coverage_chart
from calibration.reports.lens import lens_report
from engines.console.status_line import working
from posestream.commands.calibrate.options import BoardOptions
from posestream.commands.program import POOR
from realtime.footage.board_footage import sightings
from realtime.footage.live_intrinsics import guided
from realtime.runtime.display import has_display
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source


@dataclass(frozen=True)
class Options:
    """Calibrate one camera: focal lengths, principal point, distortion.

    The exit code is 3 if the verdict is "poor"; the files are written all the same.
    """

    source: str
    """A video, folder or quoted glob that shows the board at many places and tilts; or a live
    camera (webcam[:N], rtsp://, http://), with guidance on what to show next."""
    output: Path
    """The camera file to write, a .toml; a coverage chart (.png) is written beside it."""
    board: BoardOptions = field(default_factory=BoardOptions)
    lens: Literal["auto", "pinhole", "fisheye"] = "auto"
    """Kind of lens; auto chooses the model that fits held-out views best."""
    step: int = 1
    """Use every N-th frame."""
    end: int | None = None
    """Stop before this frame."""
    flip: bool = False
    """The pictures are mirrored; the camera file is for unmirrored pictures."""
    realtime: bool = False
    """Play a video as if it were a live camera."""
    show: bool = field(default_factory=has_display)
    """Show a live camera and the guidance in a window; the default is on where there is a
    display."""
    web: bool = False
    """Show a live camera and the guidance on a web page for this computer's browser, instead of the
    window."""
    port: int = 8080
    """Port of the web page; 0 = any free port."""
    hold: float = 1.0
    """Live camera: seconds that the board must be held still before a view is taken."""
    camera_size: str | None = None
    """Picture size to request from a webcam, WIDTHxHEIGHT; use the same size later."""
    force: bool = False
    """Replace an existing file; it is kept as .bak."""


def run(options: Options) -> int:
    """The camera file, the chart, the figures and the verdict, which the exit code says too."""
    board = options.board.wanted()
    check_free(options.output, force=options.force, ending=".toml")
    chart = options.output.with_suffix(".png")
    inputs: Inputs = {"--source": [options.source], "--board-file": options.board.files()}
    check_apart([options.output, chart], inputs)
    if not 0 <= options.hold <= 60:
        raise CalibrationError(f"--hold {options.hold} must be between 0 and 60 seconds.")
    if not 0 <= options.port <= 65535:
        raise CalibrationError(f"--port {options.port} must be between 0 and 65535.")
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
    _, data = cv2.imencode(".png", coverage_chart(found))
    write_file(chart, data.tobytes())
    report, poor = lens_report(found, len(seen))
    sys.stdout.write(f"{report}{options.output}, {chart}\n")
    return POOR if poor else 0
