"""What to install when OpenCV cannot be imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engines.console.import_errors import explain_import_error
from tests.conftest import ROOT

COULD_NOT = "cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libGL.so.1", "libgl1"),
        ("libgthread-2.0.so.0", "libglib2.0-0"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libxcb.so.1", "libxcb1"),
        ("libSM.so.6", "libsm6"),
        ("libXext.so.6", "libxext6"),
        ("libICE.so.6", "libice6"),
    ],
)
def test_a_missing_system_library_names_its_package(library: str, package: str) -> None:
    sentence = explain_import_error(ImportError(f"{library}: {COULD_NOT}", name="cv2"))
    assert sentence is not None
    assert library in sentence
    assert package in sentence.split("apt install ")[1].split()


def test_all_that_opencv_needs_comes_in_one_command() -> None:
    sentence = explain_import_error(ImportError(f"libGL.so.1: {COULD_NOT}"))
    assert sentence is not None
    assert sentence.endswith(": apt install libgl1 libglib2.0-0 libxcb1 libxext6 libsm6")


def test_a_library_that_we_do_not_know_says_how_to_find_it() -> None:
    sentence = explain_import_error(ImportError(f"libfoo-3.so.2: {COULD_NOT}"))
    assert sentence is not None
    assert sentence.endswith("apt-file search libfoo-3.so.2")


@pytest.mark.parametrize("package", ["cv2", "openvino"])
def test_a_package_that_is_not_installed(package: str) -> None:
    error = ModuleNotFoundError(f"No module named {package!r}", name=package)
    assert explain_import_error(error) == (
        f"The package {package} is not installed; run: pip install -r requirements.txt"
    )


def test_other_errors_are_not_explained() -> None:
    assert explain_import_error(ImportError("cannot import name 'x' from 'cv2'")) is None


def test_it_can_speak_where_opencv_cannot() -> None:
    code = (
        "import sys, engines.console.import_errors; "
        "sys.exit(any(name in sys.modules for name in sys.argv))"
    )
    subprocess.run([sys.executable, "-c", code, "cv2", "numpy"], cwd=ROOT, check=True)
