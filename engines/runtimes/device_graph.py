"""All the device does for pictures of one size, on fixed memory: pictures in, evidence out.

Upload, letterbox, network, and what the decoder does on a device; then the download.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engines.decoders.decoder import Decoder
from engines.decoders.paf import PafDecoder
from engines.runtimes.device_arrays import ArraysToHost, DeviceDecoding
from engines.runtimes.device_paf import PafOnDevice
from engines.runtimes.device_stream import BoundNetwork, DeviceNetwork, Lane, tiles
from engines.types.arrays import Image
from engines.types.evidence import Evidence
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput

ELEMENTS = {"f32": np.float32, "i32": np.int32, "u8": np.uint8}  # in the kernel's order


class DeviceGraph:
    """The work on `count` pictures of one size, recorded once and run again and again."""

    def __init__(
        self,
        lane: Lane,
        network: DeviceNetwork,
        decoder: Decoder,
        entry: NetworkInput,
        box: Letterbox,
        count: int,
    ) -> None:
        self._lane, self._entry, self._box, self._count = lane, entry, box, count
        wide, high = box.picture
        self._pictures = lane.host((count, high, wide, 3), np.uint8)
        self._on_device = lane.empty(self._pictures.shape, np.uint8)
        self._across = lane.constant(taps(box.scaled[0], wide, inward=True))
        self._down = lane.constant(taps(box.scaled[1], high, inward=False))
        self._channel = lane.constant(np.array([entry.mean, entry.scale], np.float32).T.copy())
        wide, high = box.network
        self._input = lane.empty(entry.shape(count, high, wide), ELEMENTS[entry.element])
        self._bound = network.bind(lane, self._input, (count, high, wide))
        self._decoding = decoding(lane, decoder, self._bound, box, count)
        self._run = lane.record(self._work)

    @property
    def parts(self) -> dict[str, Callable[[], None]]:
        """The work, in order. Not kept: a graph that refers to itself frees its memory late."""
        return {
            "upload": self._upload,
            "letterbox": self._letterbox,
            "network": self._bound.enqueue,
            **self._decoding.parts,
        }

    def start(self, images: Sequence[Image]) -> None:
        """Begin on pictures; the result must be taken before the next start."""
        for place, image in zip(self._pictures, images, strict=True):
            place[...] = image
        self._run()

    def result(self, keep_maps: bool = False) -> list[Evidence]:
        """What the device found, as the numpy path finds it."""
        self._lane.wait()
        return self._decoding.result(keep_maps)

    def _work(self) -> None:
        for part in self.parts.values():
            part()

    def _upload(self) -> None:
        self._lane.upload(self._on_device, self._pictures)

    def _letterbox(self) -> None:
        entry, box = self._entry, self._box
        wide, high = box.network
        grid, block = tiles(wide, high, self._count)
        self._lane.launch(
            "letterbox",
            grid,
            block,
            self._on_device,
            *map(np.int32, reversed(box.picture)),
            self._across,
            np.int32(box.scaled[0]),
            self._down,
            np.int32(box.scaled[1]),
            self._channel,
            np.int32(entry.colour == "rgb"),
            *map(np.int32, box.offset),
            np.int32(entry.pad),
            np.int32(entry.layout == "nhwc"),
            np.int32(list(ELEMENTS).index(entry.element)),
            self._input,
            *map(np.int32, (wide, high)),
        )


def decoding(
    lane: Lane, decoder: Decoder, bound: BoundNetwork, box: Letterbox, count: int
) -> DeviceDecoding:
    """A decoder's first step on the device; where it has none there, its arrays come back."""
    if isinstance(decoder, PafDecoder):
        return PafOnDevice(lane, decoder, bound, box, count)
    return ArraysToHost(lane, decoder, bound, box, count)


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
