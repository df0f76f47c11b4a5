"""Driver libraries that answer as told, for machines that have none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def make_driver(library: Path, init: int = 0, capabilities: tuple[int, ...] = (90,)) -> Path:
    """Compile tests/engines/driver.c; skips where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler to make a driver with")
    values = {
        "INIT": str(init),
        "COUNT": str(len(capabilities)),
        "CAPABILITIES": ",".join(map(str, capabilities or (0,))),
    }
    macros = [f"-D{name}={value}" for name, value in values.items()]
    source = Path(__file__).with_name("driver.c")
    words = [compiler, *macros, "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(words, check=True, timeout=60)
    return library
