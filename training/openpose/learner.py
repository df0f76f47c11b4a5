"""A network that learns OpenPose's way, its optimiser, and what is kept of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.networks import CROP_NETWORKS, NETWORKS
from engines.types.arrays import Image
from engines.types.skeleton import Skeleton
from training.data.arithmetic import autocast
from training.data.errors import TrainingError
from training.learning.checkpoints import save_whole, saved_state
from training.openpose.loss import Wanted, stages_loss
from training.openpose.targets import Targets

# OpenPose's: 0 to 255 becomes -0.5 to 0.5.
MEAN, SCALE = 128.0, 256.0
LAST_DEVIATION = 0.01  # of the weights that give maps: they begin near 0, as maps are mostly
MAX_GRADIENT = 1.0  # norm, to which longer ones are cut: the first steps are steep


def made(network: str, skeleton: Skeleton) -> nn.Module:
    """A network of engines/networks for a skeleton, its weights drawn (He et al., ICCV'15).

    TrainingError where there is none of this name.
    """
    known = [name for name in NETWORKS if name not in CROP_NETWORKS]
    if network not in known:
        raise TrainingError(f"There is no network {network!r}; known are {', '.join(known)}.")
    place, name = NETWORKS[network].split(":")
    maps, fields = len(skeleton.keypoints) + 1, 2 * len(skeleton.limbs)
    module: nn.Module = getattr(import_module(place), name)(maps, fields)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.out_channels in (maps, fields):
                nn.init.normal_(layer.weight, std=LAST_DEVIATION)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


class Learner:
    """Any module with `stages`, see engines/networks; steps and seconds are of all runs."""

    def __init__(self, module: nn.Module, device: str = "cpu") -> None:
        self.module = module.to(device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.Adam(self.module.parameters())
        self.device = device
        self.step = 0
        self.seconds = 0.0

    def learn(self, pictures: Image, targets: list[Targets], rate: float) -> float:
        """One step on (N, S, S, 3) pictures; the loss."""
        self.module.train()
        stages: Any = self.module.stages
        with autocast(self.device):
            found = stages(prepared(pictures).to(self.device))
        # The loss is a sum over thousands of places: bfloat16 has 8 bits.
        maps, fields = ([one.float() for one in branch] for branch in found)
        loss = stages_loss(maps, fields, wanted(targets, self.device))
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.module.parameters(), MAX_GRADIENT)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        state = {
            "module": self.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "figures": (self.step, self.seconds),
        }
        save_whole(state, path)

    def load(self, path: Path) -> None:
        """TrainingError where the file is no checkpoint of this network and skeleton."""
        with saved_state(path, self.device, "this network and skeleton") as state:
            self.module.load_state_dict(state["module"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["figures"]


def prepared(pictures: Image) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) as OpenPose's networks want them."""
    pixels = (torch.as_tensor(pictures).float() - MEAN) / SCALE
    return pixels.permute(0, 3, 1, 2)  # channels last in memory, as the module's weights are


def wanted(targets: list[Targets], device: str = "cpu") -> Wanted:
    """Of several pictures."""
    return Wanted(
        *(torch.from_numpy(np.stack(one)).to(device) for one in zip(*targets, strict=True))
    )
