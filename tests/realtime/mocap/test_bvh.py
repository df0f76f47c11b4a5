"""Joint angles: BVH files read back by the format's rules, with rotations of scipy's."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_groups import with_groups
from realtime.avatars.live_pose import LivePose
from realtime.mocap.bvh import BvhUnit, bvh_files
from realtime.mocap.inverse_kinematics import Posing, build_of
from realtime.mocap.rotations import Euler, swing
from realtime.mocap.take import PersonMotion
from tests.bodies import BODY25, body, hand
from tests.realtime.motions import take_with

TURN = np.eye(3)[[1, 2, 0]]  # z up to y up
SIDES = {"left": "Left", "right": "Right"}
JOINTS = {
    "shoulder": "Arm",
    "elbow": "ForeArm",
    "wrist": "Hand",
    "hip": "UpLeg",
    "knee": "Leg",
    "ankle": "Foot",
    "big_toe": "Foot_end",
}
PLACES = {f"{side}_{a}": f"{name}{b}" for side, name in SIDES.items() for a, b in JOINTS.items()}
PLACES |= {"neck": "Neck", "nose": "Head_end"}


def read_bvh(path: Path) -> tuple[dict[str, Doubles], Doubles, float]:
    """Where each joint is, (T, 3) of each name (`<joint>_end` of an end site); the angles of all
    joints, (T, 3 J); seconds of a frame.
    """
    words = path.read_text().split()
    assert words[0] == "HIERARCHY"
    stack: list[str] = []
    parents: dict[str, str] = {}
    offsets: dict[str, Doubles] = {}
    channels: list[tuple[str, str]] = []
    at, name = 1, ""
    while words[at] != "MOTION":
        word = words[at]
        if word in ("ROOT", "JOINT", "End"):
            name = words[at + 1] if word != "End" else f"{stack[-1]}_end"
            parents[name] = stack[-1] if stack else ""
            at += 2
        elif word == "{":
            stack.append(name)
            at += 1
        elif word == "}":
            stack.pop()
            at += 1
        elif word == "OFFSET":
            offsets[stack[-1]] = np.array(words[at + 1 : at + 4], float)
            at += 4
        else:
            assert word == "CHANNELS"
            count = int(words[at + 1])
            channels += [(stack[-1], one) for one in words[at + 2 : at + 2 + count]]
            at += 2 + count
    assert not stack
    assert words[at + 1] == "Frames:"
    assert words[at + 3 : at + 5] == ["Frame", "Time:"]
    table = np.array(words[at + 6 :], float).reshape(int(words[at + 2]), len(channels))
    worlds: dict[str, Rotation] = {}
    places: dict[str, Doubles] = {}
    for joint, parent in parents.items():
        own = [n for n, (one, _) in enumerate(channels) if one == joint]
        kinds = [channels[n][1] for n in own]
        moved = [n for n, kind in zip(own, kinds, strict=True) if kind.endswith("position")]
        turned = [n for n, kind in zip(own, kinds, strict=True) if kind.endswith("rotation")]
        if parent:
            places[joint] = places[parent] + worlds[parent].apply(offsets[joint])
        else:
            assert [kinds[n][0] for n in range(3)] == ["X", "Y", "Z"]
            places[joint] = table[:, moved] + offsets[joint]
        if turned:
            order = "".join(channels[n][1][0] for n in turned)
            own_turn = Rotation.from_euler(order, table[:, turned], degrees=True)
            worlds[joint] = worlds[parent] * own_turn if parent else own_turn
    return places, table[:, 3:], float(words[at + 5])


def written(
    folder: Path, xyz: Doubles, skeleton: Skeleton = BODY25, first: int = 0
) -> tuple[dict[str, Doubles], Doubles]:
    """Bodies (T, K, 3) with Z up through a file: the joints, Y up, and the angles."""
    nothing = np.zeros(xyz.shape[:2])
    motion = PersonMotion(5, first, xyz.astype(np.float32), nothing.astype(np.float32), nothing > 0)
    for path, data in bvh_files(folder / "walk.bvh", take_with(skeleton, 30, [motion]), TURN):
        assert path.name == "walk_person5.bvh"
        path.write_bytes(b"".join(data))
    places, angles, seconds = read_bvh(path)
    assert seconds == pytest.approx(1 / 30, abs=1e-8)
    return places, angles


def walk(count: int = 90, skeleton: Skeleton = BODY25) -> Doubles:
    """Somebody who walks in a circle, twice round."""
    angles = np.linspace(0, 4 * np.pi, count)
    return np.array(
        [
            body((np.cos(a), np.sin(a)), heading=a + np.pi / 2, phase=8 * a, skeleton=skeleton)
            for a in angles
        ]
    )


def off(places: dict[str, Doubles], xyz: Doubles, skeleton: Skeleton = BODY25) -> Doubles:
    """(T, J) metres between the joints and their keypoints."""
    expected = xyz @ TURN.T
    names = [name for name in PLACES if name in skeleton.keypoints]
    both = [(places[PLACES[one]], expected[:, skeleton.keypoints.index(one)]) for one in names]
    assert len(both) >= 13
    return np.stack([np.linalg.norm(a - b, axis=-1) for a, b in both], axis=1)


@pytest.mark.parametrize("name", ["body25", "coco18", "coco17"])
def test_the_joints_of_a_rigid_body_come_back(tmp_path: Path, name: str) -> None:
    skeleton = named_skeleton(name)
    xyz = walk(skeleton=skeleton)
    places, angles = written(tmp_path, xyz, skeleton)
    assert off(places, xyz, skeleton).max() < 0.001
    assert np.abs(np.diff(angles, axis=0)).max() < 60
    assert np.ptp(angles[:, 2]) == pytest.approx(720, abs=1)  # its heading, never jumping back


def test_every_joint_turns_in_the_same_order(tmp_path: Path) -> None:
    """Z, X, Y, as most programs expect without looking."""
    written(tmp_path, walk(5))
    lines = (tmp_path / "walk_person5.bvh").read_text().splitlines()
    channels = [line.split()[-3:] for line in lines if "CHANNELS" in line]
    assert len(channels) == 18
    assert all(one == ["Zrotation", "Xrotation", "Yrotation"] for one in channels)


def test_centimetres_are_a_hundred_times_metres(tmp_path: Path) -> None:
    xyz = walk(10).astype(np.float32)
    nothing = np.zeros(xyz.shape[:2], np.float32)
    take = take_with(BODY25, 30, [PersonMotion(5, 0, xyz, nothing, nothing > 0)])
    found = []
    units: tuple[BvhUnit, ...] = ("m", "cm")
    for unit in units:
        for path, data in bvh_files(tmp_path / f"{unit}.bvh", take, TURN, unit):
            path.write_bytes(b"".join(data))
            found.append(read_bvh(path))
    (metres, angles, _), (centimetres, same, _) = found
    np.testing.assert_array_equal(angles, same)
    for joint, places in metres.items():
        np.testing.assert_allclose(centimetres[joint], 100 * places, atol=0.01)


@pytest.mark.parametrize("name", ["body25", "coco17"])
def test_frame_by_frame_the_joints_are_the_same(name: str) -> None:
    """Of a rigid body a live pose is that of the whole take, where limbs are bent."""
    skeleton = named_skeleton(name)
    xyz = walk(skeleton=skeleton) @ TURN.T
    build, live = build_of(lambda: [xyz], skeleton), LivePose(skeleton)
    assert build is not None
    whole = Posing(build, skeleton).pose(xyz)
    for n, points in enumerate(xyz):
        pose = live.update(points)
        assert pose is not None
        np.testing.assert_allclose(pose.root[0], whole.root[n], atol=1e-9)
        for joint in ("Hips", "Spine", "LeftShoulder", "LeftArm", "RightForeArm", "RightHand"):
            np.testing.assert_allclose(pose.turns[joint][0], whole.turns[joint][n], atol=1e-6)
    for point, offset in build.offsets.items():
        np.testing.assert_allclose(live.offsets[point], offset, atol=1e-6)


def test_a_live_pose_holds_what_is_not_known() -> None:
    xyz = walk(20) @ TURN.T
    live = LivePose(BODY25)
    hips = [BODY25.keypoints.index(one) for one in ("left_hip", "right_hip", "mid_hip")]
    gone = xyz[0].copy()
    gone[hips] = np.nan
    assert live.update(gone) is None  # nothing to hang a body on yet
    seen = live.update(xyz[1])
    assert seen is not None
    held = live.update(np.full_like(xyz[2], np.nan))
    assert held is not None
    for name, turn in seen.turns.items():
        np.testing.assert_array_equal(held.turns[name], turn)
    np.testing.assert_array_equal(held.root, seen.root)
    back = live.update(xyz[3])
    assert back is not None
    np.testing.assert_allclose(back.root[0], (xyz[3][hips[0]] + xyz[3][hips[1]]) / 2, atol=1e-9)


def test_bodies_that_lean_lie_and_fall_come_back(tmp_path: Path) -> None:
    """The poses of a walk turned over sideways and backwards, and somebody who lies."""
    lean = Rotation.from_euler("XY", np.linspace((0, 0), (170, -80), 90), degrees=True)
    xyz = np.einsum("tij,tkj->tki", lean.as_matrix(), walk())
    places, angles = written(tmp_path, xyz)
    assert off(places, xyz).max() < 0.001
    assert np.abs(np.diff(angles, axis=0)).max() < 180


def test_noise_moves_joints_by_millimetres(tmp_path: Path) -> None:
    """Keypoints of a centimetre's noise: bones keep their length, so joints add up errors."""
    clean = walk(300)
    noisy = clean + np.random.default_rng(0).normal(0, 0.01, clean.shape)
    places, angles = written(tmp_path, noisy)
    assert np.median(off(places, noisy)) < 0.015
    assert off(places, noisy).max() < 0.08
    assert np.abs(np.diff(angles, axis=0)).max() < 180
    bone = np.linalg.norm(places["LeftLeg"] - places["LeftUpLeg"], axis=-1)
    assert np.ptp(bone) < 1e-6
    assert bone[0] == pytest.approx(0.43, abs=0.005)


