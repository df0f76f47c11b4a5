"""The CUDA kernels, run thread by thread on the CPU, against the numpy path, their oracle.

The same tests hold for torch's form of the kernels.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest

from engines.decoders.direct import DirectDecoder
from engines.decoders.paf import PafDecoder
from engines.models.card import Card, load_card
from engines.runtimes.device_estimator import OnDevice
from engines.runtimes.device_graph import DeviceGraph
from engines.runtimes.device_paf import MAX_PAIRS, MAX_PEAKS, _tell_of_crowds
from engines.types.arrays import Floats, Image
from engines.types.errors import DeviceError
from engines.types.letterbox import Letterbox, Rows
from engines.types.network_input import NetworkInput
from engines.types.poses import Candidates, Poses
from engines.types.skeleton import named_skeleton
from tests import synth
from tests.engines.host import HostLane, HostNetwork, OpenLane, SeenTorchLane

CARD = load_card("human-pose-estimation-0001")
SIZE = (656, 368)


def decoder(**changes: Any) -> PafDecoder:
    wanted = replace(CARD.decoder.settings, **changes)
    return PafDecoder(CARD.skeleton, 8, CARD.decoder.channels, wanted)


def frame_of(
    open_lane: OpenLane, maps: list[tuple[Floats, Floats]], box: Letterbox, parser: PafDecoder
) -> tuple[DeviceGraph, HostLane | SeenTorchLane]:
    """A frame whose network gives these maps, one of each picture."""
    stacked = np.stack([heat for heat, _ in maps]), np.stack([pafs for _, pafs in maps])
    lane = open_lane()
    network = HostNetwork(lambda pictures: stacked)
    return DeviceGraph(lane, network, parser, CARD.input, box, len(maps)), lane


def black(box: Letterbox, count: int = 1) -> list[Image]:
    return [np.zeros((box.picture[1], box.picture[0], 3), np.uint8)] * count


def assert_same_candidates(ours: Candidates, oracle: Candidates) -> None:
    """The same peaks and pairs in the same order."""
    assert ours.peaks.shape == oracle.peaks.shape
    np.testing.assert_array_equal(ours.peaks[:, 0], oracle.peaks[:, 0])
    np.testing.assert_allclose(ours.peaks[:, 1:3], oracle.peaks[:, 1:3], atol=0.05)
    np.testing.assert_array_equal(ours.peaks[:, 3], oracle.peaks[:, 3])
    np.testing.assert_array_equal(ours.pairs[:, :3], oracle.pairs[:, :3])
    np.testing.assert_allclose(ours.pairs[:, 3], oracle.pairs[:, 3], atol=1e-3)


def assert_same_people(ours: Poses, oracle: Poses) -> None:
    np.testing.assert_array_equal(ours.found, oracle.found)
    np.testing.assert_allclose(ours.xy, oracle.xy, atol=0.05)
    np.testing.assert_allclose(ours.person_score, oracle.person_score, atol=1e-3)


@pytest.mark.parametrize(
    ("picture", "height"),
    [
        ((1280, 720), 256),
        ((640, 480), 368),
        ((150, 100), 368),
        ((1088, 1920), 256),
        ((768, 432), 216),
        ((53, 37), 64),
        ((256, 256), 256),
        ((9, 700), 64),
        ((1, 1), 32),
        ((3000, 20), 32),
    ],
)
@pytest.mark.parametrize("colour", ["bgr", "rgb"])
def test_letterbox_is_opencvs_to_the_last_bit(
    open_lane: OpenLane, picture: tuple[int, int], height: int, colour: Any
) -> None:
    """Enlarged, reduced, or as it is; for two pictures that differ."""
    rng = np.random.default_rng(0)
    box = Letterbox.fit(picture, height, 8)
    entry = NetworkInput(8, height, colour, (1.5, 20.0, 127.5), (2.0, 255.0, 58.4))
    images = list(rng.integers(0, 256, (2, picture[1], picture[0], 3)).astype(np.uint8))
    seen = []

    def network(pictures: Floats) -> tuple[Floats, Floats]:
        seen.append(pictures.copy())
        maps = np.zeros((2, 57, box.network[1] // 8, box.network[0] // 8), np.float32)
        return maps[:, :19], maps[:, 19:]

    DeviceGraph(open_lane(), HostNetwork(network), decoder(), entry, box, 2).start(images)
    for ours, image in zip(seen[-1], images, strict=True):
        pixels = box.apply(image).astype(np.float32)
        if colour == "rgb":
            pixels = pixels[..., ::-1]
        mean, scale = np.float32(entry.mean), np.float32(entry.scale)
        np.testing.assert_array_equal(ours, ((pixels - mean) / scale).transpose(2, 0, 1))


@pytest.mark.parametrize("people", [0, 1, 5, 20])
@pytest.mark.parametrize("noise", [0, 0.02])
def test_crowds_are_the_oracles(open_lane: OpenLane, people: int, noise: float) -> None:
    rng = np.random.default_rng(people)
    crowds = [synth.crowd(people, SIZE, rng) if people else [] for _ in range(2)]
    maps = [synth.render(crowd, SIZE, noise=noise, rng=rng) for crowd in crowds]
    box, parser = Letterbox(SIZE, SIZE, SIZE), decoder()
    frame, lane = frame_of(open_lane, maps, box, parser)
    frame.start(black(box, 2))
    for ours, (heat, pafs) in zip(frame.result(), maps, strict=True):
        oracle = parser.candidates(heat, pafs, box)
        assert len(oracle.pairs) >= 10 * people
        assert_same_candidates(ours, oracle)
        assert_same_people(parser.decode(ours), parser.decode(oracle))
    assert not lane.fetched
    assert lane.launched == ["letterbox", "peaks", "limbs"]


def test_maps_come_along_when_a_view_asks_for_them(open_lane: OpenLane) -> None:
    rng = np.random.default_rng(2)
    maps = [synth.render(synth.crowd(n, SIZE, rng), SIZE) for n in (1, 2)]
    box, parser = Letterbox(SIZE, (SIZE[0] - 20, SIZE[1]), SIZE), decoder()
    frame, lane = frame_of(open_lane, maps, box, parser)
    frame.start(black(box, 2))
    found = frame.result(keep_maps=True)
    for one, (heat, pafs) in zip(found, maps, strict=True):
        assert one.maps is not None
        np.testing.assert_array_equal(one.maps.heatmaps, heat)
        np.testing.assert_array_equal(one.maps.pafs, pafs)
        assert one.maps.scaled == box.scaled
        assert_same_candidates(one, parser.candidates(heat, pafs, box))
    assert lane.fetched == 2


@pytest.mark.parametrize(("high", "wide"), [(1, 1), (1, 9), (7, 1), (2, 2), (5, 8)])
@pytest.mark.parametrize("samples", [1, 2, 10])
def test_any_maps_are_the_oracles(open_lane: OpenLane, high: int, wide: int, samples: int) -> None:
    """Plateaus, borders, maps of one cell, and a padding that must not be looked at."""
    rng = np.random.default_rng(high * wide)
    heat = rng.choice(np.linspace(0, 1, 6, dtype=np.float32), (19, high, wide))
    pafs = rng.normal(0.3, 0.5, (38, high, wide)).astype(np.float32)
    size = 8 * wide, 8 * high
    inner = max(1, size[0] - 9), max(1, size[1] - 9)
    box = Letterbox((100, 100), inner, size)
    for least_above in (0.0, 0.6, 0.8, 1.0):
        parser = decoder(samples=samples, least_above=least_above)
        frame, _ = frame_of(open_lane, [(heat, pafs)], box, parser)
        frame.start(black(box))
        assert_same_candidates(frame.result()[0], parser.candidates(heat, pafs, box))


@pytest.mark.parametrize("crowded", ["peaks", "pairs"])
def test_more_than_the_tables_hold_is_parsed_by_numpy(
    open_lane: OpenLane, crowded: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, whatever comes."""
    _tell_of_crowds.cache_clear()
    rng = np.random.default_rng(1)
    heat = np.zeros((19, 46, 82), np.float32)
    step = 2 if crowded == "peaks" else 5
    heat[:, ::step, ::step] = rng.random((19, *heat[0, ::step, ::step].shape)) * 0.5 + 0.2
    pafs = rng.normal(0.2 if crowded == "pairs" else -1, 0.02, (38, 46, 82)).astype(np.float32)
    box, parser = Letterbox(SIZE, SIZE, SIZE), decoder()
    quiet = np.zeros_like(heat), np.zeros_like(pafs)
    frame, lane = frame_of(open_lane, [quiet, (heat, pafs)], box, parser)
    frame.start(black(box, 2))
    empty, full = frame.result()
    oracle = parser.candidates(heat, pafs, box)
    peaks = np.bincount(oracle.peaks[:, 0].astype(int)).max()
    assert peaks == MAX_PEAKS if crowded == "peaks" else len(oracle.pairs) > MAX_PAIRS
    assert lane.fetched == 2
    assert_same_candidates(full, oracle)
    frame.start(black(box, 2))
    assert_same_candidates(frame.result()[1], oracle)
    assert caplog.text.count("parsed on the CPU") == 1
    assert len(empty.peaks) == len(empty.pairs) == 0


