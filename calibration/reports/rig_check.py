"""Whether a rig is still right: errors by camera and pair, and the verdict."""

from __future__ import annotations

import numpy as np

from calibration.geometry.camera import Camera
from calibration.people.shift_statistic import MIN_PLACES
from calibration.verification.moved_cameras import RigCheck


def check_report(found: RigCheck, cameras: list[Camera], *, board: bool = False) -> str:
    """Errors of cameras and pairs, and the verdict. board: whether it is by one, not by people."""
    names = [camera.name for camera in cameras]
    wide = max(len(name) for name in names) + 2
    lines = ["median distances in pixels"]
    for n, name in enumerate(names):
        lines.append(
            f"{name:{wide}} {found.error[n]:.1f} from where the other cameras place the same "
            f"points ({found.count[n]} points)"
        )
    for a, b in zip(*np.triu_indices(len(names), 1), strict=True):
        if np.isfinite(found.pairs[a, b]):
            lines.append(
                f"{names[a]} and {names[b]}: {found.pairs[a, b]:.1f} from the epipolar lines"
            )
    return "\n".join([*lines, *verdict(found, names, board=board)]) + "\n"


def verdict(found: RigCheck, names: list[str], *, board: bool = False) -> list[str]:
    """Which camera was moved, in words, and what would have been noticed."""
    what, who = ("the board", "somebody carrying it") if board else ("people", "somebody walking")
    points = "corners" if board else "keypoints"
    least = f"rotated by {found.detectable.max():.1f} degrees"
    fewest = int(found.places.argmin())
    if not found.moved and found.places[fewest] < MIN_PLACES:
        return [
            f"cannot tell: {names[fewest]} and the other cameras saw {what} in only "
            f"{_places(int(found.places[fewest]))}, where {points} share an error that looks "
            f"like a moved camera. No camera was {least} or more; to detect less, film "
            f"{who} through the whole space that the cameras share."
        ]
    if not found.moved:
        return [
            f"good: all cameras agree to {found.rest:.1f} px; a camera {least} would have been "
            "noticed"
        ]
    if len(names) == 2:
        one = found.moved[0]
        return [
            f"bad: {names[0]} and {names[1]} do not agree; one of them was rotated by about "
            f"{one.degrees:.1f} degrees. Two cameras cannot tell which; calibrate them again."
        ]
    if found.places[fewest] < MIN_PLACES:
        one = found.moved[0]
        return [
            f"bad: the cameras do not agree; most likely {names[one.camera]} was moved (its "
            f"picture shifted by {one.pixels:.0f} px), but {what} in "
            f"{_places(int(found.places[fewest]))} cannot tell which camera it is. Film "
            f"{who} through the whole space that the cameras share, or calibrate "
            "the rig again."
        ]
    lines = [
        f"bad: {names[one.camera]} was moved: rotated by about {one.degrees:.1f} degrees and "
        f"shifted by about {100 * one.metres:.0f} cm; its picture shifted by {one.pixels:.0f} "
        "px"
        for one in found.moved
    ]
    which = "it" if len(lines) == 1 else "them"
    lines.append(
        f"With {which} corrected, all cameras agree to {found.rest:.1f} px; another camera "
        f"{least} would have been noticed. Calibrate the rig again."
    )
    return lines


def _places(count: int) -> str:
    return "one place" if count == 1 else f"{count} places"
