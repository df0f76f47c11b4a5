"""The script for a GPU machine on a machine that has one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engines.nvidia.driver import Gpu, usable_gpu
from engines.types.errors import DeviceError
from tests.conftest import ROOT, without_cuda


@pytest.fixture
def gpu() -> Gpu:
    return gpu_or_none()


def gpu_or_none() -> Gpu:
    try:
        return usable_gpu()
    except DeviceError as error:
        without_cuda(str(error))


@pytest.mark.slow
@pytest.mark.timeout(1800)  # plans are built
def test_all_of_it_runs_and_nothing_is_wrong(gpu: Gpu) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.gpu.run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    printed, mark, not_run = done.stdout.partition("== Not run, or wrong")
    assert mark, done.stderr
    assert "WRONG" not in not_run, printed
    if done.returncode:
        without_cuda(f"not everything could run: {not_run}")


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (None, pytest.skip.Exception),
        ("", pytest.skip.Exception),
        ("0", pytest.skip.Exception),
        ("1", pytest.fail.Exception),
    ],
)
def test_without_a_gpu_tests_of_it_skip_unless_it_is_required(
    monkeypatch: pytest.MonkeyPatch, value: str | None, outcome: type[BaseException]
) -> None:
    def none() -> Gpu:
        raise DeviceError("There is no NVIDIA driver.")

    monkeypatch.setattr(f"{__name__}.usable_gpu", none)
    monkeypatch.delenv("POSE_REQUIRE_CUDA", raising=False)
    if value is not None:
        monkeypatch.setenv("POSE_REQUIRE_CUDA", value)
    with pytest.raises(outcome, match=r"There is no NVIDIA driver\."):
        gpu_or_none()
