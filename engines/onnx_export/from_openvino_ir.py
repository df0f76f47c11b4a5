"""OpenVINO IR -> ONNX, for runtimes that do not read IR.

Knows the operations of convolutional networks. What depends on constants alone is computed here,
so that compressed weights arrive as plain ones, and so is what is done with sizes of tensors. The
converted network is fully convolutional: batch, height and width stay open, whatever the IR was
made for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError
from defusedxml.ElementTree import parse as parse_xml
from numpy.typing import NDArray

from engines.types.errors import WeightsError

Array = NDArray[Any]
Value = Array | str  # a constant, or the name of a tensor
TYPES = {"f16": np.float16, "f32": np.float32, "i8": np.int8, "u8": np.uint8, "i64": np.int64}
SIMPLE = {"ReLU": "Relu", "Elu": "Elu", "Sigmoid": "Sigmoid", "Concat": "Concat"}
PAIRS = {"Add": np.add, "Subtract": np.subtract, "Multiply": np.multiply}
OPSET = 19  # the first in which half-precision tensors may be quantised
RANK = 4  # of every tensor: (N, C, H, W)
NEAREST = {  # the one way of enlarging that is known here
    "mode": "nearest",
    "shape_calculation_mode": "sizes",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}


@dataclass(frozen=True, slots=True)
class Size:
    """One number of a tensor's shape, which is known only when the network runs."""

    tensor: str
    axis: int


def convert_ir(graph: Path, weights: Path, *, quantised: bool = False) -> Any:
    """An onnx.ModelProto in fp32, whose outputs have the IR's names.

    quantised: keep its INT8 as QuantizeLinear and DequantizeLinear, symmetric and a scale a tensor,
    which is what TensorRT takes; a FakeQuantize with a range for each channel stays floating point.
    Without it every FakeQuantize is left out. WeightsError for a file that is no such network.
    """
    try:
        import onnx
    except ImportError as error:
        raise WeightsError(
            f"The package onnx, which converts {graph.name}, is not installed; run: "
            f"pip install -r requirements-gpu.txt"
        ) from error
    try:
        root = parse_xml(graph, forbid_dtd=True).getroot()
        blob = weights.read_bytes()
        return _Conversion(onnx, root, blob, quantised).model()
    except DefusedXmlException as error:
        raise WeightsError(
            f"{graph} has a DTD, which no OpenVINO IR has; it is not read."
        ) from error
    except (ParseError, OSError, LookupError, ValueError, AttributeError) as error:
        raise WeightsError(f"{graph} cannot be converted to ONNX: {error}") from error


