"""Driver libraries that answer as told, for machines that have none."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from engines.nvidia.driver import load_driver
from engines.nvidia.nvcc import KERNELS
from engines.types.errors import DeviceError
from tests.conftest import without_cuda

HERE = Path(__file__).parent
NVCC = """#!/bin/sh
if [ "$1" = --version ]; then echo none; exit; fi
while [ "$1" != -o ]; do shift; done
echo code > "$2"
"""


def make_driver(
    library: Path, init: int = 0, capabilities: tuple[int, ...] = (90,), cuda: int = 13000
) -> Path:
    """Compile tests/engines/driver.c; skips where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler to make a driver with")
    values = {
        "INIT": str(init),
        "CUDA": str(cuda),
        "COUNT": str(len(capabilities)),
        "CAPABILITIES": ",".join(map(str, capabilities or (0,))),
    }
    macros = [f"-D{name}={value}" for name, value in values.items()]
    source = Path(__file__).with_name("driver.c")
    words = [compiler, *macros, "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(words, check=True)
    return library


def make_emulated(folder: Path) -> Path:
    """Compile tests/engines/emulated.cpp, with a refusal for what pycuda knows and it does not.

    A compiler that makes nothing lies beside it, in cuda/. Skips where a C++ compiler is not
    installed, or where there is a real driver, and without pycuda where no GPU is required.
    pycuda can be built without a GPU: pip install nvidia-cuda-nvcc nvidia-cuda-runtime
    nvidia-cuda-crt nvidia-nvvm nvidia-cuda-profiler-api, all ==13.0.*; then pip wheel --no-binary
    pycuda pycuda==2026.1 with CUDA_ROOT at their nvidia/cu13, an empty libcuda.so on LIBRARY_PATH,
    and CUDA_ENABLE_CURAND = False in ~/.aksetup-defaults.py.
    """
    found = find_spec("pycuda")
    if found is None or found.origin is None:
        without_cuda("pycuda is not installed")
    if None in [shutil.which(name) for name in ("g++", "nm")]:
        pytest.skip("no C++ compiler to make a driver with")
    try:
        load_driver()
    except DeviceError:
        pass
    else:
        pytest.skip("this machine has a driver of its own: use tests/gpu/run.py")
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
    subprocess.run([*words, *sources], check=True)
    compiler = folder / "cuda" / "bin" / "nvcc"
    compiler.parent.mkdir(parents=True)
    compiler.write_text(NVCC)
    compiler.chmod(0o755)
    return made
