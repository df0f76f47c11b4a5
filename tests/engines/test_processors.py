"""INT8 on processors of another kind: those without VNNI, where this one has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# With AVX2 alone the sums of two 8-bit products saturate in 16 bits; these add them up in 32.
MORE = {"avx512_vnni", "avx_vnni", "avx512bw", "amx_int8"}


KINDS = """
import openvino as ov
from engines.models.card import load_card
hint = {"INFERENCE_PRECISION_HINT": "f32"}  # as where a processor has no bf16
network = ov.Core().compile_model(load_card("pafnet").folder / "pafnet.xml", "CPU", hint)
nodes = [node.get_rt_info() for node in network.get_runtime_model().get_ops()]
print(*{node["primitiveType"].astype(str) for node in nodes if "primitiveType" in node})
"""


@pytest.fixture
def capped() -> dict[str, str]:
    """The environment in which oneDNN uses no more than AVX2."""
    about = Path("/proc/cpuinfo")
    if not about.exists():
        pytest.skip("no /proc/cpuinfo to tell what this processor has")
    if not MORE & set(about.read_text().split()):
        pytest.skip("this processor has no VNNI, so the tests of INT8 have run without it")
    return {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}


@pytest.mark.slow
def test_int8_is_as_good_without_vnni(capped: dict[str, str]) -> None:
    files = [
        str(path)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "pytest.mark.int8" in path.read_text(encoding="utf-8")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "int8", *files],
        cwd=ROOT,
        env=capped,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert len(files) > 3
    assert " passed" in done.stdout


def test_the_cap_is_obeyed(capped: dict[str, str]) -> None:
    words = [sys.executable, "-c", KINDS]
    kinds = subprocess.check_output(words, cwd=ROOT, env=capped, text=True)
    # Those that multiply in INT8; sums of two maps OpenVINO does without oneDNN.
    int8 = [kind for kind in kinds.split() if kind.endswith("_I8") and "jit" in kind]
    assert any("avx2" in kind for kind in int8), kinds
    assert not any("vnni" in kind for kind in int8), kinds
