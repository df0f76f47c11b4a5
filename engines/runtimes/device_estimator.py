"""An Estimator whose pictures go to a device and whose candidates alone come back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from engines.decoders.paf import PafDecoder
from engines.models.card import NetworkInput
from engines.runtimes.device_graph import Frame
from engines.runtimes.device_stream import Lane, Network
from engines.types.arrays import Image
from engines.types.errors import DeviceError
from engines.types.letterbox import Letterbox, Rows
from engines.types.poses import Candidates, Poses

SIZES = 4  # picture sizes and set sizes whose memory is kept
Key = tuple[int, int, int, int]  # pictures, height, width, which of the two lanes


class OnDevice:
    """Sets of pictures in flight on two lanes: one uploads while the other computes.

    Pictures of one size in a set are one batch, with the same recorded work each time. keep_maps:
    asked at each result whether the candidates are to bring their maps along.
    """

    def __init__(
        self,
        open_lane: Callable[[], Lane],
        network: Network,
        decoder: PafDecoder,
        entry: NetworkInput,
        rows: Rows,
        *,
        max_people: int | None = None,
        live: bool = False,
        keep_maps: Callable[[], bool] = lambda: False,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.depth = 1 if live else 2
        self._lanes = [open_lane() for _ in range(2)]
        self._network, self._decoder, self._entry = network, decoder, entry
        self._rows, self._max_people, self._close = rows, max_people, close
        self._keep_maps = keep_maps
        self._frames: dict[Key, Frame] = {}
        self._flying: deque[list[tuple[Frame, list[int]]]] = deque()
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
            frame = self._frame((len(which), high, wide, self._turn))
            frame.start([images[n] for n in which])
            started.append((frame, which))
        self._turn = (self._turn + 1) % len(self._lanes)
        self._flying.append(started)

    def result(self) -> list[Candidates]:
        """The candidates of the oldest set in flight, in picture pixels."""
        keep = self._keep_maps()
        found: dict[int, Candidates] = {}
        for frame, which in self._flying.popleft():
            found.update(zip(which, frame.result(keep), strict=True))
        return [found[n] for n in sorted(found)]

    def decode(self, candidates: Candidates) -> Poses:
        """The people that the candidates make, best first."""
        return self._decoder.decode(candidates, self._max_people)

    def close(self) -> None:
        """Wait for what is in flight and let the device go."""
        try:
            while self._flying:
                self.result()
        finally:
            # Also of a device that failed: pycuda ends the process if its context is left current.
            self._flying.clear()
            self._frames.clear()
            self._lanes.clear()
            self._network.close()
            if self._close is not None:
                self._close()

    def _frame(self, key: Key) -> Frame:
        if key not in self._frames:
            busy = {frame for started in self._flying for frame, _ in started}
            idle = [one for one, frame in self._frames.items() if frame not in busy]
            for old in idle[: max(0, len(self._frames) - SIZES * len(self._lanes) + 1)]:
                del self._frames[old]
            count, high, wide, turn = key
            # Buckets of widths spare networks on CPUs; here a new shape costs a recording.
            stride = self._entry.stride
            box = Letterbox.fit((wide, high), self._rows.of((wide, high), stride), stride)
            self._frames[key] = Frame(
                self._lanes[turn], self._network, self._decoder, self._entry, box, count
            )
        return self._frames[key]
