"""From a clip to a card that streams: trained for some seconds on a thing with known joints."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
onnx = pytest.importorskip("onnx", reason=MISSING)

from engines.models.card import load_card  # noqa: E402
from engines.types.arrays import Image  # noqa: E402
from posestream.commands.discover.job import report  # noqa: E402
from posestream.commands.discover.labels import compared, read_labels  # noqa: E402
from posestream.commands.discover.main import main  # noqa: E402
from posestream.commands.discover.reading import read_footage  # noqa: E402
from realtime.settings.sources import SourceSettings  # noqa: E402
from tests.articulated import AROUND, arm, camera, render, wall  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.realtime.clips import write  # noqa: E402
from training.discover.clip import (  # noqa: E402
    Clip,
    Pinholes,
    make_clip,
)
from training.discover.learner import Learner, choose  # noqa: E402
from training.discover.measures import measure, places, regression_error  # noqa: E402
from training.discover.rig_measures import landmarks_3d, measure_rig  # noqa: E402
from training.discover.skeleton import limbs  # noqa: E402

SIZE = (128, 96)
FRAMES = 40
JOINTS = arm(FRAMES, 0, flat=True)
# Standing for any card's interpreter: the streaming program must not need torch.
WITHOUT_TORCH = (
    "import sys; sys.modules['torch'] = None; sys.argv[0] = 'posestream'\n"
    "from posestream.main import main; sys.exit(main())"
)


def pictures(degrees: float = 0.0, seed: int = 0) -> list[Image]:
    seen_by, behind = camera(degrees, SIZE), wall(SIZE, seed)
    return [render(joints, seen_by, behind) for joints in JOINTS]


def small_learner(clip: Clip, *, edges: bool = False) -> Learner:
    return Learner(6, clip, edges=edges, seed=1, device="cpu", rate=3e-3)


def taught(learner: Learner, steps: int, batch: int = 6) -> list[dict[str, float]]:
    seen, _ = learner.clip.split()
    return [
        learner.learn(choose(seen, batch, (1, step)), 3e-3, step / steps) for step in range(steps)
    ]


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(pictures(), [0] * FRAMES)


@pytest.fixture(scope="module")
def still_rig() -> Clip:
    """Two cameras; nothing is learnt of it here but what losses and measures make of it."""
    cameras = [camera(degrees, (64, 48)) for degrees in AROUND[1:3]]
    pinholes = Pinholes(
        np.stack([one.matrix for one in cameras]),
        np.stack([one.rotation for one in cameras]),
        np.stack([one.translation for one in cameras]),
    )
    both = zip(*(pictures(degrees, n) for n, degrees in enumerate(AROUND[1:3])), strict=True)
    flat = [picture for pair in both for picture in pair]
    return make_clip(flat, [0, 1] * FRAMES, pinholes)


def test_what_is_learnt_follows_warps_and_what_moves(clip: Clip) -> None:
    learner = small_learner(clip)
    _, held = clip.split()
    before = measure(learner.find, clip, held)
    losses = taught(learner, 60)
    after = measure(learner.find, clip, held)
    assert before.spread < 0.01  # all in the middle
    assert after.spread > 0.03
    assert after.equivariance < 0.04
    assert after.sure > before.sure + 0.3
    # None rests on a corner of the wall.
    assert after.still == 0
    assert np.mean([one["presence"] for one in losses[-10:]]) < 1


def test_edges_learn_their_weights_and_are_the_limbs(clip: Clip) -> None:
    learner = small_learner(clip, edges=True)
    taught(learner, 4)
    weights = learner.decoder.edges
    assert weights is not None
    assert weights.abs().min() > 1e-4
    with torch.no_grad():
        weights.fill_(-5)
        for one in (0, 4, 8, 12, 14):  # of the fifteen: 0-1, 0-5, 1-5, 3-4 and 4-5
            weights[one] = 1
    found = limbs(learner, np.zeros((2, 6, 2)))
    assert {(0, 1), (0, 5), (3, 4), (4, 5)} <= set(found)
    assert len(found) == 6  # a tree over six landmarks, and the edge that closes a ring


def test_lines_that_leave_the_thing_are_no_limbs(clip: Clip) -> None:
    """Three landmarks on the arm's lowest link, and three on the wall, which never change places:
    the closest of all."""
    learner = small_learner(clip)
    links = arm(FRAMES, 0, flat=True)[:, :2]
    on = [links[:, 0] + share * (links[:, 1] - links[:, 0]) for share in (0.1, 0.5, 0.9)]
    seen = camera(0.0, SIZE).project(np.stack(on, 1))[..., :2]
    half = max(SIZE) / 2
    places = (seen + 0.5) / half - np.array(SIZE) / max(SIZE)
    wall_ = np.broadcast_to([[-0.9, -0.6], [-0.8, -0.6], [-0.9, -0.5]], (FRAMES, 3, 2))
    found = limbs(learner, np.concatenate([places, wall_], 1))
    assert sorted(found) == [(0, 1), (1, 2)]


def test_several_views_come_to_agree(still_rig: Clip) -> None:
    """The same steps without the losses of several views leave them further apart."""
    agreed, alone = small_learner(still_rig), small_learner(still_rig)
    alone.weights = replace(alone.weights, consistency=0.0, reprojection=0.0)
    learner = agreed
    for one in (agreed, alone):
        taught(one, 25, 4)
    assert measure_rig(agreed).disagreement < 0.6 * measure_rig(alone).disagreement
    _, held = still_rig.split()
    found = landmarks_3d(learner, held)
    assert found.mean.shape == (len(held), 6, 3)
    assert np.abs(found.mean).max() < 5  # metres: in front of the cameras, near the thing


def test_the_landmark_that_views_agree_on_least_is_named(still_rig: Clip) -> None:
    learner = small_learner(still_rig)
    _, held = still_rig.split()
    rig = measure_rig(learner)
    assert len(rig.each) == 6
    assert rig.reprojection == pytest.approx(np.mean(rig.each))
    rig = replace(rig, each=(0.2, 0.3, 0.2, 0.9, 0.2, 0.2))
    said = report(learner, measure(learner.find, still_rig, held), rig, None)
    assert "they agree least on landmark_3, within 0.9 pixels" in said


def test_linear_labels_are_told_exactly() -> None:
    rng = np.random.default_rng(0)
    landmarks = rng.normal(0, 1, (60, 4, 2))
    labels = np.einsum("fkd,kdjx->fjx", landmarks, rng.normal(0, 1, (4, 2, 3, 2))) + 5
    labels[:, 2] = np.nan
    learn, test = np.arange(40), np.arange(40, 60)
    errors = regression_error(landmarks, labels, learn, test, np.full(60, 2.0))
    np.testing.assert_allclose(errors[:2], 0, atol=0.01)
    assert np.isnan(errors[2])
    noise = labels + rng.normal(0, 1, labels.shape)
    assert regression_error(landmarks, noise, learn, test, np.full(60, 2.0))[0] > 0.4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip of two copies' motion and what discover made of it in 30 steps."""
    folder = tmp_path_factory.mktemp("discover")
    write(folder / "clip.mp4", pictures())
    words = [str(folder / "clip.mp4"), "-o", str(folder / "thing.toml"), "--steps", "30"]
    words += ["--size", "64", "--points", "6", "--batch", "6", "--threads", "1"]
    assert main(words) == 0
    return folder


