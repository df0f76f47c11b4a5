"""A confidence map a keypoint of one person: where its maximum is, finer than its cells.

quarter: a quarter of a cell towards the higher neighbour (Newell et al., ECCV'16; Simple Baselines,
Xiao et al., ECCV'18, section 3). parabola: the vertex of the parabola through the logarithms of the
maximum and its neighbours along each axis, exact for a Gaussian. dark: the maximum of the Gaussian
that the map is, from its logarithm's second-order expansion after smoothing (Zhang et al., CVPR'20,
section 3.1). integral: the mean place (Sun et al., ECCV'18, equation 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import cv2
import numpy as np

from engines.decoders.crop_decoder import CropDecoder, CropPoints, each_once
from engines.decoders.decoder import NeededArray
from engines.decoders.peaks import find_peaks
from engines.types.arrays import Arrays, Floats, Mask
from engines.types.errors import CardError
from engines.types.evidence import JointCandidates

TINY = 1e-10
OTHER_PEAK, MAX_PEAKS = 0.1, 4  # least response of candidates, and how many a map has at most
OTHER_CELLS = 1.5  # from the highest peak, within which a peak is the same one
Cells = np.ndarray


@dataclass(frozen=True, slots=True)
class CropHeatmaps:
    """Maps (K, h, w), one person a crop.

    refine: how to read a place between cells. stride: crop pixels a cell. offset: crop pixels from
    the first pixel's centre to what the first cell stands for: 0 as in Simple Baselines, (stride
    - 1) / 2 where cells were made as areas of pixels. sigma: of the smoothing before dark, in
    cells, as in training. sharpness: of the softmax before integral; 0 = the maps are positive and
    are taken as they are.
    """

    refine: Literal["none", "quarter", "parabola", "dark", "integral"] = "quarter"
    stride: float = 4.0
    offset: float = 0.0
    sigma: float = 2.0
    sharpness: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.stride <= 64 or not 0 < self.sigma <= 16 or self.sharpness < 0:
            raise CardError(
                "stride must be above 0 and at most 64, sigma above 0 and at most 16, and "
                "sharpness not negative."
            )

    def outputs(self, keypoints: int, size: tuple[int, int]) -> dict[str, NeededArray]:
        """A map a keypoint."""
        return {"heatmaps": NeededArray((keypoints, None, None))}

    def points(self, arrays: Arrays, size: tuple[int, int]) -> CropPoints:
        """The keypoints of N crops of this (width, height)."""
        maps = arrays["heatmaps"]
        shape, flat = maps.shape[:2], maps.reshape(-1, *maps.shape[2:])
        cell = flat.reshape(len(flat), -1).argmax(axis=1)
        y, x = np.divmod(cell, flat.shape[2])
        score = flat[np.arange(len(flat)), y, x]
        if self.refine == "integral":
            xy = _mean_place(flat, self.sharpness)
        else:
            xy = np.stack([x, y], axis=-1).astype(np.float32)
            if self.refine == "quarter":
                xy += _quarter(flat, x, y)
            elif self.refine == "parabola":
                xy += _parabola(flat, x, y)
            elif self.refine == "dark":
                xy += _dark(flat, x, y, self.sigma)
        placed = xy * np.float32(self.stride) + np.float32(self.offset)
        return placed.reshape(*shape, 2), np.clip(score, 0, 1).reshape(shape)


def _quarter(maps: Floats, x: Cells, y: Cells) -> Floats:
    """(M, 2) a quarter towards the higher neighbour; 0 along an axis at whose end the cell is."""
    (left, up), (right, down), inner = _neighbours(maps, x, y)
    shift = np.stack([np.sign(right - left), np.sign(down - up)], axis=-1)
    return np.where(inner, 0.25 * shift, 0).astype(np.float32)


def _parabola(maps: Floats, x: Cells, y: Cells) -> Floats:
    """(M, 2) to the vertex, half a cell at most; 0 along an axis at whose end the cell is."""
    before, after, inner = _neighbours(maps, x, y)
    middle = maps[np.arange(len(maps)), y, x]
    low, mid, high = (
        np.log(np.maximum(one, TINY)) for one in (np.array(before), middle, np.array(after))
    )
    bend = 2 * mid - low - high
    shift = ((high - low) / (2 * np.maximum(bend, TINY))).T
    return np.where(inner & (bend.T > TINY), np.clip(shift, -0.5, 0.5), 0).astype(np.float32)


def _neighbours(
    maps: Floats, x: Cells, y: Cells
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats], Mask]:
    """(M,) values left and above, (M,) right and below, (M, 2) whether both of an axis exist."""
    rows, (high, wide) = np.arange(len(maps)), maps.shape[1:]
    inner = np.stack([(x > 0) & (x < wide - 1), (y > 0) & (y < high - 1)], axis=-1)

    def at(dx: int, dy: int) -> Floats:
        value: Floats = maps[rows, np.clip(y + dy, 0, high - 1), np.clip(x + dx, 0, wide - 1)]
        return value

    return (at(-1, 0), at(0, -1)), (at(1, 0), at(0, 1)), inner


def _dark(maps: Floats, x: Cells, y: Cells, sigma: float) -> Floats:
    """(M, 2) from the highest cell to the maximum; 0 near the edge and where there is no peak."""
    high, wide = maps.shape[1:]
    reach = 2 * round(2.5 * sigma) + 1
    logs = np.empty((len(maps), 5, 5), np.float64)
    inner = (x > 1) & (x < wide - 2) & (y > 1) & (y < high - 2)
    for n in np.flatnonzero(inner):
        smooth = cv2.GaussianBlur(maps[n], (reach, reach), sigma, borderType=cv2.BORDER_CONSTANT)
        window = smooth[y[n] - 2 : y[n] + 3, x[n] - 2 : x[n] + 3]
        logs[n] = np.log(np.maximum(window, TINY))
    logs[~inner] = 0
    dx, dy = (logs[:, 2, 3] - logs[:, 2, 1]) / 2, (logs[:, 3, 2] - logs[:, 1, 2]) / 2
    dxx = (logs[:, 2, 4] - 2 * logs[:, 2, 2] + logs[:, 2, 0]) / 4
    dyy = (logs[:, 4, 2] - 2 * logs[:, 2, 2] + logs[:, 0, 2]) / 4
    dxy = (logs[:, 3, 3] - logs[:, 1, 3] - logs[:, 3, 1] + logs[:, 1, 1]) / 4
    det = dxx * dyy - dxy**2
    peak = inner & (dxx < 0) & (det > TINY)
    safe = np.where(peak, det, 1)
    shift = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=-1) / safe[:, None]
    return np.where(peak[:, None], np.clip(shift, -1, 1), 0).astype(np.float32)


def _mean_place(maps: Floats, sharpness: float) -> Floats:
    """(M, 2) expected place."""
    flat = maps.reshape(len(maps), -1)
    if sharpness > 0:
        weight = np.exp(sharpness * (flat - flat.max(axis=1, keepdims=True)))
    else:
        weight = np.maximum(flat, 0) + np.float32(TINY)
    weight = (weight / weight.sum(axis=1, keepdims=True)).reshape(maps.shape)
    x = weight.sum(axis=1) @ np.arange(maps.shape[2], dtype=np.float32)
    y = weight.sum(axis=2) @ np.arange(maps.shape[1], dtype=np.float32)
    return np.stack([x, y], axis=-1)


class HeatmapDecoder(CropDecoder):
    """A person as a map a keypoint."""

    kind: ClassVar[str] = "heatmap"
    head: ClassVar[type] = CropHeatmaps

    def candidates(self, arrays: Arrays) -> JointCandidates:
        """All peaks of the maps, the highest as `points` has it."""
        xy, score = self.points(arrays)
        best, head = each_once(xy, score), self.settings
        assert isinstance(head, CropHeatmaps)
        parts = [best]
        for n, maps in enumerate(arrays["heatmaps"]):
            peaks = find_peaks(np.asarray(maps[: xy.shape[1]], np.float32), OTHER_PEAK, MAX_PEAKS)
            kind = peaks[:, 0].astype(np.intp)
            place = peaks[:, 1:3] * np.float32(head.stride) + np.float32(head.offset)
            other = np.abs(place - xy[n, kind]).max(axis=1) > OTHER_CELLS * head.stride
            crop = np.full(other.sum(), n)
            response = np.minimum(peaks[other, 3], 1)
            parts.append(JointCandidates(crop, kind[other], place[other], response))
        fields = ("crop", "kind", "xy", "response")
        return JointCandidates(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in fields)
        )
