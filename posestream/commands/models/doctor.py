"""What this machine has, what it lacks, and what to do about it.

Written to run where nearly nothing is installed: whatever a check needs, it imports itself.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from engines.console.import_errors import explain_import_error
from engines.machine import flags, processor
from engines.types.errors import DeviceError

REQUIREMENTS_FILE = Path(__file__).parents[3] / "requirements.txt"
INSTALL_COMMAND = "pip install -r requirements.txt"
OPENCV_PACKAGES = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)
MIN_DRIVER_CUDA = 13000  # as drivers report it: 13.0, which TensorRT of requirements-gpu.txt needs
# Of CPUs with int8 dot products, as Linux names them.
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the report. `missing`: the main job cannot run; `note`: good to know."""

    state: Literal["ok", "note", "missing"]
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Options:
    """Check this machine; the exit code is 1 if run.py cannot work here."""


def run(_: Options) -> int:
    """Print what is found; 1 if something that the main job needs is missing."""
    findings: list[Finding] = []
    for check in CHECKS:
        for finding in _examined(check):
            # What several checks run into is reported once.
            if finding not in findings:
                findings.append(finding)
                remedy = f"\n{'':9}-> {finding.remedy}" if finding.remedy else ""
                sys.stdout.write(f"{finding.state:9}{finding.text}{remedy}\n")
    return int(any(finding.state == "missing" for finding in findings))


