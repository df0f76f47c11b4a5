"""All the device does for pictures of one size, on fixed memory: pictures in, candidates out.

Upload, letterbox, network, peaks, limb scores, download. Only candidates come back, in bounded
tables; where a table overflows (a crowd of more than 127, or noise) the maps are fetched and parsed
by numpy instead, so that the answer never depends on the bounds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from engines.decoders.limb_scores import places
from engines.decoders.paf import PafDecoder
from engines.models.card import NetworkInput
from engines.runtimes.device_stream import Lane, Network, Shape
from engines.types.arrays import Image
from engines.types.letterbox import Letterbox
from engines.types.poses import Candidates, Maps

LOG = logging.getLogger(__name__)
MOST = 127  # peaks kept of a type, as find_peaks
PAIRS = 4096  # limb candidates kept of a picture
TILE: Shape = (32, 8, 1)
THREADS = 128


class Frame:
    """The work on `count` pictures of one size, recorded once and run again and again."""

    def __init__(
        self,
        lane: Lane,
        network: Network,
        decoder: PafDecoder,
        entry: NetworkInput,
        box: Letterbox,
        count: int,
    ) -> None:
        self._lane, self._decoder, self._box, self._count = lane, decoder, box, count
        self._kinds = len(decoder.skeleton.keypoints)
        wide, high = box.picture
        self._pictures = lane.host((count, high, wide, 3), np.uint8)
        self._on_device = lane.empty(self._pictures.shape, np.uint8)
        self._across = lane.constant(taps(box.scaled[0], wide, inward=True))
        self._down = lane.constant(taps(box.scaled[1], high, inward=False))
        self._channel = lane.constant(np.array([entry.mean, entry.scale], np.float32).T.copy())
        self._reversed = np.int32(entry.colour == "rgb")
        wide, high = box.network
        self._input = lane.empty((count, 3, high, wide), np.float32)
        self._bound = network.bind(lane, self._input, (count, high, wide))
        limbs = np.array(decoder.skeleton.limbs, np.int32)
        self._ends = limbs
        self._limbs = lane.constant(np.hstack([limbs, np.array(decoder.channels, np.int32)]))
        shares, allowed = places(decoder.settings.samples, decoder.settings.least_above)
        self._shares, self._allowed = lane.constant(shares), np.int32(allowed)
        tables = {
            "counts": ((count, self._kinds), np.int32),
            "total": ((count,), np.int32),
            "found": ((count, self._kinds, MOST, 4), np.float32),
            "codes": ((count, PAIRS), np.uint32),
            "scores": ((count, PAIRS), np.float32),
        }
        self._device = {name: lane.empty(*table) for name, table in tables.items()}
        self._host = {name: lane.host(*table) for name, table in tables.items()}
        self._run = lane.record(self._work)

    @property
    def parts(self) -> dict[str, Callable[[], None]]:
        """The work, in order. Not kept: a frame that refers to itself frees its memory late."""
        return {
            "upload": self._upload,
            "letterbox": self._letterbox,
            "network": self._bound.enqueue,
            "peaks": self._peaks,
            "limbs": self._limb_scores,
            "download": self._download,
        }

    def start(self, images: Sequence[Image]) -> None:
        """Begin on pictures; the result must be taken before the next start."""
        for place, image in zip(self._pictures, images, strict=True):
            place[...] = image
        self._run()

    def result(self, keep_maps: bool = False) -> list[Candidates]:
        """What the device found, in the order and with the bounds of the numpy path."""
        self._lane.wait()
        fits = [
            counts.max() <= MOST and total <= PAIRS
            for counts, total in zip(self._host["counts"], self._host["total"], strict=True)
        ]
        if all(fits) and not keep_maps:
            return [self._gathered(n) for n in range(self._count)]
        if not all(fits):
            _tell_of_crowds()
        heatmaps, pafs = map(self._lane.fetch, (self._bound.heatmaps, self._bound.pafs))
        found = []
        for n, fit in enumerate(fits):
            one = heatmaps[n], pafs[n]
            candidates = self._gathered(n) if fit else self._decoder.evidence(*one, self._box)
            if keep_maps:
                parser, scaled = self._decoder, self._box.scaled
                maps = Maps(*one, parser.channels, parser.stride, scaled)
                candidates = replace(candidates, maps=maps)
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

    def _work(self) -> None:
        for part in self.parts.values():
            part()

    def _upload(self) -> None:
        self._lane.upload(self._on_device, self._pictures)

    def _download(self) -> None:
        for name, to in self._host.items():
            self._lane.download(to, self._device[name])

    def _peaks(self) -> None:
        device, wanted = self._device, self._decoder.settings
        for name in ("counts", "total"):
            self._lane.zero(device[name])
        _, channels, high, wide = self._bound.shapes[0]
        rows, columns = self._decoder.covered(self._box)
        self._lane.launch(
            "peaks",
            _grid(columns, rows, self._count * self._kinds),
            TILE,
            self._bound.heatmaps,
            *map(np.int32, (channels, self._kinds, high, wide, rows, columns)),
            np.float32(wanted.peak_threshold),
            np.int32(MOST),
            device["counts"],
            device["found"],
        )

    def _limb_scores(self) -> None:
        device, wanted = self._device, self._decoder.settings
        _, channels, high, wide = self._bound.shapes[1]
        self._lane.launch(
            "limbs",
            (8, len(self._decoder.skeleton.limbs), self._count),
            (THREADS, 1, 1),
            self._bound.pafs,
            *map(np.int32, (channels, high, wide)),
            self._limbs,
            device["counts"],
            device["found"],
            *map(np.int32, (self._kinds, MOST)),
            self._shares,
            np.int32(wanted.samples),
            self._allowed,
            np.float32(wanted.sample_threshold),
            np.int32(PAIRS),
            device["total"],
            device["codes"],
            device["scores"],
        )

    def _letterbox(self) -> None:
        wide, high = self._box.network
        self._lane.launch(
            "letterbox",
            _grid(wide, high, self._count),
            TILE,
            self._on_device,
            *map(np.int32, reversed(self._box.picture)),
            self._across,
            np.int32(self._box.scaled[0]),
            self._down,
            np.int32(self._box.scaled[1]),
            self._channel,
            self._reversed,
            self._input,
            *map(np.int32, (wide, high)),
        )


@cache
def _tell_of_crowds() -> None:
    """Once: the answer is right, and late."""
    LOG.warning(
        "A picture has more than %d keypoints of a kind, or %d possible limbs, which is more than "
        "the GPU's tables hold; such pictures are parsed on the CPU, which takes longer.",
        *(MOST, PAIRS),
    )


def taps(scaled: int, size: int, *, inward: bool) -> np.ndarray:
    """(scaled, 4) int32: the two source pixels of each, and their weights in 1/2048.

    As cv2.resize takes them. inward: a place beyond the border is moved onto it (cv2 does so with
    columns), instead of taking the border's pixel twice; the sums round differently.
    """
    at = ((np.arange(scaled) + 0.5) * (size / scaled) - 0.5).astype(np.float32)
    first = np.floor(at).astype(np.int32)
    share = at - first.astype(np.float32)
    if inward:
        share[(first < 0) | (first >= size - 1)] = 0
        first = first.clip(0, size - 1)
    weights = np.rint(np.stack([1 - share, share], axis=1) * np.float32(2048))
    ends = np.stack([first, first + 1], axis=1).clip(0, size - 1)
    return np.hstack([ends, weights]).astype(np.int32)


def _grid(wide: int, high: int, deep: int) -> Shape:
    return -(-wide // TILE[0]), -(-high // TILE[1]), deep
