"""3D people on disk as they come, so that whatever ends a run loses none of them.

A file of records, each with its length and checksum: first what is to be made of the others (a line
of JSON), then one an instant. What a power cut leaves of the last record is known by both.
"""

from __future__ import annotations

import glob
import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import FileIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.types.skeleton import Skeleton
from realtime.types.errors import OutputError
from realtime.types.results import Poses3D

MAGIC = b"posestream takes 1\n"
ENDING = ".takes"
FRAME = struct.Struct("<II")  # length and CRC-32 of what follows
INSTANT = struct.Struct("<dI")  # seconds, people; then ids (int64) and points (float32)
CHANNELS = 5  # of a point: x, y, z, error, filled
NOBODY = INSTANT.pack(0, 0)
MAX_RECORD = 64 << 20  # bytes, more is damage


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What is to be made of the people. rate: fps as the sources say it. rig: its TOML text.

    outputs: paths by option (trc, c3d, bvh, glb), as the run was given them. bvh_unit: of lengths
    in BVH files.
    """

    skeleton: Skeleton
    rate: float | None = None
    rig: str = ""
    outputs: tuple[tuple[str, str], ...] = ()
    bvh_unit: Literal["m", "cm"] = "m"


class Instant(NamedTuple):
    """people: how many there are. at: where in the file their ids begin."""

    time: float
    ids: NDArray[np.int64]
    at: int


class Journal:
    """Instants that are appended to a file, each in one piece.

    file: empty, and read back from the same. A record that finds no room leaves nothing of itself.
    """

    def __init__(self, file: RawIOBase | BinaryIO, head: Head) -> None:
        self.file = file
        self.head = head
        self._end = 0
        text = json.dumps({**asdict(head), "skeleton": plain_skeleton(head.skeleton)})
        self._write(MAGIC + _record(text.encode()))

    def add(self, time: float, poses: Poses3D) -> None:
        """OSError where the disk does not take it."""
        more = np.stack([poses.error, poses.filled], axis=-1)
        points = np.concatenate([poses.xyz, more], axis=-1).astype("<f4")
        head = INSTANT.pack(time, len(poses))
        self._write(_record(head + poses.id.astype("<i8").tobytes() + points.tobytes()))

    def _write(self, data: bytes) -> None:
        self.file.seek(self._end)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self.file.write(rest) or 0 :]
        except OSError:
            with suppress(OSError):
                self.file.truncate(self._end)
            raise
        self._end += len(data)


def begin_journal(path: Path, head: Head) -> tuple[Path, Journal]:
    """A journal of that name, or `walk_2.takes` where `walk.takes` is there: no journal is ever
    written over. OSError where none can be made.
    """
    number = 1
    while True:
        name = path if number == 1 else path.with_name(f"{path.stem}_{number}{path.suffix}")
        try:
            file = FileIO(name, "x+")
        except FileExistsError:
            number += 1
            continue
        _lock(file)
        try:
            return name, Journal(file, head)
        except OSError:
            file.close()
            name.unlink()
            raise


def left_over(path: Path) -> list[Path]:
    """Journals of that name that no running program writes to."""
    numbered = f"{glob.escape(path.stem)}_*{path.suffix}"
    names = [path, *path.parent.glob(numbered)]
    return [name for name in sorted(names) if name.is_file() and not in_use(name)]


def in_use(path: Path) -> bool:
    """Whether a run is writing to a journal; False where the system does not tell."""
    with suppress(OSError), path.open("rb") as file:
        return not _lock(file)
    return False


def _lock(file: RawIOBase | BinaryIO) -> bool:
    """Until the file is closed, also by SIGKILL."""
    try:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # a system, or a disk, without such locks
        pass
    return True


def read_head(file: RawIOBase | BinaryIO, name: str) -> Head:
    """OutputError where the file is no journal, or its beginning is not whole."""
    file.seek(0)
    magic = file.read(len(MAGIC))
    text = _next(file) if magic == MAGIC else None
    if not text:
        raise OutputError(f"{name} is not a journal of 3D people, or its beginning is damaged.")
    try:
        data: Any = json.loads(text)
        skeleton = skeleton_of(data["skeleton"])
        outputs = tuple((str(option), str(path)) for option, path in data["outputs"])
        unit: Literal["m", "cm"] = "cm" if data.get("bvh_unit") == "cm" else "m"
        return Head(skeleton, data["rate"], data["rig"], outputs, unit)
    except (ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{name} is a journal of another version of this program.") from error


def instants(file: RawIOBase | BinaryIO, keypoints: int) -> Iterator[Instant | None]:
    """All after the head, None for a record that is damaged; the last may be torn."""
    damaged = False  # the one before
    while True:
        at = file.tell()
        record = _next(file)
        if record == b"":
            return
        if record is None and file.tell() <= at + FRAME.size:  # nobody knows where another begins
            if not damaged:
                yield None
            return
        time, people = INSTANT.unpack_from(record.ljust(INSTANT.size, b"\0") if record else NOBODY)
        damaged = len(record or b"") != INSTANT.size + people * (8 + keypoints * CHANNELS * 4)
        if damaged or record is None:
            yield None
            continue
        ids = np.frombuffer(record, "<i8", people, INSTANT.size).astype(np.int64)
        yield Instant(time, ids, at + FRAME.size + INSTANT.size)


def points(
    file: RawIOBase | BinaryIO, at: int, people: int, row: int, keypoints: int
) -> NDArray[np.float32]:
    """(K, 5) of the person in this row of the instant at this place in the file."""
    size = keypoints * CHANNELS * 4
    file.seek(at + 8 * people + row * size)
    data = file.read(size) or b""
    return np.frombuffer(data, "<f4").reshape(keypoints, CHANNELS)


def _record(payload: bytes) -> bytes:
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def _next(file: RawIOBase | BinaryIO) -> bytes | None:
    """The payload of a record, b"" at the end, None where it is damaged or torn."""
    frame = file.read(FRAME.size) or b""
    if not frame:
        return b""
    if len(frame) < FRAME.size:
        return None
    length, crc = FRAME.unpack(frame)
    if not 0 < length <= MAX_RECORD:  # nothing but zeros, where a power cut came before the data
        return None
    payload = file.read(length) or b""
    return payload if len(payload) == length and zlib.crc32(payload) == crc else None


def plain_skeleton(skeleton: Skeleton) -> dict[str, Any]:
    """All of it as values of JSON."""
    data = asdict(skeleton)
    del data["body"]
    base = None if skeleton.base is None else plain_skeleton(skeleton.base)
    return {**data, "redundant": sorted(skeleton.redundant), "base": base}


def skeleton_of(data: dict[str, Any]) -> Skeleton:
    """What `plain_skeleton` gave; ValueError, TypeError or KeyError where it is something else."""
    plain: dict[str, Any]
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    plain["redundant"] = frozenset(plain["redundant"])
    for key in ("limbs", "colours"):
        plain[key] = tuple(map(tuple, plain[key]))
    if plain.get("base") is not None:
        plain["base"] = skeleton_of(plain["base"])
    return Skeleton(**plain)
