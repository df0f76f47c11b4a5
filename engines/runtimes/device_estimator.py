"""An Estimator whose pictures go to a device and whose evidence alone comes back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from engines.decoders.decoder import Decoder
from engines.runtimes.device_graph import DeviceGraph
from engines.runtimes.device_stream import DeviceNetwork, Lane
from engines.types.arrays import Image
from engines.types.errors import DeviceError
from engines.types.evidence import Evidence
from engines.types.letterbox import Sizing
from engines.types.network_input import NetworkInput

KEPT_SIZES = 4  # picture sizes and set sizes whose memory is kept
Key = tuple[int, int, int, int]  # pictures, height, width, which of the two lanes


class OnDevice:
    """Sets of pictures in flight on two lanes: one uploads while the other computes.

    Pictures of one size in a set are one batch, with the same recorded work each time. keep_maps:
    asked at each result whether the evidence is to bring their maps along.
    """

    def __init__(
        self,
        open_lane: Callable[[], Lane],
        network: DeviceNetwork,
        decoder: Decoder,
        entry: NetworkInput,
        sizing: Sizing,
        *,
        live: bool = False,
        keep_maps: Callable[[], bool] = lambda: False,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.depth = 1 if live else 2
        self._lanes = [open_lane() for _ in range(2)]
        self.decoder = decoder
        self._network, self._entry, self._sizing, self._close = network, entry, sizing, close
        self._keep_maps = keep_maps
        self._graphs: dict[Key, DeviceGraph] = {}
        self._flying: deque[list[tuple[DeviceGraph, list[int]]]] = deque()
        self._turn = 0

    def submit(self, images: Sequence[Image]) -> None:
        """Start on a set of (H, W, 3) BGR pictures, of any sizes."""
        if len(self._flying) == len(self._lanes):
            raise DeviceError("Two sets of pictures are in flight; take a result first.")
        sizes: dict[tuple[int, int], list[int]] = {}
        for n, image in enumerate(images):
            sizes.setdefault((image.shape[0], image.shape[1]), []).append(n)
        started = []
        for (high, wide), which in sizes.items():
            graph = self._graph((len(which), high, wide, self._turn))
            graph.start([images[n] for n in which])
            started.append((graph, which))
        self._turn = (self._turn + 1) % len(self._lanes)
        self._flying.append(started)

    def result(self) -> list[Evidence]:
        """The evidence of the oldest set in flight, in picture pixels."""
        keep = self._keep_maps()
        found: dict[int, Evidence] = {}
        for graph, which in self._flying.popleft():
            found.update(zip(which, graph.result(keep), strict=True))
        return [found[n] for n in sorted(found)]

    def close(self) -> None:
        """Wait for what is in flight and let the device go."""
        try:
            while self._flying:
                self.result()
        finally:
            # Also of a device that failed: pycuda ends the process if its context is left current.
            self._flying.clear()
            self._graphs.clear()
            self._lanes.clear()
            self._network.close()
            if self._close is not None:
                self._close()

    def _graph(self, key: Key) -> DeviceGraph:
        if key not in self._graphs:
            busy = {graph for started in self._flying for graph, _ in started}
            idle = [one for one, graph in self._graphs.items() if graph not in busy]
            for old in idle[: max(0, len(self._graphs) - KEPT_SIZES * len(self._lanes) + 1)]:
                del self._graphs[old]
            count, high, wide, turn = key
            # Buckets of widths spare networks on CPUs; here a new shape costs a recording.
            box = self._entry.letterbox(self._sizing, (wide, high))
            self._graphs[key] = DeviceGraph(
                self._lanes[turn], self._network, self.decoder, self._entry, box, count
            )
        return self._graphs[key]