def test_the_card_streams_without_torch(run: Path) -> None:
    """The program gives the landmarks that the trainer sees, with ids, as JSON."""
    words = [str(run / "clip.mp4"), "--model", str(run / "thing.toml"), "--quiet"]
    words += ["--json", str(run / "json"), "--precision", "fp32"]
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *words], cwd=ROOT, check=True)
    files = sorted((run / "json").glob("*_keypoints.json"))
    assert len(files) == FRAMES
    footage = read_footage(SourceSettings((str(run / "clip.mp4"),)), 64, None)
    learner = small_learner(footage.clip)
    learner.load(run / "thing.run" / "checkpoint.pt")
    xy, sure = places(learner.find, footage.clip.pictures)
    box = footage.boxes[0]
    wanted = box.to_picture(((xy + 1) / 2 * np.array(box.network) - 0.5).astype(np.float32))
    compared = 0
    for file, one, known in zip(files, wanted, sure > 0.3, strict=True):
        people = json.loads(file.read_text())["people"]
        assert len(people) == 1
        found = np.array(people[0]["pose_keypoints_2d"]).reshape(-1, 3)
        np.testing.assert_allclose(found[known, :2], one[known], atol=0.6)
        compared += known.sum()
    assert compared > 0


def test_features_of_an_onnx_network_become_part_of_the_card(run: Path) -> None:
    """Landmarks are learnt from its maps; it stays as it is, and the card computes the same."""
    from engines.networks.landmarks import Block
    from engines.networks.to_onnx import module_onnx

    torch.manual_seed(0)
    strides = torch.nn.Sequential(Block(3, 8, 2), Block(8, 8, 2)).eval()
    (run / "net.onnx").write_bytes(module_onnx(strides, {"maps": "maps"}).SerializeToString())
    words = [str(run / "clip.mp4"), "-o", str(run / "own.toml"), "--steps", "3", "--size", "64"]
    assert main([*words, "--points", "3", "--features", str(run / "net.onnx")]) == 0
    graph = onnx.load(run / "own.onnx").graph
    wanted = strides[0][0].weight.detach().numpy()
    shapes = [onnx.numpy_helper.to_array(one) for one in graph.initializer]
    assert any(one.shape == wanted.shape for one in shapes)
    assert load_card(str(run / "own.toml")).skeleton.keypoints[-1] == "landmark_2"
    (run / "text.onnx").write_text("no network")
    words = [str(run / "clip.mp4"), "-o", str(run / "new.toml"), "--steps", "1", "--size", "64"]
    assert main([*words, "--features", str(run / "text.onnx")]) == 2


