"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("POSE_TEST_DATA", ROOT.parent / "shared" / "data")).resolve()


def with_weights() -> dict[str, str]:
    """The environment of a child process that finds the test data's weights."""
    return {**os.environ, "POSE_WEIGHTS": os.environ.get("POSE_WEIGHTS", str(DATA / "models"))}


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real test data; skips where it is absent."""
    if not DATA.is_dir():
        pytest.skip("no real test data: set POSE_TEST_DATA to its folder")
    return DATA
