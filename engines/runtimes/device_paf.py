"""The PAF decoder's device form: peaks and limb scores by kernels, on fixed memory.

Only candidates come back, in bounded tables; where a table overflows (a crowd of more than 127, or
noise) the maps are fetched and parsed by numpy instead, so that the answer never depends on the
bounds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import numpy as np

from engines.decoders.limb_scores import places
from engines.decoders.paf import PafDecoder
from engines.runtimes.device_stream import BoundNetwork, Lane, tiles
from engines.types.evidence import Evidence
from engines.types.letterbox import Letterbox
from engines.types.poses import Candidates

LOG = logging.getLogger(__name__)
MAX_PEAKS = 127  # kept of a keypoint type, as find_peaks
MAX_PAIRS = 4096  # limb candidates kept of a picture
THREADS = 128


class PafOnDevice:
    """What follows a PAF network in a recorded graph."""

    def __init__(
        self, lane: Lane, decoder: PafDecoder, bound: BoundNetwork, box: Letterbox, count: int
    ) -> None:
        self._lane, self._decoder, self._bound = lane, decoder, bound
        self._box, self._count = box, count
        self._kinds = len(decoder.skeleton.keypoints)
        limbs = np.array(decoder.skeleton.limbs, np.int32)
        self._ends = limbs
        self._limbs = lane.constant(np.hstack([limbs, np.array(decoder.channels, np.int32)]))
        shares, allowed = places(decoder.settings.samples, decoder.settings.least_above)
        self._shares, self._allowed = lane.constant(shares), np.int32(allowed)
        tables = {
            "counts": ((count, self._kinds), np.int32),
            "total": ((count,), np.int32),
            "found": ((count, self._kinds, MAX_PEAKS, 4), np.float32),
            "codes": ((count, MAX_PAIRS), np.uint32),
            "scores": ((count, MAX_PAIRS), np.float32),
        }
        self._device = {name: lane.empty(*table) for name, table in tables.items()}
        self._host = {name: lane.host(*table) for name, table in tables.items()}

    @property
    def parts(self) -> dict[str, Callable[[], None]]:
        """The kernels and the download."""
        return {
            "peaks": self._peaks,
            "limbs": self._limb_scores,
            "download": self._download,
        }

    def result(self, keep_maps: bool) -> list[Evidence]:
        """Candidates in the order and with the bounds of the numpy path."""
        fits = [
            counts.max() <= MAX_PEAKS and total <= MAX_PAIRS
            for counts, total in zip(self._host["counts"], self._host["total"], strict=True)
        ]
        if all(fits) and not keep_maps:
            return [self._gathered(n) for n in range(self._count)]
        if not all(fits):
            _tell_of_crowds()
        maps = {role: self._lane.fetch(self._bound.arrays[role]) for role in ("heatmaps", "pafs")}
        found: list[Evidence] = []
        for n, fit in enumerate(fits):
            own = {role: one[n] for role, one in maps.items()}
            candidates = self._gathered(n) if fit else self._decoder.evidence(own, self._box)
            if keep_maps:
                candidates = self._decoder.with_maps(candidates, own, self._box)
            found.append(candidates)
        return found

    def _gathered(self, n: int) -> Candidates:
        counts, total = self._host["counts"][n], int(self._host["total"][n])
        slots = np.arange(counts.max())
        within = slots < counts[:, None]
        table = self._host["found"][n, :, : len(slots)]
        # Threads finish in any order; sorted by cell, the tables are those of the numpy path.
        order = np.where(within, table[..., 0], np.inf).argsort(axis=1)
        kind, rank = within.nonzero()
        peaks = table[kind, order[kind, rank]]
        peaks[:, 0] = kind
        place = np.empty(order.shape, np.int64)
        place[kind, order[kind, rank]] = np.arange(len(peaks))
        codes, score = self._host["codes"][n, :total], self._host["scores"][n, :total]
        limb = (codes >> 16).astype(np.int64)
        ends = self._ends[limb]
        first, second = place[ends[:, 0], codes >> 8 & 255], place[ends[:, 1], codes & 255]
        pairs = np.empty((total, 4), np.float32)
        for column, value in enumerate((limb, first, second, score)):
            pairs[:, column] = value
        pairs = pairs[(limb << 40 | first << 20 | second).argsort()]
        return self._decoder.placed(peaks, pairs, self._box)

    def _peaks(self) -> None:
        device, wanted = self._device, self._decoder.settings
        for name in ("counts", "total"):
            self._lane.zero(device[name])
        _, channels, high, wide = self._bound.shapes["heatmaps"]
        rows, columns = self._decoder.covered(self._box)
        grid, block = tiles(columns, rows, self._count * self._kinds)
        self._lane.launch(
            "peaks",
            grid,
            block,
            self._bound.arrays["heatmaps"],
            *map(np.int32, (channels, self._kinds, high, wide, rows, columns)),
            np.float32(wanted.peak_threshold),
            np.int32(MAX_PEAKS),
            device["counts"],
            device["found"],
        )

    def _limb_scores(self) -> None:
        device, wanted = self._device, self._decoder.settings
        _, channels, high, wide = self._bound.shapes["pafs"]
        self._lane.launch(
            "limbs",
            (8, len(self._decoder.skeleton.limbs), self._count),
            (THREADS, 1, 1),
            self._bound.arrays["pafs"],
            *map(np.int32, (channels, high, wide)),
            self._limbs,
            device["counts"],
            device["found"],
            *map(np.int32, (self._kinds, MAX_PEAKS)),
            self._shares,
            np.int32(wanted.samples),
            self._allowed,
            np.float32(wanted.sample_threshold),
            np.int32(MAX_PAIRS),
            device["total"],
            device["codes"],
            device["scores"],
        )

    def _download(self) -> None:
        for name, to in self._host.items():
            self._lane.download(to, self._device[name])


@cache
def _tell_of_crowds() -> None:
    """Once: the answer is right, and late."""
    LOG.warning(
        "A picture has more than %d keypoints of a kind, or %d possible limbs, which is more than "
        "the GPU's tables hold; such pictures are parsed on the CPU, which takes longer.",
        *(MAX_PEAKS, MAX_PAIRS),
    )
