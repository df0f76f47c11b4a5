"""Labels in, a network that runs out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import posestream
from posestream.commands.models.main import main as models
from tests.synth import crowd, person, scene

torch = pytest.importorskip("torch", reason="for training: pip install -r requirements-train.txt")

from engines.models.card import load_card  # noqa: E402
from engines.types.letterbox import Letterbox  # noqa: E402
from engines.types.skeleton import named_skeleton  # noqa: E402
from training.commands import main  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402
from training.learning.checkpoints import share_left  # noqa: E402
from training.openpose.crops import GREY, placed, unaltered  # noqa: E402
from training.openpose.labels import LabelledPhoto, outline, read_labels  # noqa: E402
from training.openpose.learner import Learner, made  # noqa: E402
from training.openpose.train import Batches  # noqa: E402

COCO17, COCO18, BODY25 = (named_skeleton(name) for name in ("coco17", "coco18", "body25"))
SIZE = (160, 128)


def annotation(image: int, points: np.ndarray[Any, Any], **more: object) -> dict[str, object]:
    """Of (18, 2) keypoints in COCO's 17."""
    xy = points[list(COCO18.order_in(COCO17))]
    seen = ~np.isnan(xy[:, 0])
    triples = np.column_stack([np.nan_to_num(xy), 2 * seen])
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    box = [*low.tolist(), *(high - low).tolist()]
    return {"image_id": image, "keypoints": triples.ravel().tolist(), "bbox": box, **more}


def write_labels(folder: Path, photos: int = 2) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for n in range(photos):
        people = crowd(1, SIZE, rng, ["standing"])
        cv2.imwrite(str(folder / f"{n}.png"), scene(people, SIZE))
        images.append({"id": n, "file_name": f"{n}.png", "width": SIZE[0], "height": SIZE[1]})
        annotations += [annotation(n, one) for one in people]
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO17.keypoints)}]
    labels = folder / "person_keypoints.json"
    data = {"images": images, "annotations": annotations, "categories": categories}
    labels.write_text(json.dumps(data))
    return labels, folder


def test_labels_come_in_the_keypoints_of_the_skeleton(tmp_path: Path) -> None:
    labels, images = write_labels(tmp_path, 1)
    (photo,) = read_labels(labels, images, BODY25)
    at = {name: n for n, name in enumerate(BODY25.keypoints)}
    shoulders = photo.points[0, [at["left_shoulder"], at["right_shoulder"]]]
    np.testing.assert_allclose(photo.points[0, at["neck"]], shoulders.mean(axis=0))
    assert not photo.labelled[at["left_big_toe"]]
    assert photo.labelled[[at["neck"], at["mid_hip"], at["nose"]]].all()
    assert np.isnan(photo.points[0, at["left_heel"]]).all()


def test_labels_without_names_are_coco_s(tmp_path: Path) -> None:
    labels, images = write_labels(tmp_path, 1)
    named = read_labels(labels, images, COCO17)
    data = json.loads(labels.read_bytes())
    del data["categories"][0]["keypoints"]
    labels.write_text(json.dumps(data))
    (unnamed,) = read_labels(labels, images, COCO17)
    np.testing.assert_array_equal(unnamed.points, named[0].points)


def test_people_whom_nobody_labelled_and_crowds_are_not_judged() -> None:
    """Unless somebody labelled is in front of them."""
    unlabelled = {"segmentation": [[10, 10, 49, 10, 49, 49, 10, 49]], "keypoints": [0] * 51}
    # The last 20 columns of a picture of 100 x 60.
    crowded = {"segmentation": {"counts": [80 * 60, 20 * 60], "size": [60, 100]}, "iscrowd": 1}
    front = {"segmentation": [[30, 30, 39, 30, 39, 39, 30, 39]]}
    nothing = np.zeros((1, 25, 2), np.float32)
    known = np.ones(25, bool)
    photo = LabelledPhoto(Path("x"), (100, 60), nothing, known, (unlabelled, crowded), (front,))
    judged = photo.mask()
    assert judged.shape == (60, 100)
    wanted = np.ones((60, 100), bool)
    wanted[10:50, 10:50] = wanted[:, 80:] = False
    wanted[30:40, 30:40] = True
    np.testing.assert_array_equal(judged, wanted)
    assert outline({"bbox": [2, 3, 4, 5]}, (10, 10)).sum() == 20


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("degrees", [0, 30, -75])
def test_points_stay_on_what_they_mark(mirror: bool, degrees: float) -> None:
    """A bright spot at every keypoint, which a mirror makes one of the other side."""
    someone = person((150, 100), 120)
    image = np.zeros((200, 300, 3), np.uint8)
    for n, (x, y) in enumerate(np.rint(someone).astype(int).tolist()):
        cv2.circle(image, (x, y), 2, (50 + 10 * n,) * 3, -1)
    photo = LabelledPhoto(
        Path("x"), (300, 200), np.rint(someone)[None].astype(np.float32), np.ones(18, bool), (), ()
    )
    judged = np.ones((200, 300), bool)
    judged[:, 250:] = False
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * 1.5
    linear = turn @ np.diag([-1 if mirror else 1, 1])
    shift = np.array([200, 200]) - linear @ (150, 100)
    made_ = placed(photo, image, judged, COCO18, 400, linear, shift)
    levels = [50 + 10 * n for n in (COCO18.mirror if mirror else range(18))]
    for (x, y), level in zip(made_.points[0], levels, strict=True):
        assert int(made_.image[round(float(y)), round(float(x)), 0]) == pytest.approx(level, abs=9)
    gone = linear @ (270, 100) + shift
    if (gone > 0).all() and (gone < 399).all():
        assert not made_.judged[round(gone[1]), round(gone[0])]
    assert made_.judged[200, 200]


