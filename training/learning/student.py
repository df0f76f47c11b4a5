"""What learns: the network, its optimisers, and the slow average that is shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engines.networks.pafnet import HEAD, PafNet
from engines.types.arrays import Image
from engines.types.network_input import NetworkInput
from training.data.arithmetic import autocast
from training.data.batches import MapBatch
from training.data.facing import importance
from training.learning.checkpoints import save_whole, saved_state
from training.learning.muon import Muon

MEAN, SCALE = 128.0, 64.0  # of the network's input, the same for all channels
MAX_AVERAGE_DECAY = 0.998  # of the averaged weights at each step; less at first
FEATURES = 128  # channels of the teacher's trunk
FEATURES_WEIGHT = 0.15  # of the hint by them beside the maps
# Peaks are few cells beside the limbs' many, yet they decide: given the teacher's heat maps in
# place of its own the network gained 0.10 AP, given the teacher's fields 0.02.
HEATMAPS_WEIGHT = 4.0  # of the keypoints' maps beside the fields
BACKGROUND_WEIGHT = 0.5  # of the map that no parser reads


def _slowly(slow: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
    """Of young networks a short average, of old ones a long one."""
    stays = min(MAX_AVERAGE_DECAY, (1 + float(count)) / (10 + float(count)))
    return slow + (now - slow) * (1 - stays)


class Student:
    """Network, its slow average, optimiser and how far they are."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = PafNet().to(self.device, memory_format=torch.channels_last)
        # From our features to the teacher's (FitNets, ICLR'15, section 2.2): it shortens the way.
        self.hint = nn.Conv2d(HEAD, FEATURES, 1).to(self.device)
        self.teachers = nn.BatchNorm2d(FEATURES, affine=False).to(self.device)
        weights = [*self.network.parameters(), *self.hint.parameters()]
        self.optimisers: list[torch.optim.Optimizer] = [
            Muon([one for one in weights if one.ndim == 4]),
            torch.optim.AdamW([one for one in weights if one.ndim != 4], weight_decay=0.0),
        ]
        self.slow = torch.optim.swa_utils.AveragedModel(
            self.network,
            avg_fn=_slowly,
            use_buffers=True,
        )
        self.step = self.crops = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []

    def learn(self, batch: MapBatch, rate: float) -> float:
        """One step; the loss."""
        self.network.train()
        features, maps, _ = self._maps(self.network, batch)
        wanted = self.teachers(torch.as_tensor(batch.features).to(self.device))
        hint = (self.hint(features.float()) - wanted).square().mean()
        loss = (maps * importance(torch.as_tensor(batch.pafs).to(self.device))).mean()
        torch.autograd.backward(loss + FEATURES_WEIGHT * hint)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
            optimiser.zero_grad()
        self.slow.update_parameters(self.network)
        self.step += 1
        self.crops += len(batch.pictures)
        return float(loss.detach())

    def _maps(self, network: PafNet, batch: MapBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Features, weighted L2 of each crop to the wanted maps, and the heat maps."""
        pictures = prepared(batch.pictures).to(self.device)
        wanted = [torch.as_tensor(one).to(self.device) for one in (batch.heatmaps, batch.pafs)]
        with autocast(self.device):
            features = network.features(pictures)
            found = network.heads(features)
        # Most of a map is empty; where something is, an error counts for more.
        heat, limbs = (
            ((1 + 8 * want.abs()) * (have.float() - want).square()).mean((2, 3))
            for have, want in zip(found, wanted, strict=True)
        )
        loss = (
            HEATMAPS_WEIGHT * heat[:, :-1].sum(1) + BACKGROUND_WEIGHT * heat[:, -1] + limbs.sum(1)
        )
        return features, loss, found[0].float()

    def check(self, batch: MapBatch) -> dict[str, float]:
        """Of photos that it never saw: loss, and how the heat maps go with the teacher's."""
        self.slow.eval()
        with torch.inference_mode():
            _, value, heat = self._maps(self.slow.module, batch)
        parts = (
            heat[:, :-1].cpu().numpy().ravel(),
            np.asarray(torch.as_tensor(batch.heatmaps).cpu())[:, :-1].ravel(),
        )
        return {"check": float(value.mean()), "correlation": float(np.corrcoef(*parts)[0, 1])}

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "slow": self.slow.state_dict(),
            "hint": [self.hint.state_dict(), self.teachers.state_dict()],
            "optimisers": [one.state_dict() for one in self.optimisers],
            "figures": (self.step, self.crops, self.seconds),
            "curve": self.curve,
        }
        save_whole(state, path)

    def load(self, path: Path) -> None:
        """TrainingError where the file is no checkpoint of this network."""
        with saved_state(path, self.device) as state:
            self.network.load_state_dict(state["network"])
            self.slow.load_state_dict(state["slow"])
            for one, kept in zip(
                (self.hint, self.teachers, *self.optimisers),
                (*state["hint"], *state["optimisers"]),
                strict=True,
            ):
                one.load_state_dict(kept)
            self.step, self.crops, self.seconds = state["figures"]
            self.curve = state["curve"]


def prepared(pictures: Image) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) as the network wants them."""
    return ((torch.as_tensor(pictures).float() - MEAN) / SCALE).permute(0, 3, 1, 2)


def network_input() -> NetworkInput:
    """The same, as a card says it."""
    return NetworkInput(8, 256, "bgr", (MEAN,) * 3, (SCALE,) * 3)
