"""OpenVINO is imported without its telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = """
import sys
from engines.runtimes.openvino_package import load_openvino, no_telemetry
openvino = load_openvino()
{more}
assert openvino.Core().available_devices
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
"""
NNCF = """
with no_telemetry():
    import nncf
nncf.Dataset([])
"""


@pytest.mark.parametrize("more", ["", NNCF], ids=["openvino", "nncf"])
def test_nothing_is_told_to_anybody(more: str, tmp_path: Path) -> None:
    """No module that could, and no number in the home folder by which the user is known."""
    if more:
        pytest.importorskip("nncf")
    # Both keep silent in other people's CI.
    known = ("CI", "TF_BUILD", "JENKINS_URL", "NNCF_CI", "NNCF_DEV")
    environment = {name: value for name, value in os.environ.items() if name not in known}
    subprocess.run(
        [sys.executable, "-c", CODE.format(more=more)],
        cwd=ROOT,
        env={**environment, "HOME": str(tmp_path)},
        check=True,
    )
    assert not [*tmp_path.rglob("*cid*")]
