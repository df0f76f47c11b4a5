"""The weights that come with the program: one INT8 file for every runtime and precision."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest

from engines.estimator import open_estimator
from engines.models.card import load_card
from engines.models.weights import locate
from engines.runtimes.host_estimator import OnHost
from engines.runtimes.openvino_cpu import OpenVino
from engines.types.arrays import Floats, Image
from engines.types.letterbox import Letterbox, Rows
from tests.conftest import ROOT
from tests.engines.exact_int8 import HINT, compiled_exactly

CARD = load_card("pafnet")
PARSER = CARD.decoder
HEIGHTS = (128, 104)  # 104 rows are 13 of the maps: what is enlarged is not always twice as large


@pytest.fixture(scope="module")
def photo() -> Image:
    return np.asarray(cv2.imread(str(ROOT / "docs" / "astronaut.jpg")), np.uint8)


@pytest.fixture(scope="module")
def small(photo: Image) -> list[Image]:
    """The photo as the network's input at each height, in two widths."""
    size = photo.shape[1], photo.shape[0]
    return [Letterbox.fit(size, height, 8).apply(photo) for height in HEIGHTS]


@pytest.fixture(scope="module")
def truth(small: list[Image]) -> list[tuple[Floats, Floats]]:
    """The IR's maps as OpenVINO computes them in fp32, with nothing of it quantised."""
    model = ov.Core().read_model(str(CARD.folder / "pafnet.xml"))
    for node in model.get_ops():
        if node.get_type_name() == "FakeQuantize":
            node.output(0).replace(node.input_value(0))
    network = ov.Core().compile_model(model, "CPU", {**HINT, "PERFORMANCE_HINT": "LATENCY"})
    found = [network(entry(one)) for one in small]
    return [(one["heat"][0].copy(), one["paf"][0].copy()) for one in found]


def entry(picture: Image) -> Floats:
    mean, scale = np.array([CARD.input.mean, CARD.input.scale], np.float32)
    return ((picture - mean) / scale).transpose(2, 0, 1)[None].astype(np.float32)


def apart(ours: tuple[Floats, Floats], right: tuple[Floats, Floats]) -> tuple[float, float]:
    """The largest and the mean difference of two pairs of maps."""
    each = [np.abs(a - b) for a, b in zip(ours, right, strict=True)]
    return max(float(one.max()) for one in each), max(float(one.mean()) for one in each)


@pytest.mark.int8
@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-4), ("bf16", 0.06), ("int8", 0.2)])
def test_openvino_runs_it_in_every_precision(
    small: list[Image], truth: list[tuple[Floats, Floats]], live: bool, precision: Any, most: float
) -> None:
    """Of several sizes, so that the second is one that the network was not compiled for."""
    network = OpenVino(CARD, locate(CARD, precision), live=live)
    for picture, right in zip(small * 2, truth * 2, strict=True):
        network.submit([picture])
        (found,) = network.result()
        assert apart((found["heatmaps"], found["pafs"]), right)[0] < most
    network.close()


def onnx_maps(model: Any, picture: Image, *, exactly: bool = False) -> tuple[Floats, Floats]:
    core = ov.Core()
    read = core.read_model(model.SerializeToString())
    network = compiled_exactly(read) if exactly else core.compile_model(read, "CPU", HINT)
    found = network(entry(picture))
    return found["heat"][0], found["paf"][0]


@pytest.mark.int8
def test_as_onnx_it_is_the_same_network(
    small: list[Image], truth: list[tuple[Floats, Floats]]
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")
    from engines.onnx_export.load import read_onnx
    from engines.onnx_export.to_fp16 import to_half

    exact, coarse = (read_onnx(locate(CARD, one), CARD.decoder) for one in ("fp32", "int8"))
    assert len(coarse.SerializeToString()) < len(exact.SerializeToString()) / 3
    theirs = compiled_exactly(ov.Core().read_model(str(CARD.folder / "pafnet.xml")))
    for picture, right in zip(small, truth, strict=True):
        assert apart(onnx_maps(exact, picture), right)[0] < 1e-5
        assert apart(onnx_maps(to_half(exact), picture), right)[0] < 0.004
        its = theirs(entry(picture))
        off = apart((its["heat"][0], its["paf"][0]), right)[1]
        # TensorRT takes symmetric ranges alone, which cost up to a bit where nothing is negative.
        assert 0 < apart(onnx_maps(coarse, picture, exactly=True), right)[1] < 2 * off


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-4), ("fp16", 0.01), ("bf16", 0.06)])
def test_torch_runs_it(
    small: list[Image], truth: list[tuple[Floats, Floats]], precision: Any, most: float
) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")
    from engines.runtimes.pytorch import TorchLane, TorchNetwork, load_graph

    network = TorchNetwork(
        torch,
        load_graph(locate(CARD, precision), CARD.decoder),
        ("heatmaps", "pafs"),
        precision,
        "cpu",
    )
    lane = TorchLane(torch, "cpu")
    for picture, right in zip(small, truth, strict=True):
        given = lane.constant(np.concatenate([entry(picture), np.zeros_like(entry(picture))]))
        bound = network.bind(lane, given, (2, *picture.shape[:2]))
        bound.enqueue()
        ours = tuple(lane.fetch(maps)[0] for maps in bound.arrays.values())
        assert apart((ours[0], ours[1]), right)[0] < most
    network.close()


def test_the_same_people_on_torch_as_on_openvino(photo: Image) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")
    from engines.runtimes.pytorch import open_torch

    located = locate(CARD, "fp32")
    estimators = [
        open_torch(CARD, located, "cpu", PARSER, Rows(368), live=True),
        open_estimator(CARD, located, height=368, live=True),
    ]
    assert isinstance(estimators[1], OnHost)
    people = []
    for estimator in estimators:
        estimator.submit([photo])
        (found,) = estimator.result()
        people.append(estimator.decoder.decode(found))
        estimator.close()
    ours, theirs = people
    assert len(ours) > 0
    np.testing.assert_array_equal(ours.found, theirs.found)
    np.testing.assert_allclose(ours.xy, theirs.xy, atol=0.05)


def test_torch_refuses_int8_in_a_sentence() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from engines.runtimes.pytorch import load_graph
    from engines.types.errors import WeightsError

    with pytest.raises(WeightsError, match="Torch runs fp32, fp16, bf16, not int8"):
        load_graph(locate(CARD, "int8"), CARD.decoder)
