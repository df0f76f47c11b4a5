"""Batches made where the student is: photos, crops and teacher stay in an accelerator's memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.models.card import load_card
from engines.models.weights import locate
from engines.networks.from_onnx import Graph
from engines.onnx_export.load import read_onnx
from engines.types.arrays import Image
from training.data.arithmetic import autocast
from training.data.augmentation import CROWD, GREY, LEAN, SCALES, STRETCH, TINT, TURN
from training.data.batches import MapBatch
from training.data.photos import Photo
from training.data.target_maps import KEYPOINTS, SKELETON, add_labels
from training.data.teacher import TEACHER, TRUNK

PYRAMID_LEVELS = 3  # of a photo: what is scaled down is sampled from a smaller one
MAX_PHOTO_SIDE_PX = 384  # longer photos are scaled down to this
BLUR_TAPS = 7  # weights of the blur's kernel
MAX_PEOPLE = 8  # of a photo, whose labels are used


class Places(NamedTuple):
    """Where in which photo each of P pictures is taken from, and where in its crop it goes.

    photo: (P,). crop: (P,), the crop that it belongs to. linear, shift: (P, 2, 2) and (P, 2),
    pixels of the photo to pixels of the crop, centres at whole numbers. box: (P, 4) left, top,
    right, bottom in the crop.
    """

    photo: Tensor
    crop: Tensor
    linear: Tensor
    shift: Tensor
    box: Tensor


class DeviceBatches:
    """What batches.make_batch does, on a device and thousands at a time.

    The same distribution of crops, but for JPEG artefacts and people pasted into them, which only
    the CPU's crops have. numbers: of the photos, each as often as it is to come up (None: once).
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        teacher: torch.nn.Module,
        device: str,
        numbers: Sequence[int] | None = None,
    ) -> None:
        self._device = device
        self._teacher = teacher
        side = min(MAX_PHOTO_SIDE_PX, max(max(photo.image.shape[:2]) for photo in photos))
        side = -(-side // 2 ** (PYRAMID_LEVELS - 1)) * 2 ** (PYRAMID_LEVELS - 1)
        padded = [_padded(photo.image, side) for photo in photos]
        persons = np.full((len(photos), MAX_PEOPLE, KEYPOINTS, 2), np.nan, np.float32)
        for known, photo, (_, size) in zip(persons, photos, padded, strict=True):
            first = photo.persons[:MAX_PEOPLE]
            known[: len(first)] = first * (size[0] / photo.image.shape[1])
        self._persons = torch.from_numpy(persons).to(device)
        self._sizes = torch.tensor([size for _, size in padded], device=device)
        self._numbers = torch.tensor(numbers or range(len(photos)), device=device)
        whole = torch.from_numpy(np.stack([one for one, _ in padded])).to(device)
        self._levels = [whole.permute(0, 3, 1, 2).contiguous()]
        for _ in range(PYRAMID_LEVELS - 1):
            self._levels.append(
                torch.cat([_halved(one) for one in torch.split(self._levels[-1], 256)])
            )

    def __call__(self, count: int, size: int, seed: Sequence[int]) -> MapBatch:
        """Always the same for the same seed, on the same kind of device."""
        chance = torch.Generator(self._device)
        chance.manual_seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
        places = self.places(count, size, chance)
        good = self.crops(places, count, size, chance)
        with torch.inference_mode(), autocast(self._device):
            taught = self._teacher(good.to(memory_format=torch.channels_last))
        worse = _worsened(good, chance).round().clamp(0, 255).to(torch.uint8)
        # Tensors of inference mode may not enter a gradient.
        heatmaps, pafs, features = (one.float().clone() for one in taught)
        add_labels(heatmaps, pafs, *self.persons(places, count))
        return MapBatch(worse.permute(0, 2, 3, 1), heatmaps, pafs, features)

    def places(self, count: int, size: int, chance: torch.Generator) -> Places:
        """A random photo for each crop; for some of them four, a quarter of the crop each."""
        uniform = self._uniform(chance)
        crowds = (uniform(count, 0, 1) < CROWD).nonzero()[:, 0]
        cut = (size * uniform((len(crowds), 2), 0.35, 0.65)).floor()
        x, y = cut[:, 0], cut[:, 1]
        edge, nil = torch.full_like(x, size), torch.zeros_like(x)
        quarters = [(nil, nil, x, y), (x, nil, edge, y), (nil, y, x, edge), (x, y, edge, edge)]
        boxes = [torch.tensor([[0.0, 0, size, size]], device=self._device).repeat(count, 1)]
        boxes += [torch.stack(one, 1) for one in quarters]
        box = torch.cat(boxes)
        crop = torch.cat([torch.arange(count, device=self._device), crowds.repeat(4)])
        high = len(self._numbers)
        drawn = torch.randint(high, (len(box),), generator=chance, device=self._device)
        photo = self._numbers[drawn]
        linear, shift = self._warps(self._sizes[photo].float(), box, chance)
        return Places(photo, crop, linear, shift, box)

    def crops(self, places: Places, count: int, size: int, chance: torch.Generator) -> Tensor:
        """(N, 3, S, S) 0..255. Later places cover earlier ones; crowds begin with a whole crop."""
        uniform = self._uniform(chance)
        grid = torch.stack(_pixels(size, self._device), -1)
        away = grid[None] - places.shift[:, None, None]
        inverse = torch.linalg.inv(places.linear)
        at = torch.einsum("pij,phwj->phwi", inverse, away)
        last = (self._sizes[places.photo] - 1)[:, None, None].float()
        parts = self._sampled(places, at.clamp(min=0).minimum(last))
        outside = ((at < -0.5) | (at > last + 0.5)).any(-1) & (
            uniform(len(at), 0, 1)[:, None, None] < 0.5
        )
        level = uniform((len(at), 3, 1, 1), 0, 255)
        parts = torch.where(outside[:, None], level, parts)
        left, top, right, bottom = places.box.T[..., None, None]
        inside = (grid[..., 0] >= left) & (grid[..., 0] < right)
        inside &= (grid[..., 1] >= top) & (grid[..., 1] < bottom)
        out = parts[:count].clone()
        crowded = (len(parts) - count) // 4
        for n in range(4):
            chosen = slice(count + n * crowded, count + (n + 1) * crowded)
            where = places.crop[chosen]
            out[where] = torch.where(inside[chosen][:, None], parts[chosen], out[where])
        return out

    def persons(self, places: Places, count: int) -> tuple[Tensor, Tensor]:
        """Whose labels are seen: (Q,) their crop and (Q, 18, 2) pixels of it, else NaN."""
        points = self._persons[places.photo]
        points = torch.einsum("pij,pmkj->pmki", places.linear, points)
        points = points + places.shift[:, None, None]
        turned = (torch.linalg.det(places.linear) < 0)[:, None, None, None]
        points = torch.where(turned, points[:, :, list(SKELETON.mirror)], points)
        box = places.box[:, None, None] - 0.5
        shown = ((points > box[..., :2]) & (points < box[..., 2:])).all(-1, keepdim=True)
        points = points.masked_fill(~shown, torch.nan)
        points[places.crop[count:]] = torch.nan  # a crowd's four parts cover its first photo
        anybody = (~points.isnan()).any(-1).any(-1)
        where = places.crop[:, None].expand_as(anybody)
        return where[anybody], points[anybody]

    def _warps(self, wh: Tensor, box: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """A random place, scale, angle, aspect and side, as in training.data.augmentation."""
        uniform, count = self._uniform(chance), len(wh)
        span = box[:, 2:] - box[:, :2]
        longest = wh.amax(1)
        scale = span.amax(1) / longest * uniform(count, *map(log, SCALES)).exp()
        normal = torch.randn(3, count, generator=chance, device=self._device)
        wide_turn = uniform(count, 0, 1) < 0.3
        angle = torch.where(wide_turn, uniform(count, -TURN, TURN), LEAN * normal[0]).deg2rad()
        stretch, shear = (STRETCH * normal[1]).exp(), STRETCH * normal[2]
        mirror = (uniform(count, 0, 1) < 0.5).float() * -2 + 1
        cos, sin = angle.cos(), angle.sin()
        x, y = scale * stretch, scale / stretch
        turn = torch.stack([cos, -sin, sin, cos], 1).reshape(count, 2, 2)
        sides = torch.stack([x * mirror, scale * shear, torch.zeros_like(x), y], 1)
        linear = turn @ sides.reshape(count, 2, 2)
        spare = (scale[:, None] * wh - span).abs() / 2 * uniform((count, 2), -1, 1)
        middle = torch.einsum("pij,pj->pi", linear, wh / 2)
        return linear, box[:, :2] + span / 2 + spare - middle

    def _sampled(self, places: Places, at: Tensor) -> Tensor:
        """(P, 3, S, S) from the level of the pyramid that is the next larger one."""
        scale = torch.linalg.det(places.linear).abs().sqrt()
        level = (-scale.log2()).floor().clamp(0, PYRAMID_LEVELS - 1).long()
        out = at.new_empty(len(at), 3, *at.shape[1:3])
        for n, photos in enumerate(self._levels):
            chosen = (level == n).nonzero()[:, 0]
            if not len(chosen):
                continue
            # grid_sample's -1..1 goes from edge to edge, which no level moves.
            grid = (at[chosen] + 0.5) / 2**n * 2 / photos.shape[-1] - 1
            pictures = photos[places.photo[chosen]].to(at.dtype)
            out[chosen] = functional.grid_sample(
                pictures, grid, padding_mode="border", align_corners=False
            )
        return out

    def _uniform(self, chance: torch.Generator) -> _Uniform:
        return _Uniform(chance, self._device)


class _Uniform:
    def __init__(self, chance: torch.Generator, device: str) -> None:
        self._chance, self._device = chance, device

    def __call__(self, shape: int | tuple[int, ...], low: float, high: float) -> Tensor:
        sizes = (shape,) if isinstance(shape, int) else shape
        return low + (high - low) * torch.rand(sizes, generator=self._chance, device=self._device)


def torch_teacher(device: str) -> torch.nn.Module:
    """The teacher's fp32 ONNX as a torch module."""
    card = load_card(TEACHER)
    located = locate(card, "fp32", download=False)
    outputs = located.weights.outputs
    graph = Graph(read_onnx(located, card.decoder), (outputs["heatmaps"], outputs["pafs"], TRUNK))
    return graph.eval().to(device)


def _padded(photo: Image, side: int) -> tuple[Image, tuple[int, int]]:
    """(side, side, 3) with the edge repeated, and the (width, height) that the photo covers."""
    height, width = photo.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        photo = np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA))
    return np.pad(photo, ((0, side - height), (0, side - width), (0, 0)), "edge"), (width, height)


