"""Plans, really built by TensorRT-RTX, which needs no GPU for it; none of them has been run."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.models.card import Card, load_card
from engines.models.weights import Located, locate
from engines.nvidia import plan_cache as build
from engines.nvidia.driver import Gpu
from engines.nvidia.plan_cache import Plan, Profile, network_onnx, plan_folder, plan_for
from engines.nvidia.tensorrt_engine import installed, load_tensorrt
from engines.types.errors import CardError, DeviceError, WeightsError
from engines.types.letterbox import Rows
from engines.types.network_input import NetworkInput
from tests import synth

onnx = pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")

H200 = Gpu(0, "NVIDIA H200", (9, 0), 141 << 30, 13000)
DECODER = load_card("human-pose-estimation-0001").decoder
ADA = Gpu(0, "NVIDIA GeForce RTX 4090", (8, 9), 24 << 30, 13000)


@pytest.fixture
def rtx() -> Any:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    return load_tensorrt(None)


@pytest.fixture
def tiny(own_cache: None, tmp_path: Path) -> tuple[Card, Located]:
    card = load_card(str(synth.write_tiny_network(tmp_path)))
    return card, locate(card, "fp16")


def usual(batch: int, *heights: int) -> Profile:
    """Of a network that reads maps of stride 8."""
    return Profile.usual(NetworkInput(8, 256), batch, [Rows(height) for height in heights])


PROFILE = usual(4, 192, 256)


def test_a_profile_holds_all_usual_pictures() -> None:
    least, best, most = usual(8, 256, 368).shapes(8)
    assert least == (1, 256, 144)
    assert best == (8, 368, 656)
    assert most == (8, 368, 864)
    wider = usual(1, 256).widened((2, 368, 1000))
    assert wider == Profile(2, (256, 368), (144, 1000))
    assert wider.holds(Profile.of((2, 368, 1000)))
    for shape in [(3, 368, 1000), (2, 376, 1000), (2, 248, 1000), (2, 368, 1008), (2, 368, 136)]:
        assert not wider.holds(Profile.of(shape))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_real_network_becomes_a_plan(
    rtx: Any, own_cache: None, data: Path, monkeypatch: pytest.MonkeyPatch, precision: Any
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    card = load_card("human-pose-estimation-0001")
    located = locate(card, precision)
    seen = []

    def progress(phase: str, done: int, steps: int) -> None:
        assert 0 <= done <= steps
        seen.append(phase)

    profile = usual(2, 256, 368)
    _, plan, content = plan_for(card, located, profile, None, progress)
    assert seen
    assert plan.path.is_relative_to(plan_folder())
    assert plan.path.read_bytes() == content
    weights = {"fp32": 16.4e6, "fp16": 8.2e6, "int8": 4.2e6}[precision]
    assert weights < len(content) < weights + 8e6


def test_a_plan_is_built_once_for_everything_that_it_depends_on(
    rtx: Any, tiny: tuple[Card, Located], caplog: pytest.LogCaptureFixture
) -> None:
    card, located = tiny

    def built(located: Located = located, profile: Profile = PROFILE) -> tuple[Plan, bool]:
        caplog.clear()
        with caplog.at_level(logging.WARNING, "engines.nvidia.plan_cache"):
            _, plan, _ = plan_for(card, located, profile, None)
        return plan, "Building the" in caplog.text

    first, fresh = built()
    assert fresh
    assert "this can take minutes, once" in caplog.text
    assert built() == (first, False)
    others = [
        built(replace(located, precision="fp32")),
        built(profile=PROFILE.widened((8, 64, 64))),
    ]
    assert all(fresh for _, fresh in others)
    assert len({plan.path for plan, _ in [(first, True), *others]}) == 3
    facts = json.loads(first.path.with_suffix(".json").read_text())
    assert facts["key"]["version"] == rtx.__version__
    assert facts["key"]["library"] == "tensorrt_rtx"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_network_in_the_box_becomes_a_plan(rtx: Any, own_cache: None, precision: Any) -> None:
    """Its enlargements take their sizes from other maps, which TensorRT must work out."""
    card = load_card("pafnet")
    _, plan, content = plan_for(card, locate(card, precision), usual(2, 128), None)
    weights = {"fp32": 17.8e6, "fp16": 8.9e6, "int8": 4.5e6}[precision]
    assert weights < len(content) < weights + 8e6
    assert plan.read() == content


def test_a_plan_that_holds_what_is_wanted_is_taken_before_one_is_built(
    rtx: Any, tiny: tuple[Card, Located], caplog: pytest.LogCaptureFixture
) -> None:
    """What `build` made for two heights and eight cameras serves a run of one."""
    card, located = tiny
    large, small = usual(8, 192, 256), usual(4, 192)
    _, built, _ = plan_for(card, located, large, None)
    caplog.clear()
    _, taken, content = plan_for(card, located, small, None, least=Profile.of((2, 192, 344)))
    assert (taken, content) == (built, built.read())
    assert "Building the" not in caplog.text
    _, own, _ = plan_for(card, located, small, None, least=Profile.of((9, 192, 344)))
    assert own.profile == small
    # Of two that hold it, the one that is made for less.
    assert plan_for(card, located, large, None, least=Profile.of((1, 192, 344)))[1] == own
    own.path.write_bytes(b"damaged")
    assert plan_for(card, located, large, None, least=Profile.of((1, 192, 344)))[1] == built
    own.path.with_suffix(".json").write_text('{"key": {"profile": {"batch": "many"}}}')
    assert plan_for(card, located, large, None, least=Profile.of((1, 192, 344)))[1] == built


def test_a_run_takes_what_the_command_built(
    rtx: Any, tiny: tuple[Card, Located], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And builds anew, wider, for pictures that no plan holds; what runs it is not TensorRT's."""
    from engines.nvidia import open as nvidia
    from posestream.commands.models import build as command
    from posestream.commands.models.main import main

    monkeypatch.setattr(command, "_gpu", lambda: None)
    assert main(["build", str(tmp_path / "tiny.toml"), "--heights", "192", "256"]) == 0
    bound = []

    class Engine:
        def __init__(self, library: Any, plan: bytes, outputs: dict[str, str], layout: str) -> None:
            self.plan = plan

        def bind(self, lane: Any, entry: Any, shape: Any) -> Any:
            bound.append((self, shape))

        def close(self) -> None:
            pass

    monkeypatch.setattr(nvidia, "TensorRt", Engine)
    card, located = tiny
    network = nvidia.Planned(card, located, None, Rows(192))  # type: ignore[arg-type]
    network.load()
    for shape in [(1, 192, 344), (4, 192, 256), (5, 192, 344), (2, 192, 344)]:
        network.bind(None, None, shape)  # type: ignore[arg-type]
    network.close()
    assert len(list(plan_folder().glob("*.plan"))) == 2
    first, second, third, fourth = (engine for engine, _ in bound)
    assert first is second is fourth
    assert first.plan != third.plan


