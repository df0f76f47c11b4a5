"""Confidence maps and Part Affinity Fields (OpenPose, CVPR'17): the bottom-up head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from engines.decoders.assembly import assemble
from engines.decoders.decoder import Decoder, NeededArray, Showable
from engines.decoders.limb_matching import Matching
from engines.decoders.limb_scores import score_limbs
from engines.decoders.partition.ilp import Assembling, assemble_all_at_once
from engines.decoders.peaks import find_peaks
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.oks import expected_oks
from engines.types.poses import Candidates, Maps, Poses
from engines.types.skeleton import Skeleton
from engines.types.toml_tables import build

MAX_SAMPLES = 1000  # along a limb, which is shorter than that on any map


@dataclass(frozen=True, slots=True)
class PafSettings:
    """Thresholds of the parser; the defaults are OpenPose's, a card sets its network's own.

    peak_threshold: a keypoint's least confidence.
    sample_threshold, least_above, samples: a limb counts when this share of the samples along it
        exceeds the threshold.
    peak_weight: how much the confidence of its ends adds to a limb's rank.
    match: which of the limbs that want the same keypoint are taken: greedy, those of the highest
        rank first; hungarian, those whose ranks have the highest sum.
    assemble: limbs, people are joined limb by limb; ilp, all candidates are parted among people at
        once, by an integer linear program, which takes seconds.
    min_keypoints, min_confidence: what a person needs: keypoints, and the mean confidence of those
        that were found and of the limbs between them, the sum of both over twice the keypoints
        (OpenPose's score per keypoint, halved).
    min_score: of a person, in place of min_confidence where it is given.
    """

    peak_threshold: float = 0.05
    sample_threshold: float = 0.05
    least_above: float = 0.95
    samples: int = 10
    peak_weight: float = 0.1
    match: Matching = "greedy"
    assemble: Assembling = "limbs"
    min_keypoints: int = 3
    min_confidence: float = 0.2
    min_score: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= MAX_SAMPLES or not 0 <= self.least_above <= 1:
            raise CardError(
                f"decoder needs samples of 1 or more, at most {MAX_SAMPLES}, and least_above from "
                "0 to 1."
            )


@dataclass(frozen=True, slots=True)
class PafDecoder:
    """The two steps of a PAF head: `evidence` where the network runs, `decode` anywhere.

    stride: input pixels a cell of the maps. channels: x and y channel of the affinity maps for each
    limb of the skeleton.
    """

    skeleton: Skeleton
    stride: int
    channels: tuple[tuple[int, int], ...]
    settings: PafSettings

    kind: ClassVar[str] = "paf"
    gives: ClassVar[str] = "keypoints and the fields that join them"
    options: ClassVar[Mapping[str, str]] = {
        "peak_threshold": "peak_threshold",
        "limb_threshold": "sample_threshold",
        "limb_share": "least_above",
        "match": "match",
        "assemble": "assemble",
        "min_keypoints": "min_keypoints",
        "min_score": "min_score",
    }
    shows: ClassVar[frozenset[Showable]] = frozenset({"heatmaps", "pafs", "candidates"})

    @classmethod
    def from_table(
        cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]
    ) -> PafDecoder:
        """From the decoder's table of a card: `pafs`, and what PafSettings has."""
        if entry.place != "corner":
            raise CardError("a paf decoder needs the picture in the corner of the input.")
        if isinstance(old := table.get("min_score"), int | float):
            raise CardError(
                f"decoder has min_score = {old:g}, which was per keypoint and is called "
                f"min_confidence now, half as large; write min_confidence = {old / 2:g}."
            )
        rest = {key: value for key, value in table.items() if key != "pafs"}
        channels = _parse_channels(skeleton, table.get("pafs"))
        return cls(skeleton, entry.stride, channels, build(PafSettings, "decoder", rest))

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """Confidence maps (K and more, h, w), affinity fields (as many as are named, h, w)."""
        fields = 1 + max(max(pair) for pair in self.channels)
        return {
            "heatmaps": NeededArray((len(self.skeleton.keypoints), None, None), least=True),
            "pafs": NeededArray((fields, None, None), least=True),
        }

    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> Candidates:
        """Candidates in picture pixels. keep_maps: with copies of the maps, which live on."""
        candidates = self.candidates(arrays["heatmaps"], arrays["pafs"], letterbox)
        return self.with_maps(candidates, arrays, letterbox) if keep_maps else candidates

    def with_maps(self, candidates: Candidates, arrays: Arrays, letterbox: Letterbox) -> Candidates:
        """Candidates with copies of the maps: the network writes its next into the same memory."""
        own = arrays["heatmaps"].copy(), arrays["pafs"].copy()
        maps = Maps(*own, self.channels, self.stride, letterbox.scaled)
        return replace(candidates, maps=maps)

    def candidates(self, heatmaps: Floats, pafs: Floats, letterbox: Letterbox) -> Candidates:
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

    def decode(self, evidence: Candidates) -> Poses:
        """The people that the candidates make, best first.

        A person's score is the mean confidence of all keypoints and limbs of the skeleton, of which
        those that were not found count 0, times the similarity that their size lets expect.
        """
        wanted = self.settings
        if wanted.assemble == "ilp":
            people = assemble_all_at_once(evidence, self.skeleton)
        else:
            people = assemble(evidence, self.skeleton, wanted.peak_weight, wanted.match)
        xy, score, limb_sum = people
        count = (score > 0).sum(axis=1)
        total = score.sum(axis=1) + limb_sum
        parts = len(self.skeleton.keypoints) + len(self.skeleton.limbs)
        person = np.minimum(total / np.float32(parts), np.float32(1))  # maps may exceed 1 a little
        person *= expected_oks(xy, self.skeleton)
        sure = total / np.maximum(2 * count, 1) >= wanted.min_confidence
        if wanted.min_score is not None:
            sure = person >= wanted.min_score
        order = np.flatnonzero((count >= wanted.min_keypoints) & sure)
        order = order[np.argsort(-person[order], kind="stable")]
        return Poses(self.skeleton, xy[order], np.minimum(score[order], 1), person[order])


def paf_decoder(decoder: Decoder, what: str) -> PafDecoder:
    """A decoder that must be a PAF head; CardError says what needs that."""
    if not isinstance(decoder, PafDecoder):
        raise CardError(f"{what} needs a model with a paf decoder, not {decoder.kind}.")
    return decoder


def _parse_channels(skeleton: Skeleton, pafs: Any) -> tuple[tuple[int, int], ...]:
    if not isinstance(pafs, list) or len(pafs) != len(skeleton.limbs):
        raise CardError(
            f"decoder needs pafs: a list of {len(skeleton.limbs)} channel pairs, one for each limb "
            f"of skeleton {skeleton.name}."
        )
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pafs):
        raise CardError("pafs must be pairs: the x and the y channel of each limb's affinity map.")
    each = [channel for pair in pafs for channel in pair]
    if not all(type(channel) is int and channel >= 0 for channel in each):
        raise CardError("pafs must be whole numbers from 0 on: channels of the affinity maps.")
    if len(set(each)) < len(each):
        raise CardError("pafs names a channel twice; each limb has two of its own.")
    return tuple((x, y) for x, y in pafs)
