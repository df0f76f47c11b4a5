"""What learns: the landmark network, and the decoder that keeps it to the thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.networks.landmark_features import OnnxFeatures
from engines.networks.landmarks import POOLED, STRIDE, Found, LandmarkNet, sureness
from engines.types.arrays import Image, Ints
from training.data.arithmetic import autocast
from training.discover.clip import Clip
from training.discover.decoder import FINER, Reconstruction
from training.discover.losses import (
    concentration,
    coverage,
    distance,
    equivariance,
    inside,
    presence,
    separation,
    unexplained,
)
from training.discover.motion import Motion
from training.discover.space import Stage, consistency
from training.discover.warps import ThinPlate, grid, random_warps, warped
from training.learning.checkpoints import save_whole, saved_state

WEIGHT_DECAY = 0.01
EDGES_FASTER = 20.0  # than other weights, as AutoLink's learn: a few numbers that all start alike
AVERAGE_DECAY = 0.99  # of the averaged weights at each step; less at first
MASKED = 0.8  # share of the patches of a moving camera's picture that its hint leaves out
PATCHES = 8  # along the longer side
NOISE, CHANGED = 0.06, 0.03  # of colours 0..1: what is none, and what beyond it is a change
EVER = 0.3  # how likely the thing is where it ever was, beside where it is seen to be
EVER_OF = 64  # pictures
FOUND_UNTIL = 0.5  # share of the run over which landmarks find their places; then they hold them
PRESENT = 0.3  # of the weight of presence stays then
SEPARATED = 0.1  # of that of separation: it drives landmarks off a thing that has no room for more
LATER = 6  # pictures, up to which landmarks are followed by optical flow
LATER_SHARE = 0.5  # of the pairs: the warped picture is a later one
AGREE_FROM = 0.15  # share of the run, after which views are to agree, twice as late in full


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the losses; lengths are shares of the picture's longer side."""

    equivariance: float = 12.0
    separation: float = 1.0
    concentration: float = 6.0
    reconstruction: float = 1.5
    coverage: float = 1.0
    presence: float = 0.6
    inside: float = 0.3
    consistency: float = 4.0  # of what views say with the place they agree on; of depths alone
    reprojection: float = 16.0  # of the triangulated place, on each view


