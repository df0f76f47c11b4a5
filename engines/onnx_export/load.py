"""Networks as ONNX, the form that the GPU's runtimes share."""

from __future__ import annotations

from typing import Any

from engines.models.weights import Located
from engines.onnx_export.from_openvino_ir import convert_ir
from engines.types.errors import CardError, DeviceError, WeightsError


def read_onnx(located: Located) -> Any:
    """An onnx.ModelProto in fp32; with INT8 in it where that was located, and the file has it.

    DeviceError without the package onnx, WeightsError for a file that is no network, CardError
    for one without the outputs that its card names.
    """
    try:
        import onnx
    except ImportError as error:
        raise DeviceError(
            "The package onnx is not installed; run: pip install -r requirements-gpu.txt"
        ) from error
    graph, *rest = located.paths
    if rest:
        model = convert_ir(graph, rest[0], quantised=located.precision == "int8")
    else:
        try:
            model = onnx.load(graph)
        except Exception as error:  # protobuf's own error has no public class
            raise WeightsError(f"{graph} is not an ONNX network.") from error
    names = [output.name for output in model.graph.output]
    for name in located.weights.outputs.values():
        if name not in names:
            raise CardError(
                f"{graph.name} has no output {name}, which its card names; "
                f"it has {', '.join(sorted(names))}."
            )
    return model
