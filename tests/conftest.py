"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("POSE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real test data; skips where it is absent."""
    if not DATA.is_dir():
        pytest.skip("no real test data: set POSE_TEST_DATA to its folder")
    return DATA
