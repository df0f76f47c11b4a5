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


def test_a_first_sight_that_is_far_too_long_is_soon_forgotten() -> None:
    arm = [BODY25.keypoints.index(name) for name in ("left_elbow", "left_wrist")]
    forearm = [n for n, limb in enumerate(BONES.limbs.tolist()) if set(limb) == set(arm)]
    first = body((0, 0))
    first[arm[1]] = first[arm[0]] + 1.8 * (first[arm[1]] - first[arm[0]])
    lengths = learnt([first, *walk(0.4)])
    np.testing.assert_allclose(lengths[:, forearm], TRUE[:, forearm], rtol=0.05)


def test_an_object_that_is_held_does_not_become_a_forearm() -> None:
    """Three of ten sightings of the wrist are on it, 18 cm beyond."""
    arm = [BODY25.keypoints.index(name) for name in ("left_elbow", "left_wrist")]
    forearm = [n for n, limb in enumerate(BONES.limbs.tolist()) if set(limb) == set(arm)]
    frames = walk(4)
    rng = np.random.default_rng(0)
    for xyz in frames:
        if rng.random() < 0.3:
            bone = xyz[arm[1]] - xyz[arm[0]]
            xyz[arm[1]] += 0.18 * bone / np.linalg.norm(bone)
    lengths, counts = np.full(TRUE.shape, np.nan), np.zeros(TRUE.shape)
    for xyz in frames:
        lengths, counts = BONES.learn(lengths, counts, xyz[None])
    believed, _ = BONES.believed(lengths, counts)
    np.testing.assert_allclose(believed[:, forearm], TRUE[:, forearm], rtol=0.08)


def test_before_anything_is_seen_limbs_are_those_of_people() -> None:
    """Adults of Drillis and Contini; a tall shank tells of a tall person's arms."""
    nothing = np.full(TRUE.shape, np.nan), np.zeros(TRUE.shape)
    usual, sigma = BONES.believed(*nothing)
    rigid = BONES.rigid
    np.testing.assert_allclose(usual[:, rigid], TRUE[:, rigid], rtol=0.13)
    assert (sigma[:, rigid] > 0.1 * usual[:, rigid]).all()
    shank = np.isin(BONES.limbs, LEG).all(1)
    lengths, counts = (one.copy() for one in nothing)
    lengths[:, shank], counts[:, shank] = 0.50, 30
    taller, surer = BONES.believed(lengths, counts)
    assert (taller[:, rigid] > 1.05 * usual[:, rigid]).all()
    assert (surer[:, rigid] < sigma[:, rigid]).all()
