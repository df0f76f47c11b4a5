"""ONNX networks in half precision: the precision of a strongly typed engine is its graph's."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.types.errors import WeightsError

MAX_HALF = float(np.finfo(np.float16).max)


def to_half(model: Any) -> Any:
    """A copy of an onnx.ModelProto that computes in fp16; its inputs and outputs stay fp32."""
    import onnx

    half, full = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    del graph.value_info[:]
    for tensor in graph.initializer:
        _halve(onnx, tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                _halve(onnx, attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == full:
                attribute.i = half
    constants = {tensor.name for tensor in graph.initializer}
    entries = {one.name for one in graph.input if one.name not in constants}
    exits = {one.name for one in graph.output}
    for node in graph.node:
        node.input[:] = [f"{name}/half" if name in entries | exits else name for name in node.input]
        node.output[:] = [f"{name}/half" if name in exits else name for name in node.output]
    cast = onnx.helper.make_node
    before = [cast("Cast", [name], [f"{name}/half"], to=half) for name in sorted(entries)]
    after = [cast("Cast", [f"{name}/half"], [name], to=full) for name in sorted(exits)]
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def _halve(onnx: Any, tensor: Any) -> None:
    if tensor.data_type != onnx.TensorProto.FLOAT:
        return
    value = onnx.numpy_helper.to_array(tensor)
    if value.size and float(np.abs(value).max()) > MAX_HALF:
        raise WeightsError(f"{tensor.name} of the network does not fit fp16; build it in fp32.")
    tensor.CopyFrom(onnx.numpy_helper.from_array(value.astype(np.float16), tensor.name))