class Onnx:
    """The real network in fp32, as a function."""

    def __init__(self, path: Path) -> None:
        model = ov.Core().read_model(str(path))
        hint = {"INFERENCE_PRECISION_HINT": "f32"}
        self._network = ov.Core().compile_model(model, "CPU", hint)

    def __call__(self, pictures: Floats) -> tuple[Floats, Floats]:
        found = self._network(pictures)
        return found["heat"], found["paf"]


def on_host(open_lane: OpenLane, card: Card, network: HostNetwork, height: int) -> OnDevice:
    parser = card.decoder
    return OnDevice(open_lane, network, parser, card.input, Rows(height))


def test_real_photos_of_many_sizes_give_the_people_of_the_cpu_path(
    open_lane: OpenLane, data: Path
) -> None:
    """From the picture on: two sets in flight, cameras of many sizes in each."""
    paths = sorted((data / "coco-dev").rglob("*.jpg"))[:8]
    photos = [cv2.imread(str(path)) for path in paths]
    sets = [photos[n : n + 4] for n in range(0, len(photos), 4)]
    maker, parser = Onnx(data / "models" / f"{CARD.name}.onnx"), decoder()
    network = HostNetwork(maker)
    ours = on_host(open_lane, CARD, network, 256)
    people = 0
    for n in range(len(sets) + 1):
        if n < len(sets):
            ours.submit(sets[n])
        if n:
            for photo, found in zip(sets[n - 1], ours.result(), strict=True):
                box = Letterbox.fit((photo.shape[1], photo.shape[0]), 256, 8)
                small = box.apply(photo).transpose(2, 0, 1)[None].astype(np.float32)
                (heat,), (pafs,) = maker(small)
                right, mine = (
                    parser.decode(parser.candidates(heat, pafs, box)),
                    ours.decoder.decode(found),
                )
                people += len(right)
                np.testing.assert_array_equal(mine.found, right.found)
                np.testing.assert_allclose(mine.xy, right.xy, atol=0.2)
    assert people > 10
    ours.close()
    assert network.closed


