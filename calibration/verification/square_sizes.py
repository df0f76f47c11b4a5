"""How large a rig makes the squares of a board of known size: a check of its scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError
from calibration.geometry.triangulation import triangulate

LOOSE_PX = 50.0  # that views may be off by: those of a rig that is wrong are not to be left out


def measured_squares(
    rig: Rig, seen: Sequence[Mapping[int, Sighting]], board: Board
) -> tuple[Doubles, float]:
    """(N,) metres between neighbouring corners that the rig's cameras place in space, by two or
    more views each and without fitting a board; and the reprojection error of the corners, pixels
    (root mean square).

    seen: by camera and instant. CalibrationError where no two cameras saw the same two corners.
    """
    cameras = []
    for camera, own in zip(rig.cameras, seen, strict=True):
        sizes = {one.size for one in own.values()}
        cameras.append(camera.scaled(sizes.pop()) if sizes else camera)
    sized = Rig(tuple(cameras))
    across, down = board.grid
    number = np.arange(across * down).reshape(down, across)
    pairs = np.concatenate(
        [
            np.stack([number[:, :-1], number[:, 1:]], -1).reshape(-1, 2),
            np.stack([number[:-1], number[1:]], -1).reshape(-1, 2),
        ]
    )
    lengths, errors = [], []
    for instant in sorted(set().union(*seen)):
        xy = np.full((len(sized), across * down, 2), np.nan)
        for n, own in enumerate(seen):
            if instant in own:
                xy[n, own[instant].ids] = own[instant].xy
        found = triangulate(sized, xy, sigma=LOOSE_PX)
        sides = np.linalg.norm(np.diff(found.xyz[pairs], axis=1)[:, 0], axis=-1)
        lengths.append(sides[np.isfinite(sides)])
        errors.append(found.error[np.isfinite(found.error)])
    known = np.concatenate(lengths) if lengths else np.zeros(0)
    if not len(known):
        raise CalibrationError("No two cameras saw the same corners of the board at once.")
    return known, float(np.sqrt(np.square(np.concatenate(errors)).mean()))


def square_report(rig: Rig, seen: Sequence[Mapping[int, Sighting]], board: Board) -> str:
    """What the squares measure by the rig, and what they are, as a line."""
    sides, error = measured_squares(rig, seen, board)
    mean, deviation = 1e3 * float(sides.mean()), 1e3 * float(sides.std())
    return (
        f"squares of {1e3 * board.square:g} mm measure {mean:.2f} mm "
        f"({100 * (mean / (1e3 * board.square) - 1):+.1f} %; standard deviation {deviation:.2f} "
        f"mm, {len(sides)} sides); reprojection error {error:.2f} px (RMS)\n"
    )
