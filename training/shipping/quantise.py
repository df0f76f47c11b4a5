"""The exported network in INT8, by quantisation after training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from engines.runtimes.openvino_package import load_openvino, no_telemetry
from engines.types.arrays import Image
from training.data.augmentation import crop, worsened
from training.data.photos import Photo
from training.learning.student import prepared

SAMPLES = 300  # pictures from which the ranges of the activations are taken
SIZE = 256  # of each, about as large as people stand in the network's input


def quantise(path: Path, photos: Sequence[Photo], output: Path) -> tuple[Path, Path]:
    """Write a PAF network as quantise_on does, by crops of photos."""
    return quantise_on(path, [_picture(photos, n) for n in range(SAMPLES)], output)


def quantise_on(
    path: Path,
    pictures: Sequence[Image],
    output: Path,
    floating: Sequence[str] = (),
    prepare: Callable[[Image], Tensor] = prepared,
) -> tuple[Path, Path]:
    """Write an ONNX network as OpenVINO IR in INT8, .xml and .bin; returns the two paths.

    Post-training quantisation by NNCF: weights per channel and symmetric, activations by the ranges
    that they take on the (h, w, 3) pictures. Weights have seven bits: without VNNI, a processor
    adds products of eight bits in sixteen, where they saturate. floating: OpenVINO's types of
    operations that stay as they are. prepare: (N, h, w, 3) pictures to the network's input.
    """
    openvino = load_openvino()
    with no_telemetry():
        import nncf
    model = openvino.Core().read_model(str(path))
    dataset = nncf.Dataset(list(pictures), lambda picture: prepare(picture[None]).numpy())
    small = nncf.quantize(
        model,
        dataset,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE
        ),
        ignored_scope=nncf.IgnoredScope(types=list(floating), validate=False),
    )
    openvino.save_model(small, output, compress_to_fp16=True)
    return output, output.with_suffix(".bin")


def _picture(photos: Sequence[Photo], n: int) -> Image:
    chance = np.random.default_rng(n)
    return worsened(crop(photos, SIZE, chance).image, chance)
