"""The whole program with a model that gives people itself: its card alone makes it run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.models.card import load_card
from engines.opening import engine_opener
from engines.types.errors import CardError
from posestream.commands.models import info
from realtime.assembly import run
from realtime.settings.model import ModelSettings
from tests import synth
from tests.conftest import ROOT, with_weights
from tests.realtime.wanted import settings

onnx = pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")
SIZE = (64, 48)
PEOPLE = np.random.default_rng(0).uniform(0.05, 0.7, (2, 17, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network that sees the same two people in every picture, as MoveNet would say it."""
    folder = tmp_path_factory.mktemp("direct")
    rows = np.zeros((1, 6, 56), np.float32)
    for row, xy, score in zip(rows[0], PEOPLE, (0.5, 0.9), strict=False):
        row[:51] = np.concatenate([xy[:, ::-1], np.full((17, 1), 0.8)], axis=1).ravel()
        row[55] = score
    helper, kind = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=kind.FLOAT),
        helper.make_node("ReduceMin", ["f"], ["low"], keepdims=0),
        helper.make_node("Mul", ["low", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "rows"], ["y"]),
    ]
    constants = [
        onnx.numpy_helper.from_array(rows, "rows"),
        onnx.numpy_helper.from_array(np.float32(0), "zero"),
    ]
    entry = helper.make_tensor_value_info("x", kind.INT32, [1, "h", "w", 3])
    out = helper.make_tensor_value_info("y", kind.FLOAT, [1, 6, 56])
    graph = helper.make_graph(nodes, "still", [entry], [out], constants)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "still.onnx")
    body = (folder / "still.onnx").read_bytes()
    (folder / "still.toml").write_text(
        f"""skeleton = "coco17"
[input]
stride = 32
longer = 64
colour = "rgb"
element = "i32"
layout = "nhwc"
[decoder]
kind = "direct"
layout = "movenet-multipose"
[[weights]]
precision = ["fp32"]
outputs = {{ people = "y" }}
[[weights.files]]
name = "still.onnx"
size = {len(body)}
sha256 = "{hashlib.sha256(body).hexdigest()}"
"""
    )
    return str(folder / "still.toml")


@pytest.fixture
def photo(tmp_path: Path) -> str:
    black = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    return str(synth.write_picture(tmp_path / "one.png", black))


def test_people_go_from_the_network_to_the_files(card: str, photo: str, tmp_path: Path) -> None:
    run(settings(photo, model=card, json=tmp_path / "json", output=tmp_path / "out.png"))
    data = json.loads((tmp_path / "json" / "one_keypoints.json").read_text())
    found = [np.array(one["pose_keypoints_2d"]).reshape(17, 3) for one in data["people"]]
    assert len(found) == 2
    # The better one first; the input is the picture, with 16 rows of padding below.
    for one, shares in zip(found, PEOPLE[::-1], strict=True):
        right = shares * (64, 64) - 0.5
        inside = right[:, 1] < SIZE[1]
        np.testing.assert_allclose(one[inside, :2], right[inside], atol=1e-3)
        assert (one[~inside] == 0).all()
    assert (tmp_path / "out.png").exists()


def test_what_it_cannot_show_is_one_sentence(card: str, photo: str, tmp_path: Path) -> None:
    refused: list[tuple[str, dict[str, Any]]] = [
        ("heat maps", {"view": "heatmaps"}),
        ("heat maps", {"view": "part:nose"}),
        ("part affinity fields", {"view": "pafs"}),
        ("heat maps", {"heatmaps": tmp_path / "maps"}),
        ("keypoints without", {"json": tmp_path / "out", "part_candidates": True}),
    ]
    for what, outputs in refused:
        with pytest.raises(CardError, match=f"^still gives people directly, it has no {what}"):
            run(settings(photo, model=card, **outputs))
    assert not (tmp_path / "out").exists()


def test_thresholds_are_the_models_own(card: str, photo: str, tmp_path: Path) -> None:
    run(settings(photo, model=card, min_score=0.7, json=tmp_path / "json"))
    data = json.loads((tmp_path / "json" / "one_keypoints.json").read_text())
    assert len(data["people"]) == 1
    with pytest.raises(CardError, match="has no --limb-threshold; what it has is --peak"):
        run(settings(photo, model=card, limb_threshold=0.1))


def test_height_is_the_longer_side(card: str) -> None:
    model = load_card(card)
    for asked, size in ((None, (64, 64)), (128, (128, 96)), (512, (512, 384))):
        opener = engine_opener(model, ModelSettings(card, height=asked), live=False)
        assert opener.network_size(SIZE) == size


def test_info_describes_it(card: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert info.run(info.Options(card)) == 0
    text = capsys.readouterr().out
    assert "direct (layout movenet-multipose, min_score 0.3" in text
    assert "longer 64" in text


def test_movenet_finds_the_person_at_the_webcam(data: Path, tmp_path: Path) -> None:
    """Where the PAF network finds them, with the real weights."""
    clip, found = str(data / "video" / "webcam-want.mkv"), {}
    for name, model in (
        ("paf", ["--model", "human-pose-estimation-0001", "--precision", "int8"]),
        ("movenet", ["--model", "tests/cards/movenet-multipose.toml"]),
    ):
        command = [sys.executable, "run.py", "--source", clip, "--end", "5", "--no-show"]
        command += ["--json-skeleton", "coco17", "--json", str(tmp_path / name), *model]
        subprocess.run(command, cwd=ROOT, env=with_weights(), check=True, timeout=600)
        files = sorted((tmp_path / name).iterdir())
        people = [json.loads(file.read_text())["people"][0] for file in files]
        found[name] = np.array([one["pose_keypoints_2d"] for one in people]).reshape(5, 17, 3)
    both = (found["paf"][..., 2] > 0.3) & (found["movenet"][..., 2] > 0.3)
    assert both[:, :7].sum() > 20  # face and shoulders
    apart = np.linalg.norm(found["paf"][..., :2] - found["movenet"][..., :2], axis=2)
    assert np.median(apart[both]) < 15
