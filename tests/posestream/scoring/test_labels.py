"""Every label format is told by what is in it, and measured with results of the program's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from posestream.commands.files.main import main
from posestream.scoring.labels import ai_challenger, lsp, mpii
from posestream.scoring.labels.coco_family import CROWDPOSE, POSETRACK
from posestream.scoring.labels.reading import read_json, read_labels
from posestream.scoring.measures.scenes import Labels
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.types.results import Tracks
from tests.posestream.scoring.files import body, coco, results, triples, write

PEOPLE = [body(50 * n, 20, 150 + 10 * n, 17, n) for n in range(4)]
COCO17, HALPE = named_skeleton("coco17"), named_skeleton("halpe26")


def labels_of(path: Path) -> Labels:
    return read_labels(path, read_json(path) if path.suffix == ".json" else None)


def figures(tmp_path: Path, labels: Path, found: Path) -> dict[str, dict[str, float]]:
    out = tmp_path / "figures.json"
    assert main(["score", str(labels), str(found), "-o", str(out)]) == 0
    read: dict[str, dict[str, float]] = json.loads(out.read_text())
    return read


def openpose(folder: Path, name: str, xy: np.ndarray, skeleton: Any, ids: list[int]) -> None:
    """A frame of --json."""
    folder.mkdir(exist_ok=True)
    score = np.where(np.isnan(xy[..., 0]), 0, 0.9).astype(np.float32)
    poses = Poses(skeleton, xy.astype(np.float32), score, np.full(len(xy), 0.9, np.float32))
    tracks = Tracks(np.array(ids, np.int64), poses, np.zeros(score.shape, bool))
    (folder / f"{name}_keypoints.json").write_text(openpose_json(tracks))


def test_coco_results_that_are_the_labels_are_perfect(tmp_path: Path) -> None:
    labels = write(tmp_path / "labels.json", coco(PEOPLE))
    assert labels_of(labels).kind == "COCO"
    perfect = figures(tmp_path, labels, write(tmp_path / "found.json", results(PEOPLE)))
    assert perfect["OKS"]["AP"] == pytest.approx(1)
    assert perfect["PCK"]["mean"] == perfect["PCP"]["mean"] == 1
    assert "PCKh" not in perfect
    missed = figures(tmp_path, labels, write(tmp_path / "found.json", results(PEOPLE[:2])))
    assert missed["OKS"]["AR"] == missed["PCK"]["mean"] == 0.5


def test_openpose_json_belongs_to_pictures_by_name(tmp_path: Path) -> None:
    """Also where a file has another skeleton, whose keypoints are taken by their names."""
    labels = write(tmp_path / "labels.json", coco(PEOPLE))
    for n, xy in enumerate(PEOPLE):
        other = np.full((1, len(HALPE.keypoints), 2), np.nan)
        other[0, [HALPE.keypoints.index(name) for name in COCO17.keypoints]] = xy
        openpose(tmp_path / "poses", f"{n + 1:012d}", other, HALPE, [-1])
    scored = figures(tmp_path, labels, tmp_path / "poses")
    assert scored["OKS"]["AP"] == pytest.approx(1)
    assert scored["PCK"]["mean"] == 1
    assert "following" not in scored


def test_crowdpose(tmp_path: Path) -> None:
    """Labels without areas, whose people's are shares of their boxes; 14 keypoints."""
    people = [body(0, 0, 100, 14, n) for n in range(2)]
    data = coco(people)
    for one in data["annotations"]:
        del one["area"]
    labels = labels_of(write(tmp_path / "labels.json", data))
    assert (labels.kind, labels.keypoints) == ("CrowdPose", CROWDPOSE)
    box = data["annotations"][0]["bbox"]
    assert labels.pictures[0].area[0] == pytest.approx(0.53 * box[2] * box[3])
    found = write(tmp_path / "found.json", results(people))
    assert figures(tmp_path, tmp_path / "labels.json", found)["OKS"]["AP"] == pytest.approx(1)


def test_keypoints_that_the_results_lack_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """COCO's 17 against CrowdPose's 14: no head and neck, which is said."""
    people = [body(0, 0, 100, 17, n) for n in range(2)]
    order = [COCO17.keypoints.index(name) for name in CROWDPOSE[:12]]
    crowd = [np.concatenate([xy[order], [[50, 0], [50, 9]]]) for xy in people]
    labels = write(tmp_path / "labels.json", coco(crowd))
    scored = figures(tmp_path, labels, write(tmp_path / "found.json", results(people)))
    assert scored["OKS"]["AP"] == pytest.approx(1)
    assert "no head_top, upper_neck" in capsys.readouterr().out


def test_posetrack(tmp_path: Path) -> None:
    """Ids over time, sizes of heads, and pictures that nobody has labelled."""
    walk = [body(0, 0, 200, 17, 7) + np.array([5 * n, 0]) for n in range(6)]
    data = coco(walk, track_id=3, bbox_head=[10, 10, 30, 40])
    data["images"].append({"id": 99, "file_name": "v/000099.jpg", "is_labeled": False})
    for n, image in enumerate(data["images"]):
        image |= {"file_name": f"images/val/000342_mpii_test/{n:06d}.jpg"}
    labels = write(tmp_path / "labels.json", data)
    read = labels_of(labels)
    assert (read.kind, read.keypoints, len(read.pictures)) == ("PoseTrack", POSETRACK, 6)
    assert read.pictures[0].head[0] == pytest.approx(0.6 * 50)
    for n, xy in enumerate(walk):
        pose = np.full((1, 17, 2), np.nan)
        shared = [name for name in POSETRACK if name in COCO17.keypoints]
        for name in shared:
            pose[0, COCO17.keypoints.index(name)] = xy[POSETRACK.index(name)]
        openpose(tmp_path / "poses", f"{n:06d}", pose, COCO17, [1 if n < 4 else 2])
    scored = figures(tmp_path, labels, tmp_path / "poses")
    assert (scored["following"]["switches"], scored["following"]["recall"]) == (1, 1)
    assert scored["following"]["IDF1"] == pytest.approx(4 / 6)
    assert scored["PCKh"]["mean"] == 1


