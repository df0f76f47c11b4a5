"""One network for all people of a picture, with its decoder's first step on the host."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from engines.decoders.decoder import Decoder
from engines.runtimes.network import Network
from engines.types.arrays import Image
from engines.types.evidence import Evidence
from engines.types.letterbox import Letterbox, Sizing
from engines.types.network_input import NetworkInput

BUCKET_STRIDES = 4  # how coarsely the widths of mixed pictures are rounded up


class OnHost:
    """An Estimator made of a network and the decoder of its head.

    keep_maps: asked at each result whether the evidence is to bring its maps along.
    """

    def __init__(
        self,
        network: Network,
        decoder: Decoder,
        entry: NetworkInput,
        sizing: Sizing,
        keep_maps: Callable[[], bool] = lambda: False,
    ) -> None:
        self.depth = network.depth
        self.decoder = decoder
        self._network = network
        self._entry = entry
        self._sizing = sizing
        self._keep_maps = keep_maps
        self._letterboxes: deque[list[Letterbox]] = deque()
        self._usual: tuple[int, int] | None = None

    def submit(self, images: Sequence[Image]) -> None:
        """Start on a set of (H, W, 3) BGR pictures, of any sizes."""
        letterboxes = [self._letterbox(image) for image in images]
        pad = self._entry.pad
        inputs = [box.apply(image, pad) for box, image in zip(letterboxes, images, strict=True)]
        self._network.submit(inputs)
        self._letterboxes.append(letterboxes)

    def result(self) -> list[Evidence]:
        """The evidence of the oldest set in flight, in picture pixels."""
        letterboxes = self._letterboxes.popleft()
        keep = self._keep_maps()
        return [
            self.decoder.evidence(arrays, box, keep_maps=keep)
            for arrays, box in zip(self._network.result(), letterboxes, strict=True)
        ]

    def close(self) -> None:
        """Wait for what is in flight and let the device go."""
        self._network.close()

    def _letterbox(self, image: Image) -> Letterbox:
        """Exact for the size that came first (a video has no other), in buckets for the rest."""
        size = image.shape[1], image.shape[0]
        if self._usual is None:
            self._usual = size
        stride = self._entry.stride
        step = stride if size == self._usual else BUCKET_STRIDES * stride
        return self._entry.letterbox(self._sizing, size, step)
