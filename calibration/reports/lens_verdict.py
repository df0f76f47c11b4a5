"""How good a calibrated lens is and what would make it better, in words."""

from __future__ import annotations

import numpy as np

from calibration.board.intrinsics import Intrinsics
from calibration.board.view_diversity import missing, part, variety
from calibration.geometry.arrays import Doubles

FEW_VIEWS = 10  # below them residuals agree by chance
# Of the longer side that points may be off in good and usable calibrations: 4 and 12 px of 1920
# (rule of thumb).
GOOD_ERROR, USABLE_ERROR = 0.002, 0.006
MIN_COVERED = 5  # ninths of the picture: the centre and four more


def verdict(found: Intrinsics) -> list[str]:
    """How good it is, then what to add, in words."""
    camera, words = found.camera, []
    focal = float((found.deviations[:2] / camera.matrix.diagonal()[:2]).max())
    centre = float(found.deviations[2:].max())
    few = len(found.views) < FEW_VIEWS
    # So few views agree by chance about a centre that a flat board hardly tells apart from tilt.
    poor_centre = few or centre > 0.002 * max(camera.size)
    various = variety(found.seen, found.poses, camera.size)
    worst, where = _worst(found.across)
    share = worst / max(camera.size)
    covered = int(various.covered.sum())
    if focal >= 0.01 or share >= USABLE_ERROR or covered < MIN_COVERED:
        grade = "poor"
    elif focal < 0.002 and share < GOOD_ERROR and not poor_centre:
        grade = "good"
    else:
        grade = "usable"
    off = f"to {worst:.1f} px" if np.isfinite(worst) else "not at all"
    words.append(
        f"{grade}: the focal length is known to {100 * focal:.2g} %, points in the {where} of "
        f"the picture {off}"
    )
    if covered < MIN_COVERED:
        words.append(
            f"the board covered only {covered} of 9 parts of the picture; in the others the "
            "lens is extrapolated"
        )
    if poor_centre:
        words.append(
            f"the principal point is poorly known (to {centre:.1f} px{' or worse' if few else ''})"
        )
    if found.held_out > 1.5 * found.rms and found.held_out > 0.3:
        words.append("it fits new views worse than its own; take more views")
    elif few:
        words.append(f"take more views ({len(found.views)} were used; 20 are better)")
    return words + missing(various)


def _worst(across: Doubles) -> tuple[float, str]:
    """The largest of the medians over the ninths of the picture, and which it is."""
    size = len(across) // 3
    parts = across.reshape(3, size, 3, size).transpose(0, 2, 1, 3).reshape(9, -1)
    middles = np.sort(parts, axis=1)[:, parts.shape[1] // 2]
    worst = int(middles.argmax())
    return float(middles[worst]), part(*divmod(worst, 3))
