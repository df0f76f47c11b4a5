"""Label files in COCO's form: COCO, COCO-WholeBody, CrowdPose and PoseTrack (2018 and later)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from engines.types.arrays import Doubles
from engines.types.skeleton import named_skeleton
from posestream.scoring.measures.scenes import LabelledPicture, Labels, boxes_of, usual_sigmas

BODY, WHOLE = named_skeleton("coco17"), named_skeleton("coco133")
PARTS = "keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts"
CROWDPOSE = (  # Li et al., CVPR'19; its own sigmas, https://github.com/Jeff-sjtu/CrowdPose
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    *("head_top", "upper_neck"),
)
POSETRACK = ("nose", "upper_neck", "head_top", *BODY.keypoints[3:])  # Andriluka et al., CVPR'18
HEAD_SHARE = 0.6  # of the diagonal of a head's box, in MPII's and PoseTrack's own evaluation
BOX_AREA_SHARE = 0.53  # of a box, taken for the area of a person where the labels have none


def recognises(data: Any) -> bool:
    """Whether a JSON file is of this family."""
    return isinstance(data, dict) and {"images", "annotations"} <= {*data}


def parse(data: Any) -> Labels:
    """ValueError, KeyError, TypeError or IndexError where it is damaged or of no known kind."""
    people = [one for one in data["annotations"] if "keypoints" in one]
    if not people:
        raise ValueError("it labels nobody's keypoints")
    kind, names = _kind(people, data.get("categories") or [])
    fields = PARTS if kind == "COCO-WholeBody" else PARTS[:1]
    of_image = defaultdict(list)
    for one in people:
        of_image[one["image_id"]].append(one)
    pictures = [
        _picture(image, of_image[image["id"]], fields, len(names))
        for image in data["images"]
        if image.get("is_labeled", True)
    ]
    sigmas = WHOLE.sigmas if kind == "COCO-WholeBody" else usual_sigmas(names)
    return Labels(kind, names, np.array(sigmas), pictures, official=kind != "PoseTrack")


def _kind(people: Sequence[Any], categories: Sequence[Any]) -> tuple[str, tuple[str, ...]]:
    """By what its people have: the name of the data set and of its keypoints."""
    named = [name for one in categories for name in one.get("keypoints", ())]
    count = len(people[0]["keypoints"]) // 3
    if {*PARTS} <= {*people[0]}:
        return "COCO-WholeBody", WHOLE.keypoints
    if count == len(POSETRACK) and ("track_id" in people[0] or "head_bottom" in named):
        return "PoseTrack", POSETRACK
    if count == len(BODY.keypoints):
        return "COCO", BODY.keypoints
    if count == len(CROWDPOSE):
        return "CrowdPose", CROWDPOSE
    raise ValueError(
        f"its people have {count} keypoints, COCO's and PoseTrack's 17, CrowdPose's 14"
    )


def _picture(
    image: Any, people: Sequence[Any], fields: Sequence[str], keypoints: int
) -> LabelledPicture:
    flat = [[number for field in fields for number in one[field]] for one in people]
    triples = np.array(flat, float).reshape(len(people), keypoints, 3)
    xy = np.where(triples[..., 2:] > 0, triples[..., :2], np.nan)
    own = boxes_of(xy)
    box = np.array([one.get("bbox") or own[n] for n, one in enumerate(people)], float)
    box = box.reshape(-1, 4)
    area = [
        one["area"] if "area" in one else BOX_AREA_SHARE * box[n, 2] * box[n, 3]
        for n, one in enumerate(people)
    ]
    return LabelledPicture(
        image["id"],
        PurePosixPath(str(image.get("file_name", image["id"]))).stem,
        xy,
        box,
        np.array(area, float),
        np.array([bool(one.get("iscrowd")) for one in people], bool),
        head_sizes([one.get("bbox_head") for one in people]),
        np.array([one.get("track_id", -1) for one in people], np.int64),
    )


def head_sizes(boxes: Sequence[Any]) -> Doubles:
    """Pixels, from boxes of heads (left, top, width, height); NaN where there is none."""
    sizes = [np.hypot(*box[2:4]) if box and any(box[2:4]) else np.nan for box in boxes]
    return HEAD_SHARE * np.array(sizes, float)
