"""What is learnt of a person's bones, and from whom."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Doubles
from realtime.multiview.bone_lengths import BoneLengths
from tests.bodies import BODY25, body

BONES = BoneLengths(BODY25)
LEG = [BODY25.keypoints.index(name) for name in ("left_knee", "left_ankle")]
TRUE = BONES.measured(body((0, 0))[None])


def learnt(frames: list[Doubles]) -> Doubles:
    """(1, L) lengths after these frames of one person."""
    lengths, counts = np.full(TRUE.shape, np.nan), np.zeros(TRUE.shape)
    for xyz in frames:
        lengths, counts = BONES.learn(lengths, counts, xyz[None])
    return lengths


def walk(seconds: float, unseen: bool = False) -> list[Doubles]:
    frames = []
    for n in range(round(25 * seconds)):
        xyz = body((0, 0), phase=n / 5)
        if unseen:
            xyz[LEG] = np.nan
        frames.append(xyz)
    return frames


def test_what_is_seen_is_learnt() -> None:
    rigid = BONES.rigid
    np.testing.assert_allclose(learnt(walk(2))[:, rigid], TRUE[:, rigid], rtol=0.01)


def test_a_bone_that_is_not_seen_keeps_its_length() -> None:
    """Seen for a second, then hidden for three."""
    before, after = learnt(walk(1)), learnt(walk(1) + walk(3, unseen=True))
    hidden = np.isin(BONES.limbs, LEG).any(1)
    assert hidden.sum() >= 3
    np.testing.assert_array_equal(after[:, hidden], before[:, hidden])
    seen = BONES.rigid & ~hidden
    np.testing.assert_allclose(after[:, seen], TRUE[:, seen], rtol=0.01)


def test_a_bone_that_was_never_seen_is_not_known() -> None:
    hidden = np.isin(BONES.limbs, LEG).any(1)
    assert np.isnan(learnt(walk(1, unseen=True))[:, hidden]).all()
