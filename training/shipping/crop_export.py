"""A crop network's checkpoint as ONNX and the card that describes it, and in INT8."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from engines.networks.cropnet import CropNet, heatmaps
from engines.types.arrays import Image
from engines.types.skeleton import Skeleton
from training.crops.boxes import RULE, Size
from training.crops.head import HEAD, MEAN, SCALE, prepared
from training.crops.learner import Learner
from training.crops.people import COCO, WITH_FEET, People, load_people
from training.crops.samples import varied
from training.data.errors import TrainingError
from training.data.photos import Photo, read_photos
from training.data.teacher import TEACHER
from training.shipping.export import weights_table
from training.shipping.quantise import quantise_on

OPSET = 17
FLOATING = ("GroupConvolution", "MatMul")  # what follows the softmax, and "nowhere"
SAMPLES = 300  # crops from which the ranges of the activations are taken


@dataclass(frozen=True)
class CropsExportSettings:
    """Write a run's crop network as ONNX with its model card, for run.py --refine."""

    run: tuple[Path, ...] = field(metadata={"values": True})
    """Folder of the run; the weights of several are averaged."""
    output: Path
    """Model card to write, NAME.toml; the network goes beside it as NAME.onnx."""
    width: int = 160
    """Of its input in pixels, a multiple of 32."""
    height: int = 224
    """Of its input in pixels, a multiple of 32."""
    photos: tuple[Path, ...] = field(default=(), metadata={"values": True})
    """Folders with .tar shards of photos: writes the network in INT8 as well."""
    people: Path | None = None
    """What crops-teach wrote about them (.npz)."""


class Exported(nn.Module):
    """Pictures to heat maps (N, K, H/4, W/4), which is what a decoder reads."""

    def __init__(self, network: CropNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        return heatmaps(*self.network(picture))


def export_crops(settings: CropsExportSettings) -> Path:
    """The card's path. TrainingError where the run has no checkpoint or the place is no .toml."""
    if settings.output.suffix != ".toml":
        raise TrainingError(f"--output {settings.output} must end in .toml: it is the model card.")
    learner = averaged([trained(one) for one in settings.run])
    size = settings.width, settings.height
    path = settings.output.with_suffix(".onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_onnx(network_of(learner), size).SerializeToString())
    forms: list[tuple[Path, ...]] = [(path,)]
    if settings.photos and settings.people is not None:
        people = load_people(settings.people)
        pictures = _pictures(read_photos(*settings.photos, count=people.done), people, size)
        forms.append(
            quantise_on(path, pictures, settings.output.with_suffix(".xml"), FLOATING, prepared)
        )
    skeleton = COCO if network_of(learner).feet is None else WITH_FEET
    text = card_text(forms, size, skeleton, learner.crops, learner.seconds)
    settings.output.write_text(text, encoding="utf-8")
    return settings.output


def trained(run: Path) -> Learner:
    """A run as its checkpoint has it. TrainingError where there is none."""
    path = run / "checkpoint.pt"
    if not path.exists():
        raise TrainingError(f"{run} has no checkpoint of a crop network; train it first.")
    return Learner.saved(path)


def averaged(learners: Sequence[Learner]) -> Learner:
    """The one that learnt longest, with the mean of all weights.

    That of a network and of what it became on new photos knows these and forgets little of what
    was before (Wortsman et al., CVPR'22, "Robust fine-tuning of zero-shot models").
    """
    longest = max(learners, key=lambda one: one.crops)
    states = [one.slow.module.state_dict() for one in learners]
    mean = {
        name: torch.stack([one[name] for one in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in longest.slow.module.state_dict().items()
    }
    longest.slow.module.load_state_dict(mean)
    return longest


def network_of(learner: Learner) -> CropNet:
    """The slow average, ready to run."""
    network: CropNet = learner.slow.module.cpu()
    network.eval()
    return network


def card_text(
    forms: Sequence[tuple[Path, ...]], size: Size, skeleton: Skeleton, crops: int, seconds: float
) -> str:
    """The card of a crop network for a second look. forms: files of each, the graph first."""
    return f"""title = "Our own crop network, taught by {TEACHER} and MoveNet Thunder"
licence = "Apache-2.0"
home = ""
skeleton = "{skeleton.name}"
# Started from EfficientNet-Lite0's trunk, trained on ImageNet (Apache-2.0).
# Trained on {crops} crops in {seconds / 3600:.1f} hours.

[input]
stride = 32
size = [{size[0]}, {size[1]}]
colour = "rgb"
mean = [{MEAN}, {MEAN}, {MEAN}]
scale = [{SCALE}, {SCALE}, {SCALE}]

[decoder]
kind = "heatmap"
refine = "{HEAD.refine}"
stride = {HEAD.stride}
offset = {HEAD.offset}

[crop]
padding = {RULE.padding}
border = {RULE.border}
""" + "".join(weights_table(one, {"heatmaps": "heat"}) for one in forms)


def as_onnx(network: CropNet, size: Size) -> onnx.ModelProto:
    """Any number of pictures of one size; mean and scale are the card's."""
    file: Any = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter needs packages of its own and gives the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Exported(network).eval(),
            (torch.zeros(1, 3, size[1], size[0]),),
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


def _pictures(photos: list[Photo], people: People, size: Size) -> list[Image]:
    """Crops that the ranges of the activations are taken from."""
    chosen = np.random.default_rng(0).permutation(len(people.photo))[:SAMPLES]
    return [
        varied(photos[people.photo[n]], people, n, size, np.random.default_rng((1, n))).image
        for n in chosen
    ]
