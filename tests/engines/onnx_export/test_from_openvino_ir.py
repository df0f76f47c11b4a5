"""OpenVINO, which reads IR and ONNX alike, is the oracle of the conversion between them."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from engines.models.card import load_card
from engines.onnx_export.from_openvino_ir import convert_ir
from engines.onnx_export.to_fp16 import to_half
from engines.types.arrays import Floats, Image
from engines.types.errors import WeightsError
from engines.types.letterbox import Letterbox
from engines.types.poses import Poses
from tests.engines.exact_int8 import HINT, compiled_exactly
from tests.xml_bombs import BOMBS

onnx = pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")

NAME = "human-pose-estimation-0001"
CARD = load_card(NAME)
OUTPUTS = ("Mconv7_stage2_L2", "Mconv7_stage2_L1")


@pytest.fixture(scope="module")
def graph(data: Path) -> Path:
    return data / "models" / f"{NAME}-fp16int8.xml"


@pytest.fixture(scope="module")
def pictures(data: Path) -> list[Image]:
    """Photos of people, in two shapes."""
    paths = sorted((data / "coco-dev").rglob("*.jpg"))[:30:10]
    photos = [cv2.imread(str(path)) for path in paths]
    return [*{fitted(one)[1].shape: one for one in photos}.values()]


@pytest.fixture(scope="module")
def exact(graph: Path) -> Any:
    """The network in fp32."""
    return convert_ir(graph, graph.with_suffix(".bin"))


def run(
    model: Any, picture: Image, names: tuple[str, str] = OUTPUTS, *, exactly: bool = False
) -> list[Floats]:
    """Both outputs of an OpenVINO or ONNX model, in fp32; exactly: its INT8 too."""
    core = ov.Core()
    if not isinstance(model, ov.Model):
        model = core.read_model(model.SerializeToString())
    model.reshape([1, 3, *picture.shape[:2]])
    compiled = compiled_exactly(model) if exactly else core.compile_model(model, "CPU", HINT)
    found = compiled(picture.transpose(2, 0, 1)[None].astype(np.float32))
    return [found[name].copy() for name in names]


def people(maps: list[Floats], box: Letterbox) -> Poses:
    decoder = CARD.decoder
    return decoder.decode(decoder.candidates(maps[0][0], maps[1][0], box))


def fitted(picture: Image) -> tuple[Letterbox, Image]:
    box = Letterbox.fit((picture.shape[1], picture.shape[0]), 256, 8)
    return box, box.apply(picture)


def test_the_converted_network_computes_what_the_ir_does_without_its_quantisation(
    graph: Path, exact: Any, pictures: list[Image]
) -> None:
    for picture in pictures:
        _, small = fitted(picture)
        plain = ov.Core().read_model(str(graph))
        for node in plain.get_ops():
            if node.get_type_name() == "FakeQuantize":
                node.output(0).replace(node.input_value(0))
        # The IR's own constants are fp16, and so is some of OpenVINO's arithmetic on them.
        for ours, theirs in zip(run(exact, small), run(plain, small), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=0.01)
            assert np.abs(ours - theirs).mean() < 1e-4


def test_it_equals_the_fp32_network_that_was_exported_elsewhere(
    graph: Path, exact: Any, pictures: list[Image]
) -> None:
    theirs = onnx.load(graph.with_name(f"{NAME}.onnx"))
    for picture in pictures:
        _, small = fitted(picture)
        for ours, other in zip(run(exact, small), run(theirs, small, ("heat", "paf")), strict=True):
            np.testing.assert_allclose(ours, other, atol=1e-5)


@pytest.mark.int8
def test_int8_stays_as_near_to_fp32_as_the_ir_s_own(
    graph: Path, exact: Any, pictures: list[Image]
) -> None:
    coarse = convert_ir(graph, graph.with_suffix(".bin"), quantised=True)
    kinds = [node.op_type for node in coarse.graph.node]
    assert kinds.count("QuantizeLinear") > 40
    assert len(coarse.SerializeToString()) < len(exact.SerializeToString()) / 3
    for picture in pictures:
        box, small = fitted(picture)
        truth, ours = run(exact, small), run(coarse, small, exactly=True)
        theirs = run(ov.Core().read_model(str(graph)), small, exactly=True)
        for right, mine, its in zip(truth, ours, theirs, strict=True):
            # Ours has symmetric ranges alone, which cost up to a bit: twice the steps.
            assert 0 < np.abs(mine - right).mean() < 2 * np.abs(its - right).mean()
        assert len(people(ours, box)) == len(people(truth, box))


def test_half_precision_finds_the_same_people(exact: Any, pictures: list[Image]) -> None:
    half = to_half(exact)
    assert len(half.SerializeToString()) < 0.55 * len(exact.SerializeToString())
    assert {i.type.tensor_type.elem_type for i in half.graph.input} == {onnx.TensorProto.FLOAT}
    for picture in pictures:
        box, small = fitted(picture)
        truth, ours = people(run(exact, small), box), people(run(half, small), box)
        np.testing.assert_array_equal(truth.found, ours.found)
        np.testing.assert_allclose(truth.xy, ours.xy, atol=1)


def test_half_precision_refuses_what_does_not_fit() -> None:
    make = onnx.helper
    big = onnx.numpy_helper.from_array(np.array([1e6], np.float32), "big")
    one, two = (make.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy")
    graph = make.make_graph([make.make_node("Add", ["x", "big"], ["y"])], "g", [one], [two], [big])
    with pytest.raises(WeightsError, match=r"big .* does not fit fp16"):
        to_half(make.make_model(graph))


def test_a_small_network_with_groups_reshapes_and_compressed_weights(tmp_path: Path) -> None:
    """Saved by OpenVINO itself, with the idioms of its compressed models."""
    rng = np.random.default_rng(0)
    entry = ops.parameter([1, 4, 10, 12], np.float32, "picture")
    entry.output(0).tensor.set_names({"picture"})
    codes = ops.convert(ops.constant(rng.integers(-127, 127, (4, 1, 3, 3)).astype(np.int8)), "f32")
    scaled = ops.multiply(codes, ops.constant(rng.random((4, 1, 1, 1)).astype(np.float32)))
    shape = ops.constant(np.array([0, 1, 1, 3, 3], np.int64))
    deep = ops.group_convolution(
        entry, ops.reshape(scaled, shape, True), [2, 1], [1, 2], [0, 1], [1, 1]
    )
    wide = ops.constant(rng.normal(size=(6, 4, 1, 1)).astype(np.float32))
    last = ops.elu(ops.convolution(deep, wide, [1, 1], [0, 0], [0, 0], [1, 1]), 0.5)
    both = ops.concat([last, ops.sigmoid(ops.relu(deep))], 1)
    both.output(0).tensor.set_names({"both"})
    small = ov.Model([ops.result(both)], [entry], "small")
    ov.save_model(small, tmp_path / "small.xml", compress_to_fp16=False)
    picture = rng.normal(size=(1, 4, 10, 12)).astype(np.float32)
    converted = convert_ir(tmp_path / "small.xml", tmp_path / "small.bin")
    read = ov.Core().read_model(converted.SerializeToString())
    assert all(size.is_dynamic for size in list(read.inputs[0].partial_shape)[2:])
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    ours = ov.Core().compile_model(read, "CPU", hint)(picture)["both"]
    theirs = ov.Core().compile_model(small, "CPU", hint)(picture)["both"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("content", "said"),
    [("no xml", "syntax error"), ("<net/>", "it has no layers"), ("", "no element found")],
)
def test_what_is_no_ir_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "broken.xml"
    path.write_text(content)
    path.with_suffix(".bin").write_bytes(struct.pack("f", 1))
    with pytest.raises(WeightsError, match=said) as caught:
        convert_ir(path, path.with_suffix(".bin"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", BOMBS)
def test_no_dtd_is_read_whatever_its_encoding(tmp_path: Path, what: str) -> None:
    path = tmp_path / "net.xml"
    path.write_bytes(BOMBS[what])
    path.with_suffix(".bin").write_bytes(b"")
    words = "cannot be converted" if "utf-32" in what else "has a DTD, which no OpenVINO IR has"
    with pytest.raises(WeightsError, match=words) as caught:
        convert_ir(path, path.with_suffix(".bin"))
    assert str(caught.value).isprintable()


def test_an_operation_that_is_not_known_is_named(tmp_path: Path) -> None:
    entry = ops.parameter([1, 3, 8, 8], np.float32)
    odd = ov.Model([ops.result(ops.erf(entry))], [entry], "odd")
    ov.save_model(odd, tmp_path / "odd.xml")
    with pytest.raises(WeightsError, match="is a Erf, which is not known here"):
        convert_ir(tmp_path / "odd.xml", tmp_path / "odd.bin")


def test_a_machine_without_onnx_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(WeightsError, match=r"requirements-gpu\.txt"):
        convert_ir(tmp_path / "a.xml", tmp_path / "a.bin")
