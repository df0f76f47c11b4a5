"""The NVIDIA path on a real GPU: is it right, and how fast is it?

    python -m tests.gpu.run [--wheels FOLDER] [--network NAME] [--dry]

Compiles the kernels, compares them with the numpy path, runs the recorded work, and prints tables:
milliseconds of each part, frames a second, memory, the floors that the hardware sets, and whether
the goals are reached. Needs torch with CUDA, and nvcc for the CUDA kernels; downloads nothing.
Whatever cannot be run is listed with the reason at the end.

Packages that are not installed come from --wheels, pycuda as source, which is compiled here:

    pip download -d FOLDER --no-deps --no-binary pycuda pycuda==2026.1
    pip download -d FOLDER --no-deps --only-binary :all: --python-version 3.12 \
        --platform manylinux2014_x86_64 platformdirs pytools mako markupsafe siphash24

--dry goes through all that a CPU can do, with tiny shapes: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("platformdirs", "pycuda")  # the others that are needed come with torch or them


def install(wheels: Path) -> str | None:
    """Install what is missing; what went wrong, if anything did.

    pycuda is compiled: its linker is shown the driver's own library, and told to leave out cuRAND,
    which a machine need not have.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if not missing:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        (home / ".aksetup-defaults.py").write_text("CUDA_ENABLE_CURAND = False\n")
        if driver := _driver():
            (home / "libcuda.so").symlink_to(driver)
        # A wrapper of nvcc elsewhere on PATH would lead to headers that are not there.
        toolkit = os.environ.get("CUDA_HOME", "/usr/local/cuda")
        path = f"{toolkit}/bin:{os.environ.get('PATH', '')}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--no-index", "--no-build-isolation"),
                *("--no-binary", "pycuda", "--find-links", str(wheels), *missing),
            ],
            env={**os.environ, "HOME": scratch, "LIBRARY_PATH": scratch, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return f"pip cannot install {' and '.join(missing)}: ...{done.stderr[-600:]}"
    return None


def _driver() -> str | None:
    """Where the driver's library lies."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    maps = Path("/proc/self/maps").read_text().splitlines()
    return next((line.split()[-1] for line in maps if "libcuda.so" in line), None)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.run", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--wheels", type=Path, help="folder with packages that may be missing")
    parser.add_argument(
        "--network", help="of engines/networks, with random weights (default: the one in the box)"
    )
    parser.add_argument("--dry", action="store_true", help="what a CPU can do; no measurement")
    given = parser.parse_args()
    trouble = install(given.wheels) if given.wheels else None
    from tests.gpu.report import main as report

    return report(given.network, given.dry, trouble)


if __name__ == "__main__":
    sys.exit(main())
