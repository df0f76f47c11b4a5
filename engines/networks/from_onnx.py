"""An ONNX network as a torch module, so that it runs wherever torch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from engines.types.errors import WeightsError

Given = list[Any]  # tensors; None for an input that is left out
How = dict[str, Any]


def _conv(given: Given, how: How) -> Tensor:
    top, left, bottom, right = how.get("pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        raise WeightsError("The network pads its convolutions unevenly, which torch cannot.")
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


def _resize(given: Given, how: How) -> Tensor:
    places = how.get("coordinate_transformation_mode"), how.get("nearest_mode")
    sizes = given[3] if len(given) > 3 else None
    if how.get("mode") != b"nearest" or places != (b"asymmetric", b"floor") or sizes is None:
        raise WeightsError("The network enlarges its maps in a way that torch does not know here.")
    return functional.interpolate(given[0], size=sizes.tolist()[2:], mode="nearest")


def _max_pool(given: Given, how: How) -> Tensor:
    if any(how.get("pads", ())) or how.get("ceil_mode", 0):
        raise WeightsError("The network takes maxima in a way that torch does not know here.")
    return functional.max_pool2d(given[0], how["kernel_shape"], how.get("strides"))


def _slice(given: Given, how: How) -> Tensor:
    sizes, (start,), (end,) = given[0], given[1].tolist(), given[2].tolist()
    return torch.as_tensor(sizes[start:end])


def _cast(given: Given, how: How) -> Tensor:
    """Floating-point numbers have the module's own precision."""
    tensor: Tensor = given[0]
    return tensor if tensor.is_floating_point() else tensor.long()


OPERATIONS: dict[str, Callable[[Given, How], Tensor]] = {
    "Add": lambda given, how: given[0] + given[1],
    "Cast": _cast,
    "Concat": lambda given, how: torch.cat(given, how["axis"]),
    "Constant": lambda given, how: torch.from_numpy(numpy_helper.to_array(how["value"]).copy()),
    "Conv": _conv,
    "Elu": lambda given, how: functional.elu(given[0], how.get("alpha", 1.0)),
    "Identity": lambda given, how: given[0],
    "MaxPool": _max_pool,
    "Mul": lambda given, how: given[0] * given[1],
    "PRelu": lambda given, how: functional.prelu(given[0], given[1].flatten()),
    "Relu": lambda given, how: functional.relu(given[0]),
    "Sigmoid": lambda given, how: given[0].sigmoid(),
    # Sizes stay on the host, whatever the device, so that nothing waits for it.
    "Gather": lambda given, how: given[0][given[1]],
    "Resize": _resize,
    "Shape": lambda given, how: torch.tensor(given[0].shape[how.get("start", 0) : how.get("end")]),
    "Slice": _slice,
    "Unsqueeze": lambda given, how: given[0].unsqueeze(int(given[1])),
}


class Graph(nn.Module):
    """The few operations that a convolutional network of the OpenPose kind is made of.

    model: an onnx.ModelProto. outputs: names of what forward gives, in this order. WeightsError
    for other operations.
    """

    def __init__(self, model: Any, outputs: tuple[str, ...]) -> None:
        super().__init__()
        graph = model.graph
        unknown = {node.op_type for node in graph.node} - set(OPERATIONS)
        if unknown:
            raise WeightsError(
                f"Torch does not know the network's {', '.join(sorted(unknown))} here."
            )
        self._sizes: dict[str, Tensor] = {}
        self._order: list[str] = []
        for one in graph.initializer:
            value = numpy_helper.to_array(one)
            if value.dtype.kind == "f":
                self.register_buffer(f"c{len(self._order)}", torch.from_numpy(_whole(value)))
                self._order.append(one.name)
            else:
                self._sizes[one.name] = torch.from_numpy(value.copy())
        constants = {one.name for one in graph.initializer}
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
        known: dict[str, Any] = {"": None, self._entry: picture, **self._sizes}
        known.update((name, self.get_buffer(f"c{n}")) for n, name in enumerate(self._order))
        for operation, given, name, how in self._nodes:
            known[name] = operation([known[one] for one in given], how)
        return tuple(known[name] for name in self._outputs)


def _whole(value: Any) -> Any:
    """fp32: what is stored in half is widened, as the module is in one precision."""
    return np.array(value, np.float32)


def convolutions(model: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """Weights (O, I, h, w) and biases (O,) of a network's convolutions, by their nodes' names.

    model: an onnx.ModelProto whose biases are added by the node after a convolution.
    """
    graph = model.graph
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    adds = [list(node.input) for node in graph.node if node.op_type == "Add"]
    biases = {first: constants[other] for first, other in adds if other in constants}
    return {
        node.name: (
            torch.tensor(constants[node.input[1]]),
            torch.tensor(biases[node.output[0]].reshape(-1)),
        )
        for node in graph.node
        if node.op_type == "Conv"
    }
