"""How well a rig from a board fits: reprojection error by camera, and what joined the cameras."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.board.extrinsics import BoardExtrinsics
from calibration.geometry.camera import Camera

# Of the picture's longer side, 3 px of 1920: no hand-held board is off by so much.
POOR_RMS_SHARE = 0.0015


def refined_lenses(before: Sequence[Camera], after: Sequence[Camera]) -> str:
    """How refining changed the lenses."""
    lines = []
    for own, new in zip(before, after, strict=True):
        old = own.scaled(new.size)
        by = 100 * (new.matrix[0, 0] / old.matrix[0, 0] - 1)
        moved = np.linalg.norm((new.matrix - old.matrix)[:2, 2])
        lines.append(
            f"{new.name:14} focal length {old.matrix[0, 0]:.1f} -> {new.matrix[0, 0]:.1f} px "
            f"({by:+.1f} %), principal point moved by {moved:.1f} px\n"
        )
    return "".join(lines)


def is_poor(found: BoardExtrinsics) -> bool:
    """Whether the cameras agree on boards worse than any that are calibrated well."""
    return found.rms > POOR_RMS_SHARE * max(found.rig.cameras[0].size)


def reprojection_report(found: BoardExtrinsics) -> str:
    """Which pairs join the cameras, and the reprojection error of each camera and of all."""
    names = [camera.name for camera in found.rig.cameras]
    lines = [f"{len(found.instants)} boards, {len(found.sights)} corners, {found.reason}"]
    for pair in found.tree:
        lines.append(
            f"joined by {names[pair.first]} and {names[pair.second]}: {pair.boards} boards in "
            f"common, to {1e3 * pair.deviation:.1f} mm"
        )
    for n, name in enumerate(names):
        own = (found.sights.camera == n) & found.good
        off = float(np.sqrt((found.residuals[own] ** 2).sum(1).mean()))
        lines.append(f"{name:14} {off:.3f} px (RMS) over {own.sum()} corners")
    left = int((~found.good).sum())
    lines.append(
        f"a rig of {len(names)} cameras; reprojection error {found.rms:.3f} px (RMS); "
        f"{left} corners left out"
    )
    if is_poor(found):
        lines.append(
            "verdict        poor: check that the videos are synchronised (--sync board finds "
            "their offsets), that the lenses belong to these cameras, and that the board is "
            "flat and measured"
        )
    return "\n".join(lines) + "\n"
