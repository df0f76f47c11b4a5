"""Wheel and sdist: what is built of the project runs where the project is not.

`.ci/run` also installs both into fresh environments, on several Pythons (tests/smoke.py).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from engines.version import __version__
from tests.conftest import ROOT
from tests.synth import person, scene, write_picture
from tests.test_architecture import MODULES, PACKAGES, imports

pytest.importorskip("hatchling", reason="the build backend: pip install -r requirements-dev.txt")


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def built(kind: str, source: Path, folder: Path) -> Path:
    """A wheel or sdist of the project that lies in `source`."""
    build = f"from hatchling.build import build_{kind}; print(build_{kind}({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=source, check=True, capture_output=True, text=True
    )
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = built("wheel", ROOT, folder)
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


def test_the_sdist_makes_the_same_wheel(installed: Path, tmp_path: Path) -> None:
    with tarfile.open(built("sdist", ROOT, tmp_path)) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    with zipfile.ZipFile(built("wheel", source, tmp_path)) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == {
        path.relative_to(installed).as_posix()
        for path in installed.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and ".dist-info" not in str(path)
    }
    assert "posestream/sample/two-people.mp4" in inside
    assert (source / "tests" / "smoke.py").exists()  # who packages it can test it


def named(requirements: list[str]) -> dict[str, Requirement]:
    found = map(Requirement, requirements)
    return {re.sub(r"[-_.]+", "-", one.name).lower(): one for one in found}


@pytest.mark.parametrize(
    "extra", ["", "c3d", "cluster", "gpu", "matlab", "nodes", "parquet", "train", "vmc"]
)
def test_what_is_tested_is_what_the_package_asks_for(extra: str) -> None:
    """The pinned versions of each requirements file lie in the package's ranges, name by name."""
    path = ROOT / (f"requirements-{extra}.txt" if extra else "requirements.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    pinned = named([line for line in lines if line and line[0] not in "#-"])
    ranges = named(EXTRAS[extra] if extra else PROJECT["dependencies"])
    assert set(pinned) == set(ranges)
    for name, one in pinned.items():
        (exact,) = one.specifier
        assert ranges[name].specifier.contains(exact.version), name


def test_everything_that_is_imported_is_asked_for() -> None:
    asked = named([*PROJECT["dependencies"], *(one for each in EXTRAS.values() for one in each)])
    owners = packages_distributions()
    used = {
        re.sub(r"[-_.]+", "-", name).lower()
        for path in MODULES
        for module in imports(path)
        if (top := module.partition(".")[0]) not in sys.stdlib_module_names and top not in PACKAGES
        for name in owners.get(top, [])
    }
    assert "numpy" in used
    assert used <= set(asked) | {"opencv-python-headless"}