def test_elbows_and_knees_tell_how_limbs_are_turned() -> None:
    """An elbow and a knee bend about one axis: their own angles are all in one channel."""
    xyz = walk() @ TURN.T
    build = build_of(lambda: [xyz], BODY25)
    assert build is not None
    pose = Posing(build, BODY25).pose(xyz)
    for side in ("Left", "Right"):
        elbow = Euler("XZY").degrees(pose.turns[f"{side}ForeArm"])
        assert np.abs(elbow[:, :2]).max() < 1  # it bends ahead: about y
        assert elbow[:, 2].min() * elbow[:, 2].max() > 0
        knee = Euler("YZX").degrees(pose.turns[f"{side}Leg"])
        bent = knee[:, 2] > 15
        assert bent.sum() > 10
        assert np.abs(knee[bent, :2]).max() < 1


def test_what_is_not_known_is_held_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    xyz = walk()
    gone = xyz.copy()
    gone[20:35, BODY25.keypoints.index("left_wrist")] = np.nan
    gone[50:52] = np.nan
    with caplog.at_level(logging.WARNING):
        places, angles = written(tmp_path, gone, first=120)
    assert "begins at frame 121 of the run" in caplog.text
    assert "LeftForeArm longest, for 0.5 s" in caplog.text
    assert np.isfinite(angles).all()
    assert (angles[50:52] == angles[49]).all()
    elsewhere = np.ones(90, bool)
    elsewhere[20:35] = elsewhere[50:52] = False
    assert off(places, xyz)[elsewhere].max() < 0.001
    wrist = [*PLACES].index("left_wrist")
    assert off(places, xyz)[20:35, :wrist].max() < 0.02  # its elbow and all else are seen
    assert 0.001 < off(places, xyz)[20:35, wrist].max() < 0.3


