"""CUDA kernels -> machine code of one GPU, by NVIDIA's compiler, kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from engines.models.download import sha256_of
from engines.models.places import cache_folder
from engines.types.errors import DeviceError

KERNELS = Path(__file__).parents[1] / "kernels"
# Fused multiplication and addition would round unlike numpy, the oracle of the kernels.
OPTIONS = ("-cubin", "--fmad=false")
HOMES = ("CUDA_HOME", "CUDA_PATH")
MISSING = (
    "The CUDA compiler nvcc, which the kernels need once, is not installed; install NVIDIA's CUDA "
    "toolkit (its package cuda-nvcc is enough) or name its folder in CUDA_HOME."
)
MAX_COMPILE_S = 300.0  # for which nvcc may run


def find_nvcc() -> Path:
    """The compiler: of CUDA_HOME, on PATH, or in the usual place; DeviceError if there is none."""
    named = [Path(os.environ[home]) / "bin" for home in HOMES if os.environ.get(home)]
    for folder in (*named, None, Path("/usr/local/cuda/bin")):
        if found := shutil.which("nvcc", path=folder):
            return Path(found)
    raise DeviceError(MISSING)


def cubin(kernel: str, capability: tuple[int, int]) -> Path:
    """The compiled form of kernels/<kernel>.cu for a compute capability, made where it is not yet.

    The name holds what it depends on, and its own sha256 lies beside it: a file that is damaged is
    made anew. DeviceError says what the compiler said.
    """
    source = (KERNELS / f"{kernel}.cu").read_bytes()
    compiler = find_nvcc()
    version = _run([str(compiler), "--version"], kernel)
    arch = "sm_{}{}".format(*capability)
    key = hashlib.sha256(source + "\0".join([*OPTIONS, arch, version]).encode()).hexdigest()
    folder = cache_folder().parent / "kernels"
    path = folder / f"{kernel}-{arch}-{key[:16]}.cubin"
    seal = path.with_suffix(".sha256")
    try:
        if path.is_file() and seal.is_file() and seal.read_text() == sha256_of(path):
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            made = Path(scratch) / path.name
            words = [str(compiler), *OPTIONS, f"-arch={arch}", "-o", str(made)]
            _run([*words, str(KERNELS / f"{kernel}.cu")], kernel)
            digest = sha256_of(made)
            made.replace(path)
            seal.write_text(str(digest))
    except OSError as error:
        raise DeviceError(
            f"The kernels cannot be kept in {folder}: {error.strerror or error}."
        ) from error
    return path


def _run(words: list[str], kernel: str) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=MAX_COMPILE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"nvcc cannot compile {kernel}.cu: {error}") from error
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        said = next((line for line in lines if "error" in line.lower()), "no reason given")
        raise DeviceError(f"nvcc cannot compile {kernel}.cu: {said.strip()}")
    return done.stdout
