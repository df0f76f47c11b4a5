"""A tiny network with the usual outputs of YOLO-pose: one person stands where red is brightest."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KEYPOINTS = 17
# Where its keypoints and its box are, from the brightest place, in pixels of its input.
OFFSETS = np.random.default_rng(4).uniform(-20, 20, (KEYPOINTS, 2)).astype(np.float32)
BOX = (50.0, 60.0)
# How sure it is of itself for each box that it gives, and how far they lie apart: the second is the
# first once more, the third another person, the others are nobody.
SHARES = np.array([1.0, 0.9, 0.6, 0.05, 0.0], np.float32)
APART = np.array([0, 2, 70, 5, 9], np.float32)


def network(size: tuple[int, int]) -> onnx.ModelProto:
    """`images` (1, 3, high, wide), RGB 0..1 -> `output0` (1, 56, 5)."""
    wide, high = size
    # 56 x 5: what is added to x, to y, and what the score is multiplied by, of each row and box.
    rows, boxes = 5 + 3 * KEYPOINTS, len(SHARES)
    of_x, of_y, of_score, fixed = np.zeros((4, rows, boxes), np.float32)
    of_x[0] = of_y[1] = 1
    fixed[0] = APART
    fixed[2], fixed[3] = BOX
    of_score[4] = SHARES
    for k in range(KEYPOINTS):
        at = 5 + 3 * k
        of_x[at], of_y[at + 1] = 1, 1
        fixed[at], fixed[at + 1], fixed[at + 2] = OFFSETS[k, 0] + APART, OFFSETS[k, 1], 0.9
    nodes = [helper.make_node("Gather", ["images", "red"], ["channel"], axis=1)]
    for name, axis in (("x", 2), ("y", 3)):
        nodes += [
            helper.make_node("ReduceMax", ["channel"], [f"{name}_max"], axes=[1, axis], keepdims=0),
            helper.make_node("ArgMax", [f"{name}_max"], [f"{name}_at"], axis=1, keepdims=1),
            helper.make_node("Cast", [f"{name}_at"], [name], to=TensorProto.FLOAT),
        ]
    nodes.append(helper.make_node("ReduceMax", ["channel"], ["most"], keepdims=0))
    for name in ("x", "y", "most"):
        nodes.append(helper.make_node("Mul", [name, f"of_{name}"], [f"{name}_part"]))
    nodes.append(helper.make_node("Sum", ["x_part", "y_part", "most_part", "fixed"], ["output0"]))
    constants = [
        numpy_helper.from_array(np.array([0], np.int64), "red"),
        *(
            numpy_helper.from_array(value[None], name)
            for name, value in (
                ("of_x", of_x),
                ("of_y", of_y),
                ("of_most", of_score),
                ("fixed", fixed),
            )
        ),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, high, wide])
    out = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, rows, boxes])
    graph = helper.make_graph(nodes, "yolo", [images], [out], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model
