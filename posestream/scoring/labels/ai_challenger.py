"""AI Challenger's keypoints (Wu et al. 2017): a list of pictures, people by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from posestream.scoring.measures.scenes import LabelledPicture, Labels, boxes_of

KEYPOINTS = (
    *("right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist"),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("head_top", "upper_neck"),
)
SIGMAS = (  # of its own evaluation (keypoint_eval.py)
    *(0.01388152, 0.01515228, 0.01057665, 0.01417709, 0.01497891, 0.01402144),
    *(0.03909642, 0.03686941, 0.01981803, 0.03843971, 0.03412318, 0.02415081),
    *(0.01291456, 0.01236173),
)
VISIBLE, HIDDEN = 1, 2  # 3: not labelled


def recognises(data: Any) -> bool:
    """Whether a JSON file has this form."""
    return isinstance(data, list) and bool(data) and "keypoint_annotations" in data[0]


def parse(data: Any) -> Labels:
    """The area of a person is that of its box, as in its own evaluation."""
    pictures = []
    for one in data:
        people, boxes = one["keypoint_annotations"], one.get("human_annotations") or {}
        triples = np.array([*people.values()], float).reshape(len(people), len(KEYPOINTS), 3)
        known = (triples[..., 2:] == VISIBLE) | (triples[..., 2:] == HIDDEN)
        xy = np.where(known, triples[..., :2], np.nan)
        box = boxes_of(xy)
        for row, name in enumerate(people):
            if name in boxes:
                left, top, right, bottom = boxes[name]
                box[row] = left, top, right - left, bottom - top
        nothing = np.full(len(people), np.nan)
        name = str(one["image_id"])
        area, crowd = box[:, 2] * box[:, 3], np.zeros(len(people), bool)
        unknown = np.full(len(people), -1)
        pictures.append(LabelledPicture(name, name, xy, box, area, crowd, nothing, unknown))
    return Labels("AI Challenger", KEYPOINTS, np.array(SIGMAS), pictures)
