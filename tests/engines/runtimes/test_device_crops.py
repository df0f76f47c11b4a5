"""Crops on a device: the kernel thread by thread on the CPU, and torch's form of it, against OpenCV
and the host's path.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.crops.affine import Crops, cut
from engines.crops.fusion import FusionSettings
from engines.crops.rule import CropRule
from engines.decoders.regression import Regression, RegressionDecoder
from engines.runtimes.crop_network import CropsOnHost, SparedCrops
from engines.runtimes.device_crops import BATCHES, KEPT_GRAPHS, CropsOnDevice
from engines.second_look.body_crops import BodyCrops
from engines.second_look.second_look import SecondLook
from engines.types.arrays import Floats, Image
from engines.types.errors import DeviceError
from engines.types.network_input import NetworkInput
from tests.engines.host import HostNetwork, OpenLane
from tests.engines.second_look.test_second_look import (
    COCO17,
    ONE,
    SIZE,
    SKELETON,
    THREE,
    TWO,
    DotNetwork,
    drawn,
    in17,
    poses,
)


def entry_of(**changes: Any) -> NetworkInput:
    return NetworkInput(**({"stride": 8, "size": (48, 64), "colour": "rgb"} | changes))


def several(count: int, size: tuple[int, int], seed: int = 0) -> Crops:
    """Turned, stretched, at the edge of a picture, and far away from it."""
    rng = np.random.default_rng(seed)
    far = np.float32([[9e4, -9e4]])
    return Crops(
        np.concatenate([rng.uniform(-30, 330, (count - 1, 2)).astype(np.float32), far]),
        rng.uniform(4, 700, (count, 2)).astype(np.float32),
        rng.uniform(-4, 4, count).astype(np.float32),
        size,
    )


def photos(*sizes: tuple[int, int]) -> list[Image]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]


class Seeing:
    """A network that gives the mean of each crop's channels, and keeps what it was fed."""

    def __init__(self, layout: str) -> None:
        self.layout = layout
        self.fed: list[Floats] = []

    def __call__(self, crops: Floats) -> tuple[Floats]:
        self.fed.append(crops.copy())
        axes = (2, 3) if self.layout == "nchw" else (1, 2)
        return (crops.astype(np.float32).mean(axis=axes)[:, None, :],)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("element", ["f32", "i32", "u8"])
@pytest.mark.parametrize("colour", ["bgr", "rgb"])
def test_crops_are_opencvs_and_normalised_as_the_card_says(
    open_lane: OpenLane, layout: Any, element: Any, colour: Any
) -> None:
    """Within one grey level, which float rounds: hardly a pixel differs."""
    mean, scale = ((1.5, 20.0, 127.5), (2.0, 255.0, 58.4))
    if element != "f32":
        mean, scale = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    entry = entry_of(layout=layout, element=element, colour=colour, mean=mean, scale=scale)
    images, boxes = photos((240, 320), (33, 500)), several(5, (48, 64))
    shares = [boxes.some(np.arange(3)), boxes.some(np.arange(3, 5))]
    maker = Seeing(layout)
    network = HostNetwork(maker, ("points",), layout)
    runner = CropsOnDevice(open_lane(), network, ("points",), entry, 7)
    runner.run(images, shares)
    fed = maker.fed[-1]
    assert fed.dtype == {"f32": np.float32, "i32": np.int32, "u8": np.uint8}[element]
    fed = (fed if layout == "nhwc" else fed.transpose(0, 2, 3, 1)).astype(np.float32)
    pixels = (fed * np.float32(scale) + np.float32(mean))[:5]
    pixels = pixels if colour == "bgr" else pixels[..., ::-1]
    wanted = cut(images, shares, 7)
    off = np.abs(pixels - wanted)
    assert off.max() < 1.01
    assert (off > 0.5).mean() < 1e-3
    assert (wanted[4] == 7).all()
    assert np.abs(pixels[4] - 7).max() < 1e-3
    runner.close()
    assert network.closed