@dataclass
class _Conversion:
    onnx: Any
    root: Any
    blob: bytes
    quantised: bool
    values: dict[tuple[str, str], Value] = field(default_factory=dict)
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)  # layers whose value is an output

    def model(self) -> Any:
        layers = {layer.get("id"): layer for layer in self.root.findall("layers/layer")}
        if not layers:
            raise ValueError("it has no layers")
        sources: dict[str, dict[str, tuple[str, str]]] = {name: {} for name in layers}
        for edge in self.root.findall("edges/edge"):
            end = edge.get("from-layer"), edge.get("from-port")
            sources[edge.get("to-layer")][edge.get("to-port")] = end
        self.asked = {
            layer
            for name, ends in sources.items()
            if layers[name].get("type") == "Result"
            for layer, _ in ends.values()
        }
        order = TopologicalSorter(
            {name: [layer for layer, _ in ends.values()] for name, ends in sources.items()}
        )
        for name in order.static_order():
            layer = layers[name]
            ports = sorted(sources[name], key=int)
            given = [self.values[sources[name][port]] for port in ports]
            value = self._layer(layer, given)
            for port in layer.findall("output/port"):
                self.values[name, port.get("id")] = value
        make = self.onnx.helper
        graph = make.make_graph(
            self.nodes, self.root.get("name", "ir"), self.inputs, self.outputs, self.constants
        )
        opset = [make.make_opsetid("", OPSET)]
        model = make.make_model(graph, opset_imports=opset, ir_version=9)
        self.onnx.checker.check_model(model, full_check=True)
        return model

    def _layer(self, layer: Any, given: list[Value]) -> Value:
        kind, found = layer.get("type"), layer.find("data")
        data: dict[str, str] = {} if found is None else found.attrib
        if kind == "Const":
            return self._constant(data)
        if kind == "Parameter":
            return self._input(layer, data)
        if kind == "Result":
            name = str(given[0])
            channels = int(layer.findall("input/port/dim")[1].text)
            self.outputs.append(self._tensor(name, ["batch", channels, "rows", "columns"]))
            return name
        if kind == "ShapeOf" and isinstance(given[0], str):
            return _sizes(given[0])
        if all(isinstance(value, np.ndarray) for value in given):
            constants = [value for value in given if isinstance(value, np.ndarray)]
            return _folded(kind, constants, data)
        if kind == "FakeQuantize":
            return self._fake_quantise(layer, given)
        if kind == "Convert":  # between floating-point types: everything here is fp32
            return given[0]
        name = self._name(layer)
        if kind in PAIRS:
            kind = {"Subtract": "Sub", "Multiply": "Mul"}.get(kind, kind)
            return self._node(kind, given, name)
        if kind in SIMPLE:
            keep = {"axis": int, "alpha": float}
            attributes = {key: cast(data[key]) for key, cast in keep.items() if key in data}
            return self._node(SIMPLE[kind], given, name, **attributes)
        if kind == "Interpolate":
            return self._enlarged(given, name, data)
        if kind in ("Convolution", "GroupConvolution"):
            return self._convolution(given, name, data, grouped=kind == "GroupConvolution")
        raise ValueError(f"its layer {name} is a {kind}, which is not known here")

    def _constant(self, data: dict[str, str]) -> Array:
        begin, size = int(data["offset"]), int(data["size"])
        shape = [int(n) for n in data["shape"].split(",") if n.strip()]
        element = TYPES[data["element_type"]]
        value = np.frombuffer(self.blob[begin : begin + size], element).reshape(shape)
        return value.astype(np.float32) if value.dtype == np.float16 else value

    def _input(self, layer: Any, data: dict[str, str]) -> str:
        channels = int(data["shape"].split(",")[1])
        name = self._name(layer)
        self.inputs.append(self._tensor(name, ["batch", channels, "height", "width"]))
        return name

    def _convolution(
        self, given: list[Value], name: str, data: dict[str, str], *, grouped: bool
    ) -> str:
        picture, weights = given
        if not isinstance(weights, np.ndarray) or data.get("auto_pad", "explicit") != "explicit":
            raise ValueError(f"its layer {name} has weights or padding that are not constant")
        groups = weights.shape[0] if grouped else 1
        if grouped:
            weights = weights.reshape(-1, *weights.shape[2:])

        def numbers(key: str) -> list[int]:
            return [int(n) for n in data[key].split(",")]

        return self._node(
            "Conv",
            [picture, self._weights(picture, weights, name)],
            name,
            group=groups,
            strides=numbers("strides"),
            dilations=numbers("dilations"),
            pads=[*numbers("pads_begin"), *numbers("pads_end")],
        )

    def _enlarged(self, given: list[Value], name: str, data: dict[str, str]) -> str:
        """To the height and width of another tensor."""
        picture, sizes = str(given[0]), given[1]
        like = sizes[-1].tensor if isinstance(sizes, np.ndarray) and sizes.dtype == object else ""
        wanted = [*_sizes(picture)[:2], *_sizes(like)[2:]]
        other = {key: data.get(key) for key in NEAREST} != NEAREST
        if other or not isinstance(sizes, np.ndarray) or sizes.tolist() != wanted:
            raise ValueError(f"its layer {name} enlarges in a way that is not known here")
        own = self._node("Shape", [picture], f"{name}/own", end=2)
        others = self._node("Shape", [like], f"{name}/like", start=2)
        whole = self._node("Concat", [own, others], f"{name}/sizes", axis=0)
        how = {key: NEAREST[key] for key in ("mode", "coordinate_transformation_mode")}
        how["nearest_mode"] = NEAREST["nearest_mode"]
        return self._node("Resize", [picture, "", "", whole], name, **how)

    def _weights(self, picture: Value, weights: Array, name: str) -> Value:
        """INT8 weights, a scale a channel, for what is INT8 itself."""
        if not (isinstance(picture, str) and picture.endswith("/dequantised")):
            return weights
        most = np.abs(weights).max(axis=(1, 2, 3)) / np.float32(127)
        scale = np.where(most > 0, most, np.float32(1))
        codes = np.rint(weights / scale[:, None, None, None]).astype(np.int8)
        return self._node("DequantizeLinear", [codes, scale], f"{name}/weights", axis=0)

    def _fake_quantise(self, layer: Any, given: list[Value]) -> Value:
        picture, *limits = given
        low, high, *out = (value for value in limits if isinstance(value, np.ndarray))
        one_range = low.size == high.size == 1
        same = all(np.array_equal(a, b) for a, b in zip((low, high), out, strict=True))
        if not same:
            raise ValueError(f"its layer {self._name(layer)} maps one range to another")
        if not self.quantised or not one_range:
            return picture
        scale = np.float32(max(abs(low.item()), abs(high.item())) / 127)
        zero = np.array(0, np.int8)
        name = self._name(layer)
        codes = self._node("QuantizeLinear", [picture, np.array(scale), zero], name)
        return self._node("DequantizeLinear", [codes, np.array(scale), zero], f"{name}/dequantised")

    def _node(self, kind: str, given: list[Value], name: str, **attributes: Any) -> str:
        names = []
        for n, value in enumerate(given):
            if isinstance(value, np.ndarray):
                constant = self.onnx.numpy_helper.from_array(value, f"{name}/{n}")
                self.constants.append(constant)
                names.append(constant.name)
            else:
                names.append(value)
        self.nodes.append(self.onnx.helper.make_node(kind, names, [name], name, **attributes))
        return name

    def _tensor(self, name: str, shape: list[int | str]) -> Any:
        return self.onnx.helper.make_tensor_value_info(name, self.onnx.TensorProto.FLOAT, shape)

    def _name(self, layer: Any) -> str:
        """A layer's own, which is unique; of an output that of its tensor, as it is asked for."""
        port = layer.find("output/port")
        if layer.get("id") in self.asked and port.get("names"):
            return str(port.get("names").split(",")[0])
        return str(layer.get("name"))


