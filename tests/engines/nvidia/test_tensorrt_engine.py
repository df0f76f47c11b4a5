"""TensorRT 10 and 11, which cannot be had without a GPU: what is asked of them, by their docs.

The names of their interface are those of NVIDIA's documentation; what they answer is made up.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.nvidia.driver import Gpu
from engines.nvidia.plan_cache import Profile, build_plan
from engines.nvidia.tensorrt_engine import TensorRt, load_tensorrt
from engines.types.errors import DeviceError
from engines.types.letterbox import Rows
from engines.types.network_input import NetworkInput

H200 = Gpu(0, "NVIDIA H200", (9, 0), 141 << 30, 13000)
INPUT = NetworkInput(8, 256)
SHAPES = tuple((n, 3, *sides) for n, *sides in Profile.usual(INPUT, 4, [Rows(256)]).shapes(8))


class Typed10(IntEnum):
    STRONGLY_TYPED = 1


class Flags(IntEnum):
    TF32 = 3


class Logger:
    ERROR = 1

    def __init__(self) -> None:
        pass


class Cache:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return self.content + b"+timings"


class Config:
    def __init__(self) -> None:
        self.cleared: list[int] = []
        self.profiles: list[Any] = []
        self.cache: Any = None

    def clear_flag(self, flag: int) -> None:
        self.cleared.append(flag)

    def add_optimization_profile(self, profile: Any) -> None:
        self.profiles.append(profile)

    def create_timing_cache(self, content: bytes) -> Cache:
        return Cache(content)

    def set_timing_cache(self, cache: Cache, ignore_mismatch: bool) -> None:
        assert not ignore_mismatch
        self.cache = cache

    def get_timing_cache(self) -> Cache:
        return self.cache


class Builder:
    made: list[Builder]

    def __init__(self, logger: Any) -> None:
        self.config = Config()
        Builder.made.append(self)

    def create_network(self, flags: int) -> Any:
        self.flags = flags
        return SimpleNamespace(get_input=lambda n: SimpleNamespace(name="picture"))

    def create_builder_config(self) -> Config:
        return self.config

    def create_optimization_profile(self) -> Any:
        shapes: dict[str, Any] = {}
        return SimpleNamespace(
            shapes=shapes, set_shape=lambda name, *three: shapes.update({name: three})
        )

    def build_serialized_network(self, network: Any, config: Config) -> bytes:
        return b"plan"


def library(version: str, kind: type = Typed10, name: str = "tensorrt") -> Any:
    Builder.made = []
    parser = SimpleNamespace(parse=lambda content: content == b"onnx", num_errors=0)
    return SimpleNamespace(
        __name__=name,
        __version__=version,
        Builder=Builder,
        BuilderFlag=Flags,
        ILogger=Logger,
        NetworkDefinitionCreationFlag=kind,
        OnnxParser=lambda network, logger: parser,
    )


class Eleven:
    """Has no flag: all networks are strongly typed."""


@pytest.fixture(params=["10.16.1", "11.4.0"])
def trt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = library(request.param, Typed10 if request.param[:2] == "10" else Eleven)
    monkeypatch.setattr("engines.nvidia.plan_cache.logger", lambda library: None)
    return made


def test_every_network_is_strongly_typed(trt: Any, tmp_path: Path) -> None:
    assert build_plan(trt, b"onnx", SHAPES, tmp_path / "timing", "fp16") == b"plan"
    (builder,) = Builder.made
    assert builder.flags == (2 if trt.__version__.startswith("10") else 0)
    assert builder.config.profiles[0].shapes == {"picture": SHAPES}


def test_timings_are_kept_for_the_next_build(trt: Any, tmp_path: Path) -> None:
    for _ in range(2):
        build_plan(trt, b"onnx", SHAPES, tmp_path / "timing", "fp16")
    assert [one.config.cache.content for one in Builder.made] == [b"", b"+timings"]
    assert (tmp_path / "timing").read_bytes() == b"+timings+timings"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_fp32_is_not_rounded_to_tf32(trt: Any, tmp_path: Path, precision: str) -> None:
    build_plan(trt, b"onnx", SHAPES, tmp_path / "timing", precision)
    assert Builder.made[0].config.cleared == ([Flags.TF32] if precision == "fp32" else [])


@pytest.mark.parametrize(("version", "good"), [("8.6.1", False), ("10.0.1", True), ("11.4", True)])
def test_an_old_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, version: str, good: bool
) -> None:
    made = library(version)
    monkeypatch.setattr(
        "engines.nvidia.tensorrt_engine.find_spec", lambda name: name == "tensorrt" or None
    )
    monkeypatch.setitem(sys.modules, "tensorrt", made)
    if good:
        assert load_tensorrt(H200) is made
    else:
        with pytest.raises(DeviceError, match=r"TensorRT 8\.6\.1 is too old; run: pip"):
            load_tensorrt(H200)


class Context:
    def __init__(self, config: Any = None) -> None:
        self.config, self.addresses, self.fits = config, {}, True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shape = shape
        return shape[0] <= 4

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        count, _, high, wide = self.shape
        return count, {"heat": 19, "paf": 38}[name], high // 8, wide // 8

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        return stream == 7


class Lane:
    handle = 7

    def empty(self, shape: Any, dtype: Any) -> int:
        return 1000 * shape[1]


@pytest.mark.parametrize("rtx", [False, True])
def test_an_engine_is_given_our_memory_and_our_stream(
    monkeypatch: pytest.MonkeyPatch, rtx: bool
) -> None:
    names, made = ["picture", "heat", "paf"], []

    def context(config: Any = None) -> Context:
        made.append(Context(config))
        return made[-1]

    engine = SimpleNamespace(
        num_io_tensors=3,
        get_tensor_name=names.__getitem__,
        get_tensor_mode=lambda name: "in" if name == "picture" else "out",
        create_execution_context=context,
        create_runtime_config=SimpleNamespace,
    )
    trt = library("11.4.0")
    trt.TensorIOMode = SimpleNamespace(INPUT="in")
    read = SimpleNamespace(deserialize_cuda_engine=lambda plan: engine if plan == b"plan" else None)
    trt.Runtime = lambda logger: read
    if rtx:
        trt.DynamicShapesKernelSpecializationStrategy = SimpleNamespace(EAGER="eager")
    monkeypatch.setattr(
        "engines.nvidia.tensorrt_engine.logger", lambda library: SimpleNamespace(errors=["why"])
    )
    outputs = {"heatmaps": "heat", "pafs": "paf"}
    network = TensorRt(trt, b"plan", outputs)
    lane: Any = Lane()
    bound = network.bind(lane, 5, (2, 256, 456))
    assert bound.shapes == {"heatmaps": (2, 19, 32, 57), "pafs": (2, 38, 32, 57)}
    assert bound.arrays == {"heatmaps": 19000, "pafs": 38000}
    assert made[0].addresses == {"picture": 5, "heat": 19000, "paf": 38000}
    strategy = getattr(made[0].config, "dynamic_shapes_kernel_specialization_strategy", None)
    assert strategy == ("eager" if rtx else None)
    bound.enqueue()
    lane.handle = 8
    with pytest.raises(DeviceError, match="cannot run the network: why"):
        bound.enqueue()
    with pytest.raises(DeviceError, match="does not hold 5 pictures of 456x256"):
        network.bind(lane, 5, (5, 256, 456))
    with pytest.raises(DeviceError, match="cannot load its plan: why"):
        TensorRt(trt, b"another", outputs)
