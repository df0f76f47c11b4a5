"""What people wrote down about the photos, drawn into the teacher's maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.decoders.paf import paf_decoder
from engines.models.card import load_card
from training.data.teacher import TEACHER

CARD = load_card(TEACHER)
SKELETON = CARD.skeleton
CHANNELS = paf_decoder(CARD.decoder, "training").channels
KEYPOINTS = len(SKELETON.keypoints)
STRIDE = 8
SIGMA = 7.0 / STRIDE  # cells, of a keypoint's peak; what the teacher was trained with
BAND = 1.0  # cells by which a limb reaches beyond its line, to all sides
MIN_LABELS_SPAN_PX = 80.0  # in the crop: of smaller people too little can be seen
MIN_TEACHER_EVIDENCE = 0.1  # of a keypoint's map near the label, or a limb's field along it
MIN_SEEN_SHARE = 0.6  # of a photo's labels where the teacher, too, sees something
MIN_MIRRORED_GAIN = 0.25  # so much better with left for right: the labels are mirrored

Persons = NDArray[np.float32]  # (P, 18, 2) pixels, NaN where nobody wrote anything


def trusted(row: dict[str, Any]) -> Persons:
    """People of one line of labels.jsonl, none where the labels are doubtful."""
    as_is, mirrored = row.get("label_check") or (0.0, 0.0)
    points = np.array(row["persons"], np.float32).reshape(-1, KEYPOINTS, 3)
    if as_is < MIN_SEEN_SHARE or mirrored > as_is + MIN_MIRRORED_GAIN:
        points = points[:0]
    return np.where(points[..., 2:] > 0, points[..., :2], np.nan).astype(np.float32)


def mirrored(persons: Persons) -> Persons:
    """Left is right where the picture is mirrored."""
    return persons[..., SKELETON.mirror, :]


def add_labels(heatmaps: Tensor, pafs: Tensor, crop: Tensor, points: Tensor) -> None:
    """Draw what the teacher missed into its maps, in place (CVPR'17, sections 2.2 and 2.3).

    heatmaps, pafs: (N, 19, h, w) and (N, 38, h, w). crop: (P,) where each person belongs.
    points: (P, 18, 2) pixels of the crop, NaN = not labelled: there the teacher's word stands, as
    it does for everybody else in the photo, and for what it saw by itself: its peaks are wider and
    its fields weaker than those of labels, and a network cannot learn both.
    """
    missing = points.isnan()
    far = torch.inf
    spans = points.masked_fill(missing, -far).amax(1) - points.masked_fill(missing, far).amin(1)
    large = (spans.amax(-1) >= MIN_LABELS_SPAN_PX).nonzero()[:, 0]
    crop, points = crop[large], points[large]
    if not len(crop):
        return
    high, wide = heatmaps.shape[2:]
    rows = torch.arange(high, device=heatmaps.device, dtype=torch.float32)
    columns = torch.arange(wide, device=heatmaps.device, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)  # (h, w, 2)
    at = (points + 0.5) / STRIDE - 0.5
    away = (grid - at[:, :, None, None]).square().sum(-1)
    peaks = (-away / (2 * SIGMA**2)).exp().nan_to_num(0)
    known = heatmaps[crop, :KEYPOINTS].where(away <= 2, 0).amax((2, 3))
    peaks = peaks * (known < MIN_TEACHER_EVIDENCE)[:, :, None, None]
    drawn = torch.zeros_like(heatmaps[:, :KEYPOINTS])
    which = crop[:, None, None, None].expand_as(peaks)
    drawn.scatter_reduce_(0, which, peaks.to(drawn.dtype), "amax")
    torch.maximum(heatmaps[:, :KEYPOINTS], drawn, out=heatmaps[:, :KEYPOINTS])
    heatmaps[:, KEYPOINTS] = torch.minimum(heatmaps[:, KEYPOINTS], 1 - drawn.amax(1))
    for (first, second), (x, y) in zip(SKELETON.limbs, CHANNELS, strict=True):
        along = at[:, second] - at[:, first]
        length = along.norm(dim=-1, keepdim=True)
        unit = along / length.clamp(min=1e-3)
        from_first = grid - at[:, first][:, None, None]
        forward = (from_first * unit[:, None, None]).sum(-1)
        across = (
            from_first[..., 0] * unit[:, None, None, 1]
            - from_first[..., 1] * (unit[:, None, None, 0])
        )
        on = (forward >= -BAND) & (forward <= length[:, :, None] + BAND) & (across.abs() <= BAND)
        taught = pafs[crop, x] * unit[:, 0, None, None] + pafs[crop, y] * unit[:, 1, None, None]
        seen = (taught * on).sum((1, 2)) / on.sum((1, 2)).clamp(min=1)
        on &= (seen < MIN_TEACHER_EVIDENCE)[:, None, None]
        count = torch.zeros_like(heatmaps[:, 0]).index_add_(0, crop, on.to(heatmaps.dtype))
        for channel, part in ((x, unit[:, 0]), (y, unit[:, 1])):
            values = on * part.nan_to_num(0)[:, None, None]
            total = torch.zeros_like(count).index_add_(0, crop, values.to(count.dtype))
            pafs[:, channel] = torch.where(count > 0, total / count.clamp(min=1), pafs[:, channel])
