"""What RTMPose's cards feed their network: its owners' normalisation, in both orders of colours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.models.card import Card, load_card
from engines.models.weights import Located
from engines.runtimes.openvino_cpu import OpenVino
from engines.types.arrays import Image

WIDE, HIGH = 192, 256
# MMPose's configs of RTMPose: data_preprocessor, RGB.
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
CARDS = ("rtmpose-t", "rtmpose-s", "rtmpose-m")


def echo(folder: Path) -> Path:
    """A network with RTMPose's outputs, which are its own input: row 7 of channel k in the first
    bins of `simcc_x` k, column 5 of it in those of `simcc_y` k.
    """
    nodes, constants = [], []
    for name, axis, place, side in (("x", 2, 7, WIDE), ("y", 3, 5, HIGH)):
        nodes += [
            helper.make_node("Gather", ["input", f"{name}_place"], [f"{name}_line"], axis=axis),
            helper.make_node("Pad", [f"{name}_line", f"{name}_pads"], [f"simcc_{name}"]),
        ]
        constants += [
            numpy_helper.from_array(np.array(place, np.int64), f"{name}_place"),
            numpy_helper.from_array(np.array([0, 0, 0, 0, 14, side], np.int64), f"{name}_pads"),
        ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 17, 2 * side])
        for name, side in (("simcc_x", WIDE), ("simcc_y", HIGH))
    ]
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, HIGH, WIDE])
    graph = helper.make_graph(nodes, "echo", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path = folder / "echo.onnx"
    onnx.save(model, path)
    return path


def fed(card: Card, path: Path, crops: list[Image]) -> list[dict[str, np.ndarray]]:
    """The network's outputs for a batch of crops."""
    located = Located(card.weights[0], "fp32", (path,))
    network = OpenVino(card, located, live=True, batched=True)
    network.submit(crops)
    found = [{role: array.copy() for role, array in one.items()} for one in network.result()]
    network.close()
    return found


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_crops_are_normalised_as_the_owners_do(
    name: str, colour: Literal["rgb", "bgr"], tmp_path: Path
) -> None:
    """rgb is the training's order and the cards'; bgr, with the same numbers in the same places, is
    what other programs feed: a card of one's own may say so.
    """
    card = load_card(name)
    assert card.input.colour == "rgb"
    card = replace(card, input=replace(card.input, colour=colour))
    rng = np.random.default_rng(0)
    crops = list(rng.integers(0, 256, (2, HIGH, WIDE, 3)).astype(np.uint8))
    for crop, found in zip(crops, fed(card, echo(tmp_path), crops), strict=True):
        ordered = crop[..., ::-1] if colour == "rgb" else crop  # OpenCV's pictures are BGR
        wanted = ((ordered.astype(np.float64) - MEAN) / STD).transpose(2, 0, 1)
        np.testing.assert_allclose(found["x"][:3, :WIDE], wanted[:, 7], atol=1e-4)
        np.testing.assert_allclose(found["y"][:3, :HIGH], wanted[:, :, 5], atol=1e-4)


@pytest.mark.parametrize("name", CARDS)
def test_cards_hold_the_contract(name: str) -> None:
    """192 x 256, two bins a pixel; three quarters wide, as the boxes of the training."""
    card = load_card(name)
    needed = card.decoder.outputs
    assert card.input.size == (WIDE, HIGH)
    assert needed["x"].fits((17, 384))
    assert needed["y"].fits((17, 512))
    assert card.weights[0].outputs == {"x": "simcc_x", "y": "simcc_y"}
