"""MoveNet, the single-person network that the crop network learns from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.crops.affine import Crops
from engines.decoders.regression import Regression
from engines.runtimes.openvino_package import load_openvino
from engines.types.arrays import Floats, Image
from training.crops.boxes import cut, matrix_of


class MoveNet:
    """MoveNet in OpenVINO (IR or TFLite): int32 RGB NHWC in, (1, 1, 17, 3) y, x, score out."""

    def __init__(self, path: Path, threads: int) -> None:
        openvino = load_openvino()
        core: Any = openvino.Core()
        options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "THROUGHPUT"}
        self._compiled = core.compile_model(str(path), "CPU", options)
        side = int(self._compiled.input(0).shape[1])
        self.size = side, side
        self._queue = openvino.AsyncInferQueue(self._compiled)
        self._queue.set_callback(self._done)
        self._found: dict[int, Floats] = {}

    def _done(self, request: Any, number: int) -> None:
        self._found[number] = np.array(request.get_output_tensor(0).data, np.float32)

    def __call__(self, image: Image, crops: Sequence[Crops]) -> tuple[Floats, Floats]:
        """(P, 17, 2) pixels of the picture and (P, 17) scores of the person of each crop."""
        self._found = {}
        for number, crop in enumerate(crops):
            pixels = cut(image, matrix_of(crop), self.size)[..., ::-1]
            self._queue.start_async({0: pixels[None].astype(np.int32)}, number)
        self._queue.wait_all()
        xy = np.empty((len(crops), 17, 2), np.float32)
        score = np.empty((len(crops), 17), np.float32)
        for number, crop in enumerate(crops):
            points = self._found[number].reshape(1, 1, 17, 3)
            (at,), (score[number],) = Regression().points({"points": points}, self.size)
            xy[number] = crop.to_picture(at[None])[0]
        return xy, score