def test_mpii(tmp_path: Path) -> None:
    """Simple Baselines' JSON; heads from the file of MATLAB beside it."""
    savemat = pytest.importorskip("scipy.io").savemat
    xy = body(1, 1, 200, 16, 3)
    seen = [1] * 16
    seen[0] = 0
    entry = {"image": "015601864.jpg", "scale": 1.0, "center": [100, 100]}
    entry |= {"joints": xy.tolist(), "joints_vis": seen}
    labels = write(tmp_path / "valid.json", [entry])
    assert np.isnan(labels_of(labels).pictures[0].head).all()
    heads = np.array([[[10.0], [20.0]], [[40.0], [60.0]]])  # two corners of one box, 30 by 40
    savemat(tmp_path / "gt_valid.mat", {"headboxes_src": heads})
    read = labels_of(labels)
    (picture,) = read.pictures
    assert (read.kind, picture.name, picture.image_id) == ("MPII", "015601864", 15601864)
    assert picture.head[0] == pytest.approx(0.6 * 50)
    known = [
        name for name, one in zip(mpii.KEYPOINTS, picture.xy[0], strict=True) if one[0] == one[0]
    ]
    assert {"right_ankle", "mid_hip", "chest"}.isdisjoint(known)
    assert len(known) == 13
    place = picture.xy[0, mpii.KEYPOINTS.index("left_wrist")]
    assert place.tolist() == pytest.approx((xy[15] - 1).tolist())
    pose = np.full((1, 26, 2), np.nan)
    for name in set(known) & {*HALPE.keypoints}:
        pose[0, HALPE.keypoints.index(name)] = picture.xy[0, mpii.KEYPOINTS.index(name)]
    openpose(tmp_path / "poses", "015601864", pose, HALPE, [-1])
    scored = figures(tmp_path, labels, tmp_path / "poses")
    assert scored["PCKh"]["mean"] == 1
    assert "OKS" not in scored


@pytest.mark.parametrize("extended", [False, True])
def test_lsp(tmp_path: Path, extended: bool) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    people = [np.concatenate([body(9, 9, 100, 14, n), np.ones((14, 1))], axis=1) for n in range(3)]
    joints = np.stack(people, axis=-1)  # (14, 3, people), as the extended set
    if extended:
        joints[2, :, 1] = 0  # nobody knows where it is
    else:
        joints = joints.transpose(1, 0, 2)
    savemat(tmp_path / "joints.mat", {"joints": joints})
    read = labels_of(tmp_path / "joints.mat")
    assert (read.kind, read.keypoints, len(read.pictures)) == ("LSP", lsp.KEYPOINTS, 3)
    assert read.pictures[1].name == "im0002"
    lacking = np.isnan(read.pictures[1].xy[0, :, 0])
    assert np.flatnonzero(lacking).tolist() == ([2] if extended else [])
    np.testing.assert_allclose(read.pictures[2].xy[0], people[2][:, :2])


def test_ai_challenger(tmp_path: Path) -> None:
    xy = body(0, 0, 100, 14, 1)
    flat = triples(xy, 1)
    flat[2] = 3  # not labelled
    entry = {
        "image_id": "a0f6bdc0",
        "keypoint_annotations": {"human1": flat},
        "human_annotations": {"human1": [0, 0, 100, 200]},
    }
    labels = write(tmp_path / "labels.json", [entry])
    read = labels_of(labels)
    (picture,) = read.pictures
    assert (read.kind, read.keypoints) == ("AI Challenger", ai_challenger.KEYPOINTS)
    assert picture.area[0] == 20_000
    assert np.isnan(picture.xy[0, 0]).all()
    found = [{"image_id": "a0f6bdc0", "keypoints": triples(xy, 1), "score": 1}]
    assert figures(tmp_path, labels, write(tmp_path / "f.json", found))["OKS"][
        "AP"
    ] == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "found", "says"),
    [
        (None, [], "is not there"),
        ({"a": 1}, [], "none of the label files"),
        ([], [], "none of the label files"),
        ("torn", [], "damaged or no JSON"),
        ({"images": [], "annotations": [{"keypoints": [1, 2, 2] * 21}]}, [], "have 21 keypoints"),
        ({"images": [{"id": 1}], "annotations": [{"keypoints": [1]}]}, [], "cannot be read"),
        (coco(PEOPLE), {"images": []}, "no list of results"),
        (coco(PEOPLE), [{"image_id": 1}], "cannot be read"),
        (coco(PEOPLE), [results(PEOPLE)[0] | {"image_id": 77}], "none of the pictures"),
        (coco(PEOPLE), [{"image_id": 1, "score": 1, "keypoints": [1, 1, 1] * 5}], "5 keypoints"),
        (coco(PEOPLE), None, "is not there"),
        (coco(PEOPLE), "1,1,2,3,4,5,1,-1,-1,-1", "boxes alone"),
    ],
)
def test_wrong_files_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: Any, found: Any, says: str
) -> None:
    truth = tmp_path / "labels.json"
    if labels == "torn":
        truth.write_text('{"images": [')
    elif labels is not None:
        write(truth, labels)
    poses = tmp_path / ("found.txt" if isinstance(found, str) else "found.json")
    if isinstance(found, str):
        poses.write_text(found)
    elif found is not None:
        write(poses, found)
    assert main(["score", str(truth), str(poses)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert says in said
