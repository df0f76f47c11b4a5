"""The kernels, compiled for GPUs; what runs them on CPUs is in test_kernels.py."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from engines.nvidia import nvcc
from engines.nvidia.nvcc import KERNELS, cubin, find_nvcc
from engines.types.errors import DeviceError
from tests.conftest import without_cuda


@pytest.fixture(autouse=True)
def _cache(own_cache: None) -> None:
    """Nothing compiled earlier is used."""


@pytest.mark.parametrize("capability", [(7, 5), (9, 0)])
def test_every_kernel_compiles_without_a_warning(
    capability: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find_nvcc()
    except DeviceError as error:
        without_cuda(str(error))
    strict = ("-Werror", "all-warnings", "-Xcompiler", "-Wall,-Wextra,-Werror")
    monkeypatch.setattr(nvcc, "OPTIONS", (*nvcc.OPTIONS, *strict))
    for source in KERNELS.glob("*.cu"):
        path = cubin(source.stem, capability)
        code = path.read_bytes()
        assert code.startswith(b"\x7fELF")
        assert f".text.{source.stem}\0".encode() in code


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A compiler of our own, which notes that it ran."""
    program = folder / "cuda" / "bin" / "nvcc"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho run >> {folder}/log\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CUDA_HOME", str(folder / "cuda"))


SCRIPT = """
if [ "$1" = --version ]; then echo %s; exit; fi
while [ "$1" != -o ]; do shift; done
echo code > "$2"
"""


def runs(folder: Path) -> int:
    return (folder / "log").read_text().count("run")


def test_what_is_compiled_is_kept_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, monkeypatch, SCRIPT % "release 1")
    path = cubin("peaks", (9, 0))
    assert path.is_relative_to(tmp_path / "cache")
    assert runs(tmp_path) == 2  # one for its version
    assert cubin("peaks", (9, 0)) == path
    assert runs(tmp_path) == 3
    assert cubin("peaks", (8, 6)) != path
    path.write_text("damaged")
    assert cubin("peaks", (9, 0)).read_text() == "code\n"
    fake(tmp_path, monkeypatch, SCRIPT % "release 2")
    assert cubin("peaks", (9, 0)) != path


def test_what_the_compiler_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, monkeypatch, 'echo >&2 "nvcc fatal error: no such arch"; exit 1')
    with pytest.raises(DeviceError, match=r"peaks\.cu: nvcc fatal error: no such arch"):
        cubin("peaks", (9, 0))


def test_without_a_compiler_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for home in nvcc.HOMES:
        monkeypatch.delenv(home, raising=False)
    monkeypatch.setattr(nvcc.shutil, "which", lambda *_, **__: None)
    with pytest.raises(DeviceError, match="CUDA_HOME"):
        cubin("peaks", (9, 0))
