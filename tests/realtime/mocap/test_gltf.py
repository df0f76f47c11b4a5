"""glTF files read back by the specification, with rotations of scipy's, and by trimesh."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_groups import with_groups
from realtime.mocap.gltf import gltf_files
from realtime.mocap.rotations import quaternions
from realtime.mocap.take import PersonMotion
from tests.bodies import BODY25, body, hand
from tests.realtime.mocap.glb import Glb
from tests.realtime.mocap.test_bvh import PLACES as ENDS_OF_BVH
from tests.realtime.mocap.test_bvh import TURN, walk
from tests.realtime.motions import take_with

PLACES = {one: name.replace("_end", "End") for one, name in ENDS_OF_BVH.items()}
ASIDE = np.array([1.0, 0, 0])


def motion(xyz: Doubles, identity: int = 5, first: int = 0) -> PersonMotion:
    nothing = np.zeros(xyz.shape[:2], np.float32)
    return PersonMotion(identity, first, xyz.astype(np.float32), nothing, nothing > 0)


def written(*people: PersonMotion, skeleton: Skeleton = BODY25) -> bytes:
    out = []
    for path, data in gltf_files(Path("walk.glb"), take_with(skeleton, 30, people), TURN):
        assert path.name == "walk.glb"
        out.append(b"".join(data))
    (whole,) = out
    return whole


def off(file: Glb, one: PersonMotion, xyz: Doubles, skeleton: Skeleton = BODY25) -> Doubles:
    """(T, J) metres between joints and keypoints."""
    names = [name for name in PLACES if name in skeleton.keypoints]
    assert len(names) >= 13
    found = []
    for n in range(len(xyz)):
        worlds = file.places(f"person{one.id}", (one.first + n) / 30)
        found.append([worlds[PLACES[name]][:3, 3] for name in names])
    expected = (xyz @ TURN.T)[:, [skeleton.keypoints.index(name) for name in names]]
    distance: Doubles = np.linalg.norm(np.array(found) - expected, axis=-1)
    return distance


def test_pieces_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """However a take is cut, so that hours of it need not be in memory."""
    xyz = walk(60)
    xyz[20:40, BODY25.keypoints.index("left_wrist")] = np.nan
    whole = written(motion(xyz))
    monkeypatch.setattr("realtime.mocap.take.PIECE_FRAMES", 7)
    cut = written(motion(xyz))
    assert len(cut) == len(whole)
    one, other = Glb(whole), Glb(cut)
    for number, accessor in enumerate(one.json["accessors"]):
        if accessor["componentType"] == 5126:
            np.testing.assert_allclose(one.array(number), other.array(number), atol=1e-5)


@pytest.mark.parametrize("name", ["body25", "coco18", "coco17"])
def test_joints_are_where_the_keypoints_are(name: str) -> None:
    """Also of noisy ones, whose bones have another length in each frame."""
    skeleton = named_skeleton(name)
    xyz = walk(24, skeleton)
    xyz += np.random.default_rng(1).normal(0, 0.01, xyz.shape)
    one = motion(xyz)
    assert off(Glb(written(one, skeleton=skeleton)), one, xyz, skeleton).max() < 0.001


def test_everybody_has_an_animation_at_the_times_of_the_run() -> None:
    first, second = motion(walk(20), 3), motion(walk(12) + ASIDE, 7, first=9)
    file = Glb(written(first, second))
    assert [one["name"] for one in file.json["animations"]] == ["person3", "person7"]
    inputs = [one["samplers"][0]["input"] for one in file.json["animations"]]
    np.testing.assert_allclose(file.array(inputs[0])[:, 0], np.arange(20) / 30, atol=1e-6)
    np.testing.assert_allclose(file.array(inputs[1])[:, 0], np.arange(9, 21) / 30, atol=1e-6)
    assert off(file, second, walk(12) + ASIDE).max() < 0.001
    assert len(file.json["skins"]) == len(file.json["meshes"]) == 2


def test_who_stands_looks_along_z_and_is_upright() -> None:
    """glTF's axes: y up, z ahead; the left arm is on the left."""
    still = np.repeat(body((0, 0), heading=0)[None], 3, axis=0)
    worlds = Glb(written(motion(still))).places("person5", 0)
    head, hips, nose = (worlds[name][:3, 3] for name in ("Head", "Hips", "HeadEnd"))
    assert head[1] - hips[1] > 0.6
    ahead, left = nose - head, worlds["LeftArm"][:3, 3] - worlds["RightArm"][:3, 3]
    up = np.cross(ahead, left)  # right-handed
    assert up[1] / np.linalg.norm(up) > 0.9
    facing = worlds["Hips"][:3, :3] @ (0, 0, 1)
    assert facing @ ahead == pytest.approx(np.linalg.norm(ahead), rel=0.1)


