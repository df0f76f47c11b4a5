"""The CPU runtime. OpenVINO is imported here alone, when a network is opened."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from engines.models.card import Card
from engines.models.weights import Located
from engines.types.arrays import Floats, Image
from engines.types.errors import CardError, DeviceError


class OpenVino:
    """A Network on the CPU: OpenVINO IR or ONNX, uint8 pictures in, float32 maps out.

    The shape that comes first is compiled for itself, which is the fastest; the first picture of
    any other shape compiles the network once more for all shapes (a new shape then costs some
    30 ms, once). live: one set in flight on all cores; else one stream a core.
    """

    def __init__(self, card: Card, located: Located, *, live: bool) -> None:
        self._ov = load_openvino()
        self._core: Any = self._ov.Core()
        self._entry = card.input
        self._channels = {
            "heatmaps": len(card.skeleton.keypoints),
            "pafs": 1 + max(max(pair) for pair in card.paf_channels),
        }
        self._located = located
        self._config = {
            "PERFORMANCE_HINT": "LATENCY" if live else "THROUGHPUT",
            **self._arithmetic(),
        }
        self._compiled: dict[tuple[int, int] | None, Any] = {}
        self._idle: dict[int, list[Any]] = {}
        self._flying: deque[list[tuple[Any, Any, Image]]] = deque()
        self._usual: tuple[int, int] | None = None
        self._check_outputs()  # a bad file is reported now, not with the first picture
        self.depth = 1 if live else self._streams() + 1

    def submit(self, pictures: Sequence[Image]) -> None:
        """Start on (h, w, 3) uint8 pictures; they must not change until their result."""
        started = []
        for picture in pictures:
            compiled = self._network(picture.shape[0], picture.shape[1])
            idle = self._idle.setdefault(id(compiled), [])
            request = idle.pop() if idle else compiled.create_infer_request()
            request.set_input_tensor(self._ov.Tensor(picture[None], shared_memory=True))
            request.start_async()
            started.append((compiled, request, picture))  # OpenVINO holds no reference to it
        self._flying.append(started)

    def result(self) -> list[tuple[Floats, Floats]]:
        """Heat maps and affinity fields of the oldest set, valid until the next submit."""
        maps = []
        outputs = self._located.weights.outputs
        for compiled, request, _ in self._flying.popleft():
            request.wait()
            maps.append(
                (
                    request.get_tensor(outputs["heatmaps"]).data[0],
                    request.get_tensor(outputs["pafs"]).data[0],
                )
            )
            self._idle[id(compiled)].append(request)
        return maps

    def close(self) -> None:
        """Wait for what is in flight and let go of the network."""
        while self._flying:
            self.result()
        self._idle.clear()
        self._compiled.clear()

    def _network(self, high: int, wide: int) -> Any:
        """The compiled network for a shape."""
        self._usual = self._usual or (high, wide)
        key = self._usual if (high, wide) == self._usual else None
        if key not in self._compiled:
            self._compiled[key] = self._compile(key)
        return self._compiled[key]

    def _compile(self, shape: tuple[int, int] | None) -> Any:
        high, wide = shape or (-1, -1)
        model = self._read()
        try:
            model.reshape([1, 3, high, wide])
            steps = self._ov.preprocess.PrePostProcessor(model)
            tensor = steps.input().tensor()
            tensor.set_element_type(self._ov.Type.u8).set_layout(self._ov.Layout("NHWC"))
            tensor.set_shape([1, high, wide, 3])
            steps.input().model().set_layout(self._ov.Layout("NCHW"))
            chain = steps.input().preprocess().convert_element_type(self._ov.Type.f32)
            if self._entry.colour == "rgb":
                chain = chain.reverse_channels()
            if any(self._entry.mean):
                chain = chain.mean(list(self._entry.mean))
            if set(self._entry.scale) != {1.0}:
                chain.scale(list(self._entry.scale))
            return self._core.compile_model(steps.build(), "CPU", self._config)
        except RuntimeError as error:
            raise DeviceError(
                f"OpenVINO cannot run {self._located.paths[0].name} at {wide}x{high}: "
                f"{_first_line(error)}"
            ) from error

    def _read(self) -> Any:
        graph, *rest = self._located.paths
        try:
            model = self._core.read_model(str(graph), *(str(path) for path in rest))
        except RuntimeError as error:
            raise DeviceError(f"OpenVINO cannot read {graph}: {_first_line(error)}") from error
        located = self._located
        if located.precision != "int8" and "int8" in located.weights.precision:
            self._widen(model)
        return model

    def _widen(self, model: Any) -> None:
        """INT8 weights as they serve other precisions: what they say of activations is left out."""
        for node in model.get_ops():
            if node.get_type_name() == "FakeQuantize":
                node.output(0).replace(node.input_value(0))
        # Left to OpenVINO 2026.4, streams that share such weights compute garbage.
        steps = self._ov.passes.Manager()
        steps.register_pass(self._ov.passes.ConstantFolding())
        steps.run_passes(model)

    def _check_outputs(self) -> None:
        """CardError unless the network has one input and the outputs that its card names."""
        graph, model = self._located.paths[0].name, self._read()
        if len(model.inputs) != 1:
            raise CardError(f"{graph} has {len(model.inputs)} inputs; a network here takes one.")
        channels = {}
        for output in model.outputs:
            size = output.partial_shape
            fits = size.rank.is_static and len(size) == 4 and size[1].is_static
            channels.update(dict.fromkeys(output.names, size[1].get_length() if fits else 0))
        for kind, least in self._channels.items():
            name = self._located.weights.outputs[kind]
            if name not in channels:
                raise CardError(
                    f"{graph} has no output {name}, which its card names; "
                    f"it has {', '.join(sorted(channels))}."
                )
            if channels[name] < least:
                raise CardError(
                    f"Output {name} of {graph} has {channels[name]} channels, "
                    f"but the {kind} of its card need {least}."
                )

    def _arithmetic(self) -> dict[str, str]:
        """INT8 weights say for themselves where they are used; the rest of them may be bf16."""
        native = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if self._located.precision == "fp32" or not native:
            return {"INFERENCE_PRECISION_HINT": "f32"}
        return {"INFERENCE_PRECISION_HINT": "bf16"}

    def _streams(self) -> int:
        return int(self._core.get_property("CPU", "RANGE_FOR_STREAMS")[1])


def load_openvino() -> Any:
    """The package openvino, loaded when it is needed; DeviceError where it is not installed."""
    try:
        import openvino
        import openvino.passes
    except ImportError as error:
        raise DeviceError(
            f"OpenVINO cannot be imported ({error}); run pip install -r requirements.txt."
        ) from error
    return openvino


def _first_line(error: RuntimeError) -> str:
    """OpenVINO's messages run over many lines; the last one says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
