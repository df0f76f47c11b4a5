"""Rigs as TOML: the form that Anipose, FreeMoCap and Pose2Sim read too."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import Camera, Rig, rotation_matrix, rotation_vector
from calibration.errors import CalibrationError, RigError
from calibration.lens import Doubles


def read_rig(path: Path | str) -> Rig:
    """The rig of a TOML file; RigError says what is wrong with it.

    Tables [cam_0], [cam_1] … (any names but metadata) with name, size (width, height), matrix,
    distortions, rotation (Rodrigues vector, or a 3x3 matrix), translation (metres), fisheye.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise RigError(f"There is no rig file {path}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RigError(f"Rig file {path.name} cannot be read: {error}") from error
    tables = {key: value for key, value in data.items() if key != "metadata"}
    if not tables or not all(isinstance(value, dict) for value in tables.values()):
        raise RigError(f"Rig file {path.name} needs a table for each camera, such as [cam_0].")
    try:
        return Rig(tuple(_camera(key, value) for key, value in tables.items()))
    except RigError as error:
        raise RigError(f"Rig file {path.name}: {error}") from error


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
    if path.exists() and not force:
        raise CalibrationError(f"{path} exists already; choose another name, or say --force.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(rig_toml(rig, offsets), encoding="utf-8", newline="\n")
        if path.exists():
            path.replace(path.with_name(f"{path.name}.bak"))
        fresh.replace(path)
    except OSError as error:
        raise CalibrationError(f"{path} cannot be written: {error.strerror}.") from error