def test_a_skin_at_rest_is_where_its_mesh_is() -> None:
    """Inverse bind matrices undo the joints' places at rest, as drawn: nothing is bent then."""
    file = Glb(written(motion(walk(10))))
    (skin,), nodes = file.json["skins"], file.json["nodes"]
    rest: dict[int, Doubles] = {}

    def stand(number: int, place: Doubles) -> None:
        rest[number] = place + nodes[number].get("translation", [0, 0, 0])
        for below in nodes[number].get("children", ()):
            stand(below, rest[number])

    stand(file.json["scenes"][0]["nodes"][0], np.zeros(3))
    inverse = file.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
    assert len(inverse) == len(skin["joints"])
    for joint, matrix in zip(skin["joints"], inverse, strict=True):
        np.testing.assert_allclose(matrix @ [*rest[joint], 1], (0, 0, 0, 1), atol=1e-6)
    (part,) = file.json["meshes"][0]["primitives"]
    owners = file.array(part["attributes"]["JOINTS_0"])[:, 0]
    corners = file.array(part["attributes"]["POSITION"])
    for corner, owner in zip(corners[::6], owners[::6], strict=True):  # a stick begins at its joint
        np.testing.assert_allclose(corner, rest[skin["joints"][owner]], atol=1e-6)
    assert file.array(part["indices"]).max() < len(corners)
    assert corners[:, 1].min() == pytest.approx(0, abs=0.05)  # they stand on the ground


def test_what_was_not_seen_hangs_on_what_was() -> None:
    xyz = walk(30)
    gone = xyz.copy()
    gone[10:20, BODY25.keypoints.index("left_wrist")] = np.nan
    gone[24:26] = np.nan
    one = motion(gone)
    file = Glb(written(one))
    distance = off(file, one, xyz)
    assert np.isfinite(distance).all()
    wrist = [*PLACES].index("left_wrist")
    others = np.delete(distance, [24, 25], axis=0)
    assert np.delete(others, wrist, axis=1).max() < 0.001
    assert distance[10:20, wrist].max() < 0.3
    for n in range(10, 20):  # its bone keeps the length it had
        worlds = file.places("person5", n / 30)
        length = np.linalg.norm(worlds["LeftHand"][:3, 3] - worlds["LeftForeArm"][:3, 3])
        assert length == pytest.approx(0.25, abs=1e-3)


def test_hands_have_fingers() -> None:
    skeleton = with_groups(BODY25, ("left_hand", "right_hand"))
    xyz = np.full((6, len(skeleton.keypoints), 3), np.nan)
    xyz[:, :25] = walk(6)
    for n, side in enumerate(("left", "right")):
        elbow, wrist = (BODY25.keypoints.index(f"{side}_{name}") for name in ("elbow", "wrist"))
        at = skeleton.groups[f"{side}_hand"]
        for t in range(6):
            fore = xyz[t, wrist] - xyz[t, elbow]
            xyz[t, list(at)] = hand(xyz[t, wrist], fore, 0.1 * t, 1 - 2 * n)
    file = Glb(written(motion(xyz), skeleton=skeleton))
    tip = skeleton.keypoints.index("right_index_4")
    worlds = file.places("person5", 4 / 30)
    np.testing.assert_allclose(worlds["RightHandIndex3End"][:3, 3], TURN @ xyz[4, tip], atol=1e-3)


def test_who_has_no_hips_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    xyz = walk(5)
    xyz[:, BODY25.keypoints.index("left_hip")] = np.nan
    with caplog.at_level(logging.WARNING):
        assert not [*gltf_files(Path("walk.glb"), take_with(BODY25, 30, [motion(xyz)]), TURN)]
    assert "person 5 is not in it, because hips and trunk were never seen together" in caplog.text


def test_trimesh_reads_it() -> None:
    trimesh = pytest.importorskip("trimesh")
    scene = trimesh.load(io.BytesIO(written(motion(walk(10)))), file_type="glb")
    (figure,) = scene.geometry.values()
    assert len(figure.faces) == 8 * (len(figure.vertices) // 6)
    assert {"Hips", "LeftForeArm", "RightFootEnd"} <= set(scene.graph.nodes)


def test_quaternions_are_those_of_scipy_and_never_jump() -> None:
    steps = np.random.default_rng(0).normal(0, 0.2, (400, 3))
    turns = Rotation.from_rotvec(steps)
    for n in range(1, 400):
        turns = Rotation.concatenate([turns[:n], turns[n - 1] * turns[n : n + 1], turns[n + 1 :]])
    ours = quaternions(turns.as_matrix())
    theirs = turns.as_quat()
    np.testing.assert_allclose(np.abs((ours * theirs).sum(1)), 1, atol=1e-9)
    assert ((ours[1:] * ours[:-1]).sum(1) > 0.8).all()