def _examined(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except DeviceError as error:
        yield Finding("missing", str(error))
    except ImportError as error:
        if sentence := explain_import_error(error):
            yield Finding("missing", sentence)
        else:
            yield Finding("missing", f"{error.name} cannot be imported ({error})", INSTALL_COMMAND)


def packages(requirements: Path = REQUIREMENTS_FILE) -> Iterator[Finding]:
    """What is installed beside what was tested."""
    yield Finding("ok", f"Python {platform.python_version()} in {sys.prefix}")
    if not requirements.is_file():  # installed as a package
        yield from _asked_for()
        return
    pinned = re.findall(r"^([\w.-]+)(?:\[.*\])?==([^\s;]+)", requirements.read_text(), re.MULTILINE)
    for name, tested in pinned:
        same = OPENCV_PACKAGES if name in OPENCV_PACKAGES else (name,)
        installed = {one: found for one in same if (found := _version(one))}
        if not installed:
            yield Finding("missing", f"the package {name} is not installed", INSTALL_COMMAND)
        elif installed == {name: tested}:
            yield Finding("ok", f"{name} {tested}")
        else:
            found = ", ".join(f"{one} {its}" for one, its in installed.items())
            yield Finding(
                "note", f"{found} is installed; tested with {name} {tested}", INSTALL_COMMAND
            )


def _asked_for() -> Iterator[Finding]:
    """What the installed package asks for, without its extras."""
    try:
        asked = requires("posestream") or []
    except PackageNotFoundError:  # a copy of its folders
        asked = []
    for line in asked:
        name = line.partition(";")[0].split("<")[0].split(">")[0].split("=")[0].strip()
        if "extra ==" in line:
            continue
        if found := _version(name):
            yield Finding("ok", f"{name} {found}")
        else:
            yield Finding("missing", f"the package {name} is not installed", f"pip install {name}")


def opencv() -> Iterator[Finding]:
    """The library itself, with the system libraries that it needs, and a window."""
    import cv2

    windows = cv2.currentUIFramework() or "none"
    yield Finding("ok", f"OpenCV {cv2.__version__} can be imported; window system: {windows}")
    from realtime.runtime.display import check_display
    from realtime.types.errors import OutputError

    try:
        check_display()
    except OutputError as error:
        yield Finding("note", str(error))
    else:
        yield Finding("ok", "there is a display for --show")


def video() -> Iterator[Finding]:
    """Reading and writing videos; in a process of its own, where av may come before OpenCV."""
    code = "import av, av.codec; print('libx264' in av.codec.codecs_available)"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    if child.returncode:
        why = child.stderr.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        yield Finding("missing", f"PyAV cannot be imported: {why[0]}", INSTALL_COMMAND)
    elif child.stdout.strip() == "True":
        yield Finding("ok", "PyAV reads videos and writes H.264")
    else:
        yield Finding(
            "note",
            "PyAV's FFmpeg has no libx264, so --output out.mp4 does not work",
            INSTALL_COMMAND,
        )


def cpu() -> Iterator[Finding]:
    """What makes networks fast here."""
    from engines.runtimes.openvino_package import load_openvino

    yield Finding("ok", processor())
    core = load_openvino().Core()
    for device in core.available_devices:
        name = core.get_property(device, "FULL_DEVICE_NAME")
        yield Finding("ok", f"OpenVINO device {device}: {name}")
    if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        yield Finding("ok", "this CPU supports bf16")
    else:
        yield Finding("note", "this CPU has no bf16, so --precision bf16 computes in fp32")
    if flags() & INT8_FLAGS:
        yield Finding("ok", "this CPU has int8 dot products (VNNI or similar)")
    elif flags():
        yield Finding("note", "this CPU has no int8 dot products, so int8 gains little over fp32")


def nvidia() -> Iterator[Finding]:
    """The driver, asked itself; there need be none. Then what its GPUs need."""
    from engines.nvidia.driver import find_gpus
    from engines.nvidia.open import lacking, runtime

    try:
        gpus = find_gpus()
    except DeviceError as error:
        yield Finding("note", f"{str(error).rstrip('.')}: the CPU is used")
        return
    for gpu in gpus:
        major, minor = gpu.capability
        about = f"{gpu.name}, compute capability {major}.{minor}, {gpu.memory / 2**30:.0f} GiB"
        if not gpu.usable:
            yield Finding("note", f"{about}: too old, the CPU is used")
            continue
        try:
            what = f"used, with {runtime(gpu)}"
        except DeviceError:
            what = "not used, because something is missing"
        yield Finding("ok", f"{about}: {what}")
        for text, remedy in lacking(gpu):
            yield Finding("note", f"{gpu.name}: {text}", remedy)
        if gpu.driver < MIN_DRIVER_CUDA:
            text = "the driver supports CUDA {}.{}, but TensorRT of requirements-gpu.txt needs 13.0"
            text = text.format(gpu.driver // 1000, gpu.driver % 1000 // 10)
            remedy = "update the driver to 580 or newer: https://www.nvidia.com/drivers"
            yield Finding("note", f"{gpu.name}: {text}", remedy)


def cameras(devices: Path = Path("/dev")) -> Iterator[Finding]:
    """Webcams, and whether this user may open them."""
    if sys.platform != "linux":
        yield Finding("note", "cameras can be listed only on Linux; try --source webcam")
        return
    found = sorted(devices.glob("video*"))
    if not found:
        yield Finding("note", f"no camera in {devices} (--source webcam needs one)")
    for device in found:
        if os.access(device, os.R_OK | os.W_OK):
            yield Finding("ok", f"camera {device}")
        else:
            remedy = "sudo usermod -aG video $USER, then log out and in"
            yield Finding("note", f"camera {device} cannot be opened by this user", remedy)


def weights() -> Iterator[Finding]:
    """What each model would run with, and where more would be put."""
    from engines.models.card import card_names, load_card
    from engines.models.places import cache_folder, named_folders
    from engines.models.weights import locate
    from engines.types.errors import WeightsError
    from realtime.default_model import MORE_ACCURATE

    elsewhere = []
    for card in map(load_card, card_names()):
        try:
            located = locate(card, download=False)
        except WeightsError:
            elsewhere.append(card.name)
        else:
            yield Finding("ok", f"{card.name}, {located.precision}: {located.paths[0]}")
    better = [name for name in MORE_ACCURATE if name in elsewhere]
    if better:
        yield Finding(
            "note",
            f"not here, and more accurate than the bundled models: {' and '.join(better)}",
            "posestream models fetch",
        )
    if others := [name for name in elsewhere if name not in better]:
        yield Finding(
            "note",
            f"not here, and downloaded when you name them: {', '.join(others)}",
            "posestream models info NAME says where from",
        )
    for folder in named_folders():
        if not folder.is_dir():
            yield Finding("note", f"POSE_WEIGHTS names {folder}, which is not a folder")
    cache = cache_folder()
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Finding("ok", f"weights can be downloaded into {cache}")
    else:
        remedy = "put weights into a folder of your own and name it in POSE_WEIGHTS"
        yield Finding(
            "note", f"weights cannot be downloaded into {cache}: {there} is not writable", remedy
        )


def accuracy() -> Iterator[Finding]:
    """What can be expected of the models that are here, and of second looks with them."""
    from engines.models.card import load_card
    from engines.models.measured import cards_of, measured, measured_on
    from engines.models.weights import locate
    from engines.types.errors import WeightsError

    for one in measured():
        if one.height or one.precision != "int8":
            continue  # those at their defaults will do
        try:
            locate(load_card(one.model), "int8", download=False)
            for card in cards_of(one)[1:]:
                locate(card, download=False)
        except WeightsError:
            continue
        ms = f", {one.ms(1):.0f} ms with one person on {measured_on().processor}"
        yield Finding("ok", f"{one.name}: AP {one.ap:.3f}{ms if one.ms(1) else ''}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


CHECKS = (packages, opencv, video, cpu, nvidia, cameras, weights, accuracy)
