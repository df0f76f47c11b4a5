"""Optical flow of a clip, by which landmarks are followed to later pictures: thin-plate splines
warp a picture, but do not turn a thing in depth nor bend it (Zhang et al., CVPR'18, section 3.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.networks.landmarks import POOLED
from engines.types.arrays import Floats, Image, Ints, Mask
from training.discover.camera_motion import flow_between

VALID_SHARE = 0.7  # of a picture that must come back, or what follows is another scene
SURE = 0.75  # of the cells around a landmark that must


class Motion:
    """Where places of pictures go in the next ones of the same camera.

    after: (P,) the next picture, -1 = none that shows the same scene.
    """

    def __init__(self, pictures: Image, camera: Ints, held: Ints) -> None:
        """held: pictures that are not to be learnt from."""
        flows, self.after = _flows(pictures, camera)
        self._flows = torch.from_numpy(flows)
        self._held: Mask = np.isin(np.arange(len(pictures)), held)

    def arrival(self, start: Ints, steps: Ints) -> Ints:
        """(N,) the pictures so many steps after `start`; start where one of them is held back, or
        there are not so many.
        """
        at = start
        for one in range(int(steps.max(initial=0))):
            at = np.where((one < steps) & (at >= 0), self.after[at], at)
        return np.where((at < 0) | self._held[at], start, at)

    def carry(self, xy: Tensor, start: Ints, end: Ints) -> tuple[Tensor, Tensor]:
        """(N, K, 2) places of -1..1 in pictures `start` -> where they are in pictures `end`, and
        (N, K) whether flow tells.
        """
        told = torch.ones_like(xy[..., 0], dtype=torch.bool)
        at = start
        while (going := at != end).any():
            flow = self._flows[torch.from_numpy(at)].to(xy)
            there = functional.grid_sample(
                flow, xy[:, :, None], padding_mode="border", align_corners=False
            )[..., 0]
            go = torch.from_numpy(going).to(xy.device)[:, None]
            xy = xy + there[:, :2].mT * go[..., None]
            told = told & (~go | (there[:, 2] > SURE))
            at = np.where(going, self.after[at], at)
        return xy, told


def _flows(pictures: Image, camera: Ints) -> tuple[Floats, Ints]:
    """(P, 3, h, w) x and y of the way to the next picture of the camera in units of -1..1, and
    whether it leads back, as the network sees pictures; and (P,) which that is.
    """
    high, wide = pictures.shape[1:3]
    small = wide // POOLED, high // POOLED
    flows = np.zeros((len(pictures), 3, small[1], small[0]), np.float16)
    after = np.full(len(pictures), -1)
    for one, other in _neighbours(camera):
        there, valid = flow_between(pictures[one], pictures[other])
        if valid.mean() < VALID_SHARE:
            continue
        way = there * np.array([2 / wide, 2 / high], np.float32)
        told = np.concatenate([way, valid[..., None]], -1).astype(np.float32)
        flows[one] = cv2.resize(told, small, interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
        after[one] = other
    return flows, after


def _neighbours(camera: Ints) -> Iterator[tuple[int, int]]:
    """Pictures of one camera that follow each other."""
    for source in np.unique(camera):
        mine = np.flatnonzero(camera == source).tolist()
        yield from pairwise(mine)