def test_a_plan_that_was_changed_is_never_read(rtx: Any, tiny: tuple[Card, Located]) -> None:
    card, located = tiny
    _, plan, content = plan_for(card, located, PROFILE, None)
    plan.path.write_bytes(content[:-1] + b"x")
    assert plan.read() is None
    _, again, fresh = plan_for(card, located, PROFILE, None)
    assert again.path.read_bytes() == fresh
    plan.path.with_suffix(".json").unlink()
    assert plan.read() is None


def test_inputs_and_outputs_are_those_of_the_card(rtx: Any, tiny: tuple[Card, Located]) -> None:
    _, located = tiny
    builder = rtx.Builder(build.logger(rtx))
    network = builder.create_network(1 << int(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = rtx.OnnxParser(network, build.logger(rtx))
    assert parser.parse(network_onnx(located, DECODER))
    entry = network.get_input(0)
    assert tuple(entry.shape) == (-1, 3, -1, -1)
    assert entry.dtype == rtx.float32
    outputs = [network.get_output(n) for n in range(network.num_outputs)]
    assert {one.name: one.shape[1] for one in outputs} == {"heat": 19, "paf": 38}
    kinds = {network.get_layer(n).get_output(0).dtype for n in range(network.num_layers)}
    assert rtx.float16 in kinds


def test_what_tensorrt_cannot_read_is_one_sentence(
    rtx: Any, tiny: tuple[Card, Located], tmp_path: Path
) -> None:
    shapes = tuple((n, 3, *sides) for n, *sides in PROFILE.shapes(8))
    with pytest.raises(DeviceError, match="cannot read the network") as caught:
        build.build_plan(rtx, b"no network", shapes, tmp_path / "t", "fp32")
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_there_names_those_that_are(tiny: tuple[Card, Located]) -> None:
    _, located = tiny
    wrong = replace(located.weights, outputs={"heatmaps": "warm", "pafs": "paf"})
    with pytest.raises(CardError, match=r"no output warm.*it has heat, paf"):
        network_onnx(replace(located, weights=wrong), DECODER)


def test_a_precision_that_engines_do_not_have(tiny: tuple[Card, Located]) -> None:
    _, located = tiny
    with pytest.raises(WeightsError, match="fp16, fp32, int8, not bf16"):
        network_onnx(replace(located, precision="bf16"), DECODER)


def test_a_file_that_is_no_onnx(tiny: tuple[Card, Located], tmp_path: Path) -> None:
    _, located = tiny
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(WeightsError, match=r"broken\.onnx is not an ONNX network"):
        network_onnx(replace(located, paths=(path,)), DECODER)


def test_libraries_are_chosen_for_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT-RTX knows no data-centre GPUs; TensorRT is not touched without a driver."""
    monkeypatch.setattr("engines.nvidia.tensorrt_engine.find_spec", lambda name: name)
    assert installed(None) == ["tensorrt_rtx"]
    assert installed(H200) == ["tensorrt"]
    assert installed(ADA) == ["tensorrt", "tensorrt_rtx"]
    monkeypatch.setattr("engines.nvidia.tensorrt_engine.find_spec", lambda name: None)
    for gpu in (None, H200, ADA):
        with pytest.raises(DeviceError, match=r"requirements-gpu\.txt"):
            load_tensorrt(gpu)


def test_the_command_builds_and_says_where(
    rtx: Any, tiny: tuple[Card, Located], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from posestream.commands.models.build import _gpu
    from posestream.commands.models.main import main

    if _gpu() is not None:
        pytest.skip("there is a GPU; TensorRT would build for it, which takes minutes")
    words = ["build", str(tmp_path / "tiny.toml"), "--max-batch", "2", "--heights", "192", "256"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "pictures 1 to 2, 112x192 to 600x256" in out
    assert next(plan_folder().glob("tiny-fp16-*.plan")).name in out
