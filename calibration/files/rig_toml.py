"""Rigs as TOML: the form that Anipose, FreeMoCap and Pose2Sim read too."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calibration.files.atomic import read_text, write_texts
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig, rotation_matrix, rotation_vector
from calibration.geometry.errors import RigError

KEYS = {
    "name",
    "size",
    "matrix",
    "distortions",
    "rotation",
    "translation",
    "fisheye",
    "time_offset",
}


def read_rig(path: Path | str) -> Rig:
    """The rig of a TOML file; RigError says what is wrong with it.

    Tables [cam_0], [cam_1] … (any names but metadata) with name, size (width, height), matrix,
    distortions, rotation (Rodrigues vector, or a 3x3 matrix), translation (metres), fisheye;
    or caliscope's [cameras.0], [cameras.1] … of the same.
    """
    path = Path(path)
    return parse_rig(read_text(path), path.name)


def parse_rig(text: str, name: str) -> Rig:
    """The rig of a TOML text; name: of the file, for errors, which are those of `read_rig`."""
    tables = _tables(text, name)
    try:
        return Rig(tuple(_camera(key, value) for key, value in tables.items()))
    except RigError as error:
        raise RigError(f"Rig file {name}: {error}") from error


def read_offsets(path: Path | str) -> dict[str, float]:
    """Seconds to add to the times of cameras' recordings, by their names: the key time_offset of
    their tables. RigError where one is no number.
    """
    path = Path(path)
    offsets = {}
    for key, table in _tables(read_text(path), path.name).items():
        if "time_offset" in table:
            offset = table["time_offset"]
            if isinstance(offset, bool) or not isinstance(offset, int | float):
                raise RigError(f"Rig file {path.name}: time_offset of [{key}] is not a number.")
            if not math.isfinite(offset):
                raise RigError(f"Rig file {path.name}: time_offset of [{key}] is not finite.")
            offsets[str(table.get("name", key))] = float(offset)
    return offsets


def unread(path: Path | str) -> list[str]:
    """Keys of a rig file that `read_rig` leaves aside, such as `[cam_0] exposure`."""
    path = Path(path)
    return [
        f"[{table}] {key}"
        for table, values in _tables(read_text(path), path.name).items()
        for key in values
        if key not in KEYS
    ]


def _tables(text: str, name: str) -> dict[str, dict[str, Any]]:
    """By its name, what the file says of a camera."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RigError(f"Rig file {name} cannot be read: {error}") from error
    tables = {key: value for key, value in data.items() if key != "metadata"}
    if not tables or not all(isinstance(value, dict) for value in tables.values()):
        raise RigError(f"Rig file {name} must have one table per camera, such as [cam_0].")
    inner = tables.get("cameras", {})
    if len(tables) == 1 and inner and all(isinstance(value, dict) for value in inner.values()):
        return {f"cam_{key}": value for key, value in inner.items()}  # caliscope's [cameras.0]
    return tables


def _camera(key: str, table: dict[str, Any]) -> Camera:
    if "matrix" not in table or "size" not in table:
        raise RigError(f"[{key}] needs at least a size and a matrix.")
    size = _numbers(key, table, "size", [])
    if size.shape != (2,) or not (size == size.round()).all():
        raise RigError(f"[{key}] needs size = [width, height] in pixels.")
    rotation = _numbers(key, table, "rotation", [0, 0, 0])
    name = table.get("name", key)
    if not isinstance(name, str) or not name:
        raise RigError(f"[{key}] needs a name in quotes.")
    return Camera(
        name=name,
        size=(int(size[0]), int(size[1])),
        matrix=_numbers(key, table, "matrix", []),
        distortion=_numbers(key, table, "distortions", [0] * 5),
        rotation=rotation_matrix(rotation) if rotation.shape == (3,) else rotation,
        translation=_numbers(key, table, "translation", [0, 0, 0]),
        fisheye=table.get("fisheye") is True,
    )


def _numbers(key: str, table: dict[str, Any], name: str, default: list[float]) -> Doubles:
    try:
        numbers = np.array(table.get(name, default), np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise RigError(f"[{key}] has a {name} that is not made of numbers.") from error
    if not np.isfinite(numbers).all():
        raise RigError(f"[{key}] has a {name} that is not finite.")
    return numbers


def rig_toml(rig: Rig, offsets: Mapping[str, float] | None = None) -> str:
    """The rig as text that `read_rig` gives back with every digit of the numbers.

    offsets: seconds to add to the times of cameras' recordings, by their names.
    """
    known = offsets or {}
    return "\n".join(
        f"[cam_{n}]\n"
        f"name = {_quoted(camera.name)}\n"
        f"size = {list(camera.size)}\n"
        f"matrix = {camera.matrix.tolist()}\n"
        f"distortions = {camera.distortion.tolist()}\n"
        f"rotation = {rotation_vector(camera.rotation).tolist()}\n"
        f"translation = {camera.translation.tolist()}\n"
        f"fisheye = {'true' if camera.fisheye else 'false'}\n"
        + (f"time_offset = {known[camera.name]!r}\n" if camera.name in known else "")
        for n, camera in enumerate(rig.cameras)
    )


def _quoted(text: str) -> str:
    """A TOML string: only these may not stand in one as they are."""
    escaped = "".join(
        f"\\u{ord(sign):04x}" if sign in '"\\' or ord(sign) < 32 or ord(sign) == 127 else sign
        for sign in text
    )
    return f'"{escaped}"'


def write_rig(
    rig: Rig, path: Path, *, force: bool = False, offsets: Mapping[str, float] | None = None
) -> None:
    """Write the rig with offsets as in `rig_toml`; an old file is kept as `<name>.bak`, and only
    replaced where `force` says so.

    CalibrationError where the place cannot be written or is taken.
    """
    write_texts({path: rig_toml(rig, offsets)}, force=force)
