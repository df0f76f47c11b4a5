"""Keypoints of all people as biomechanics software reads them (C3D), by the library ezc3d."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from calibration.geometry.camera import Rig
from calibration.plots.viewpoint import upwards
from engines.types.arrays import Doubles
from realtime.mocap.take import Span, Take
from realtime.mocap.up_axis import turned_up
from realtime.types.errors import OutputError
from realtime.writing.whole_files import broken

MM_PER_METRE = 1000
MAX_FRAMES = 65_535  # of a file: the format counts them in 16 bits
MAX_POINTS = 4_000_000  # of a file, bounds memory: ezc3d takes some hundred bytes for each
RESIDUAL_STEP_MM = 1.0  # of residuals, 255 steps at most: ezc3d's header says so too


def check_ezc3d() -> None:
    """OutputError where the library is not installed."""
    if find_spec("ezc3d") is None:
        raise OutputError(
            "--c3d needs the package ezc3d, which is not installed; run: "
            "pip install -r requirements-c3d.txt"
        )


def c3d_files(path: Path, take: Take, rig: Rig) -> Iterator[tuple[Path, bytes]]:
    """One file of all people; what is longer than the format's 65 535 frames, or too much at once,
    goes on in another, `walk_2.c3d`, with those who are in it.
    """
    start = part = 0
    while start < len(take):
        spans, count = _part(take, start)
        part += 1
        if spans:
            suffix = path.suffix or ".c3d"
            name = f"{path.stem}_{part}{suffix}" if part > 1 else f"{path.stem}{suffix}"
            frames = range(start, start + count)
            yield path.with_name(name), c3d_bytes(path, take, spans, frames, rig)
        start += count


def _part(take: Take, start: int) -> tuple[list[Span], int]:
    """The people from that frame on for as many frames as go into one file."""
    count = min(len(take) - start, MAX_FRAMES)
    while True:
        spans = [
            one for one in take.spans if one.first < start + count and one.first + one.count > start
        ]
        if len(spans) * len(take.skeleton.keypoints) * count <= MAX_POINTS or count == 1:
            return spans, count
        count = (count + 1) // 2


def c3d_bytes(path: Path, take: Take, spans: Sequence[Span], frames: range, rig: Rig) -> bytes:
    """Points `person3:left_knee` in millimetres, Z up.

    A residual is how far off the cameras' pixels are at the point's distance, in whole millimetres
    up to 255; 0 where the point was carried rather than seen, -1 where it is unknown.
    """
    import ezc3d

    names = take.skeleton.keypoints
    points = np.full((4, len(spans) * len(names), len(frames)), np.nan)
    residuals = np.full((1, *points.shape[1:]), -1.0)
    turn = turned_up(upwards(rig), 2) * MM_PER_METRE
    for n, motion in enumerate(map(take.load, spans)):
        of = slice(n * len(names), (n + 1) * len(names))
        begin = max(motion.first, frames.start)
        end = min(motion.first + len(motion), frames.stop)
        own = slice(begin - motion.first, end - motion.first)
        at = slice(begin - frames.start, end - frames.start)
        xyz, filled = motion.xyz[own].astype(np.float64), motion.filled[own]
        known = ~np.isnan(xyz[..., 0])
        points[:3, of, at] = (xyz @ turn.T).transpose(2, 1, 0)
        off = MM_PER_METRE * np.nan_to_num(motion.error[own]) * metres_per_pixel(rig, xyz)
        steps = np.where(filled, 0, (off / RESIDUAL_STEP_MM).round().clip(1, 255))
        residuals[0, of, at] = np.where(known, steps * RESIDUAL_STEP_MM, -1).T
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [take.rate]
    # Below 0: points are floats, and this is the residuals' scale.
    point["SCALE"]["value"] = [-RESIDUAL_STEP_MM]
    point["UNITS"]["value"] = ["mm"]
    point["LABELS"]["value"] = [f"person{one.id}:{name}" for one in spans for name in names]
    for key, value in (("X_SCREEN", "+X"), ("Y_SCREEN", "+Z")):
        file.add_parameter("POINT", key, [value])
    file["data"]["points"] = points
    file["data"]["meta_points"]["residuals"] = residuals
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "points.c3d"
        try:
            file.write(str(written))
            return written.read_bytes()
        except (OSError, RuntimeError) as error:
            raise broken(path, error) from error


def metres_per_pixel(rig: Rig, xyz: Doubles) -> Doubles:
    """(...) how wide a pixel is at points (..., 3): the mean of the cameras that face them."""
    total, seen = np.zeros(xyz.shape[:-1]), np.zeros(xyz.shape[:-1])
    for camera in rig.cameras:
        depth = (xyz @ camera.rotation.T + camera.translation)[..., 2]
        ahead = depth > 0
        total += np.where(ahead, depth, 0) / camera.matrix.diagonal()[:2].mean()
        seen += ahead
    wide: Doubles = total / np.maximum(seen, 1)
    return wide
