"""Fixtures of the tests that look for weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.models import places
from tests.engines.webserver import Site, serving


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache below tmp_path, and none of the weights that this machine has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("POSE_WEIGHTS", raising=False)
    monkeypatch.setattr(places, "PACKAGE", tmp_path / "package")


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server."""
    with serving() as site:
        yield site
