"""engines/cuda.py with the real pycuda, on a driver whose GPU is the CPU. No GPU has run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from engines.errors import DeviceError
from engines.libcuda import load_driver
from tests.conftest import ROOT
from tests.engines.host import KERNELS

HERE = Path(__file__).parent
NVCC = """#!/bin/sh
if [ "$1" = --version ]; then echo none; exit; fi
while [ "$1" != -o ]; do shift; done
echo code > "$2"
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The emulated driver, with a refusal for everything that pycuda knows and it does not."""
    found = find_spec("pycuda")
    if found is None or found.origin is None:
        pytest.skip("pycuda is not installed")
    tools = [shutil.which(name) for name in ("g++", "nm")]
    if None in tools:
        pytest.skip("no C++ compiler to make a driver with")
    try:
        load_driver()
    except DeviceError:
        pass
    else:
        pytest.skip("this machine has a driver of its own: use tests/gpu/run.py")
    folder = tmp_path_factory.mktemp("driver")
    (library,) = Path(found.origin).parent.glob("_driver*.so")
    listed = subprocess.run(
        ["nm", "-D", "--undefined-only", str(library)], capture_output=True, text=True, check=True
    )
    wanted = set(re.findall(r"\b(cu[A-Z]\w*)", listed.stdout))
    known = set(re.findall(r"\bint (cu[A-Z]\w*)\(", (HERE / "emulated.cpp").read_text()))
    refusals = "".join(f"int {name}() {{ return 801; }}\n" for name in sorted(wanted - known))
    (folder / "refusals.cpp").write_text(f'extern "C" {{\n{refusals}}}\n')
    made = folder / "libcuda.so.1"
    words = ["g++", "-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-w"]
    words += ["-I", str(KERNELS), "-I", str(HERE), f"-Wl,-soname,{made.name}", "-o", str(made)]
    sources = [str(HERE / "emulated.cpp"), str(folder / "refusals.cpp")]
    subprocess.run([*words, *sources], check=True, timeout=100)
    compiler = folder / "cuda" / "bin" / "nvcc"
    compiler.parent.mkdir(parents=True)
    compiler.write_text(NVCC)
    compiler.chmod(0o755)
    return made


CASES = ["same", "stream", "order", "shapes", "overflow", "refused", "full", "breaks"]


@pytest.mark.parametrize("case", CASES)
def test_on_an_emulated_gpu(driver: Path, tmp_path: Path, case: str) -> None:
    environment = {
        **os.environ,
        "CUDA_HOME": str(driver.parent / "cuda"),
        "XDG_CACHE_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "on_emulated.py"), str(driver), case],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "passed\n"), done.stderr
