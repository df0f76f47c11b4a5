"""Confidence maps and Part Affinity Fields (OpenPose, CVPR'17): the bottom-up head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.decoders.assembly import assemble
from engines.decoders.limb_scores import score_limbs
from engines.decoders.peaks import find_peaks
from engines.types.arrays import Floats
from engines.types.letterbox import Letterbox
from engines.types.poses import Candidates, Poses
from engines.types.skeleton import Skeleton


@dataclass(frozen=True, slots=True)
class PafSettings:
    """Thresholds of the parser; the defaults are OpenPose's, a card sets its network's own.

    peak_threshold: a keypoint's least confidence.
    sample_threshold, least_above, samples: a limb counts when this share of the samples along it
        exceeds the threshold.
    peak_weight: how much the confidence of its ends adds to a limb's rank.
    min_keypoints, min_score: what a person needs: keypoints, and score per keypoint.
    """

    peak_threshold: float = 0.05
    sample_threshold: float = 0.05
    least_above: float = 0.95
    samples: int = 10
    peak_weight: float = 0.1
    min_keypoints: int = 3
    min_score: float = 0.4


class PafDecoder:
    """The two steps of a PAF head: `evidence` where the network runs, `decode` anywhere.

    channels: x and y channel of the affinity maps for each limb of the skeleton.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        stride: int,
        channels: tuple[tuple[int, int], ...],
        settings: PafSettings,
    ) -> None:
        self.skeleton = skeleton
        self.stride = stride
        self.channels = channels
        self.settings = settings

    def evidence(self, heatmaps: Floats, pafs: Floats, letterbox: Letterbox) -> Candidates:
        """(C >= K, H, W) and (2L, H, W) maps -> candidates in picture pixels."""
        wanted = self.settings
        rows, columns = self.covered(letterbox)
        heatmaps = heatmaps[: len(self.skeleton.keypoints), :rows, :columns]
        peaks = find_peaks(heatmaps, wanted.peak_threshold)
        pairs = score_limbs(
            pafs,
            peaks,
            self.skeleton.limbs,
            self.channels,
            wanted.samples,
            wanted.sample_threshold,
            wanted.least_above,
        )
        return self.placed(peaks, pairs, letterbox)

    def covered(self, letterbox: Letterbox) -> tuple[int, int]:
        """Rows and columns of the maps that show the picture: over the padding there is noise."""
        wide, high = letterbox.scaled
        return -(-high // self.stride), -(-wide // self.stride)

    def placed(self, peaks: Floats, pairs: Floats, letterbox: Letterbox) -> Candidates:
        """Candidates in picture pixels, from peaks in map pixels."""
        xy = (peaks[:, 1:3] + np.float32(0.5)) * self.stride - np.float32(0.5)
        peaks[:, 1:3] = letterbox.to_picture(xy)
        return Candidates(peaks, pairs)

    def decode(self, candidates: Candidates, max_people: int | None = None) -> Poses:
        """The people that the candidates make, best first."""
        xy, score, limb_sum = assemble(candidates, self.skeleton, self.settings.peak_weight)
        count = (score > 0).sum(axis=1)
        total = score.sum(axis=1) + limb_sum
        person = total / np.maximum(count, 1)
        keep = (count >= self.settings.min_keypoints) & (person >= self.settings.min_score)
        order = np.flatnonzero(keep)
        order = order[np.argsort(-total[order], kind="stable")][:max_people]
        return Poses(self.skeleton, xy[order], score[order], total[order])
