"""One network for all people of a picture: letterbox, network, peaks and limb scores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from engines.decoders.paf import PafDecoder
from engines.models.card import NetworkInput
from engines.types.arrays import Floats, Image
from engines.types.letterbox import Letterbox, Rows
from engines.types.poses import Candidates, Maps, Poses

BUCKET = 4  # strides: how coarsely the widths of mixed pictures are rounded up


class Network(Protocol):
    """Runs a network: several sets of pictures in flight, results in order.

    depth: sets worth having in flight. `result` gives (C, h, w) heat maps and affinity fields a
    picture, valid until the next call.
    """

    depth: int

    def submit(self, pictures: Sequence[Image]) -> None: ...
    def result(self) -> list[tuple[Floats, Floats]]: ...
    def close(self) -> None: ...


class BottomUp:
    """An Estimator made of a network and the decoder of its head.

    keep_maps: asked at each result whether the candidates are to bring their maps along.
    """

    def __init__(
        self,
        network: Network,
        decoder: PafDecoder,
        entry: NetworkInput,
        rows: Rows,
        max_people: int | None,
        keep_maps: Callable[[], bool] = lambda: False,
    ) -> None:
        self.depth = network.depth
        self._network = network
        self._decoder = decoder
        self._entry = entry
        self._rows = rows
        self._max_people = max_people
        self._keep_maps = keep_maps
        self._letterboxes: deque[list[Letterbox]] = deque()
        self._usual: tuple[int, int] | None = None

    def submit(self, images: Sequence[Image]) -> None:
        """Start on a set of (H, W, 3) BGR pictures, of any sizes."""
        letterboxes = [self._letterbox(image) for image in images]
        inputs = [box.apply(image) for box, image in zip(letterboxes, images, strict=True)]
        self._network.submit(inputs)
        self._letterboxes.append(letterboxes)

    def result(self) -> list[Candidates]:
        """The candidates of the oldest set in flight, in picture pixels."""
        letterboxes = self._letterboxes.popleft()
        keep = self._keep_maps()
        found = []
        for (heatmaps, pafs), box in zip(self._network.result(), letterboxes, strict=True):
            candidates = self._decoder.evidence(heatmaps, pafs, box)
            if keep:
                # Copies: the network writes its next maps into the same memory.
                own, stride = (heatmaps.copy(), pafs.copy()), self._decoder.stride
                maps = Maps(*own, self._decoder.channels, stride, box.scaled)
                candidates = replace(candidates, maps=maps)
            found.append(candidates)
        return found

    def decode(self, candidates: Candidates) -> Poses:
        """The people that the candidates make, best first."""
        return self._decoder.decode(candidates, self._max_people)

    def close(self) -> None:
        """Wait for what is in flight and let the device go."""
        self._network.close()

    def _letterbox(self, image: Image) -> Letterbox:
        """Exact for the size that came first (a video has no other), in buckets for the rest."""
        size = image.shape[1], image.shape[0]
        if self._usual is None:
            self._usual = size
        stride = self._entry.stride
        step = stride if size == self._usual else BUCKET * stride
        return Letterbox.fit(size, self._rows.of(size, step), stride, step)
