"""From which side people are seen: most photos are taken from their front."""

from __future__ import annotations

from torch import Tensor

from training.data.target_maps import CHANNELS, SKELETON

BEHIND_WEIGHT = 3.0  # by how much more a crop counts in which all are seen from behind
MIN_FIELD = 0.15  # difference of the shoulders' fields that says anything of a direction


def importance(pafs: Tensor) -> Tensor:
    """(N, 38, h, w) fields to (N,) weights of their crops, 1 on average over the crops.

    Where the right shoulder lies to the right of the neck, somebody is seen from behind. It is
    one person in five, and what sets the two sides apart, a face or none, is far from most of the
    keypoints: without this, people with their back to the camera are given faces and have their
    arms and legs exchanged.
    """
    name = SKELETON.keypoints.index
    limbs = [(name("neck"), name(f"{side}_shoulder")) for side in ("right", "left")]
    right, left = (CHANNELS[SKELETON.limbs.index(limb)][0] for limb in limbs)
    across = pafs[:, left] - pafs[:, right]  # points to the right of a picture of somebody's front
    across = across.where(across.abs() >= MIN_FIELD, 0).flatten(1)
    behind = (-across).clamp(min=0).sum(1) / across.abs().sum(1).clamp(min=1e-6)
    weights = 1 + BEHIND_WEIGHT * behind
    return weights / weights.mean()