class Learner:
    """Networks, their slow average, optimiser and how far they are."""

    def __init__(
        self,
        points: int,
        clip: Clip,
        *,
        edges: bool,
        seed: int,
        device: str,
        rate: float,
        features: Path | None = None,
    ) -> None:
        """features: an ONNX network whose maps are used in place of the U-Net."""
        torch.manual_seed(seed)
        self.clip, self.points, self.device = clip, points, device
        self.stage = Stage(clip.pinholes, clip.size, device) if clip.pinholes else None
        trunk = None if features is None else OnnxFeatures(features)
        self.network = LandmarkNet(points, deep=self.stage is not None, features=trunk)
        self.network.to(device, memory_format=torch.channels_last)
        self.decoder = Reconstruction(points, self.network.channels, edges=edges).to(device)
        every = [*self.network.parameters(), *self.decoder.parameters()]
        edge_weights = [one for one in every if one is self.decoder.edges]
        groups: list[dict[str, Any]] = [
            {"params": [one for one in every if one is not self.decoder.edges], "times": 1.0},
            {"params": edge_weights, "times": EDGES_FASTER, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(
            groups[: 1 + bool(edge_weights)], lr=rate, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY
        )
        self.slow = torch.optim.swa_utils.AveragedModel(
            self.network, avg_fn=_slowly, use_buffers=True
        )
        self.chance = torch.Generator().manual_seed(seed)
        self.weights = Weights()
        self.step, self.seconds = 0, 0.0
        self._aspect = torch.tensor(clip.aspect, device=device)
        self._bases = None if clip.bases is None else self._small(clip.bases, FINER)
        if self._bases is not None:
            self._ever = self._changes_ever()
        self._motion = Motion(clip.pictures, clip.camera, clip.split()[1])

    def learn(self, chosen: Ints, rate: float, done: float) -> dict[str, float]:
        """One step on (F, V) pictures; each loss. done: share of the run so far."""
        self.network.train()
        self.decoder.train()
        flat = chosen.reshape(-1)
        large = self._tensor(self.clip.pictures[flat])
        later = self._later(chosen)
        here, there, warp = self._pair(large, later)
        seen = torch.cat([self._tinted(here), self._tinted(there)])
        with autocast(self.device):
            both: Found = self.network(seen.contiguous(memory_format=torch.channels_last))
        first, second = both.some(slice(len(flat))), both.some(slice(len(flat), None))
        losses = self._geometry(first, second, warp, flat, later)
        places = first.xy
        if self.stage is not None:
            # Views that are to agree at once do so in the thing's middle, and stay there.
            agree = min(1.0, max(0.0, (done - AGREE_FROM) / AGREE_FROM))
            more, agreed = self._space(first, chosen.shape)
            places = torch.lerp(places, agreed, 0.5 * agree)
            losses |= {
                name: torch.lerp(losses.get(name, torch.zeros_like(loss)), loss, agree)
                for name, loss in more.items()
            }
        losses["reconstruction"] = self._reconstruct(first, places, here, flat, chosen.shape[1])
        left = max(0.0, 1 - done / FOUND_UNTIL)  # of the time to find places; then they are held
        if self._bases is not None:
            losses |= self._on_thing(first, here, flat)
        shares = {"separation": max(left, SEPARATED), "coverage": left, "inside": 1 - left}
        shares["presence"] = max(left, PRESENT)
        weights = {name: getattr(self.weights, name) * shares.get(name, 1.0) for name in losses}
        total = sum(loss * weights[name] for name, loss in losses.items())
        assert isinstance(total, Tensor)
        total.backward()
        for part in (self.network, self.decoder):
            torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["times"]
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.slow.update_parameters(self.network)
        self.step += 1
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def find(self, pictures: Image) -> Found:
        """Landmarks of (N, H, W, 3) pictures of the clip's size, by the slow average."""
        self.slow.eval()
        with torch.inference_mode():
            found: Found = self.slow.module(self._small(pictures))
        return found

    def _later(self, chosen: Ints) -> Ints:
        """(F V,) pictures some frames after those chosen, of some instants; else the same ones."""
        which = torch.randint(1, LATER + 1, (len(chosen),), generator=self.chance)
        which *= torch.rand(len(chosen), generator=self.chance) < LATER_SHARE
        steps = np.repeat(which.numpy(), chosen.shape[1])
        return self._motion.arrival(chosen.reshape(-1), steps)

    def shown(self, which: Ints) -> Tensor | None:
        """(N, h, w) 0..1, whether cells of these pictures show what is not always there; None where
        that is not known.
        """
        if self._bases is None:
            return None
        away = self._change(self._small(self.clip.pictures[which]), which)
        return (functional.avg_pool2d(away, FINER) / CHANGED).clamp(max=1)

    def _pair(self, large: Tensor, later: Ints) -> tuple[Tensor, Tensor, ThinPlate]:
        """Pictures, and later ones warped. large: the first, as the clip has them."""
        warp = random_warps(len(large), self.clip.aspect, self.chance, self.device)
        wide, high = self.clip.size
        there = warped(self._tensor(self.clip.pictures[later]), warp, (high, wide))
        return functional.avg_pool2d(large, POOLED), there, warp

    def _tinted(self, pictures: Tensor) -> Tensor:
        def some(*shape: int) -> Tensor:
            return (torch.rand(shape, generator=self.chance) * 2 - 1).to(self.device)

        count = len(pictures)
        gain = torch.exp(some(count, 1, 1, 1) * 0.2 + some(count, 3, 1, 1) * 0.08)
        return pictures * gain + some(count, 1, 1, 1) * 0.06

    def _geometry(
        self, first: Found, second: Found, warp: ThinPlate, flat: Ints, later: Ints
    ) -> dict[str, Tensor]:
        """What needs no other picture than the later one that was warped."""
        moved, told = self._motion.carry(first.xy, flat, later)
        back = warp(second.xy)
        # Whether the warped picture shows a landmark: one of its cells comes from nearby.
        cells = warp(grid(first.maps.shape[2], first.maps.shape[3]).to(back)).flatten(1, 2)
        near = torch.cdist(moved.detach(), cells).amin(2)
        seen = told & (near < 2 * STRIDE / min(self.clip.size))
        places = torch.cat([first.xy, second.xy]) * self._aspect / 2
        return {
            "equivariance": equivariance(moved, back, seen, self._aspect),
            "separation": 2 * separation(places),
            "concentration": concentration(first.maps, first.xy, self._aspect)
            + concentration(second.maps, second.xy, self._aspect),
        }

    def _space(self, found: Found, shape: tuple[int, ...]) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of several views, and where the place that they agree on lies in each."""
        assert self.stage is not None
        assert found.depth is not None
        xy, depth = found.xy.reshape(*shape, -1, 2), found.depth.reshape(*shape, -1)
        agreed = self.stage.triangulate(xy, sureness(found.maps).reshape(*shape, -1))
        placed = self.stage.project(agreed)
        # The views' depths are told what they are; they are too rough to move landmarks.
        world = self.stage.to_world(self.stage.local(xy.detach(), depth))
        losses = {
            "consistency": consistency(world, agreed.detach(), self.stage.scale),
            "reprojection": distance(placed.clamp(-2, 2), xy, self._aspect).mean(),
            # Where a view sees one part behind another they may meet; else they leave the thing.
            "separation": 2 * separation(agreed / self.stage.side),
        }
        return losses, placed.clamp(-1.5, 1.5).reshape(found.xy.shape)

    def _on_thing(self, found: Found, here: Tensor, flat: Ints) -> dict[str, Tensor]:
        """Losses of landmarks that are not on what differs from what is always there."""
        fine = self._change(here, flat)
        away = functional.avg_pool2d(fine, FINER)
        around = functional.avg_pool2d(away, 3, 1, 1)
        share = around / around.sum((1, 2), keepdim=True).clamp(min=1e-3)
        # Not around: what is thin has most of its surroundings beside it.
        ever = EVER * self._ever[self.clip.camera[flat]]
        wide = functional.interpolate(ever[:, None], fine.shape[1:], mode="nearest")[:, 0]
        likely, exactly = (
            torch.maximum((change / CHANGED).clamp(max=1), least)
            for change, least in ((away, ever), (fine, wide))
        )
        return {
            "coverage": coverage(found.maps, share),
            "presence": presence(found.maps, likely),
            "inside": inside(found.xy, exactly),
        }

    def _reconstruct(
        self, found: Found, places: Tensor, here: Tensor, flat: Ints, views: int
    ) -> Tensor:
        """What the decoder leaves of the pictures, with descriptors of other pictures."""
        wanted = functional.avg_pool2d(here, STRIDE // FINER)
        if self._bases is None:
            base, known = self._masked(wanted)
        else:
            base = self._bases[self.clip.camera[flat]]
            known = torch.ones_like(base[:, :1])
        hint = torch.cat([base, known], 1)
        told = self.decoder.descriptors(found.maps, found.features)
        if self._bases is not None:  # a clip of one thing: of another instant
            told = told.roll(views, 0)
        made = self.decoder(places, told, hint, self._aspect)
        return unexplained(made, wanted, base)

    def _masked(self, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """The pictures with most patches taken out (AutoLink, section 3.3), and where they are."""
        shape = [max(1, round(PATCHES * side)) for side in reversed(self.clip.aspect)]
        kept = (torch.rand(len(wanted), 1, *shape, generator=self.chance) > MASKED).float()
        known = functional.interpolate(kept.to(self.device), wanted.shape[2:], mode="nearest")
        return wanted * known + 0.5 * (1 - known), known

    def _change(self, here: Tensor, flat: Ints) -> Tensor:
        """(N, 2h, 2w) by how much pictures differ from what is always there, beyond noise."""
        assert self._bases is not None
        base = self._bases[self.clip.camera[flat]]
        wanted = functional.avg_pool2d(here, STRIDE // FINER)
        # What most of the picture differs by is the light or the camera's exposure.
        level = (wanted - base).flatten(2).median(2).values[..., None, None]
        away = (wanted - base - level).abs().mean(1, keepdim=True)
        return (away - NOISE).clamp(min=0)[:, 0]

    def _changes_ever(self) -> Tensor:
        """(C, h, w) 0..1, whether something is ever there that is not always, by source."""
        most = []
        for source in range(self.clip.camera.max() + 1):
            mine = np.flatnonzero(self.clip.camera == source)
            some = mine[np.linspace(0, len(mine) - 1, min(len(mine), EVER_OF)).astype(int)]
            shown = self.shown(some)
            assert shown is not None
            most.append(shown.quantile(0.95, 0))
        return torch.stack(most)

    def _tensor(self, pictures: Image) -> Tensor:
        return torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float() / 255

    def _small(self, pictures: Image, by: int = 1) -> Tensor:
        return functional.avg_pool2d(self._tensor(pictures), POOLED * by)

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        state = {
            "shape": (self.points, *self.clip.size, self.decoder.edges is not None),
            "deep": self.network.deep,
            "network": self.network.state_dict(),
            "decoder": self.decoder.state_dict(),
            "slow": self.slow.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "figures": (self.step, self.seconds),
        }
        save_whole(state, path)

    def load(self, path: Path) -> None:
        """TrainingError where the file is no checkpoint of such a network."""
        with saved_state(path, self.device, "these landmarks") as state:
            self.network.load_state_dict(state["network"])
            self.decoder.load_state_dict(state["decoder"])
            self.slow.load_state_dict(state["slow"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["figures"]


def _slowly(slow: Tensor, now: Tensor, count: Tensor | int) -> Any:
    """Of young networks a short average, of old ones a long one."""
    stays = min(AVERAGE_DECAY, (1 + float(count)) / (10 + float(count)))
    return slow + (now - slow) * (1 - stays)


def choose(groups: Ints, count: int, seed: tuple[int, int]) -> Ints:
    """(F, V) pictures of a step, about `count` of them."""
    chance = np.random.default_rng(seed)
    chosen: Ints = groups[chance.choice(len(groups), max(2, count // groups.shape[1]))]
    return chosen