def identity(pictures: Floats) -> tuple[Floats, Floats]:
    """synth's tiny network."""
    count, _, high, wide = pictures.shape
    blocks = pictures.reshape(count, 3, high // 8, 8, wide // 8, 8) / np.float32(255)
    cells = blocks.transpose(0, 1, 3, 5, 2, 4).reshape(count, 192, high // 8, wide // 8)
    return cells[:, :19].copy(), cells[:, 19:57] - cells[:, 57:95]


def test_results_come_in_order_and_a_third_set_must_wait(open_lane: OpenLane) -> None:
    size = (256, 192)
    scenes = [
        synth.scene([synth.person((60 + 20 * n, 96), 130)], size).astype(np.uint8) for n in range(6)
    ]
    estimator = on_host(open_lane, CARD, HostNetwork(identity), 192)
    found = []
    for n in range(0, 6, 2):
        estimator.submit([scenes[n]])
        estimator.submit([scenes[n + 1], np.zeros((50, 40, 3), np.uint8)])
        with pytest.raises(DeviceError, match="take a result first"):
            estimator.submit([scenes[0]])
        (first,), (second, nobody) = estimator.result(), estimator.result()
        assert len(nobody.peaks) == 0
        found += [estimator.decoder.decode(one).xy[0, 1, 0] for one in (first, second)]
    assert np.diff(found) == pytest.approx([20] * 5, abs=0.5)
    estimator.close()


def test_memory_is_kept_for_a_few_sizes_only(open_lane: OpenLane) -> None:
    class Counting(HostNetwork):
        bound = 0

        def bind(self, *given: Any) -> Any:
            self.bound += 1
            return super().bind(*given)

    network = Counting(identity)
    estimator = on_host(open_lane, CARD, network, 64)
    for _ in range(3):
        for _ in range(4):
            estimator.submit([np.zeros((48, 64, 3), np.uint8)])
            estimator.result()
    assert network.bound == 2  # a lane each
    for wide in range(40, 80):
        estimator.submit([np.zeros((48, wide, 3), np.uint8)])
        estimator.result()
    assert len(estimator._graphs) == 8
    estimator.close()


@pytest.mark.parametrize("picture", [(97, 53), (53, 97), (640, 640)])
@pytest.mark.parametrize("element", ["f32", "i32", "u8"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_people_straight_from_a_network_are_those_of_the_host(
    open_lane: OpenLane, picture: tuple[int, int], element: Any, layout: Any
) -> None:
    """In the middle of padding, of every kind of numbers and layout; its arrays come back."""
    entry = NetworkInput(
        *(32, None, "rgb"), size=(64, 96), element=element, layout=layout, place="centre", pad=114
    )
    table = {"layout": "movenet-multipose", "nms": 0.5}
    parser = DirectDecoder.from_table(named_skeleton("coco17"), entry, table)
    rng = np.random.default_rng(0)
    given = rng.random((2, 6, 56), np.float32)
    seen: list[Floats] = []

    def network(pictures: Floats) -> tuple[Floats]:
        seen.append(pictures.copy())
        return (given[: len(pictures)],)

    lane = open_lane()
    made = HostNetwork(network, ("people",), layout)
    estimator = OnDevice(lambda: lane, made, parser, entry, entry.sizing())
    images = list(rng.integers(0, 256, (2, picture[1], picture[0], 3)).astype(np.uint8))
    estimator.submit(images)
    box = entry.letterbox(entry.sizing(), picture)
    for n, (evidence, image) in enumerate(zip(estimator.result(), images, strict=True)):
        pixels = box.apply(image, 114)[..., ::-1]
        ours = seen[-1][n]
        np.testing.assert_array_equal(ours if layout == "nhwc" else ours.transpose(1, 2, 0), pixels)
        assert ours.dtype == {"f32": np.float32, "i32": np.int32, "u8": np.uint8}[element]
        right = parser.decode(parser.evidence({"people": given[n]}, box))
        mine = estimator.decoder.decode(evidence)
        assert len(right) > 0
        np.testing.assert_array_equal(mine.xy, right.xy)
        np.testing.assert_array_equal(mine.person_score, right.person_score)
    assert lane.launched == ["letterbox"]
    estimator.close()
