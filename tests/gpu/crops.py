"""Crops of people on a device: the same pixels as OpenCV's, and what each part takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.crops.affine import Crops, cut
from engines.runtimes.device_crops import CropGraph
from engines.runtimes.device_stream import BoundNetwork, Buffer, Lane
from engines.types.network_input import NetworkInput
from tests.gpu.measure import PICTURE, Effort, OpenLane, StillBound, milliseconds

# As RTMPose takes them.
ENTRY = NetworkInput(
    32, size=(192, 256), colour="rgb", mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375)
)
BORDER = 7
MAX_LEVELS, MAX_SHARE = 1.01, 1e-3  # that crops may be off OpenCV's, and of how many pixels


class NoNetwork:
    """Gives the same few numbers whatever it sees."""

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> BoundNetwork:
        value = np.zeros((shape[0], 1, 17, 3), np.float32)
        return StillBound(entry, {"points": lane.constant(value)}, {"points": value.shape})

    def close(self) -> None:
        pass


def people(count: int, size: tuple[int, int], seed: int = 0) -> Crops:
    """Crops all over a picture of PICTURE's size and beyond its edges, turned."""
    rng = np.random.default_rng(seed)
    high = rng.uniform(60, 900, count)
    return Crops(
        rng.uniform((-50, -50), np.array(PICTURE) + 50, (count, 2)).astype(np.float32),
        np.stack([high * size[0] / size[1], high], axis=1).astype(np.float32),
        rng.uniform(-3, 3, count).astype(np.float32),
        size,
    )


def graph_of(lane: Lane, sizes: Sequence[tuple[int, int]], count: int) -> CropGraph:
    """Without a network."""
    return CropGraph(lane, NoNetwork(), ("points",), ENTRY, BORDER, tuple(sizes), count)


def compare_crops(open_lane: OpenLane, count: int = 8) -> str:
    """What a network would be fed, of two pictures of different sizes, beside OpenCV's crops."""
    rng = np.random.default_rng(0)
    wide, high = PICTURE
    images = [rng.integers(0, 256, (*s, 3)).astype(np.uint8) for s in ((high, wide), (240, 320))]
    lane = open_lane()
    graph = graph_of(lane, [image.shape[:2] for image in images], count)
    crops = people(count, (ENTRY.size[0], ENTRY.size[1]))
    which = np.sort(rng.integers(0, 2, count))
    shares = [crops.some(which == n) for n in range(2)]
    for _ in range(3):  # a recording must give the same each time
        graph.run(images, which, crops.matrices())
        fed = lane.fetch(graph._input).transpose(0, 2, 3, 1)
        pixels = (fed * np.float32(ENTRY.scale) + np.float32(ENTRY.mean))[..., ::-1]
        off = np.abs(pixels - cut(images, shares, BORDER))
        share = float((off > 0.5).mean())
        assert off.max() <= MAX_LEVELS, f"a crop is {off.max()} grey levels off"
        assert share <= MAX_SHARE, f"{share:.1%} of the pixels of crops are off"
    return f"{count} crops: at most {off.max():.3f} grey levels off, {share:.1e} of the pixels"


def time_crops(open_lane: OpenLane, effort: Effort) -> None:
    """A row for each number of people in one picture, milliseconds of a set without a network."""
    dry = "DRY: NO MEASUREMENT  " if effort.dry else ""
    print(f"   {dry}crops of {ENTRY.size[0]}x{ENTRY.size[1]}, no network; ms for all people")
    parts = ("upload", "crops", "download")
    print(f"   {'people':>10}{''.join(f'{part:>10}' for part in parts)}")
    for count in (1, 4) if effort.dry else (1, 4, 16, 32):
        lane = open_lane()
        graph = graph_of(lane, [PICTURE[::-1]], count)
        image = np.zeros((*PICTURE[::-1], 3), np.uint8)
        crops = people(count, (ENTRY.size[0], ENTRY.size[1]))
        graph.run([image], np.zeros(count, np.intp), crops.matrices())
        times = [milliseconds(lane, graph.parts[part], effort.repeats) for part in parts]
        print(f"   {count:>10}{''.join(f'{one:10.3f}' for one in times)}", flush=True)
