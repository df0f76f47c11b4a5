"""Detectors: from arrays that say known boxes in each layout back to these boxes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.decoders.boxes.people_boxes import BOX, BoxDecoder
from engines.detecting import detector_opener
from engines.models.card import load_card
from engines.models.trust import trust
from engines.opening import engine_opener
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError
from engines.types.network_input import NetworkInput
from realtime.assembly import refuse_parts
from realtime.default_model import with_needed_refine
from realtime.settings.model import ModelSettings
from realtime.types.errors import SettingsError

INPUT = NetworkInput(32, size=(320, 256))
PICTURE = (640, 480)  # scaled by 0.5 to 320 x 240
# Picture pixels; the middle of every one of them is the corner of a cell of stride 8 or 16.
PEOPLE = np.array([[60, 100, 132, 380], [320, 32, 480, 448], [500, 200, 524, 248]], np.float32)
SCORES = np.array([0.9, 0.8, 0.5], np.float32)
STRIDES = {"yolox": (8, 16, 32), "nanodet": (8, 16, 32, 64)}


def decoder(layout: str, **table: Any) -> BoxDecoder:
    return BoxDecoder.from_table(BOX, INPUT, {"layout": layout, **table})


def found(layout: str, arrays: Arrays, **table: Any) -> tuple[Floats, Floats]:
    """(B, 4) corners in the picture and (B,) scores."""
    one = decoder(layout, **table)
    assert all(need.fits(arrays[role].shape) for role, need in one.outputs.items())
    poses = one.decode(one.evidence(arrays, INPUT.letterbox(INPUT.sizing(), PICTURE)))
    return poses.xy.reshape(-1, 4), poses.person_score


def cells(layout: str) -> tuple[Floats, Floats]:
    """(N, 2) corners of cells in input pixels, and (N,) their stride, as the papers order them."""
    corners, strides = [], []
    for stride in STRIDES[layout]:
        for row in range(256 // stride):
            for column in range(320 // stride):
                corners.append((column * stride, row * stride))
                strides.append(stride)
    return np.array(corners, np.float32), np.array(strides, np.float32)


def said(layout: str) -> Arrays:
    """What a network gives that knows PEOPLE, class 2 of 4, each in a cell and its neighbour."""
    boxes = PEOPLE / 2
    if layout == "corners":
        dets = np.zeros((6, 5), np.float32)
        dets[:3, :4], dets[:3, 4] = boxes, SCORES
        dets[3], dets[4] = (*boxes[0] + 2, 0.7), (10, 10, 90, 90, 0.99)
        return {"dets": dets, "labels": np.array([2, 2, 2, 2, 1, 2])}
    corner, stride = cells(layout)
    width = 5 + 4 if layout == "yolox" else 4 + 32
    raw = np.zeros((len(corner), width), np.float32)
    for box, score, level in zip(boxes, SCORES, (16, 32, 8), strict=True):
        middle, side = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        apart = np.linalg.norm(corner - middle, axis=1) + 1e4 * (stride != level)
        for n, share in zip(np.argsort(apart)[:2], (1.0, 0.8), strict=True):
            if layout == "yolox":
                raw[n, :2] = (middle - corner[n]) / stride[n]
                raw[n, 2:4] = np.log(side / stride[n])
                raw[n, 4], raw[n, 5 + 2] = score, share
            else:
                raw[n, 2] = score * share
                far = np.concatenate([corner[n] - box[:2], box[2:] - corner[n]]) / stride[n]
                raw[n, 4:] = distribution(far).ravel()
    return {"boxes": raw}


def distribution(far: Floats) -> Floats:
    """(4, 8) logits whose expectation is each distance, 0 to 7."""
    low = np.clip(np.floor(far).astype(int), 0, 6)
    logits = np.full((4, 8), -60, np.float32)
    for row, (a, part) in enumerate(zip(low, far - low, strict=True)):
        logits[row, a], logits[row, a + 1] = np.log(max(1 - part, 1e-9)), np.log(max(part, 1e-9))
    return logits


@pytest.mark.parametrize("layout", ["yolox", "nanodet", "corners"])
def test_every_layout_gives_the_boxes_it_says(layout: str) -> None:
    """Once each, best first, other classes left out, in the picture's pixels."""
    corners, scores = found(layout, said(layout), person=2)
    # Sides lie between pixels: a box that begins at 60 begins half a pixel before its centre.
    np.testing.assert_allclose(corners, PEOPLE - 0.5, atol=0.05)
    np.testing.assert_allclose(scores, SCORES, atol=1e-5)


def test_boxes_that_the_graph_decodes() -> None:
    boxes = PEOPLE / 2
    raw = np.zeros((3, 9), np.float32)
    raw[:, :2], raw[:, 2:4] = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    raw[:, 4], raw[:, 5] = SCORES, 1
    corners, _ = found("yolox", {"boxes": raw}, units="pixels")
    np.testing.assert_allclose(corners, PEOPLE - 0.5, atol=0.05)


