"""A crop network's checkpoint as ONNX, and in INT8 as OpenVINO IR."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from engines.networks.cropnet import CropNet, heatmaps
from engines.types.arrays import Image
from training.crops.learner import Learner
from training.crops.people import People, load_people
from training.crops.samples import varied
from training.data.errors import TrainingError
from training.data.photos import Photo, read_photos
from training.shipping.quantise import quantise_on

OPSET = 17
FLOATING = ("GroupConvolution", "MatMul")  # what follows the softmax, and "nowhere"
SAMPLES = 300  # crops from which the ranges of the activations are taken


@dataclass(frozen=True)
class CropsExportSettings:
    """Write a run's crop network as ONNX, and in INT8 where photos are given."""

    run: Path
    """Folder of the run."""
    output: Path
    """Where the network goes (NAME.onnx; INT8 beside it as NAME.xml and NAME.bin)."""
    size: int = 192
    """Side of its input in pixels, a multiple of 32."""
    photos: Path | None = None
    """Folder with .tar shards of photos: writes the network in INT8 as well."""
    people: Path | None = None
    """What crops-teach wrote about them (.npz)."""


class Exported(nn.Module):
    """Pictures to heat maps (N, 17, S/4, S/4), which is what a decoder reads."""

    def __init__(self, network: CropNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        return heatmaps(*self.network(picture))


def export_crops(settings: CropsExportSettings) -> tuple[Path, ...]:
    """The paths of what was written. TrainingError where the run has no checkpoint."""
    path = settings.output.with_suffix(".onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    model = as_onnx(trained(settings.run), settings.size)
    path.write_bytes(model.SerializeToString())
    if settings.photos is None or settings.people is None:
        return (path,)
    small = settings.output.with_suffix(".xml")
    people = load_people(settings.people)
    pictures = _pictures(read_photos(settings.photos, people.done), people, settings.size)
    return path, *quantise_on(path, pictures, small, FLOATING)


def trained(run: Path) -> CropNet:
    """The slow average of a run's weights."""
    path = run / "checkpoint.pt"
    if not path.exists():
        raise TrainingError(f"{run} has no checkpoint of a crop network; train it first.")
    learner = Learner(0, pretrained=False)
    learner.load(path)
    network: CropNet = learner.slow.module
    network.eval()
    return network


def as_onnx(network: CropNet, size: int) -> onnx.ModelProto:
    """Any number of pictures of one size; mean and scale are the card's."""
    file: Any = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter needs packages of its own and gives the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Exported(network).eval(),
            (torch.zeros(1, 3, size, size),),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["data"],
            output_names=["heat"],
            dynamic_axes={"data": {0: "crops"}, "heat": {0: "crops"}},
        )
    model = onnx.load_from_string(file.getvalue())
    onnx.checker.check_model(model)
    return model


def _pictures(photos: list[Photo], people: People, size: int) -> list[Image]:
    """Crops that the ranges of the activations are taken from."""
    chosen = np.random.default_rng(0).permutation(len(people.photo))[:SAMPLES]
    return [
        varied(photos[people.photo[n]], people, n, size, np.random.default_rng((1, n))).image
        for n in chosen
    ]