def test_swapped_ears_do_not_turn_a_head_round(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    xyz = walk()
    left, right = (BODY25.keypoints.index(f"{side}_ear") for side in ("left", "right"))
    xyz[30:33, [left, right]] = xyz[30:33, [right, left]]
    with caplog.at_level(logging.WARNING):
        _, angles = written(tmp_path, xyz)
    assert "Head longest, for 0.1 s" in caplog.text
    assert np.abs(np.diff(angles, axis=0)).max() < 60


def test_who_has_no_hips_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    xyz = walk(10).astype(np.float32)
    xyz[:, BODY25.keypoints.index("left_hip")] = np.nan
    motion = PersonMotion(
        5, 0, xyz, np.zeros(xyz.shape[:2], np.float32), np.zeros(xyz.shape[:2], bool)
    )
    take = take_with(BODY25, 30, [motion])
    with caplog.at_level(logging.WARNING):
        assert not list(partial(bvh_files, turn=TURN)(tmp_path / "walk.bvh", take))
    said = "walk_person5.bvh is not written, because hips and trunk were never seen together."
    assert said in caplog.text


def test_bones_never_seen_are_as_long_as_people_have_them(tmp_path: Path) -> None:
    xyz = walk(10)
    for name in ("left_ankle", "left_big_toe", "left_ear"):
        xyz[:, BODY25.keypoints.index(name)] = np.nan
    places, _ = written(tmp_path, xyz)
    shin = np.linalg.norm(places["LeftFoot"] - places["LeftLeg"], axis=-1)
    assert shin == pytest.approx(0.43, abs=0.06)


@pytest.mark.parametrize("order", ["ZXY", "ZYX"])
def test_angles_are_those_of_scipy(order: str) -> None:
    turns = Rotation.random(300, random_state=2)
    angles = Euler(order).degrees(turns.as_matrix())
    back = Rotation.from_euler(order, angles, degrees=True)
    assert (back * turns.inv()).magnitude().max() < 1e-7
    assert np.abs(np.diff(angles, axis=0)).max() <= 180


def test_swings_are_least_rotations() -> None:
    aims = Rotation.random(50, random_state=3).apply([1, 0, 0])
    aims = np.concatenate([aims, [[1, 0, 0], [-1, 0, 0]]])
    turns = Rotation.from_matrix(swing(np.array([1.0, 0, 0]), aims))
    assert np.allclose(turns.apply([1, 0, 0]), aims)
    assert np.allclose(turns.magnitude(), np.arccos(aims[:, 0].clip(-1, 1)))


def test_fingers_come_back(tmp_path: Path) -> None:
    """Hands whose fingers curl: 20 joints each, from the palm to the tips."""
    skeleton = with_groups(BODY25, ("left_hand", "right_hand"))
    bodies = walk(40)
    wholes = []
    for n, own in enumerate(bodies):
        parts = [own]
        for side, sign in (("left", 1), ("right", -1)):
            wrist, elbow = (
                own[BODY25.keypoints.index(f"{side}_{one}")] for one in ("wrist", "elbow")
            )
            parts.append(hand(wrist, wrist - elbow, 0.5 + 0.4 * np.sin(n / 8), sign))
        wholes.append(np.concatenate(parts))
    xyz = np.array(wholes)
    places, _ = written(tmp_path, xyz, skeleton)
    expected = xyz @ TURN.T
    worst, count = 0.0, 0
    for side, name in SIDES.items():
        for finger in ("thumb", "index", "middle", "ring", "pinky"):
            for joint in (1, 2, 3, 4):
                own = f"{name}Hand{finger.capitalize()}{min(joint, 3)}"
                at = places[own if joint < 4 else f"{own}_end"]
                keypoint = skeleton.keypoints.index(f"{side}_{finger}_{joint}")
                gaps = np.linalg.norm(at - expected[:, keypoint], axis=-1)
                worst, count = max(worst, float(gaps.max())), count + 1
    assert count == 40
    assert worst < 0.002
    assert off(places, bodies).max() < 0.001
