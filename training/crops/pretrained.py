"""The crop network's first weights: those of the PAF network in the box."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engines.models.card import load_card
from engines.models.weights import locate
from engines.networks.cropnet import FINE, HEAD, CropNet
from engines.networks.from_onnx import convolutions
from engines.onnx_export.load import read_onnx
from training.crops.people import COCO

PAFNET = "pafnet"
SHARPER = 10.0  # of the logarithm of a probability for a heat map's 0..1
NOWHERE = math.log(48 * 48)  # "nowhere" is as likely as all places of an empty map together


TRUNK = {  # of the crop network's convolutions, those that are the PAF network's own
    "stem.0.0": "stem.0.0",
    "stem.1.0": "stem.1.0",
    "quarter.first.0": "quarter.first.0",
    "quarter.second": "quarter.second.0",
    "eighth.0.0": "eighth.0.0",
    "eighth.1.first.0": "eighth.1.first.0",
    "eighth.1.second": "eighth.1.second.0",
    "sixteenth.0.0": "sixteenth.0.0",
    "sixteenth.1.first.0": "sixteenth.1.first.0",
    "sixteenth.1.second": "sixteenth.1.second.0",
    "sixteenth.2.first.0": "sixteenth.2.first.0",
    "sixteenth.2.second": "sixteenth.2.second.0",
    "down.0": "last.0.0",
    "last.first.0": "last.1.first.0",
    "last.second": "last.1.second.0",
    "from_last": "from_last",
    "from_sixteenth": "from_sixteenth",
    "from_eighth": "from_eighth",
}


def pafnet_convolutions() -> dict[str, tuple[Tensor, Tensor]]:
    """Weights (O, I, h, w) and biases (O,) of the PAF network's convolutions, by module."""
    card = load_card(PAFNET)
    found = {}
    for name, convolution in convolutions(read_onnx(locate(card, "fp32"), card.decoder)).items():
        # /last/last.1/first/first.0/Conv/WithoutBiases is module last.1.first.0
        parts = name.removesuffix("/Conv/WithoutBiases").strip("/").split("/")
        # Within a Sequential a part repeats the names of those around it.
        inner = [*parts[1:], ""]
        kept = [
            part
            for part, after in zip(parts, inner, strict=True)
            if not after.startswith(f"{part}.")
        ]
        found[".".join(kept)] = convolution
    return found


def start_from_pafnet(network: CropNet) -> None:
    """Give a crop network the PAF network's trunk, and its heat maps as a first guess."""
    known = pafnet_convolutions()
    with torch.no_grad():
        for own, theirs in TRUNK.items():
            module = network.get_submodule(own)
            assert isinstance(module, nn.Conv2d)
            assert module.bias is not None
            module.weight.copy_(known[theirs][0])
            module.bias.copy_(known[theirs][1])
        first, last = network.head[0], network.keypoints
        assert isinstance(first, nn.Conv2d)
        assert first.bias is not None
        assert last.bias is not None
        weight, bias = known["heat_head.0.0"]
        first.weight.copy_(weight[:, :HEAD])  # the rest saw the fields
        first.bias.copy_(bias)
        order = load_card(PAFNET).skeleton.order_in(COCO)
        weight, bias = known["heat_head.2"]
        each = FINE**2
        last.weight.copy_(SHARPER * weight[list(order)].repeat_interleave(each, 0))
        last.bias.copy_(SHARPER * bias[list(order)].repeat_interleave(each, 0))
        network.nowhere.weight.zero_()
        network.nowhere.bias.fill_(NOWHERE)
