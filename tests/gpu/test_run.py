"""The script for a GPU machine, as far as a CPU can follow it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engines.errors import DeviceError
from engines.libcuda import load_driver
from tests.conftest import ROOT


def test_its_dry_run_compares_with_numpy_and_lists_what_it_could_not_do() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    try:
        load_driver()
    except DeviceError:
        pass
    else:
        pytest.skip("this machine has a driver: run the script itself")
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu.run", "--dry", "--network", "pafnet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("letterbox to the bit, people identical") == 3
    assert "DRY: NO MEASUREMENT" in done.stdout
    _, _, not_run = done.stdout.partition("== Not run")
    for one in ("driver: There is no NVIDIA", "kernels", "TensorRT", "memory"):
        assert one in not_run
    for one in ("torch operations", "torch network"):
        assert one not in not_run
