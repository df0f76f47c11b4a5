"""A card that knows one thing a picture, with a detector: one thing in each of its boxes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import posestream
from realtime.assembly import stream
from tests.realtime.clips import write
from tests.realtime.wanted import settings

onnx = pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto
SIZE = (192, 96)
BOXES = [[8.0, 16, 56, 80], [104, 8, 184, 88]]
# Shares of the crop; as wide and as high as a crop that is cut around them again.
POINTS = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [0.9, 0.9]], np.float32)
SKELETON = """
[skeleton]
keypoints = [
    { name = "a", sigma = 0.05, colour = [255, 0, 0] },
    { name = "b", sigma = 0.05, colour = [255, 0, 0] },
    { name = "c", sigma = 0.05, colour = [255, 0, 0] },
    { name = "d", sigma = 0.05, colour = [255, 0, 0] },
    { name = "e", sigma = 0.05, colour = [255, 0, 0] },
]
limbs = [["a", "b"], ["b", "c"], ["c", "d"], ["d", "e"]]
"""


def network(path: Path, outputs: dict[str, np.ndarray], size: tuple[int, int]) -> str:
    """A network that says the same of every picture; the card's table of its weights."""
    nodes: list[Any] = [
        helper.make_node("ReduceMin", ["x"], ["low"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Mul", ["low", "zero"], ["nothing"]),
    ]
    constants = [numpy_helper.from_array(np.float32(0), "zero")]
    out = []
    for name, value in outputs.items():
        constants.append(numpy_helper.from_array(value, f"{name}_0"))
        shape: list[Any] = ["n", *value.shape[1:]]
        if value.dtype == np.float32:
            shaped = f"{name}_nothing"
            axes = list(range(value.ndim))
            constants.append(
                numpy_helper.from_array(np.array([-1] + [1] * len(axes[1:])), f"{name}_s")
            )
            nodes.append(helper.make_node("Reshape", ["nothing", f"{name}_s"], [shaped]))
            nodes.append(helper.make_node("Add", [shaped, f"{name}_0"], [name]))
            out.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        else:
            nodes.append(helper.make_node("Identity", [f"{name}_0"], [name]))
            out.append(helper.make_tensor_value_info(name, TensorProto.INT64, value.shape))
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, size[1], size[0]])
    graph = helper.make_graph(nodes, "still", [entry], out, constants)
    opset = [helper.make_opsetid("", 17)]
    body = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    path.write_bytes(body)
    names = ", ".join(f'{name} = "{name}"' for name in outputs)
    return f"""
[[weights]]
precision = ["fp32"]
outputs = {{ {names} }}
[[weights.files]]
name = "{path.name}"
size = {len(body)}
sha256 = "{hashlib.sha256(body).hexdigest()}"
"""


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    points = np.concatenate([POINTS, np.full((5, 1), 0.9, np.float32)], 1)[None, None]
    thing = network(tmp_path / "thing.onnx", {"points": points}, (64, 64))
    (tmp_path / "thing.toml").write_text(
        f"{SKELETON}[input]\nstride = 16\nsize = [64, 64]\n"
        f'[decoder]\nkind = "regression"\norder = "xy"\n{thing}'
    )
    dets = np.array([[*box, 0.9] for box in BOXES], np.float32)[None]
    labels = np.zeros((1, len(BOXES)), np.int64)
    boxes = network(tmp_path / "boxes.onnx", {"dets": dets, "labels": labels}, SIZE)
    (tmp_path / "boxes.toml").write_text(
        f"[input]\nstride = 32\nsize = {list(SIZE)}\n"
        f'[decoder]\nkind = "boxes"\nlayout = "corners"\n{boxes}'
    )
    write(tmp_path / "clip.mp4", [np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)] * 3)
    return tmp_path


def test_each_box_has_one_thing_and_the_whole_picture_none(cards: Path) -> None:
    named = {"model": str(cards / "thing.toml"), "detector": str(cards / "boxes.toml")}
    results = list(stream(settings(str(cards / "clip.mp4"), precision="fp32", **named)))
    assert len(results) == 3
    for one in results:
        view = one.views[0]
        assert view is not None
        check_middles(view.tracks.poses.xy)


def check_middles(found: np.ndarray) -> None:
    assert len(found) == 2
    middles = found[np.argsort(found[:, 2, 0]), 2]
    wanted = [[(low + high) / 2 for low, high in ((b[0], b[2]), (b[1], b[3]))] for b in BOXES]
    np.testing.assert_allclose(middles, wanted, atol=1.5)


def test_python_programs_give_a_detector_too(cards: Path) -> None:
    picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    thing, boxes = cards / "thing.toml", cards / "boxes.toml"
    with posestream.Pose(thing, detector=boxes, precision="fp32") as pose:
        check_middles(pose(picture).keypoints)
        assert len(pose.track(picture, 0.0)) == 2
    wrong = {
        r"--crowd graph .* map for each": lambda: posestream.Pose(
            thing, detector=boxes, crowd="graph"
        ),
        "thing .*assemble": lambda: posestream.Pose(thing, assemble="ilp"),
        "leave out --refine off": lambda: posestream.Pose(thing, detector=boxes, refine="off"),
    }
    for words, call in wrong.items():
        with pytest.raises(posestream.PosestreamError, match=words):
            call()


def test_without_a_detector_it_is_one_thing_a_picture(cards: Path) -> None:
    wanted = settings(str(cards / "clip.mp4"), precision="fp32", model=str(cards / "thing.toml"))
    for one in stream(wanted):
        view = one.views[0]
        assert view is not None
        (found,) = view.tracks.poses.xy
        # The picture, 64 x 32 pixels of the network, lies at its top.
        np.testing.assert_allclose(found[2], [SIZE[0] / 2, SIZE[1]], atol=2)
