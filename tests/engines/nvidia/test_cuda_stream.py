"""The CUDA stream with the real pycuda, on a driver whose GPU is the CPU. No GPU has run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.engines.drivers import make_emulated


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_emulated(tmp_path_factory.mktemp("driver"))


CASES = [
    "same",
    "stream",
    "order",
    "shapes",
    "overflow",
    "crops",
    "refused",
    "full",
    "breaks",
    "two",
]


@pytest.mark.parametrize("case", [*CASES, "two"])
def test_on_an_emulated_gpu(driver: Path, tmp_path: Path, case: str) -> None:
    environment = {
        **os.environ,
        "CUDA_HOME": str(driver.parent / "cuda"),
        "XDG_CACHE_HOME": str(tmp_path),
        "EMULATED_GPUS": "2" if case == "two" else "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.engines.on_emulated", str(driver), case],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "passed\n"), done.stderr
