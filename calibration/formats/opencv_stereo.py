"""Two cameras as OpenCV's stereo sample and its kin write them: intrinsics.yml, extrinsics.yml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from calibration.formats.opencv_storage import Value, matrix_of, size_of, storage_values
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import RigError

# {} is 1 or 2. M and D: OpenCV's stereo_calib; the others: samples and tutorials of its users.
MATRIX = ("M{}", "K{}", "cameraMatrix{}", "camera_matrix_{}", "CM{}")
DISTORTION = ("D{}", "distCoeffs{}", "dist_coeffs_{}")
TURN, SHIFT = ("R",), ("T",)
MAX_BASELINE = 20.0  # metres: what is longer is in millimetres or in squares of the board
NAMES = ("left", "right")


def is_stereo(values: Mapping[str, Value]) -> bool:
    """Whether a file says something of two cameras."""
    one = any(name.format(1) in values for name in MATRIX)
    return one or (TURN[0] in values and SHIFT[0] in values and "R1" in values)


def read_stereo(
    files: Sequence[Path], size: tuple[int, int] | None, unit: float
) -> tuple[Rig, list[str]]:
    """Both cameras, the left one in the middle of the world, and the keys of no use.

    OpenCV's x2 = R x1 + T. size: where the files do not say it. unit: metres of T's unit.
    RigError says what is wrong, or which file is missing.
    """
    values: dict[str, Value] = {}
    for file in files:
        values.update(storage_values(file))
    try:
        cameras = [_lens(values, n, size) for n in (1, 2)]
        turn, shift = matrix_of(values, TURN), matrix_of(values, SHIFT)
        if turn is None or shift is None:
            raise RigError(
                "it contains no R and T, which say where the right camera is; put the file with "
                "them (extrinsics.yml) into one folder with this one, and name the folder."
            )
        return Rig((cameras[0], _placed(cameras[1], turn, shift, unit))), _unused(values)
    except RigError as error:
        names = " and ".join(file.name for file in files)
        raise RigError(f"Camera file {names}: {error}") from error


def _lens(values: Mapping[str, Value], number: int, size: tuple[int, int] | None) -> Camera:
    own = [name.format(number) for name in MATRIX]
    matrix = matrix_of(values, own)
    if matrix is None:
        raise RigError(
            f"it contains no {own[0]}; put the file with the lenses (intrinsics.yml) into one "
            "folder with this one, and name the folder."
        )
    distortion = matrix_of(values, [name.format(number) for name in DISTORTION])
    distortion = np.zeros(0) if distortion is None else distortion.ravel()
    still = np.eye(3), np.zeros(3)
    return Camera(NAMES[number - 1], size_of(values, size), matrix, distortion, *still)


def _placed(camera: Camera, turn: Doubles, shift: Doubles, unit: float) -> Camera:
    if turn.shape != (3, 3) or shift.size != 3:
        raise RigError(f"its R has shape {turn.shape} and its T {shift.shape}; 3x3 and 3x1 fit.")
    baseline = float(np.linalg.norm(shift)) * unit
    if baseline > MAX_BASELINE:
        raise RigError(
            f"the cameras would be {baseline:g} m apart; T is in the unit in which the board's "
            "squares were given. Add --unit with that unit in metres: 0.001 for millimetres, the "
            "side of a square where it was left at 1."
        )
    return Camera(
        camera.name, camera.size, camera.matrix, camera.distortion, turn, shift.ravel() * unit
    )


def _unused(values: Mapping[str, Value]) -> list[str]:
    used = {name.format(n) for name in (*MATRIX, *DISTORTION) for n in (1, 2)}
    return [key for key in values if key not in {*used, *TURN, *SHIFT}]