def _halved(photos: Tensor) -> Tensor:
    return functional.avg_pool2d(photos.float(), 2).round().to(torch.uint8)


def _pixels(size: int, device: str) -> tuple[Tensor, Tensor]:
    along = torch.arange(size, device=device, dtype=torch.float32)
    y, x = torch.meshgrid(along, along, indexing="ij")
    return x, y


def _worsened(image: Tensor, chance: torch.Generator) -> Tensor:
    """(N, 3, S, S) by a worse camera in other light, as in training.data.augmentation."""
    uniform = _Uniform(chance, str(image.device))
    count = len(image)
    one = (count, 1, 1, 1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=chance, device=image.device)

    # Blur: a row and a column of weights for each picture; most are a single one.
    sigma = torch.where(uniform(count, 0, 1) < 0.1, uniform(count, 0.5, 1.6), 0.01)
    taps = torch.arange(BLUR_TAPS, device=image.device) - BLUR_TAPS // 2
    row = (-0.5 * (taps / sigma[:, None]) ** 2).exp()
    row = (row / row.sum(1, keepdim=True)).repeat_interleave(3, 0)
    flat = image.reshape(1, 3 * count, *image.shape[2:])
    half = BLUR_TAPS // 2
    flat = functional.pad(flat, (half,) * 4, mode="replicate")
    flat = functional.conv2d(flat, row[:, None, None, :], groups=3 * count)
    flat = functional.conv2d(flat, row[:, None, :, None], groups=3 * count)
    image = flat.reshape(image.shape)
    mix = torch.eye(3, device=image.device) + TINT * normal(count, 3, 3)
    image = torch.einsum("nij,njhw->nihw", mix, image).clamp(0, 255)
    gain = (0.2 * normal(*one)).exp() * (0.07 * normal(count, 3, 1, 1)).exp()
    levels = (image / 255).clamp(0, 1) ** (0.25 * normal(*one)).exp() * 255
    image = ((levels - 128) * gain + 128 + 20 * normal(*one)).clamp(0, 255)
    weights = torch.tensor([0.114, 0.587, 0.299], device=image.device)[:, None, None]
    grey = (image * weights).sum(1, keepdim=True).expand_as(image)
    image = torch.where(uniform(one, 0, 1) < GREY, grey, image)
    amount = torch.where(uniform(one, 0, 1) < 0.15, uniform(one, 2, 14), 0.0)
    return image + amount * normal(*image.shape)