@pytest.mark.parametrize("count", [1, 2, 3, 5, 32, 33, 50])
def test_any_number_of_crops_keeps_its_order(open_lane: OpenLane, count: int) -> None:
    """What a recorded batch has too many is left out; fifty people take two of them."""
    entry = entry_of(size=(8, 8))
    image = np.zeros((64, 64 * 8, 3), np.uint8)
    image[...] = (np.arange(64 * 8) // 8)[None, :, None]
    centres = np.stack([np.arange(count) * 8 + 3.5, np.full(count, 30)], axis=1)
    boxes = Crops(
        *(centres.astype(np.float32), np.full((count, 2), 8, np.float32)),
        *(np.zeros(count, np.float32), (8, 8)),
    )
    lane = open_lane()
    runner = CropsOnDevice(lane, HostNetwork(Seeing("nchw"), ("points",)), ("points",), entry, 0)
    for _ in range(2):
        found = runner.run([image], [boxes])["points"]
        np.testing.assert_allclose(found[:, 0, 0], np.arange(count), atol=1e-4)
    assert set(lane.launched) == {"crops"}
    assert not lane.fetched


def test_memory_is_kept_for_a_few_sizes_only(open_lane: OpenLane) -> None:
    class Counting(HostNetwork):
        bound = 0

        def bind(self, *given: Any) -> Any:
            self.bound += 1
            return super().bind(*given)

    network = Counting(Seeing("nchw"), ("points",))
    runner = CropsOnDevice(open_lane(), network, ("points",), entry_of(size=(8, 8)), 0)
    for _ in range(3):
        for count in (1, 2, 3):
            runner.run(photos((40, 50)), [several(count, (8, 8))])
    assert network.bound == 3
    for wide in range(40, 60):
        runner.run(photos((40, wide)), [several(2, (8, 8))])
    assert len(runner._graphs) == KEPT_GRAPHS
    assert BATCHES[-1] >= 32


def test_a_second_look_on_a_device_is_that_on_the_host(open_lane: OpenLane) -> None:
    """Two cameras of different sizes, from pictures to fused people."""
    entry = NetworkInput(stride=8, size=SIZE, element="u8", layout="nhwc")
    decoder, rule = RegressionDecoder(COCO17, SIZE, Regression()), CropRule(padding=1.4)
    finder = DotNetwork()

    def network(crops: Image) -> tuple[Floats]:
        return (np.stack([finder._find(crop) for crop in crops]),)

    device = CropsOnDevice(
        open_lane(), HostNetwork(network, ("points",), "nhwc"), ("points",), entry, rule.border
    )
    images = [drawn(in17(ONE, TWO)), drawn(in17(THREE), (700, 500))]
    rough = [poses(ONE + 6, TWO - 5), poses(THREE + 3)]
    given = decoder, rule, SKELETON
    ours = SecondLook(BodyCrops(device, *given), FusionSettings()).refine(images, rough)
    host = BodyCrops(CropsOnHost(DotNetwork(), rule.border), *given)
    right = SecondLook(host, FusionSettings()).refine(images, rough)
    for mine, one in zip(ours, right, strict=True):
        assert len(mine) == len(one) > 0
        np.testing.assert_allclose(mine.xy, one.xy, atol=0.5)
        np.testing.assert_allclose(mine.person_score, one.person_score, atol=1e-2)


def test_a_device_that_fails_leaves_crops_to_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    """When it is opened or later; told once, and no crop is lost."""

    class Broken:
        closed = False

        def run(self, images: Any, crops: Any) -> Any:
            raise DeviceError("The GPU failed: it broke.")

        def close(self) -> None:
            self.closed = True

    def refuses() -> Any:
        raise DeviceError("There is no GPU.")

    broken, image = Broken(), np.zeros((200, 200, 3), np.uint8)
    crops = several(2, SIZE)
    for first in (lambda: broken, refuses):
        spared = SparedCrops(first, lambda: CropsOnHost(DotNetwork(), 0))
        assert [spared.run([image], [crops])["points"].shape for _ in range(2)] == [
            (2, 1, 17, 3)
        ] * 2
        spared.close()
    assert broken.closed
    assert [record.getMessage() for record in caplog.records] == [
        "The GPU failed: it broke. The CPU looks at people again.",
        "There is no GPU. The CPU looks at people again.",
    ]
