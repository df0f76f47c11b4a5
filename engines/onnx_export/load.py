"""Networks as ONNX, the form that the GPU's runtimes share."""

from __future__ import annotations

from typing import Any

from engines.decoders.decoder import Decoder, check_outputs
from engines.models.weights import Located
from engines.onnx_export.from_openvino_ir import convert_ir
from engines.types.errors import DeviceError, WeightsError


def read_onnx(located: Located, decoder: Decoder) -> Any:
    """An onnx.ModelProto in fp32; with INT8 in it where that was located, and the file has it.

    DeviceError without the package onnx, WeightsError for a file that is no network, CardError
    for one without the outputs that its decoder needs.
    """
    try:
        import onnx
    except ImportError as error:
        raise DeviceError(
            "The package onnx is not installed; run: pip install -r requirements-gpu.txt"
        ) from error
    graph, *rest = located.paths
    if located.weights.network is not None:
        raise WeightsError(
            f"{graph.name} holds the weights of a PyTorch network; write it as ONNX first: "
            "posestream models export MODEL --output NAME.toml."
        )
    if rest:
        model = convert_ir(graph, rest[0], quantised=located.precision == "int8")
    else:
        try:
            model = onnx.load(graph)
        except Exception as error:  # protobuf's own error has no public class
            raise WeightsError(f"{graph} is not an ONNX network.") from error
    shapes = {}
    for output in model.graph.output:
        sides = output.type.tensor_type.shape.dim
        shapes[output.name] = tuple(side.dim_value or None for side in sides)[1:]
    check_outputs(decoder, graph.name, located.weights.outputs, shapes)
    return model
