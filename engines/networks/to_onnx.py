"""Networks as torch modules -> ONNX, which OpenVINO and TensorRT read."""

from __future__ import annotations

import io
import warnings
from typing import Any

import onnx
import torch
from torch import nn

OPSET = 17
OUTPUTS = {"heatmaps": "heat", "pafs": "paf"}  # of every network in NETWORKS, in its order
PROBE_PX = 64  # a side of the picture that the module is traced with


def module_onnx(module: nn.Module) -> onnx.ModelProto:
    """The graph in fp32: `data` (N, 3, H, W), any number of pictures of any size, to OUTPUTS."""
    file: Any = io.BytesIO()
    names = ("data", *OUTPUTS.values())
    axes = {name: {0: f"{name}_count", 2: f"{name}_rows", 3: f"{name}_columns"} for name in names}
    with warnings.catch_warnings():
        # The newer exporter needs packages of its own and gives the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (torch.zeros(1, 3, PROBE_PX, PROBE_PX),),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["data"],
            output_names=[*OUTPUTS.values()],
            dynamic_axes=axes,
        )
    model = onnx.load_from_string(file.getvalue())
    onnx.checker.check_model(model)
    return model