def test_the_card_is_an_ordinary_one(run: Path) -> None:
    card = load_card(str(run / "thing.toml"))
    assert card.skeleton.keypoints == tuple(f"landmark_{n}" for n in range(6))
    assert len(card.skeleton.limbs) == 5  # a tree
    assert card.input.size == (128, 96)
    assert (run / "thing.png").stat().st_size > 1000


def test_a_run_is_gone_on_with_unless_it_is_of_other_landmarks(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(run / "clip.mp4"), "-o", str(run / "thing.toml"), "--steps", "1", "--size", "64"]
    assert main([*words, "--points", "6"]) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert main([*words, "--points", "6", "--overwrite", "--batch", "4"]) == 0
    assert "31 steps" in capsys.readouterr().out
    assert main([*words, "--points", "7", "--overwrite"]) == 2
    said = capsys.readouterr().err
    assert "has 6 landmarks of 64x48 pictures; choose another --run folder" in said


def test_labels_are_those_that_json_wrote(run: Path) -> None:
    """Of landmarks that are the labels, the regression is exact: both are read for one frame."""
    folder = run / "labels"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for n in range(FRAMES):
        points = np.concatenate([rng.uniform(0, 90, (25, 2)), np.ones((25, 1))], 1)
        points[0, 0] = n
        people = [{"pose_keypoints_2d": points.ravel().tolist()}]
        text = json.dumps({"version": 1.3, "people": people})
        (folder / f"clip_{n:012d}_keypoints.json").write_text(text)
    footage = read_footage(SourceSettings((str(run / "clip.mp4"),), step=2), 64, None)
    labels = read_labels((str(folder),), footage)
    assert labels.xy[:, 0, 0].tolist() == list(range(0, FRAMES, 2))
    told = compared(labels.xy[:, :2], labels, footage.clip)
    right, blind = told["nose"]
    assert right < 0.01 * blind


def test_a_camera_that_moves_is_told_before_anything_is_learnt(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    behind = wall((SIZE[0] + 2 * FRAMES, SIZE[1]), 0)
    panned = [behind[:, 2 * n :][:, : SIZE[0]] for n in range(FRAMES)]
    things = [render(joints, camera(0.0, SIZE), panned[n]) for n, joints in enumerate(JOINTS)]
    write(run / "panned.mp4", things)
    words = ["--steps", "1", "--size", "64", "--points", "3"]
    assert main([str(run / "panned.mp4"), "-o", str(run / "panned.toml"), *words]) == 0
    assert "the camera moves" in capsys.readouterr().err.splitlines()[0]
    assert main([str(run / "clip.mp4"), "-o", str(run / "still.toml"), *words]) == 0
    assert "the camera moves" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["clip.mp4", "-o", "thing.onnx"], "must end in .toml"),
        (["nothing.mp4", "-o", "new.toml"], "There is no file or folder 'nothing.mp4'"),
        (["clip.mp4", "-o", "new.toml", "--points", "1"], "--points must be from 2 to 40"),
        (["clip.mp4", "-o", "new.toml", "--end", "5"], "at least 16 are needed"),
        (["webcam", "-o", "new.toml"], "is no recording"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    run: Path,
    words: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(run)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
