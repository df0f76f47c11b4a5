"""What learns: the crop network, its optimiser, and the slow average that is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from engines.networks.cropnet import CropNet, heatmaps
from training.crops.head import HEAD, prepared
from training.crops.likeness import like
from training.crops.loss import crop_loss
from training.crops.pretrained import start_from_classes
from training.crops.samples import CropBatch, some
from training.data.arithmetic import autocast
from training.learning.checkpoints import save_whole, saved_state

WEIGHT_DECAY = 0.01
MAX_AVERAGE_DECAY = 0.995  # of the averaged weights at each step; less at first
CHECK_BATCH = 32  # crops of a check at a time
MIN_TEACHER_SCORE = 0.3  # from which on the teacher's points are asked for
MAX_OFF_SHARE = 0.05  # of the crop's longer side by which a point may lie off


class Learner:
    """Network, its slow average, optimiser and how far they are; on the GPU if there is one."""

    def __init__(self, seed: int, trunk: Path | None = None, *, feet: bool = False) -> None:
        """trunk: file of the trunk's first weights, or None for random ones. feet: of CropNet."""
        torch.manual_seed(seed)
        self.network = CropNet(feet=feet)
        if trunk is not None:
            start_from_classes(self.network, trunk)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = self.network.to(self.device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(
            [one for one in self.network.parameters() if one.requires_grad],
            betas=(0.9, 0.99),
            weight_decay=WEIGHT_DECAY,
        )
        self.slow = torch.optim.swa_utils.AveragedModel(
            self.network, avg_fn=_slowly, use_buffers=True
        )
        self.step = self.crops = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []

    def learn(self, batch: CropBatch, rate: float) -> float:
        """One step; the loss."""
        self.network.train()
        loss = self._loss(self.network, batch)[0]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.slow.update_parameters(self.network)
        self.step += 1
        self.crops += len(batch.images)
        return float(loss.detach())

    def _loss(self, network: Any, batch: CropBatch) -> tuple[torch.Tensor, torch.Tensor]:
        images, xy, score, weight = (torch.from_numpy(one).to(self.device) for one in batch)
        pictures = prepared(images).contiguous(memory_format=torch.channels_last)
        with autocast(self.device):
            places, nowhere = (one.float() for one in network(pictures))
        return crop_loss(places, nowhere, xy, score, weight), heatmaps(places, nowhere)

    def check(self, batch: CropBatch) -> dict[str, float]:
        """Of photos that it never saw: loss, OKS and PCK beside the teacher, how scores agree."""
        self.slow.eval()
        losses, found, scores = [], [], []
        with torch.inference_mode():
            for start in range(0, len(batch.images), CHECK_BATCH):
                part = some(batch, slice(start, start + CHECK_BATCH))
                loss, maps = self._loss(self.slow.module, part)
                losses.append(float(loss) * len(part.images))
                high, wide = part.images.shape[1:3]
                xy, score = HEAD.points({"heatmaps": maps.cpu().numpy()}, (wide, high))
                found.append(xy)
                scores.append(score)
        have, confidence = np.concatenate(found), np.concatenate(scores)
        sure = (batch.score >= MIN_TEACHER_SCORE) & (batch.weight >= 1)
        away = np.linalg.norm(have - batch.xy, axis=2)
        near = away[sure] <= MAX_OFF_SHARE * max(batch.images.shape[1:3])
        alike = [
            like(want, xy, known)
            for want, xy, known in zip(batch.xy, have, sure, strict=True)
            if known.sum() >= 4
        ]
        known = batch.weight > 0
        both = confidence[known], batch.score[known]
        alike_scores = np.corrcoef(*both)[0, 1] if all(np.ptp(one) for one in both) else 0.0
        return {
            "check": sum(losses) / len(batch.images),
            "oks": float(np.mean(alike)) if alike else 0.0,
            "pck": float(near.mean()) if len(near) else 0.0,
            "scores": float(alike_scores),
        }

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "slow": self.slow.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "figures": (self.step, self.crops, self.seconds),
            "curve": self.curve,
        }
        save_whole(state, path)

    @classmethod
    def saved(cls, path: Path, seed: int = 0) -> Self:
        """As a checkpoint has it; TrainingError where the file is none of this network."""
        with saved_state(path, "cuda" if torch.cuda.is_available() else "cpu") as state:
            one = cls(seed, feet=any(name.startswith("feet.") for name in state["network"]))
            one.network.load_state_dict(state["network"])
            one.slow.load_state_dict(state["slow"])
            one.optimiser.load_state_dict(state["optimiser"])
            one.step, one.crops, one.seconds = state["figures"]
            one.curve = state["curve"]
        return one


def _slowly(slow: torch.Tensor, now: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
    """Of young networks a short average, of old ones a long one."""
    stays = min(MAX_AVERAGE_DECAY, (1 + float(count)) / (10 + float(count)))
    return slow + (now - slow) * (1 - stays)
