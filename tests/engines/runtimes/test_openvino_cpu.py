"""The CPU runtime: right maps, in order, for any shape; clear words for bad files."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from engines.decoders.decoder import NeededArray
from engines.estimator import open_estimator
from engines.models.card import Card, WeightFile, Weights, load_card
from engines.models.weights import Located, locate
from engines.runtimes.host_estimator import OnHost
from engines.runtimes.openvino_cpu import MAX_ALONE, OpenVino
from engines.types.errors import CardError, DeviceError
from engines.types.letterbox import Letterbox, Rows
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from tests.conftest import ROOT
from tests.synth import crowd, render, scene, write_tiny_network

SIZE = (256, 192)
MODEL = "human-pose-estimation-0001"


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return load_card(str(write_tiny_network(tmp_path_factory.mktemp("tiny"), height=SIZE[1])))


@pytest.fixture(scope="module")
def located(card: Card) -> Located:
    return locate(card, "fp32")


@pytest.mark.parametrize("live", [True, False])
def test_maps_come_out_as_they_went_in_and_in_order(
    card: Card, located: Located, live: bool
) -> None:
    rng = np.random.default_rng(1)
    crowds = [crowd(n, SIZE, rng) for n in (1, 2, 3, 4, 5, 6)]
    network = OpenVino(card, located, live=live)
    got = []
    for n, people in enumerate(crowds):
        network.submit([scene(people, SIZE)])
        if n >= network.depth - 1:
            got += [(one["heatmaps"].copy(), one["pafs"].copy()) for one in network.result()]
    while len(got) < len(crowds):
        got += [(one["heatmaps"].copy(), one["pafs"].copy()) for one in network.result()]
    network.close()
    for (heat, pafs), people in zip(got, crowds, strict=True):
        truth = render(people, SIZE)
        # Pictures hold 8 bits.
        np.testing.assert_allclose(heat, np.clip(truth[0], 0, 1), atol=0.6 / 255)
        np.testing.assert_allclose(pafs, truth[1], atol=0.6 / 255)


def test_pictures_of_many_sizes_compile_two_networks_at_most(card: Card, located: Located) -> None:
    network = OpenVino(card, located, live=False)
    for wide in (256, 128, 64, 320, 256, 64):
        people = crowd(2, (wide, 192), np.random.default_rng(wide))
        network.submit([scene(people, (wide, 192))])
        heat = network.result()[0]["heatmaps"]
        np.testing.assert_allclose(
            heat, np.clip(render(people, (wide, 192))[0], 0, 1), atol=0.6 / 255
        )
    assert len(network._compiled) == 2
    network.close()


def test_several_cameras_are_one_set(card: Card, located: Located) -> None:
    estimator = open_estimator(card, located)
    rng = np.random.default_rng(3)
    cameras = [scene(crowd(n, SIZE, rng), SIZE) for n in (1, 2, 3)]
    estimator.submit(cameras)
    people = [len(estimator.decoder.decode(candidates)) for candidates in estimator.result()]
    estimator.close()
    assert people == [1, 2, 3]


def test_mean_scale_and_colour_order_reach_the_network(card: Card, located: Located) -> None:
    """(value - mean) / scale on swapped channels, against numpy."""
    entry = replace(card.input, colour="rgb", mean=(10.0, 20.0, 30.0), scale=(2.0, 4.0, 8.0))
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    network = OpenVino(replace(card, input=entry), located, live=True)
    network.submit([picture])
    heat = network.result()[0]["heatmaps"]
    eaten = (picture[..., ::-1].astype(np.float32) - (10, 20, 30)) / (2, 4, 8)
    # The first heat map is the first value of each block of the first channel.
    np.testing.assert_allclose(heat[0], eaten[::8, ::8, 0] / 255, atol=1e-5)
    network.close()


def test_a_first_size_is_exact_and_others_are_bucketed(card: Card, located: Located) -> None:
    class Recorder(OpenVino):
        shapes: list[tuple[int, ...]]

        def submit(self, pictures: object) -> None:
            self.shapes = [*getattr(self, "shapes", []), *(p.shape for p in pictures)]  # type: ignore[attr-defined]
            super().submit(pictures)  # type: ignore[arg-type]

    network = Recorder(card, located, live=False)
    decoder = card.decoder
    estimator = OnHost(network, decoder, card.input, Rows(192))
    for size in ((200, 150), *((100 + n, 192) for n in range(60)), (200, 150)):
        estimator.submit([np.zeros((size[1], size[0], 3), np.uint8)])
        estimator.result()
    assert network.shapes[0] == network.shapes[-1] == (192, 256, 3)
    assert len(set(network.shapes[1:-1])) == 2  # 128 and 160 wide
    estimator.close()


def test_a_file_that_is_no_network_is_one_sentence(
    card: Card, located: Located, tmp_path: Path
) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"this is not a network")
    bad = replace(located, paths=(tmp_path / "bad.onnx",))
    with pytest.raises(DeviceError, match=r"cannot read .*bad\.onnx") as caught:
        OpenVino(card, bad, live=True)
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_there_names_those_that_are(card: Card, located: Located) -> None:
    weights = replace(located.weights, outputs={"heatmaps": "heat", "pafs": "fields"})
    with pytest.raises(CardError, match="no output fields, which its card names; it has heat, paf"):
        OpenVino(card, replace(located, weights=weights), live=True)


def test_too_few_channels_is_one_sentence(card: Card, located: Located) -> None:
    """A card that asks for more channels than the network gives."""
    swapped = replace(located.weights, outputs={"heatmaps": "heat", "pafs": "heat"})
    with pytest.raises(CardError, match=r"must be \(38 or more, any, any\)"):
        open_estimator(card, replace(located, weights=swapped))


@pytest.mark.int8
@pytest.mark.parametrize(("precision", "height"), [("int8", 256), ("fp32", 256)])
def test_the_real_model_finds_the_person_at_the_webcam(
    data: Path, monkeypatch: pytest.MonkeyPatch, precision: str, height: int
) -> None:
    """One person, head and shoulders in the middle of the picture."""
    from realtime.settings.sources import SourceSettings
    from realtime.sources import open_source

    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    card = load_card("human-pose-estimation-0001")
    located = locate(card, precision, download=False)  # type: ignore[arg-type]
    estimator = open_estimator(card, located, height=height, live=True)
    with open_source(
        SourceSettings(str(data / "video" / "webcam-walk.mkv"), start=40, end=41)
    ) as clip:
        (frame,) = clip
    estimator.submit([frame.image])
    poses: Poses = estimator.decoder.decode(estimator.result()[0])
    estimator.close()
    assert len(poses) == 1
    names = card.skeleton.keypoints
    nose, right, left = (
        poses.xy[0, names.index(name)] for name in ("nose", "right_shoulder", "left_shoulder")
    )
    assert right[0] < nose[0] < left[0]
    assert nose[1] < min(right[1], left[1])


def test_widest_picture_does_not_eat_the_memory() -> None:
    box = Letterbox.fit((60_000, 10), 256, 8)
    assert box.network[0] <= 8 * 256


def little_onnx(folder: Path, *, batch: int | str, layout: str) -> tuple[Card, Located]:
    """A network whose three numbers of a picture are its channels' sums, and the card for it, which
    leaves out another output.
    """
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")
    helper, kind = onnx.helper, onnx.TensorProto
    sides = [batch, 3, 8, 8] if layout == "nchw" else [batch, 8, 8, 3]
    axes = [2, 3] if layout == "nchw" else [1, 2]
    entry = helper.make_tensor_value_info("x", kind.INT32, sides)
    out = helper.make_tensor_value_info("y", kind.FLOAT, [batch, 3])
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=kind.FLOAT),
        helper.make_node("ReduceSum", ["f", "axes"], ["sums"], keepdims=0),
        # As MoveNet does: a shape that holds one picture, whatever the input holds.
        helper.make_node("Reshape", ["sums", "shape"], ["y"]),
    ]
    constants = [
        helper.make_tensor("axes", kind.INT64, [2], axes),
        helper.make_tensor("shape", kind.INT64, [2], [1 if batch == 1 else -1, 3]),
    ]
    unread = helper.make_tensor_value_info("f", kind.FLOAT, sides)
    graph = helper.make_graph(nodes, "sums", [entry], [out, unread], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = folder / "sums.onnx"
    onnx.save(model, path)
    size = NetworkInput(8, size=(8, 8), colour="rgb", element="i32", layout=layout)  # type: ignore[arg-type]
    body = path.read_bytes()
    file = WeightFile("sums.onnx", len(body), hashlib.sha256(body).hexdigest())
    weights = Weights(("fp32",), (file,), {"sums": "y"})
    card = replace(load_card(MODEL), input=size, decoder=Sums(), weights=(weights,))
    return card, Located(weights, "fp32", (path,))


class Sums:
    """As much of a decoder as a network asks for."""

    kind = "sums"
    outputs: ClassVar[dict[str, NeededArray]] = {"sums": NeededArray((3,))}


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("batch", [1, "n"])
@pytest.mark.parametrize("live", [True, False])
def test_many_crops_are_one_batch_where_the_network_takes_several(
    tmp_path: Path, layout: str, batch: int | str, live: bool
) -> None:
    """Few, and where it does not all, are each a request of its own; none at all are none."""
    card, located = little_onnx(tmp_path, batch=batch, layout=layout)
    network = OpenVino(card, located, live=live, batched=True)
    rng = np.random.default_rng(0)
    for count in (MAX_ALONE, 1, 0, MAX_ALONE + 1, 2, 20):
        crops = [rng.integers(0, 256, (8, 8, 3)).astype(np.uint8) for _ in range(count)]
        network.submit(crops)
        together = batch == "n" and count > MAX_ALONE
        assert len(network._flying[0]) == (1 if together else count)
        found = network.result()
        assert len(found) == count
        for one, crop in zip(found, crops, strict=True):
            np.testing.assert_array_equal(one["sums"], crop.sum(axis=(0, 1))[::-1])
    network.close()


def test_what_nobody_reads_is_left_out(tmp_path: Path) -> None:
    card, located = little_onnx(tmp_path, batch=1, layout="nhwc")
    network = OpenVino(card, located, live=True)
    network.submit([np.zeros((8, 8, 3), np.uint8)])
    [(compiled, _, _)] = network._flying[0]
    [output] = compiled.outputs
    assert "y" in output.names
    network.close()


def test_a_layout_that_is_not_the_networks_is_one_sentence(tmp_path: Path) -> None:
    card, located = little_onnx(tmp_path, batch=1, layout="nhwc")
    wrong = replace(card, input=replace(card.input, layout="nchw"))
    with pytest.raises(CardError, match=r"input of sums\.onnx is \[1,8,8,3\], but .* layout nchw"):
        OpenVino(wrong, located, live=True)


def test_tflite_is_read_as_it_is(data: Path) -> None:
    """Google's MoveNet Lightning in INT8: a picture in, 17 places of it out, in the picture."""
    path = data / "models" / "movenet_single_pose_lightning_ptq.tflite"
    entry = NetworkInput(32, size=(192, 192), colour="rgb", element="u8", layout="nhwc")
    body = path.read_bytes()
    file = WeightFile(path.name, len(body), hashlib.sha256(body).hexdigest())
    weights = Weights(("int8",), (file,), {"points": "StatefulPartitionedCall:0"})

    class Points(Sums):
        outputs: ClassVar[dict[str, NeededArray]] = {"points": NeededArray((1, 17, 3))}

    card = replace(load_card(MODEL), input=entry, decoder=Points(), weights=(weights,))
    network = OpenVino(card, Located(weights, "int8", (path,)), live=True, batched=True)
    photo = cv2.imread(str(ROOT / "docs" / "astronaut.jpg"))
    crop = cv2.resize(photo, (192, 192))
    network.submit([crop, crop[:, ::-1].copy()])
    one, mirrored = (found["points"][0].copy() for found in network.result())
    network.close()
    assert one.shape == mirrored.shape == (17, 3)
    face = one[:3, 2]  # nose and eyes
    assert face.min() > 0.3
    swap = [0, 2, 1]
    np.testing.assert_allclose(mirrored[swap, 0], one[:3, 0], atol=0.05)
    np.testing.assert_allclose(mirrored[swap, 1], 1 - one[:3, 1], atol=0.05)
