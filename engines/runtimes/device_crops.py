"""Crops on a device: cut, normalised and run in one recorded sequence, on fixed memory.

Upload of the pictures and of where the crops are, the cutting, the network, the download of its
arrays. A sequence holds a number of crops; what is short of it is filled up with the first crop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from engines.crops.affine import Crops
from engines.runtimes.device_graph import ELEMENTS
from engines.runtimes.device_stream import DeviceNetwork, Lane, tiles
from engines.types.arrays import Arrays, Doubles, Image, Indices
from engines.types.network_input import NetworkInput

BATCHES = (1, 2, 4, 8, 16, 32)  # crops that are recorded at once; more take several runs
KEPT_GRAPHS = 8  # sizes of pictures and batches whose memory is kept
Sizes = tuple[tuple[int, int], ...]  # rows, columns of each picture


class CropGraph:
    """The work on `count` crops of pictures of these sizes, recorded once."""

    def __init__(
        self,
        lane: Lane,
        network: DeviceNetwork,
        roles: Collection[str],
        entry: NetworkInput,
        border: int,
        sizes: Sizes,
        count: int,
    ) -> None:
        self._lane, self._entry, self._border, self._count = lane, entry, border, count
        rows, columns = np.array(sizes, np.int64).T
        ends = np.cumsum(rows * columns * 3)
        begins = ends - rows * columns * 3
        self._table = np.stack([begins, rows, columns], axis=1).astype(np.int32)
        self._pictures = lane.host((int(ends[-1]),), np.uint8)
        self._each = [
            self._pictures[begin:end].reshape(high, wide, 3)
            for begin, end, (high, wide) in zip(begins, ends, sizes, strict=True)
        ]
        self._places = lane.host((count, 3), np.int32)
        self._maps = lane.host((count, 2, 3), np.float32)
        given = self._pictures, self._places, self._maps
        self._given = [(lane.empty(one.shape, one.dtype), one) for one in given]
        # Recording runs once: on places that there are.
        self._pictures[...], self._places[...], self._maps[...] = 0, self._table[:1], 0
        self._channel = lane.constant(np.array([entry.mean, entry.scale], np.float32).T.copy())
        wide, high = entry.size
        self._input = lane.empty(entry.shape(count, high, wide), ELEMENTS[entry.element])
        self._bound = network.bind(lane, self._input, (count, high, wide))
        self._found = {
            role: (lane.host(self._bound.shapes[role], np.float32), self._bound.arrays[role])
            for role in roles
        }
        self._run = lane.record(self._work)

    @property
    def parts(self) -> dict[str, Callable[[], None]]:
        """The work, in order."""
        return {
            "upload": self._upload,
            "crops": self._cut,
            "network": self._bound.enqueue,
            "download": self._download,
        }

    def run(self, images: Sequence[Image], which: Indices, maps: Doubles) -> Arrays:
        """which, maps: (n,) the picture of each crop and (n, 2, 3) its map, at most as recorded."""
        for place, image in zip(self._each, images, strict=True):
            place[...] = image
        count = len(which)
        self._places[:count], self._maps[:count] = self._table[which], maps
        self._places[count:], self._maps[count:] = self._places[0], self._maps[0]
        self._run()
        self._lane.wait()
        return {role: host[:count].copy() for role, (host, _) in self._found.items()}

    def _work(self) -> None:
        for part in self.parts.values():
            part()

    def _upload(self) -> None:
        for to, value in self._given:
            self._lane.upload(to, value)

    def _cut(self) -> None:
        entry, (wide, high) = self._entry, self._entry.size
        grid, block = tiles(wide, high, self._count)
        self._lane.launch(
            "crops",
            grid,
            block,
            *(to for to, _ in self._given),
            self._channel,
            np.int32(entry.colour == "rgb"),
            np.int32(self._border),
            np.int32(entry.layout == "nhwc"),
            np.int32(list(ELEMENTS).index(entry.element)),
            self._input,
            *map(np.int32, (wide, high)),
        )

    def _download(self) -> None:
        for host, device in self._found.values():
            self._lane.download(host, device)


class CropsOnDevice:
    """A CropNetwork on one lane. roles: the decoder's names of the arrays that it needs."""

    def __init__(
        self,
        lane: Lane,
        network: DeviceNetwork,
        roles: Collection[str],
        entry: NetworkInput,
        border: int,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._lanes = [lane]
        self._roles, self._entry, self._border = tuple(roles), entry, border
        self._network, self._close = network, close
        self._graphs: dict[tuple[Sizes, int], CropGraph] = {}

    def run(self, images: Sequence[Image], crops: Sequence[Crops]) -> Arrays:
        """The arrays of all crops."""
        counts = [len(one) for one in crops]
        which = np.repeat(np.arange(len(images)), counts)
        maps = np.concatenate([one.matrices() for one in crops])
        sizes = tuple((image.shape[0], image.shape[1]) for image in images)
        found = []
        for begin in range(0, len(which), BATCHES[-1]):
            part = slice(begin, begin + BATCHES[-1])
            count = next(one for one in BATCHES if one >= len(which[part]))
            found.append(self._graph(sizes, count).run(images, which[part], maps[part]))
        return {role: np.concatenate([one[role] for one in found]) for role in found[0]}

    def close(self) -> None:
        """Let the device go."""
        # What lies in its memory goes first: pycuda ends the process otherwise.
        self._graphs.clear()
        self._lanes.clear()
        self._network.close()
        if self._close is not None:
            self._close()

    def _graph(self, sizes: Sizes, count: int) -> CropGraph:
        key = sizes, count
        graph = self._graphs.pop(key, None)
        if graph is None:
            for old in list(self._graphs)[: max(0, len(self._graphs) - KEPT_GRAPHS + 1)]:
                del self._graphs[old]
            graph = CropGraph(
                *(self._lanes[0], self._network, self._roles, self._entry, self._border),
                *(sizes, count),
            )
        self._graphs[key] = graph  # the one used last comes last
        return graph
