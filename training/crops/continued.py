"""Going on with a crop network that was shipped in INT8: weights, and normalisation that learns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.networks.cropnet import CropNet
from engines.runtimes.openvino_package import load_openvino
from engines.types.arrays import Floats, Image
from training.crops.head import prepared
from training.data.errors import TrainingError

LAYERS = ("Convolution", "GroupConvolution", "MatMul")
PLACES_ADD = "/network/Add"  # of what is learnt of the coarsest map
PICTURES = 32  # at a time


def start_from_graph(network: CropNet, graph: Path, crops: Image) -> None:
    """Give a crop network the weights of an OpenVINO graph that crops-export wrote of one.

    Feet that the graph knows nothing of begin at random. Exporting folds each normalisation into
    the convolution before it. Here it gets the moments of what this convolution says of the crops,
    and scale and shift that take them back: the network answers as the graph does, and learns as if
    it had never been exported.

    crops: (N, H, W, 3) uint8 BGR, a few hundred, as they will be learnt. TrainingError where the
    graph is none of this network.
    """
    layers = {name: part for name, part in network.named_modules() if _learns(part)}
    try:
        for name, (weight, *bias) in _folded(graph):
            if name == "places":
                _set(network.places, weight)
            elif name in layers:
                part = layers.pop(name)
                _set(part.weight, weight.reshape(part.weight.shape))
                _set(_bias_of(network, name, part), bias[0].reshape(-1))
    except (RuntimeError, ValueError) as error:
        raise TrainingError(f"{graph} holds no crop network of ours.") from error
    if lacking := [name for name in layers if not name.startswith("feet.")]:
        raise TrainingError(f"{graph} lacks {len(lacking)} layers of our crop network.")
    _measure(network, crops)


def _learns(part: nn.Module) -> bool:
    return isinstance(part, nn.Conv2d | nn.Linear)


def _set(mine: Tensor, theirs: Floats) -> None:
    with torch.no_grad():
        mine.copy_(torch.from_numpy(np.ascontiguousarray(theirs)))


def _bias_of(network: CropNet, name: str, part: Any) -> Tensor:
    """Its own, or that of the normalisation after it, which is made to do nothing else."""
    if part.bias is not None:
        return part.bias
    after = _after(network, name)
    nn.init.ones_(after.weight)
    nn.init.zeros_(after.running_mean)
    nn.init.constant_(after.running_var, 1 - after.eps)
    return after.bias


def _after(network: CropNet, name: str) -> Any:
    """The normalisation that follows a convolution in its Sequential."""
    parent, _, place = name.rpartition(".")
    return network.get_submodule(f"{parent}.{int(place) + 1}")


def _folded(graph: Path) -> Iterator[tuple[str, list[Floats]]]:
    """The name in our network and the weight and bias of each layer; of `places`, what is added."""
    openvino = load_openvino()
    core = openvino.Core()
    found: list[tuple[str, list[Any]]] = []
    for node in core.read_model(str(graph)).get_ordered_ops():
        path = node.get_friendly_name()
        if path == PLACES_ADD:
            found.append(("places", [_unshaped(node.input_value(1))]))
        elif node.get_type_name() in LAYERS and path.startswith("/"):
            found.append((name_of(path), [node.input_value(1), _added(node)]))
    # All are constants, however they were made small: a graph without inputs widens them.
    outputs = [one for _, some in found for one in some]
    values = iter(core.compile_model(openvino.Model(outputs, []), "CPU")([]).values())
    for name, some in found:
        yield name, [np.array(next(values), np.float32) for _ in some]


def _added(node: Any) -> Any:
    """What is added to a layer's output: its bias, maybe after a multiplication by one."""
    while node.get_type_name() != "Add":
        users = [user.get_node() for user in node.output(0).get_target_inputs()]
        node = next(one for one in users if one.get_type_name() in ("Add", "Multiply"))
    return _unshaped(node.input_value(1))


def _unshaped(output: Any) -> Any:
    """What an output was before it took the shape of pictures, which no constant knows."""
    node = output.get_node()
    return node.input_value(0) if node.get_type_name() in ("Reshape", "Interpolate") else output


def name_of(path: str) -> str:
    """/network/trunk/stem/stem.0/stem.0.1/Conv/WithoutBiases: trunk.stem.0.1."""
    scopes = path.split("/")[2:-2]
    kept = [one for one, then in pairwise([*scopes, ""]) if not then.startswith(f"{one}.")]
    return ".".join(kept)


def _measure(network: CropNet, crops: Image) -> None:
    """Moments of each normalisation's input; it answers as before."""
    moments: dict[nn.BatchNorm2d, list[Tensor]] = {}

    def note(part: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(part, nn.BatchNorm2d)
        x = given[0].double()
        moments.setdefault(part, []).append(
            torch.stack([x.mean((0, 2, 3)), (x**2).mean((0, 2, 3))])
        )

    norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
    hooks = [one.register_forward_pre_hook(note) for one in norms]
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(crops), PICTURES):
            some = torch.from_numpy(crops[start : start + PICTURES]).to(network.places.device)
            network(prepared(some))
    for one in hooks:
        one.remove()
    with torch.no_grad():
        for norm, found in moments.items():
            mean, square = torch.stack(found).mean(0).float()
            spread = (square - mean**2).clamp(min=1e-6)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(spread)
            norm.bias += mean
            norm.weight.copy_((spread + norm.eps).sqrt())