def test_what_is_out_of_the_crop_is_not_drawn() -> None:
    points = np.array([[[10.0, 10], [290, 190]]], np.float32)
    pair = named_skeleton("car12")
    points = np.concatenate([points, np.full((1, 10, 2), np.nan, np.float32)], axis=1)
    photo = LabelledPhoto(Path("x"), (300, 200), points, np.ones(12, bool), (), ())
    image = np.zeros((200, 300, 3), np.uint8)
    judged = np.ones((200, 300), bool)
    cut = placed(photo, image, judged, pair, 100, np.eye(2), np.zeros(2))
    assert not np.isnan(cut.points[0, 0]).any()
    assert np.isnan(cut.points[0, 1]).all()
    assert cut.judged.all()


@pytest.mark.parametrize("size", [(300, 200), (120, 200)], ids=["wide", "upright"])
def test_without_augmentation_a_crop_is_what_a_run_sees(size: tuple[int, int]) -> None:
    """A part of the network's input at the crop's height."""
    someone = person((size[0] / 2, 100), 90).astype(np.float32)[None]
    image = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 2), np.uint8)
    photo = LabelledPhoto(Path("x"), size, someone, np.ones(18, bool), (), ())
    box = Letterbox.fit(size, 160, 8)
    seen, wide = box.apply(image, GREY), min(160, box.scaled[0])
    lefts = set()
    for seed in range(4):
        rng = np.random.default_rng(seed)
        cut = unaltered(photo, image, np.ones(image.shape[:2], bool), COCO18, 160, rng)
        shift = np.nanmean(box.to_network(someone[0]) - cut.points[0], axis=0)
        assert shift[1] == pytest.approx(0, abs=0.01)
        left = round(float(shift[0]))
        assert 0 <= left <= max(0, box.scaled[0] - 160)
        off = cut.image[:, :wide].astype(int) - seen[:160, left : left + wide]
        assert np.abs(off).mean() < 6  # of parts of pixels
        assert (cut.image[:, wide:] == GREY).all()
        lefts.add(left)
    assert len(lefts) > 1 or size[0] < size[1]


@pytest.mark.parametrize(
    ("passed", "steps", "step", "left"),
    [
        (150, None, 30, 0.75),
        (150, 110, 60, 0.5),  # of the steps 10 to 110
        (480, 110, 60, 0.2),  # the minutes are over sooner
        (700, 110, 60, 0.0),
        (150, 10, 10, 0.75),  # the run was there already
    ],
)
def test_the_rate_falls_to_the_end_that_comes_sooner(
    passed: float, steps: int | None, step: int, left: float
) -> None:
    assert share_left(10, passed, steps, 10, step) == pytest.approx(left)


def test_a_network_learns_what_is_labelled(tmp_path: Path) -> None:
    """Sixty steps on two pictures."""
    photos = read_labels(*write_labels(tmp_path), COCO17)
    batches = Batches(photos, COCO17, 128)
    torch.manual_seed(0)
    learner = Learner(made("pafnet", COCO17))
    losses = [learner.learn(*batches.make(2, (0, n % 4)), 2e-3) for n in range(60)]
    assert np.mean(losses[-8:]) < 0.3 * np.mean(losses[:4])


def test_a_run_stops_resumes_and_leaves_a_network_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, images = write_labels(tmp_path)
    run = tmp_path / "run"
    words = ["openpose", "--run", str(run), "--labels", str(labels), "--images", str(images)]
    words += ["--network", "pafnet", "--skeleton", "coco17", "--size", "64", "--batch", "2"]
    assert main([*words, "--steps", "2", "--threads", "1"], "posestream train") == 0
    assert main([*words, "--steps", "3", "--threads", "1", "--no-augment"], "posestream train") == 0
    assert "network.toml" in capsys.readouterr().out
    points = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [one["step"] for one in points] == [2, 3]
    assert load_card(str(run / "network.toml")).skeleton.keypoints == COCO17.keypoints
    onnx = tmp_path / "mine.toml"
    assert models(["export", str(run / "network.toml"), "-o", str(onnx)]) == 0
    with posestream.Pose(str(onnx), height=64, refine="off") as pose:
        people = pose(cv2.imread(str(tmp_path / "0.png")))
    assert people.names == COCO17.keypoints  # nobody is found yet, but it runs


def test_what_cannot_be_learnt_from_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, images = write_labels(tmp_path)
    words = ["openpose", "--run", str(tmp_path / "run"), "--images", str(images)]
    cases = [
        (["--labels", str(tmp_path / "none.json")], "cannot be read"),
        (["--labels", str(images / "0.png")], "no COCO keypoint file"),
        (["--labels", str(labels), "--skeleton", "car12"], "none of the keypoints of car12"),
        (["--labels", str(labels), "--network", "resnet"], "There is no network 'resnet'"),
        (["--labels", str(labels), "--size", "100"], "multiple of 8"),
    ]
    for more, said in cases:
        assert main([*words, *more], "posestream train") == 2
        told = capsys.readouterr().err
        assert said in told
        assert "Traceback" not in told


def test_a_picture_of_another_size_than_labelled_is_refused(tmp_path: Path) -> None:
    photos = read_labels(*write_labels(tmp_path, 1), COCO17)
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((10, 20, 3), np.uint8))
    with pytest.raises(TrainingError, match="20x10 pixels, but its labels say 160x128"):
        photos[0].read()
