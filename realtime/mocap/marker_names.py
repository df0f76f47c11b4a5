"""What keypoints are called in files for biomechanics."""

from __future__ import annotations


def marker_name(keypoint: str) -> str:
    """As Pose2Sim's OpenSim models call it: left_big_toe is LBigToe, mid_hip CHip."""
    side, _, rest = keypoint.partition("_")
    short = {"left": "L", "right": "R", "mid": "C"}.get(side)
    name = keypoint if short is None else rest
    return (short or "") + "".join(word.capitalize() for word in name.split("_"))
