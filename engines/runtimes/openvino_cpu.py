"""The CPU runtime. OpenVINO is imported here alone, when a network is opened."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from engines.decoders.decoder import Decoder, check_outputs
from engines.models.card import Card
from engines.models.weights import Located
from engines.runtimes.kept_networks import compiled
from engines.runtimes.openvino_package import load_openvino
from engines.types.arrays import Arrays, Image
from engines.types.errors import CardError, DeviceError
from engines.types.network_input import CHANNELS

RANK = 4  # of a network's input
# Pictures of a set that are run one by one even where the network takes several at once: compiled
# for any number of them it takes 5 to 8 % longer for one, and 1.6 to 3 ms more a set where their
# number changes from set to set (hands, faces, cropnet; AVX2, one core). With more, batches are
# about as fast, and many cores share them better.
MAX_ALONE = 4
ISAS_WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI"}  # values of ONEDNN_MAX_CPU_ISA


class OpenVino:
    """A Network on the CPU: OpenVINO IR, ONNX or TFLite; uint8 pictures in, its arrays out.

    The shape that comes first is compiled for itself, which is the fastest; the first picture of
    any other shape compiles the network once more for all shapes (a new shape then costs some
    30 ms, once). live: one set in flight on all cores; else one stream a core. batched: more than
    MAX_ALONE pictures of a set, all of one size, are one batch where the network takes several at
    once; else each is a request of its own, all at work together.
    """

    def __init__(self, card: Card, located: Located, *, live: bool, batched: bool = False) -> None:
        self._ov = load_openvino()
        self._core: Any = self._ov.Core()
        self._entry = card.input
        self._located = located
        self._names = located.weights.outputs
        self._config = {
            "PERFORMANCE_HINT": "LATENCY" if live else "THROUGHPUT",
            **self._arithmetic(),
        }
        self._file: Any = None  # as it was read: reading takes some tenths of a second
        self._compiled: dict[tuple[int, tuple[int, int] | None], Any] = {}
        self._idle: dict[int, list[Any]] = {}
        self._flying: deque[list[tuple[Any, Any, Image]]] = deque()
        self._usual: tuple[int, int] | None = None
        self._check_network(card.decoder)  # a bad file is reported now, not with the first picture
        self._batches = batched and self._takes_batches()
        self.depth = 1 if live else self._streams() + 1

    def submit(self, pictures: Sequence[Image]) -> None:
        """Start on (h, w, 3) uint8 pictures; they must not change until their result."""
        together = self._batches and len(pictures) > MAX_ALONE
        batches = [np.stack(pictures)] if together else [picture[None] for picture in pictures]
        started = []
        for batch in batches:
            network = self._network(-1 if together else 1, batch.shape[1], batch.shape[2])
            idle = self._idle.setdefault(id(network), [])
            request = idle.pop() if idle else network.create_infer_request()
            request.set_input_tensor(self._ov.Tensor(batch, shared_memory=True))
            request.start_async()
            started.append((network, request, batch))  # OpenVINO holds no reference to it
        self._flying.append(started)

    def result(self) -> list[Arrays]:
        """The arrays of each picture of the oldest set, valid until the next submit."""
        found: list[Arrays] = []
        for network, request, batch in self._flying.popleft():
            request.wait()
            arrays = {role: request.get_tensor(name).data for role, name in self._names.items()}
            found.extend(
                {role: array[n] for role, array in arrays.items()} for n in range(len(batch))
            )
            self._idle[id(network)].append(request)
        return found

    def close(self) -> None:
        """Wait for what is in flight and let go of the network."""
        while self._flying:
            self.result()
        self._idle.clear()
        self._compiled.clear()
        self._file = None

    def _network(self, batch: int, high: int, wide: int) -> Any:
        """The compiled network for a shape; batch -1: for any number of pictures."""
        self._usual = self._usual or (high, wide)
        key = batch, self._usual if (high, wide) == self._usual else None
        if key not in self._compiled:
            config = tuple(self._config.items())
            read = tuple(sorted(self._names.values()))
            kind = self._located.paths, self._located.precision, self._entry, read
            self._compiled[key] = compiled((*kind, *key, config), lambda: self._compile(*key))
        return self._compiled[key]

    def _compile(self, batch: int, shape: tuple[int, int] | None) -> Any:
        high, wide = shape or (-1, -1)
        entry, ov = self._entry, self._ov
        model = self._read()
        try:
            self._reshape(model, batch, high, wide)
            steps = ov.preprocess.PrePostProcessor(model)
            tensor = steps.input().tensor()
            tensor.set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
            tensor.set_shape([batch, high, wide, CHANNELS])
            steps.input().model().set_layout(ov.Layout(entry.layout.upper()))
            chain = steps.input().preprocess()
            if entry.element != "u8":
                chain = chain.convert_element_type(getattr(ov.Type, entry.element))
            if entry.colour == "rgb":
                chain = chain.reverse_channels()
            if any(entry.mean):
                chain = chain.mean(list(entry.mean))
            if set(entry.scale) != {1.0}:
                chain.scale(list(entry.scale))
            return self._core.compile_model(steps.build(), "CPU", self._config)
        except RuntimeError as error:
            raise DeviceError(
                f"OpenVINO cannot run {self._located.paths[0].name} at {wide}x{high}: "
                f"{_first_line(error)}"
            ) from error

    def _reshape(self, model: Any, batch: int, high: int, wide: int) -> None:
        model.reshape(list(self._entry.shape(batch, high, wide)))

    def _takes_batches(self) -> bool:
        """Whether several pictures give several of each output."""
        model = self._read()
        high, wide = self._entry.size[::-1] or (-1, -1)
        try:
            self._reshape(model, -1, high, wide)
        except RuntimeError:
            return False
        ours = set(self._names.values())
        return all(
            output.partial_shape.rank.is_static and output.partial_shape[0].is_dynamic
            for output in model.outputs
            if output.names & ours
        )

    def _read(self) -> Any:
        """The network as it is in its file, to be changed."""
        if self._file is None:
            self._file = self._from_disk()
        return self._file.clone()

    def _from_disk(self) -> Any:
        graph, *rest = self._located.paths
        try:
            model = self._core.read_model(str(graph), *(str(path) for path in rest))
        except RuntimeError as error:
            raise DeviceError(f"OpenVINO cannot read {graph}: {_first_line(error)}") from error
        located = self._located
        if located.precision != "int8" and "int8" in located.weights.precision:
            self._widen(model)
        self._leave_out_unread(model)
        return model

    def _leave_out_unread(self, model: Any) -> None:
        """Outputs that nobody reads, so that what they alone need is not computed: of BlazePose a
        third of the time. All stay where one is missing, for the sentence that says so.
        """
        ours = set(self._names.values())
        if ours <= {name for output in model.outputs for name in output.names}:
            for output in model.outputs:
                if not output.names & ours:
                    model.remove_result(output.get_node())

    def _widen(self, model: Any) -> None:
        """INT8 weights as they serve other precisions: what they say of activations is left out."""
        for node in model.get_ops():
            if node.get_type_name() == "FakeQuantize":
                node.output(0).replace(node.input_value(0))
        # Left to OpenVINO 2026.4, streams that share such weights compute garbage.
        steps = self._ov.passes.Manager()
        steps.register_pass(self._ov.passes.ConstantFolding())
        steps.run_passes(model)

    def _check_network(self, decoder: Decoder) -> None:
        """CardError unless the network has one input and the outputs that its decoder needs."""
        graph, model = self._located.paths[0].name, self._read()
        if len(model.inputs) != 1:
            raise CardError(f"{graph} has {len(model.inputs)} inputs; a network here takes one.")
        size = model.inputs[0].partial_shape
        channels = size[self._entry.layout.index("c")] if len(size) == RANK else None
        if channels is None or (channels.is_static and channels.get_length() != CHANNELS):
            raise CardError(
                f"The input of {graph} is {size}, but its card says layout {self._entry.layout}."
            )
        shapes: dict[str, tuple[int | None, ...]] = {}
        for output in model.outputs:
            size = output.partial_shape
            sides = size if size.rank.is_static else ()
            lengths = [side.get_length() if side.is_static else None for side in sides]
            shapes.update(dict.fromkeys(output.names, tuple(lengths[1:])))
        check_outputs(decoder, graph, self._names, shapes)

    def _arithmetic(self) -> dict[str, str]:
        """INT8 weights say for themselves where they are used; the rest of them may be bf16."""
        native = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        # Told to use less of the processor oneDNN obeys; OpenVINO goes by the processor, and with
        # bf16 would compute garbage.
        capped = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in ISAS_WITHOUT_BF16
        if self._located.precision == "fp32" or capped or not native:
            return {"INFERENCE_PRECISION_HINT": "f32"}
        return {"INFERENCE_PRECISION_HINT": "bf16"}

    def _streams(self) -> int:
        return int(self._core.get_property("CPU", "RANGE_FOR_STREAMS")[1])


def _first_line(error: RuntimeError) -> str:
    """OpenVINO's messages run over many lines; the last one says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