def _sizes(tensor: str) -> Array:
    """The shape of a tensor, as far as it can be known: its names."""
    sizes = np.empty(RANK, object)
    sizes[:] = [Size(tensor, axis) for axis in range(RANK)]
    return sizes


def _folded(kind: str, given: list[Array], data: dict[str, str]) -> Array:
    """What a layer makes of constants, or of sizes as if they were some."""
    first, *rest = given
    numbers = [value.tolist() for value in rest]
    if kind in PAIRS:
        result: Array = PAIRS[kind](*given)
        return result
    if kind == "Convert":
        return first.astype(np.float32) if data["destination_type"] in ("f16", "f32") else first
    if kind == "Reshape":
        keep = data.get("special_zero") == "true"  # 0 keeps a dimension
        shape = [n or (first.shape[at] if keep else 0) for at, n in enumerate(numbers[0])]
        return first.reshape(shape)
    if kind == "ShapeOf":
        return np.array(first.shape, np.int64)
    if kind == "Broadcast":
        return np.broadcast_to(first, numbers[0])
    if kind == "Concat":
        return np.concatenate(given, int(data["axis"]))
    if kind == "Unsqueeze":
        return np.expand_dims(first, tuple(numbers[0]))
    if kind == "Gather":
        return np.asarray(first.take(numbers[0], numbers[1]))
    if kind == "Slice" and numbers[3:] in ([], [[0]]):
        ((start,), (end,), (step,)) = numbers[:3]
        return first[start:end:step]
    raise ValueError(f"it has a {kind} of constants, which is not known here")
