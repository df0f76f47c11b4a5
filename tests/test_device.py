"""--device as a user meets it: no driver, drivers that fail, GPUs that lack something."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.nvidia import nvcc
from engines.nvidia import open as nvidia
from engines.nvidia.driver import LIBRARY, Gpu
from engines.types.errors import DeviceError
from tests import synth
from tests.conftest import ROOT
from tests.engines.drivers import make_driver

SIZE = (256, 192)


@pytest.fixture
def job(tmp_path: Path) -> list[str]:
    """The words of a run on one picture of one person, with the tiny network."""
    if sys.platform != "linux":
        pytest.skip("made drivers are found on Linux alone")
    card = synth.write_tiny_network(tmp_path, SIZE[1])
    scene = synth.scene([synth.person((128, 96), 130)], SIZE)
    picture = synth.write_picture(tmp_path / "one.png", scene)
    words = ["--source", str(picture), "--model", str(card), "--no-show", "--quiet"]
    return [*words, "--json", str(tmp_path / "json")]


Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: Program) -> Program:
    """Runs the program where the driver is that in tmp_path, if any; no compiler is found."""
    load = ctypes.CDLL

    def found(library: str, *more: Any, **how: Any) -> ctypes.CDLL:
        return load(str(tmp_path / library) if library == LIBRARY else library, *more, **how)

    monkeypatch.setattr(ctypes, "CDLL", found)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return program


def process(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A run of its own process, whose loader finds the driver in a folder."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "run.py", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def people(folder: Path) -> int:
    (path,) = (folder / "json").glob("*.json")
    return len(json.loads(path.read_text())["people"])


def test_without_a_driver_the_cpu_is_taken_in_silence(
    job: list[str], tmp_path: Path, run: Program
) -> None:
    done = run(*job)
    assert (done.returncode, done.stderr) == (0, "")
    assert people(tmp_path) == 1


def test_cuda_without_a_driver_is_one_sentence(job: list[str], run: Program) -> None:
    done = run(*job, "--device", "cuda")
    assert done.returncode == 2
    assert done.stderr.startswith("posestream: There is no --device cuda here. There is no NVIDIA")
    assert done.stderr.count("\n") == 1


def test_the_driver_of_the_system_is_found(job: list[str], tmp_path: Path) -> None:
    make_driver(tmp_path / "libcuda.so.1", init=804)
    done = process(job, tmp_path)
    assert done.returncode == 0
    assert "update the host's driver" in done.stderr
    assert done.stderr.endswith("The CPU is used.\n")


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        ({"init": 804}, "update the host's driver"),
        ({"init": 100}, "--gpus all"),
        ({"capabilities": (61,)}, "First (6.1) is too old"),
        ({"capabilities": (90,)}, "First cannot be used: TensorRT for First is not installed"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_told_of_and_the_cpu_taken(
    job: list[str], tmp_path: Path, run: Program, driver: dict[str, int], said: str
) -> None:
    make_driver(tmp_path / "libcuda.so.1", **driver)  # type: ignore[arg-type]
    done = run(*job)
    assert done.returncode == 0
    assert said in done.stderr
    assert done.stderr.endswith("The CPU is used.\n")
    assert done.stderr.count("\n") == 1
    assert people(tmp_path) == 1
    forced = run(*job, "--device", "cuda")
    assert forced.returncode == 2
    assert said in forced.stderr
    assert forced.stderr.count("\n") == 1
    spared = run(*job, "--device", "cpu")
    assert (spared.returncode, spared.stderr) == (0, "")


def test_doctor_names_what_a_gpu_lacks_and_the_command(tmp_path: Path, run: Program) -> None:
    make_driver(tmp_path / "libcuda.so.1", capabilities=(90, 61), cuda=12040)
    done = run("doctor")
    assert (
        "First, compute capability 9.0, 8 GiB: not used, because something is missing"
        in done.stdout
    )
    assert "TensorRT for First is not installed\n" in done.stdout
    assert "-> pip install -r requirements-gpu.txt" in done.stdout
    assert "Second, compute capability 6.1, 9 GiB: too old, the CPU is used" in done.stdout
    assert (
        "the driver supports CUDA 12.4, but TensorRT of requirements-gpu.txt needs 13.0"
        in done.stdout
    )
    assert "-> update the driver to 580 or newer" in done.stdout


def test_a_runtime_that_fails_when_it_opens_leaves_the_job_to_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything seems to be there, and then the GPU is full, say."""
    from engines import opening
    from engines.models.card import load_card
    from realtime.settings.model import ModelSettings

    card = load_card(str(synth.write_tiny_network(tmp_path, SIZE[1])))
    monkeypatch.setattr(opening, "choose", lambda wanted, gpus: "cuda")
    opened = opening.open_estimator

    def failing(*given: object, device: str, **options: object) -> object:
        if device == "cuda":
            raise DeviceError("The GPU has no 5 MiB left.")
        return opened(*given, device=device, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(opening, "open_estimator", failing)
    monkeypatch.setattr(
        "engines.models.weights.fetch", None
    )  # nothing is fetched in the middle of a run
    estimator = opening.engine_opener(card, ModelSettings(), live=False)()
    estimator.submit([np.zeros((SIZE[1], SIZE[0], 3), np.uint8)])
    assert len(estimator.result()) == 1
    estimator.close()
    assert "no 5 MiB left. The CPU is used." in caplog.text
    with pytest.raises(DeviceError, match="no 5 MiB left"):
        opening.engine_opener(card, ModelSettings(device="cuda"), live=False)()


def test_the_usual_model_is_looked_for_where_it_will_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a machine without a network and with a GPU: asked for once, with weights that it runs."""
    from engines import opening
    from engines.models import card as cards
    from realtime import assembly
    from tests.realtime.wanted import settings

    own = synth.write_tiny_network(tmp_path / "cards", SIZE[1])
    usual = cards.FOLDER / "human-pose-estimation-0001.toml"
    (own.parent / usual.name).write_text(usual.read_text())
    monkeypatch.setattr(cards, "FOLDER", own.parent)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("POSE_WEIGHTS", raising=False)
    asked, opened = [], []
    monkeypatch.setattr(assembly, "choose", lambda wanted, gpus: asked.append(wanted) or "cuda")
    real = opening.open_estimator

    def seen(card: Any, located: Any, *, device: str, **options: Any) -> Any:
        opened.append((card.name, located.precision, device))
        return real(card, located, device="cpu", **options)

    monkeypatch.setattr(opening, "open_estimator", seen)
    scene = synth.scene([synth.person((128, 96), 130)], SIZE)
    picture = synth.write_picture(tmp_path / "one.png", scene)
    (result,) = assembly.stream(settings(str(picture)))
    assert len(result.views[0].tracks.poses) == 1
    assert asked == ["auto"]
    assert opened == [(own.stem, "fp16", "cuda")]
    assert caplog.text.count("runs instead") == 1


def machine(monkeypatch: pytest.MonkeyPatch, lacks: str = "", torch: bool = False) -> None:
    """One that has all that TensorRT needs, or lacks one thing."""

    def has(name: str) -> object:
        return None if name == lacks or (name == "torch" and not torch) else name

    def compiler() -> Path:
        if lacks == "nvcc":
            raise DeviceError(nvcc.MISSING)
        return Path("nvcc")

    monkeypatch.setattr(nvidia, "installed", lambda gpu: [] if lacks == "tensorrt" else ["it"])
    monkeypatch.setattr(nvidia, "find_spec", has)
    monkeypatch.setattr(nvidia, "find_nvcc", compiler)
    monkeypatch.setattr(nvidia.shutil, "which", lambda name: name)
    monkeypatch.setattr("engines.runtimes.pytorch.load_torch", lambda device: None)


GPU = Gpu(0, "RTX", (8, 9), 24 << 30, 13000)
LACKS = {
    "tensorrt": "TensorRT for RTX is not installed; run: pip install -r requirements-gpu.txt",
    "pycuda": "the package pycuda is not installed; run: pip install -r requirements-gpu.txt",
    "onnx": "the package onnx is not installed; run: pip install -r requirements-gpu.txt",
    "nvcc": "run: apt install nvidia-cuda-toolkit",
}


@pytest.mark.parametrize("lacks", LACKS)
def test_whatever_is_missing_is_one_sentence_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    machine(monkeypatch, lacks)
    with pytest.raises(DeviceError) as caught:
        nvidia.runtime(GPU)
    assert str(caught.value).startswith("RTX cannot be used: ")
    assert LACKS[lacks] in str(caught.value)


@pytest.mark.parametrize("lacks", LACKS)
def test_torch_takes_the_gpu_where_tensorrt_lacks_something(
    monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    machine(monkeypatch, lacks, torch=True)
    if lacks == "onnx":  # which torch needs too
        with pytest.raises(DeviceError, match="onnx"):
            nvidia.runtime(GPU)
    else:
        assert nvidia.runtime(GPU) == "PyTorch"


def test_a_torch_that_sees_no_gpu_is_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "tensorrt", torch=True)

    def blind(device: str) -> None:
        raise DeviceError("PyTorch sees no CUDA GPU.")

    monkeypatch.setattr("engines.runtimes.pytorch.load_torch", blind)
    with pytest.raises(DeviceError, match=r"TensorRT for RTX is not installed; run: pip"):
        nvidia.runtime(GPU)


def test_tensorrt_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, torch=True)
    assert nvidia.runtime(GPU) == "TensorRT"


def test_a_compiler_is_asked_for_where_pycuda_must_be_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine(monkeypatch, "pycuda")
    assert [mend for _, mend in nvidia.lacking(GPU)] == ["pip install -r requirements-gpu.txt"]
    monkeypatch.setattr(nvidia.shutil, "which", lambda name: None)
    remedies = [mend for _, mend in nvidia.lacking(GPU)]
    assert remedies == ["apt install g++", "pip install -r requirements-gpu.txt"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device", "cuda:2"], "no GPU cuda:2; this machine has cuda:0 (First)"),
        (["--gpus", "3"], "--gpus 3 cannot be had here. 3 GPUs are wanted, but there is only"),
        (["--device", "gpu1"], "--device must be auto, cpu, cuda or cuda:N, not 'gpu1'"),
        (["--gpus", "0"], "--gpus must be 1 or more, not 0"),
        (["--device", "cpu", "--gpus", "2"], "leave out --device cpu"),
    ],
)
def test_gpus_that_are_not_there_are_told_in_a_sentence(
    tmp_path: Path, run: Program, words: list[str], said: str
) -> None:
    make_driver(tmp_path / "libcuda.so.1", capabilities=(90, 86))
    source = ["--source", str(ROOT / "docs" / "astronaut.jpg"), "--model", "pafnet", "--no-show"]
    done = run(*source, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_sets_of_pictures_are_spread_over_the_gpus_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver with three; the networks themselves are the CPU's."""
    from engines import opening
    from engines.models.card import load_card
    from engines.nvidia import driver
    from realtime.settings.model import ModelSettings

    library = str(make_driver(tmp_path / "driver.so", capabilities=(90, 86, 75)))
    monkeypatch.setattr(opening, "choose", lambda wanted, gpus: "cuda")
    monkeypatch.setattr(
        opening, "usable_gpus", lambda n, count: driver.usable_gpus(n, count, library)
    )
    opened: list[tuple[int, bool]] = []
    real = opening.open_estimator

    def seen(card: Any, located: Any, *, gpu: Any, beside: bool, **options: Any) -> Any:
        opened.append((gpu.index, beside))
        return real(card, located, **{**options, "device": "cpu"})

    monkeypatch.setattr(opening, "open_estimator", seen)
    card = load_card(str(synth.write_tiny_network(tmp_path, SIZE[1])))
    wanted = ModelSettings(device="cuda:1", gpus=2)
    estimator = opening.engine_opener(card, wanted, live=False)()
    assert opened == [(1, True), (2, True)]
    rng = np.random.default_rng(0)
    counts = [1, 3, 2, 4, 1]
    pictures = [synth.scene(synth.crowd(n, SIZE, rng), SIZE) for n in counts]
    found = []
    for picture in pictures[:2]:
        estimator.submit([picture])
    for picture in [*pictures[2:], None, None]:
        (evidence,) = estimator.result()
        found.append(len(estimator.decoder.decode(evidence)))
        if picture is not None:
            estimator.submit([picture])
    assert found == counts
    estimator.close()
