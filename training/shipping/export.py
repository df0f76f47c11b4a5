"""A checkpoint as an ONNX file and the card that describes it."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engines.decoders.paf import paf_decoder
from engines.models.card import load_card
from engines.networks.pafnet import PafNet
from training.data.errors import TrainingError
from training.data.photos import read_photos
from training.data.teacher import TEACHER
from training.learning.student import MEAN, SCALE
from training.shipping.quantise import quantise

OPSET = 17
# More than the teacher's: of somebody seen from behind the maps give weak peaks for both sides of
# the body, and from a weak neck there a second person grows.
PEAK_THRESHOLD = 0.07
SPLIT = 1024  # numbers from which on a tensor is stored in half


@dataclass(frozen=True)
class ExportSettings:
    """Export a run's network as ONNX with its model card."""

    run: tuple[Path, ...] = field(metadata={"values": True})
    """Folder of the run; the weights of several stages of one run are averaged."""
    output: Path
    """Model card to write, NAME.toml; the network goes beside it as NAME.onnx."""
    photos: tuple[Path, ...] = field(default=(), metadata={"values": True})
    """Folders of photos to calibrate INT8 with; also writes NAME.xml and NAME.bin."""


def export(settings: ExportSettings) -> Path:
    """The card's path. TrainingError where the run has no checkpoint or the place is no .toml."""
    if settings.output.suffix != ".toml":
        raise TrainingError(f"--output {settings.output} must end in .toml: it is the model card.")
    network, figures = averaged(*settings.run)
    path = settings.output.with_suffix(".onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(halved(as_onnx(network)).SerializeToString())
    forms: list[tuple[Path, ...]] = [(path,)]
    if settings.photos:
        small = settings.output.with_suffix(".xml")
        forms.append(quantise(path, read_photos(*settings.photos), small))
    settings.output.write_text(card_text(forms, figures), encoding="utf-8")
    return settings.output


def averaged(*runs: Path) -> tuple[PafNet, tuple[int, int, float]]:
    """The slow average of a run's weights, and its steps, crops and seconds.

    Of several stages the mean of the weights (model soups, Wortsman et al., ICML'22), which does
    better than each where the learning rate fell to nothing in all; figures of the longest.
    """
    sums: dict[str, Tensor] = {}
    figures = []
    for run in runs:
        try:
            state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
            own = {
                name.removeprefix("module."): value
                for name, value in state["slow"].items()
                if name != "n_averaged"
            }
            PafNet().load_state_dict(own)
            figures.append(state["figures"])
        except (OSError, RuntimeError, KeyError, ValueError, UnpicklingError) as error:
            raise TrainingError(
                f"{run} has no checkpoint of this network; train it first."
            ) from error
        for name, value in own.items():
            sums[name] = sums.get(name, 0) + value.double() / len(runs)
    network = PafNet()
    network.load_state_dict(sums)
    return network.eval(), max(figures)


def fused(network: nn.Module) -> nn.Module:
    """Batch normalisation taken into the convolutions before it; changes the network itself."""
    for name, child in network.named_children():
        fused(child)
        if isinstance(child, nn.Sequential):
            for n in range(len(child) - 1):
                first, second = child[n], child[n + 1]
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    child[n], child[n + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
        setattr(network, name, child)
    return network


def as_onnx(network: PafNet) -> onnx.ModelProto:
    """Any number of pictures of any size, mean and scale are the card's."""
    file: Any = io.BytesIO()
    names = {"data": "nhw", "heat": "nhw", "paf": "nhw"}
    axes = {
        name: dict(zip((0, 2, 3), (f"{name}_{axis}" for axis in letters), strict=True))
        for name, letters in names.items()
    }
    with warnings.catch_warnings():
        # The newer exporter needs packages of its own and gives the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            fused(network),
            (torch.zeros(1, 3, 64, 64),),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["data"],
            output_names=["heat", "paf"],
            dynamic_axes=axes,
        )
    return onnx.load_from_string(file.getvalue())


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Large weights stored as float16, widened again where they are used: half the file."""
    graph = model.graph
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SPLIT:
            continue
        name = tensor.name
        half = numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        tensor.CopyFrom(half)
        widened = helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)
        graph.node.insert(0, widened)
    onnx.checker.check_model(model)
    return model


def card_text(forms: Sequence[tuple[Path, ...]], figures: tuple[int, int, float]) -> str:
    """The card of our own network: the teacher's layout and most thresholds, our weights.

    INT8 weights serve every precision: whatever stands before them in `forms` goes before.
    forms: the files of each form of the weights, the graph first.
    """
    teacher = load_card(TEACHER)
    decoder = paf_decoder(teacher.decoder, "training")
    own = decoder.settings
    pafs = json.dumps([list(pair) for pair in decoder.channels])
    return f"""title = "Our own residual network, distilled from {TEACHER}"
licence = "Apache-2.0"
home = ""
skeleton = "{teacher.skeleton.name}"
# Trained on {figures[1]} crops in {figures[2] / 3600:.1f} hours.

[input]
stride = 8
colour = "bgr"
mean = [{MEAN}, {MEAN}, {MEAN}]
scale = [{SCALE}, {SCALE}, {SCALE}]
height = 256

[decoder]
kind = "paf"
pafs = {pafs}
peak_threshold = {PEAK_THRESHOLD}
sample_threshold = {own.sample_threshold}
least_above = {own.least_above}
samples = {own.samples}
peak_weight = {own.peak_weight}
min_keypoints = {own.min_keypoints}
min_confidence = {own.min_confidence}
""" + "".join(weights_table(one, {"heatmaps": "heat", "pafs": "paf"}) for one in forms)


def weights_table(files: tuple[Path, ...], outputs: dict[str, str]) -> str:
    """One form of a card's weights. outputs: the decoder's names to the network's."""
    precision = ["bf16", "fp32"] if files[0].suffix == ".onnx" else ["int8", "bf16", "fp32"]
    lines = []
    for path in files:
        data = path.read_bytes()
        known = hashlib.sha256(data).hexdigest()
        lines.append(f'    {{ name = "{path.name}", size = {len(data)}, sha256 = "{known}" }},\n')
    named = ", ".join(f'{ours} = "{theirs}"' for ours, theirs in outputs.items())
    return f"""
[[weights]]
precision = {json.dumps(precision)}
outputs = {{ {named} }}
files = [
{"".join(lines)}]
"""
