"""An ONNX network as a torch module, so that the teacher runs where the student does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from training.errors import TrainingError


def _conv(given: list[Tensor], how: dict[str, Any]) -> Tensor:
    top, left, bottom, right = how.get("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        raise TrainingError("The teacher pads its convolutions unevenly, which is not provided.")
    picture, weight, *bias = given
    convolved: Tensor = functional.conv2d(
        picture,
        weight,
        bias[0] if bias else None,
        stride=how.get("strides", (1, 1)),
        padding=(top, left),
        dilation=how.get("dilations", (1, 1)),
        groups=how.get("group", 1),
    )
    return convolved


OPERATIONS: dict[str, Callable[[list[Tensor], dict[str, Any]], Tensor]] = {
    "Add": lambda given, how: given[0] + given[1],
    "Concat": lambda given, how: torch.cat(given, how["axis"]),
    "Conv": _conv,
    "Elu": lambda given, how: functional.elu(given[0], how.get("alpha", 1.0)),
    "Identity": lambda given, how: given[0],
    "Mul": lambda given, how: given[0] * given[1],
    "Relu": lambda given, how: functional.relu(given[0]),
}


class Graph(nn.Module):
    """The few operations that a convolutional network of the OpenPose kind is made of.

    outputs: names of what forward gives, in this order. TrainingError for other operations.
    """

    def __init__(self, path: Path, outputs: tuple[str, ...]) -> None:
        super().__init__()
        graph = onnx.load(path).graph
        unknown = {node.op_type for node in graph.node} - set(OPERATIONS)
        if unknown:
            raise TrainingError(f"{path.name} has operations not provided: {sorted(unknown)}.")
        constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._order = list(constants)
        for n, values in enumerate(constants.values()):
            self.register_buffer(f"c{n}", torch.from_numpy(values.copy()))
        self._entry = next(one.name for one in graph.input if one.name not in constants)
        self._nodes = [
            (
                OPERATIONS[node.op_type],
                list(node.input),
                node.output[0],
                {one.name: helper.get_attribute_value(one) for one in node.attribute},
            )
            for node in graph.node
        ]
        self._outputs = outputs

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        known = {name: self.get_buffer(f"c{n}") for n, name in enumerate(self._order)}
        known[self._entry] = picture
        for operation, given, name, how in self._nodes:
            known[name] = operation([known[one] for one in given], how)
        return tuple(known[name] for name in self._outputs)
