"""Pictures again from landmarks and descriptors (LMDIS, Zhang et al., CVPR'18, section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.networks.landmarks import Block
from training.discover.edges import edge_features, pairs
from training.discover.warps import grid

DESCRIPTOR = 16  # numbers of a landmark's appearance
BROAD = 0.045  # standard deviation of a landmark's bell, a share of the longer side
LINE = 0.035  # of an edge's
WIDTH = 48
FINER = 2  # cells of the made picture along a cell of the maps


class Reconstruction(nn.Module):
    """Landmarks' places in one picture, and descriptors of them from another one, to the picture.

    Were the descriptors of the same picture, they could tell what the places do not, and landmarks
    could lie anywhere. What the camera always sees is given (`hint`), so that landmarks there tell
    nothing.
    """

    def __init__(self, points: int, channels: int, *, edges: bool) -> None:
        super().__init__()
        self.describe = nn.Linear(channels, DESCRIPTOR)
        self.edges = nn.Parameter(torch.zeros(len(pairs(points)))) if edges else None
        inside = (1 if edges else points) + DESCRIPTOR + 4 * FINER**2
        self.near = Block(inside, WIDTH)
        self.far = nn.Sequential(Block(WIDTH, WIDTH, 2), Block(WIDTH, WIDTH))
        self.both = nn.Sequential(Block(WIDTH, WIDTH), Block(WIDTH, WIDTH))
        self.out = nn.Conv2d(WIDTH, 3 * FINER**2, 1)
        nn.init.zeros_(self.out.weight)  # at first the picture is what is known of it
        nn.init.zeros_(self.out.bias)

    def descriptors(self, maps: Tensor, features: Tensor) -> Tensor:
        """(N, K, DESCRIPTOR): the features where each landmark is."""
        there = torch.einsum("nkhw,nchw->nkc", maps, features.float())
        out: Tensor = self.describe(there)
        return out

    def forward(self, xy: Tensor, descriptors: Tensor, hint: Tensor, aspect: Tensor) -> Tensor:
        """(N, 3, 2h, 2w). hint: (N, 4, 2h, 2w) what is known of the picture: colours, and where."""
        size = hint.shape[2] // FINER, hint.shape[3] // FINER
        if self.edges is None:
            here = bells(xy, size, BROAD, aspect)
            spread = torch.einsum("nkhw,nkc->nchw", here, descriptors)
        else:
            here, spread = edge_features(xy, self.edges, descriptors, size, LINE, aspect)
        given = torch.cat([here, spread, functional.pixel_unshuffle(hint, FINER)], 1)
        near = self.near(given)
        far = functional.interpolate(self.far(near), scale_factor=2.0, mode="nearest")
        rows, columns = near.shape[2:]
        made = self.out(self.both(near + far[..., :rows, :columns]))
        return hint[:, :3] + functional.pixel_shuffle(made, FINER)


def bells(xy: Tensor, size: tuple[int, int], broad: float, aspect: Tensor) -> Tensor:
    """(N, K, 2) -> (N, K, h, w) Gaussians of height 1 around the landmarks."""
    away = (grid(*size).to(xy)[:, None] - xy[:, :, None, None]) * aspect / 2
    return torch.exp(-(away**2).sum(-1) / (2 * broad**2))