def test_thresholds_and_what_lies_outside() -> None:
    dets = np.array([[-40, 20, 60, 100, 0.9], [20, 20, 20.2, 90, 0.9], [9, 9, 90, 90, 0.2]])
    arrays = {"dets": dets.astype(np.float32), "labels": np.zeros(3, np.int64)}
    corners, _ = found("corners", arrays)
    np.testing.assert_allclose(corners, [[-0.5, 39.5, 119.5, 199.5]], atol=0.05)
    empty = {"dets": np.zeros((0, 5), np.float32), "labels": np.zeros(0, np.int64)}
    assert found("corners", empty)[0].shape == (0, 4)


@pytest.mark.parametrize(
    ("arrays", "table", "message"),
    [
        ({"boxes": np.zeros((7, 85))}, {"layout": "yolox"}, "7 boxes .* make 1680 cells"),
        ({"boxes": np.zeros((1700, 32))}, {"layout": "nanodet"}, "more than 32 numbers"),
        ({"boxes": np.zeros((1680, 85))}, {"layout": "yolox", "person": 80}, "has 80 classes"),
    ],
)
def test_what_is_no_such_detector_says_so(
    arrays: Arrays, table: dict[str, Any], message: str
) -> None:
    with pytest.raises(CardError, match=message):
        found(table.pop("layout"), arrays, **table)


CARD = """
title = "A detector of one's own"
licence = "that of its weights"
[input]
stride = 32
size = [320, 256]
pad = 114
[decoder]
kind = "boxes"
layout = "corners"
[[weights]]
precision = ["fp32"]
outputs = { dets = "dets", labels = "labels" }
files = [{ name = "own.onnx" }]
"""


def network() -> onnx.ModelProto:
    """Gives PEOPLE, whatever it sees."""
    dets = np.concatenate([PEOPLE / 2, SCORES[:, None]], axis=1)[None]
    constants = [
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(dets, "people"),
        numpy_helper.from_array(np.zeros((1, 3), np.float32), "person"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["people", "nothing"], ["dets"]),
        helper.make_node("Add", ["person", "nothing"], ["classes"]),
        helper.make_node("Cast", ["classes"], ["labels"], to=TensorProto.INT64),
    ]
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 256, 320])
    out = [
        helper.make_tensor_value_info("dets", TensorProto.FLOAT, [1, 3, 5]),
        helper.make_tensor_value_info("labels", TensorProto.INT64, [1, 3]),
    ]
    graph = helper.make_graph(nodes, "detector", [given], out, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A card of one's own detector, trusted."""
    body = network().SerializeToString()
    (tmp_path / "own.onnx").write_bytes(body)
    path = tmp_path / "own.toml"
    path.write_text(CARD)
    trust(load_card(str(path)), [hashlib.sha256(body).hexdigest()])
    return path


@pytest.mark.usefixtures("own_cache")
def test_a_detector_runs_by_its_card(own: Path) -> None:
    detector = detector_opener(str(own))()
    images = [np.zeros((480, 640, 3), np.uint8)] * 2
    for corners in detector.find(images):
        np.testing.assert_allclose(corners, PEOPLE - 0.5, atol=0.05)
    detector.close()


@pytest.mark.usefixtures("own_cache")
def test_a_detector_is_no_model_and_a_model_no_detector(own: Path) -> None:
    with pytest.raises(CardError, match="finds boxes, not keypoints; give it as --detector"):
        engine_opener(load_card(str(own)), ModelSettings(), live=False)
    with pytest.raises(CardError, match=r"--detector needs .* pafnet gives keypoints"):
        detector_opener("pafnet")


def test_a_detector_brings_a_second_look() -> None:
    asked = ModelSettings(detector="own.toml")
    assert with_needed_refine(asked, asked).refine == "auto"
    named = ModelSettings(detector="own.toml", refine="cropnet")
    assert with_needed_refine(named, named) is named
    none = ModelSettings(detector="own.toml", refine="off")
    with pytest.raises(SettingsError, match="leave out --refine off"):
        with_needed_refine(none, none)
    with pytest.raises(SettingsError, match="--detector needs pictures"):
        refuse_parts(frozenset(), "own.toml")


def test_the_graph_of_a_crowd_brings_a_network_with_maps() -> None:
    asked = ModelSettings(model="human-pose-estimation-0001", crowd="graph")
    usual = replace(asked, refine="movenet-lightning")  # one place a keypoint, and nobody named it
    assert with_needed_refine(usual, asked).refine == "cropnet"
    none = replace(asked, refine="off")
    with pytest.raises(SettingsError, match=r"--crowd graph .* leave out --refine off"):
        with_needed_refine(none, none)
