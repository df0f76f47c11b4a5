"""MPII Human Pose as JSON, as Simple Baselines and HRNet publish it (annot/valid.json).

The sizes of heads, which PCKh goes by, lie in a file of their own beside it (gt_valid.mat). Places
count from 1, as in MATLAB. Pelvis and thorax are left out, as in its own evaluation.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from engines.types.arrays import Doubles
from posestream.scoring.labels.coco_family import BOX_AREA_SHARE, HEAD_SHARE
from posestream.scoring.labels.mat_file import read_mat
from posestream.scoring.measures.scenes import LabelledPicture, Labels, boxes_of, usual_sigmas

KEYPOINTS = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("mid_hip", "chest", "upper_neck", "head_top"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
)
HEADS = "gt_valid.mat", "mpii_gt_val.mat"  # as HRNet and MMPose call it
UNMEASURED = KEYPOINTS.index("mid_hip"), KEYPOINTS.index("chest")
SCALE_PX = 200  # of a person's height, for a scale of 1


def recognises(data: Any) -> bool:
    """Whether a JSON file has this form."""
    return isinstance(data, list) and bool(data) and "joints_vis" in data[0]


def parse(data: Any, path: Path) -> Labels:
    """One person an entry, of whom several may be in a picture of the same name."""
    count = len(data)
    xy = np.array([one["joints"] for one in data], float).reshape(count, len(KEYPOINTS), 2)
    seen = np.array([one["joints_vis"] for one in data], float).reshape(xy.shape[:2]) > 0
    seen[:, UNMEASURED] = False
    xy = np.where(seen[..., None], xy - 1, np.nan)
    heads = _heads(path, count)
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(data):
        rows.setdefault(PurePosixPath(str(one["image"])).stem, []).append(row)
    side = np.array([one["scale"] for one in data], float) * SCALE_PX
    box = boxes_of(xy)
    pictures = [
        LabelledPicture(
            int(name) if name.isdigit() else name,
            name,
            xy[some],
            box[some],
            BOX_AREA_SHARE * side[some] ** 2 / 2,
            np.zeros(len(some), bool),
            heads[some],
            np.full(len(some), -1),
        )
        for name, some in rows.items()
    ]
    return Labels("MPII", KEYPOINTS, usual_sigmas(KEYPOINTS), pictures, official=False)


def _heads(path: Path, count: int) -> Doubles:
    """(P,) pixels, NaN where the file of them is not there."""
    for name in HEADS:
        if (path.parent / name).is_file():
            boxes = read_mat(path.parent / name, "headboxes_src")
            if boxes.shape != (2, 2, count):
                raise ValueError(f"{name} beside it has the heads of others")
            size: Doubles = HEAD_SHARE * np.linalg.norm(boxes[1] - boxes[0], axis=0)
            return size
    return np.full(count, np.nan)
