"""The wheel: what is built of the project runs where the project is not."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engines.version import __version__
from tests.conftest import ROOT
from tests.synth import person, scene, write_picture

pytest.importorskip("hatchling", reason="the build backend: pip install -r requirements-dev.txt")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True, text=True
    )
    wheel = folder / done.stdout.split()[-1]
    assert wheel.name == f"posestream-{__version__}-py3-none-any.whl"
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def program(site: Path, *words: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    return subprocess.run(
        [sys.executable, "-P", "-m", "posestream", *map(str, words)],
        cwd=site.parent,
        env={**environment, "PYTHONPATH": str(site), "POSE_WEIGHTS": str(site.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_runs_with_all_that_it_needs(installed: Path) -> None:
    write_picture(installed.parent / "one.png", scene([person((160, 128), 180)], (320, 256)))
    done = program(installed, "one.png", "-m", "pafnet", "-j", "out", "-o", "drawn.png")
    assert done.returncode == 0, done.stderr
    assert (installed.parent / "out" / "one_keypoints.json").exists()
    assert (installed.parent / "drawn.png").exists()


def test_its_commands_answer(installed: Path) -> None:
    assert program(installed, "--version").stdout == f"posestream {__version__}\n"
    assert "pafnet" in program(installed, "models", "list").stdout
    assert "posestream calibrate COMMAND" in program(installed, "calibrate", "--help").stdout
    done = program(installed, "models", "lits")
    assert done.returncode == 2
    assert "did you mean list" in done.stderr


def test_no_test_and_no_shared_file_is_in_it(installed: Path) -> None:
    tops = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"posestream", "realtime", "engines", "calibration", "training"}
    assert (installed / "posestream" / "py.typed").exists()
