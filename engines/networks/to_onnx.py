"""Networks as torch modules -> ONNX, which OpenVINO and TensorRT read."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import torch
from torch import nn

OPSET = 17
OUTPUTS = {"heatmaps": "heat", "pafs": "paf"}  # of networks of pictures, in their order
PROBE_PX = 64  # a side of the picture that the module is traced with


def module_onnx(
    module: nn.Module, outputs: Mapping[str, str] = OUTPUTS, size: Sequence[int] = ()
) -> onnx.ModelProto:
    """The graph in fp32: `data` (N, 3, H, W), any number of pictures, to the outputs.

    outputs: names in the graph, in the module's order. size: the (width, height) of all pictures;
    () = any.
    """
    file: Any = io.BytesIO()
    names = ("data", *outputs.values())
    axes = {name: {0: "count" if size else f"{name}_count"} for name in names}
    if not size:
        for name in names:
            axes[name] |= {2: f"{name}_rows", 3: f"{name}_columns"}
    wide, high = size or (PROBE_PX, PROBE_PX)
    with warnings.catch_warnings():
        # The newer exporter needs packages of its own and gives the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (torch.zeros(1, 3, high, wide),),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["data"],
            output_names=[*outputs.values()],
            dynamic_axes=axes,
        )
    model = onnx.load_from_string(file.getvalue())
    onnx.checker.check_model(model)
    return model
