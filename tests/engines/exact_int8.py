"""INT8 networks as their file defines them, computed in fp32: what no processor saturates.

A processor with VNNI (or a GPU) adds the products of 8-bit numbers in 32 bits; one with AVX2 alone
adds two of them in 16 bits first, which may saturate. A runtime's INT8 thus differs between
processors, so it is no yardstick of what a quantised file is worth. This is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

HINT = {"INFERENCE_PRECISION_HINT": "f32"}


def compiled_exactly(model: Any) -> Any:
    """An OpenVINO model, compiled with each FakeQuantize spelled out in fp32 arithmetic.

    As OpenVINO's specification of FakeQuantize-1 defines it:
    round((min(max(x, low), high) - low) / (high - low) * (levels - 1)), scaled to the output.
    """
    for node in model.get_ops():
        if node.get_type_name() == "FakeQuantize":
            node.output(0).replace(_in_floats(node))
    return ov.Core().compile_model(model, "CPU", HINT)


def _in_floats(node: Any) -> Any:
    value, low, high, least, most = (ops.convert(one, "f32") for one in node.input_values())
    steps = ops.constant(np.float32(node.get_attributes()["levels"] - 1))
    inside = ops.minimum(ops.maximum(value, low), high)
    place = ops.multiply(ops.divide(ops.subtract(inside, low), ops.subtract(high, low)), steps)
    code = ops.round(place, "half_to_even")
    scaled = ops.multiply(ops.divide(code, steps), ops.subtract(most, least))
    return ops.convert(ops.add(scaled, least), node.get_output_element_type(0)).output(0)
