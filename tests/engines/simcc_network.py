"""A tiny network with RTMPose's outputs: every keypoint lies where the picture is brightest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDE, HIGH, SPLIT = 192, 256, 2
KEYPOINTS = 17


def network(keypoints: int = KEYPOINTS) -> onnx.ModelProto:
    """`input` (N, 3, 256, 192) -> `simcc_x` (N, 17, 384), `simcc_y` (N, 17, 512)."""
    nodes, constants = [], []
    for name, axis, length in (("x", 2, WIDE), ("y", 3, HIGH)):
        # The brightest value of a column or row, then each twice as bins, then 17 times.
        nodes += [
            helper.make_node("ReduceMax", ["input"], [f"{name}_max"], axes=[1, axis], keepdims=0),
            helper.make_node("Unsqueeze", [f"{name}_max", "last"], [f"{name}_one"]),
            helper.make_node("Mul", [f"{name}_one", "pair"], [f"{name}_pair"]),
            helper.make_node("Reshape", [f"{name}_pair", f"{name}_shape"], [f"{name}_bins"]),
            helper.make_node("Mul", [f"{name}_bins", "all"], [f"simcc_{name}"]),
        ]
        shape = np.array([-1, 1, SPLIT * length], np.int64)
        constants.append(numpy_helper.from_array(shape, f"{name}_shape"))
    constants += [
        numpy_helper.from_array(np.array([2], np.int64), "last"),
        # The first bin of a pixel is the higher one.
        numpy_helper.from_array(np.array([[[1.0, 0.9]]], np.float32), "pair"),
        numpy_helper.from_array(np.ones((1, keypoints, 1), np.float32), "all"),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", keypoints, SPLIT * side])
        for name, side in (("simcc_x", WIDE), ("simcc_y", HIGH))
    ]
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, HIGH, WIDE])
    graph = helper.make_graph(nodes, "simcc", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def write_card(
    folder: Path, *, skeleton: str = "coco17", scale: float = 255.0, keypoints: int = KEYPOINTS
) -> Path:
    """The network and its card."""
    body = network(keypoints).SerializeToString()
    (folder / "simcc.onnx").write_bytes(body)
    card = folder / "simcc.toml"
    card.write_text(
        f"""
skeleton = "{skeleton}"
[input]
stride = 32
size = [{WIDE}, {HIGH}]
colour = "rgb"
scale = [{scale}, {scale}, {scale}]
[decoder]
kind = "simcc"
[crop]
padding = 1.25
[fusion]
guard = 0.05
[[weights]]
precision = ["fp32"]
outputs = {{ x = "simcc_x", y = "simcc_y" }}
files = [
    {{ name = "simcc.onnx", size = {len(body)}, sha256 = "{hashlib.sha256(body).hexdigest()}" }},
]
"""
    )
    return card
