"""Keypoints of all people as biomechanics software reads them (C3D), by the library ezc3d."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from struct import pack_into, unpack_from

import numpy as np

from calibration.geometry.camera import Rig
from calibration.plots.viewpoint import upwards
from engines.types.arrays import Doubles, Floats
from realtime.mocap.marker_names import marker_name
from realtime.mocap.take import PersonMotion, Span, Take
from realtime.mocap.up_axis import turned_up
from realtime.types.errors import OutputError
from realtime.writing.whole_files import broken

MM_PER_METRE = 1000
MAX_FRAMES = 65_535  # of a file: the format counts them in 16 bits
MAX_POINTS = 4_000_000  # of a file: who reads it with ezc3d needs some hundred bytes for each
MAX_PIECE_POINTS = 1 << 18  # that are in memory at a time
BLOCK = 512  # bytes, of which all parts of a file are whole numbers
LAST_FRAME_AT, DATA_START_AT = 8, 16  # in the first block
RESIDUAL_STEP_MM = 1.0  # of residuals, 255 steps at most: ezc3d's header says so too


def check_ezc3d() -> None:
    """OutputError where the library is not installed."""
    if find_spec("ezc3d") is None:
        raise OutputError(
            "--c3d needs the package ezc3d, which is not installed; run: pip install ezc3d"
        )


def c3d_files(path: Path, take: Take, rig: Rig) -> Iterator[tuple[Path, Iterator[bytes]]]:
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
            yield path.with_name(name), c3d_pieces(path, take, spans, frames, rig)
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


def c3d_pieces(
    path: Path, take: Take, spans: Sequence[Span], frames: range, rig: Rig
) -> Iterator[bytes]:
    """Points `person3:LKnee` in millimetres, Z up; markers are called as in TRC files.

    A residual is how far off the cameras' pixels are at the point's distance, in whole millimetres
    up to 255; 0 where the point was carried rather than seen, -1 where it is unknown.
    """
    names = [marker_name(keypoint) for keypoint in take.skeleton.keypoints]
    labels = [f"person{one.id}:{name}" for one in spans for name in names]
    yield _head(path, take.rate, labels, len(frames))
    turn = turned_up(upwards(rig), 2) * MM_PER_METRE
    size = 0
    step = max(1, MAX_PIECE_POINTS // len(labels))
    for start in range(frames.start, frames.stop, step):
        piece = range(start, min(start + step, frames.stop))
        words = np.zeros((len(piece), len(spans), len(names), 4), "<f4")
        words[..., 3] = -1
        for n, span in enumerate(spans):
            begin = max(span.first, piece.start)
            end = min(span.first + span.count, piece.stop)
            if begin < end:
                motion = take.load(span, begin, end)
                words[begin - piece.start : end - piece.start, n] = _words(motion, turn, rig)
        size += words.nbytes
        yield words.tobytes()
    yield bytes(-size % BLOCK)


def _words(motion: PersonMotion, turn: Doubles, rig: Rig) -> Floats:
    """(T, K, 4): x, y, z, and the residual in the upper of two bytes; the lower says which cameras
    saw the point, which readers need not know.
    """
    xyz = motion.xyz.astype(np.float64)
    known = ~np.isnan(xyz[..., 0])
    off = MM_PER_METRE * np.nan_to_num(motion.error) * metres_per_pixel(rig, xyz)
    steps = np.where(motion.filled, 0, (off / RESIDUAL_STEP_MM).round().clip(1, 255))
    words = np.zeros((*xyz.shape[:2], 4), np.float32)
    words[..., :3] = np.nan_to_num(xyz @ turn.T)
    words[..., 3] = np.where(known, steps * 256, -1)
    return words


def _head(path: Path, rate: float, labels: Sequence[str], frames: int) -> bytes:
    """All that comes before the points: the library's own of a file of one frame, told that there
    are more. It wants all points in memory, some hundred bytes for each.
    """
    import ezc3d

    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"] = [rate]
    # Below 0: points are floats, and this is the residuals' scale.
    point["SCALE"]["value"] = [-RESIDUAL_STEP_MM]
    point["UNITS"]["value"] = ["mm"]
    point["LABELS"]["value"] = [*labels]
    for key, value in (("X_SCREEN", "+X"), ("Y_SCREEN", "+Z")):
        file.add_parameter("POINT", key, [value])
    file["data"]["points"] = np.zeros((4, len(labels), 1))
    try:
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "points.c3d"
            file.write(str(written))
            whole = bytearray(written.read_bytes())
    except (OSError, RuntimeError) as error:
        raise broken(path, error) from error
    start = BLOCK * (unpack_from("<H", whole, DATA_START_AT)[0] - 1)
    head = whole[:start]
    blocks = -(-frames * len(labels) * 16 // BLOCK)
    pack_into("<H", head, LAST_FRAME_AT, frames)
    pack_into("<H", head, _parameter(head, b"POINT", b"FRAMES"), frames)
    if rotation := _parameter(head, b"ROTATION", b"DATA_START"):  # behind the points
        pack_into("<H", head, rotation, (start // BLOCK + blocks + 1) & 0xFFFF)
    return bytes(head)


def _parameter(head: bytearray, group: bytes, name: bytes) -> int:
    """Where the value of a parameter begins, 0 where there is none of that name.

    https://www.c3d.org/docs/C3D_User_Guide.pdf, The Parameter Section.
    """
    at, number = BLOCK * (head[0] - 1) + 4, 0
    while length := abs(unpack_from("b", head, at)[0]):
        own = unpack_from("b", head, at + 1)[0]
        title = bytes(head[at + 2 : at + 2 + length])
        after = at + 2 + length
        if own < 0 and title == group:
            number = -own
        elif own == number and title == name:
            return int(after + 4 + head[after + 3])
        at = after + unpack_from("<H", head, after)[0]
    return 0


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
