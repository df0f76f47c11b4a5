"""Training asks for packages that nothing else needs."""

from __future__ import annotations

import sys

import pytest

from training.__main__ import main


def test_a_missing_package_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [name for name in sys.modules if name.startswith("training.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)  # as where it is not installed
    assert main() == 2
    assert capsys.readouterr().err == (
        "training: the package torch is missing; run: pip install 'posestream[train]' "
        "(in a checkout: pip install -r requirements-train.txt)\n"
    )
