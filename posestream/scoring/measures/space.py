"""People in 3D: PCP by the rules of Campus and Shelf, MPJPE and recall."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from engines.types.arrays import Doubles

# Joints of Campus and Shelf (Belagiannis et al., CVPR'14), in their order.
JOINTS = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
    *("head_bottom", "head_top"),
)
LIMBS = {
    "right shank": (0, 1),
    "right thigh": (1, 2),
    "left thigh": (3, 4),
    "left shank": (4, 5),
    "right forearm": (6, 7),
    "right upper arm": (7, 8),
    "left upper arm": (9, 10),
    "left forearm": (10, 11),
    "head": (12, 13),
}
LEAST_SHARE = 0.5  # of a part's length, for the mean error of its ends
SAME_PERSON_M = 0.5  # mean distance of joints up to which somebody was found (VoxelPose, ECCV'20)
Truth = Sequence[Mapping[int, Doubles]]  # of each frame, (14, 3) metres by who it is
People = Sequence[Sequence[Doubles]]  # of each frame, (14, 3) metres, NaN = not found


def space_figures(truth: Truth, found: People) -> dict[str, dict[str, float]]:
    """PCP of each person, limb and of all (the mean over people), MPJPE in mm, recall; 0..1.

    Each labelled person takes whoever is nearest (mean distance of joints). A part is right when
    the mean error of its ends is at most half its length; joints that were not found make theirs
    wrong. As Campus' and Shelf's figures go by their actors 1 to 3 alone, "actors 1-3" has those.
    """
    parts: dict[int, list[list[bool]]] = defaultdict(list)
    errors: list[float] = []
    people = 0
    for labelled, candidates in zip(truth, found, strict=True):
        for who, joints in labelled.items():
            people += 1
            gaps = [np.linalg.norm(one - joints, axis=1) for one in candidates]
            means = [_mean(gap) for gap in gaps]
            best = int(np.argmin(means)) if means else -1
            pose = candidates[best] if means else np.full((14, 3), np.nan)
            parts[who].append(_parts(joints, pose))
            if means and means[best] < SAME_PERSON_M:
                errors.append(means[best])
    each = {who: np.array(rows, float) for who, rows in sorted(parts.items())}
    shares = {f"actor {who + 1}": float(rows.mean()) for who, rows in each.items()}
    pcp = {"mean": float(np.mean([*shares.values()]))} | shares if shares else {}
    if first := [
        share for name, share in shares.items() if name in ("actor 1", "actor 2", "actor 3")
    ]:
        pcp["actors 1-3"] = float(np.mean(first))
    if each:
        every = np.concatenate([*each.values()])
        pcp |= {name: float(every[:, n].mean()) for n, name in enumerate([*LIMBS, "trunk"])}
    return {
        "PCP3D": pcp,
        "MPJPE": {"mm": 1000 * float(np.mean(errors)) if errors else np.nan},
        "recall": {f"within {SAME_PERSON_M:g} m": len(errors) / people if people else np.nan},
    }


def _mean(gap: Doubles) -> float:
    return float(np.nanmean(gap)) if not np.isnan(gap).all() else np.inf


def _parts(truth: Doubles, pose: Doubles) -> list[bool]:
    ends = [(truth[a], truth[b], pose[a], pose[b]) for a, b in LIMBS.values()]
    hips = [(one[2] + one[3]) / 2 for one in (truth, pose)]
    ends.append((hips[0], truth[12], hips[1], pose[12]))
    return [
        bool((np.linalg.norm(p - a) + np.linalg.norm(q - b)) / 2
             <= LEAST_SHARE * np.linalg.norm(a - b))
        for a, b, p, q in ends
    ]  # fmt: skip


def shelf_joints(keypoints: Sequence[str], xyz: Doubles) -> Doubles:
    """(K, 3) of a skeleton with these names -> (14, 3), NaN = not found.

    Heads are made of shoulders, nose and ears as COCO's people are measured on Shelf (VoxelPose's
    and 4D Association's recipe: between the neck and the nose, with the ears' height).
    """

    def at(name: str) -> Doubles:
        return xyz[keypoints.index(name)] if name in keypoints else np.full(3, np.nan)

    joints = np.full((14, 3), np.nan)
    joints[:12] = [at(name) for name in JOINTS[:12]]
    neck = (joints[8] + joints[9]) / 2
    if np.isnan(neck).any():
        neck = at("neck")
    nose, ears = at("nose"), np.array([at("right_ear"), at("left_ear")])
    ears = ears[~np.isnan(ears).any(axis=1)]
    head = ears.mean(axis=0) if len(ears) else nose
    if np.isnan(nose).any():
        nose = head
    low = (neck + head) / 2
    top = low + 2 * (head - low)
    joints[12] = 0.75 * (neck + 0.5 * (nose - neck)) + 0.25 * low
    joints[13] = 0.75 * (neck + np.array([0.75, 0.75, 1.5]) * (nose - neck)) + 0.25 * top
    return joints
