"""The script for a GPU machine, as far as a CPU can follow it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engines.nvidia.driver import load_driver
from engines.types.errors import DeviceError
from tests.conftest import ROOT
from tests.engines.drivers import make_emulated


def rehearsed(**environment: str) -> tuple[str, str]:
    """What a dry run prints, before and after the list of what could not be run."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed (requirements-gpu.txt)")
    try:
        load_driver()
    except DeviceError:
        pass
    else:
        pytest.skip("this machine has a driver: run the script itself")
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu.run", "--dry"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed, _, not_run = done.stdout.partition("== Not run, or wrong")
    # What is missing is told by our own errors; any other is a mistake in the script.
    assert not re.search(r"\b\w+(Error|Exception): ", not_run), not_run
    for one in ("torch operations", "torch crops", "torch network", "a photo", "floors"):
        assert f"{one}: " not in not_run
    assert "DRY: NO MEASUREMENT" in printed
    return printed, not_run


def test_its_dry_run_compares_with_numpy_and_lists_what_it_could_not_do() -> None:
    printed, not_run = rehearsed()
    assert printed.count("letterbox to the bit, people identical") == 3
    for one in ("driver: There is no NVIDIA", "CUDA kernels, compiled", "TensorRT fp16", "memory"):
        assert one in not_run


def test_it_is_rehearsed_on_an_emulated_gpu(tmp_path: Path) -> None:
    """Everything but TensorRT: the kernels with pycuda, the tables, the gaps."""
    driver = make_emulated(tmp_path)
    printed, not_run = rehearsed(
        LD_PRELOAD=str(driver),
        CUDA_HOME=str(driver.parent / "cuda"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert "Emulated, (9, 0), 8 GiB" in printed
    assert printed.count("letterbox to the bit, people identical") == 6
    assert printed.count("8 crops: at most ") == 2
    assert "DRY: NO MEASUREMENT  CUDA kernels, no network" in printed
    assert "CUDA kernels, no network, 64x32, batch 2: ms/floor" in printed
    assert "TensorRT fp16: TensorRT for Emulated is not installed; run: pip install" in not_run
    assert "CUDA kernels" not in not_run
    assert "CUDA crops" not in not_run
