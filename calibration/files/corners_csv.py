"""Board corners in space and how far from their pictures, kept beside a rig: `rig.corners.csv`."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.board.extrinsics import BoardExtrinsics
from calibration.files.atomic import read_bytes, read_text, write_texts
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Rig
from calibration.geometry.errors import RigError

COLUMNS = ["x", "y", "z", "error"]


@dataclass(frozen=True, slots=True, eq=False)
class Corners:
    """N corners: xyz (N, 3) metres; error (N,) RMS over the cameras that saw it, pixels."""

    xyz: Doubles
    error: Doubles

    def __len__(self) -> int:
        return len(self.error)


def board_corners(found: BoardExtrinsics, rig: Rig) -> Corners:
    """Each corner of each board once, as it lies in the world of `rig`: found.rig, moved."""
    sights, scene = found.sights, found.scene
    assert scene.rotations is not None
    keys = np.column_stack([sights.target, sights.point])
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    square = np.bincount(which.ravel(), (found.residuals**2).sum(1)) / np.bincount(which.ravel())
    target = sights.target[first]
    turned = np.einsum("nij,nj->ni", scene.rotations[target], sights.point[first])
    before, after = found.rig.cameras[0], rig.cameras[0]
    inside = (turned + scene.translations[target]) @ before.rotation.T + before.translation
    return Corners((inside - after.translation) @ after.rotation, np.sqrt(square))


def corners_file(rig_file: Path) -> Path:
    """Where the corners of a rig file are."""
    return rig_file.with_suffix(".corners.csv")


def write_corners(corners: Corners, rig_file: Path) -> None:
    """Beside the rig file, whose digest goes along: corners of another rig would be nonsense.

    An old file is kept as .bak.
    """
    out = io.StringIO()
    out.write(f"# {_digest(rig_file)}\n")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(np.column_stack([corners.xyz.round(5), corners.error.round(4)]).tolist())
    write_texts({corners_file(rig_file): out.getvalue()}, force=True)


def read_corners(rig_file: Path) -> Corners | None:
    """The corners beside a rig file; None where there are none.

    RigError where they are damaged, or of what the rig file was before.
    """
    path = corners_file(rig_file)
    if not path.exists():
        return None
    digest, _, rest = read_text(path).partition("\n")
    if digest != f"# {_digest(rig_file)}":
        raise RigError(
            f"{path.name} does not belong to this {rig_file.name}, which was changed since; "
            "its corners are ignored."
        )
    rows = list(csv.reader(rest.splitlines()))
    head = rows.pop(0) if rows else []
    try:
        numbers = np.array([[float(word) for word in row] for row in rows]).reshape(-1, 4)
    except (ValueError, csv.Error) as error:
        raise RigError(f"{path.name} is damaged; its corners are ignored.") from error
    if head != COLUMNS or not np.isfinite(numbers).all():
        raise RigError(f"{path.name} is damaged; its corners are ignored.")
    return Corners(numbers[:, :3], numbers[:, 3])


def _digest(rig_file: Path) -> str:
    return hashlib.sha256(read_bytes(rig_file)).hexdigest()
