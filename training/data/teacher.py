"""The network that our own learns from, on the very crops that it learns on."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.models.card import load_card
from engines.models.weights import locate
from engines.runtimes.openvino_package import load_openvino
from engines.types.arrays import Floats, Image

TEACHER = "human-pose-estimation-0001"
TRUNK = "relu4_4_CPM"  # the last of its features at stride 8, before the maps


class Teacher:
    """The INT8 teacher in OpenVINO: a fifth of the time that a step of the student takes."""

    def __init__(self, threads: int) -> None:
        card = load_card(TEACHER)
        located = locate(card, "int8")
        self._core: Any = load_openvino().Core()
        self._model: Any = self._core.read_model(*(str(path) for path in located.paths))
        (trunk,) = self._model.add_outputs([(TRUNK, 0)])
        trunk.get_tensor().set_names({TRUNK})
        outputs = located.weights.outputs
        self._outputs = outputs["heatmaps"], outputs["pafs"], TRUNK
        self._threads = threads
        self._requests: dict[tuple[int, ...], Any] = {}

    def __call__(self, crops: Image) -> tuple[Floats, Floats, Floats]:
        """(N, S, S, 3) BGR crops to heat maps (N, 19, S/8, S/8), fields (N, 38, S/8, S/8), and
        the features that they were made of (N, 128, S/8, S/8).
        """
        shape = (crops.shape[0], 3, *crops.shape[1:3])
        if shape not in self._requests:
            self._model.reshape(shape)
            options = {
                "INFERENCE_NUM_THREADS": self._threads,
                "NUM_STREAMS": 1,
                "INFERENCE_PRECISION_HINT": "bf16",  # of what is not INT8
            }
            compiled = self._core.compile_model(self._model, "CPU", options)
            self._requests = {shape: compiled.create_infer_request()}
        request = self._requests[shape]
        request.infer([crops.transpose(0, 3, 1, 2).astype(np.float32)])
        heatmaps, pafs, features = (
            np.array(request.get_tensor(name).data, np.float32) for name in self._outputs
        )
        return heatmaps, pafs, features
