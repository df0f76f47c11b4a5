"""One camera's lens, from pictures, a video, or a camera."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2

from calibration.camera import Rig
from calibration.charts import residual_chart
from calibration.commands.footage import sightings
from calibration.commands.options import BoardOptions
from calibration.errors import CalibrationError
from calibration.intrinsics import Intrinsics, calibrate, verdict
from calibration.rigfile import check_free, write_rig
from realtime.config import SourceSettings


@dataclass(frozen=True)
class Options:
    """Calibrate one camera: focal lengths, centre, distortion."""

    source: str
    """A video, folder, quoted glob, or with --end a camera: the board at many places and tilts."""
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
    force: bool = False
    """Replace an old file; it is kept as .bak."""


def run(options: Options) -> None:
    """The camera file, the chart, the figures and the verdict."""
    board = options.board.wanted()
    check_free(options.output, force=options.force)
    if options.source.partition(":")[0] == "webcam" and options.end is None:
        raise CalibrationError("A camera never ends: say --end 300 for its first 300 pictures.")
    settings = SourceSettings(
        (options.source,), step=options.step, end=options.end, flip=options.flip
    )
    name, seen = sightings(settings, board)
    fisheye = None if options.lens == "auto" else options.lens == "fisheye"
    found = calibrate(list(seen.values()), board, name, fisheye=fisheye)
    write_rig(Rig((found.camera,)), options.output, force=options.force)
    chart = options.output.with_suffix(".png")
    if not cv2.imwrite(str(chart), residual_chart(found)):
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
        f"lens           {found.model} (held-out RMS in px: {tried})",
        f"RMS            {found.rms:.3f} px, held out {found.held_out:.3f} px",
        f"focal lengths  {matrix[0, 0]:.1f} +- {off[0]:.1f}, {matrix[1, 1]:.1f} +- {off[1]:.1f} px",
        f"centre         {matrix[0, 2]:.1f} +- {off[2]:.1f}, {matrix[1, 2]:.1f} +- {off[3]:.1f} px",
        f"verdict        {first}",
        *(f"               {line}" for line in more),
    ]
    return "\n".join(lines) + "\n"
