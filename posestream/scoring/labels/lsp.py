"""Leeds Sports Pose (Johnson and Everingham, BMVC'10) and its extended set: joints.mat.

Person-centric labels; picture n is im0001.jpg, im0002.jpg, ...
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posestream.scoring.labels.coco_family import BOX_AREA_SHARE
from posestream.scoring.labels.mat_file import read_mat
from posestream.scoring.measures.scenes import LabelledPicture, Labels, boxes_of, usual_sigmas

KEYPOINTS = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist", "upper_neck", "head_top"),
)
EXTENDED = 10_000  # people of the extended set, whose pictures have five digits


def parse(path: Path) -> Labels:
    """ValueError where the file has no such joints."""
    joints = read_mat(path, "joints")
    count = len(KEYPOINTS)
    if joints.ndim != 3 or {joints.shape[0], joints.shape[1]} != {3, count}:
        raise ValueError(f"its joints are not 3 x {count} of each person")
    # The first set has x, y and "hidden" in rows, the extended one in columns, and "visible".
    hidden_first = joints.shape[0] == 3
    rows = np.moveaxis(joints, -1, 0)
    rows = rows.transpose(0, 2, 1) if hidden_first else rows
    # Hidden joints of the first set are labelled all the same; the extended set has no place then.
    known = (rows[..., :2] > 0).any(axis=-1) & (hidden_first | (rows[..., 2] > 0))
    xy = np.where(known[..., None], rows[..., :2], np.nan)
    box = boxes_of(xy)
    digits = 5 if len(xy) >= EXTENDED else 4
    pictures = [
        LabelledPicture(
            n + 1,
            f"im{n + 1:0{digits}d}",
            xy[n : n + 1],
            box[n : n + 1],
            np.maximum(BOX_AREA_SHARE * box[n : n + 1, 2:].prod(axis=1), 1),
            np.zeros(1, bool),
            np.full(1, np.nan),
            np.full(1, -1),
        )
        for n in range(len(xy))
    ]
    return Labels("LSP", KEYPOINTS, usual_sigmas(KEYPOINTS), pictures, official=False)
