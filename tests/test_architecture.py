"""The shape of the house: who may import whom, and what may lie where."""

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("engines", "calibration", "realtime", "posestream", "training")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# Package -> what it may import of the project.
BELOW = {
    "engines": {"engines"},
    "calibration": {"calibration"},
    "realtime": {"realtime", "engines", "calibration"},
    "posestream": {"posestream", "realtime", "engines", "calibration", "training"},
    "training": {"training", "engines"},
}
# Library -> the only places that may import it.
ROOMS = {
    "openvino": {"engines/runtimes/openvino_package.py"},
    "av": {"realtime/"},
    "aiohttp": {"realtime/web/", "realtime/studio/"},
    "ezc3d": {"realtime/mocap/c3d.py"},
    "pythonosc": {"realtime/avatars/vmc_protocol.py"},
    "pyarrow": {"realtime/sinks/tables/parquet.py"},
    "torch": {"engines/runtimes/pytorch.py", "engines/networks/", "training/"},
    "pycuda": {"engines/nvidia/cuda_stream.py"},
    "tensorrt": {"engines/nvidia/tensorrt_engine.py", "engines/nvidia/plan_cache.py"},
    "tensorrt_rtx": {"engines/nvidia/tensorrt_engine.py", "engines/nvidia/plan_cache.py"},
    "onnx": {"engines/onnx_export/", "engines/networks/", "training/shipping/"},
    "ray": {"posestream/batch/cluster.py"},
    "zenoh": {"realtime/nodes/session.py"},
    "nncf": {"training/shipping/quantise.py"},
}
MOST_LINES = 400
MOST_MODULES = 15  # directly in one folder; more want rooms


@cache
def imports(path: Path) -> list[str]:
    """Dotted names; of `from a.b import c`, a.b.c where that is a module."""
    return [*_imports(path)]


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module, path
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if file_of(whole) else node.module


def file_of(module: str) -> Path | None:
    """The project's file of a module."""
    if module.partition(".")[0] not in PACKAGES:
        return None
    path = ROOT.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    return None


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_imports_go_down_only() -> None:
    wrong = []
    for path in MODULES:
        allowed = BELOW[path.relative_to(ROOT).parts[0]]
        for module in imports(path):
            top = module.partition(".")[0]
            above = top in ("tests", "run") or (top in PACKAGES and top not in allowed)
            rooms = ROOMS.get(top)
            if above or (rooms and not any(name(path).startswith(room) for room in rooms)):
                wrong.append(f"{name(path)} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle_of_folders(package: str) -> None:
    """Every folder is a room, and of two rooms one at most knows the other."""
    knows: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] != package or path.name == "__main__.py":
            continue
        for module in imports(path):
            file = file_of(module)
            if file and file.parent != path.parent:
                knows[name(path.parent)].add(name(file.parent))
    try:
        tuple(TopologicalSorter(knows).static_order())
    except CycleError as circle:
        pytest.fail(f"folders that import each other: {' -> '.join(circle.args[1])}")


def test_no_folder_is_full() -> None:
    found = Counter(name(path.parent) for path in MODULES if path.name != "__init__.py")
    assert {folder: n for folder, n in found.items() if n > MOST_MODULES} == {}


def test_no_module_is_long() -> None:
    found = {name(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {path: lines for path, lines in found.items() if lines > MOST_LINES} == {}
    assert len((ROOT / "run.py").read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize(
    "module", ["realtime.sources.video", "realtime.sinks.files.video_file", "realtime.assembly"]
)
def test_opencv_is_loaded_before_av(module: str) -> None:
    """The other way round a window hangs for ever."""
    code = (
        f"import sys, {module}\n"
        "order = list(sys.modules)\n"
        "assert 'av' not in order or order.index('cv2') < order.index('av')\n"
        "assert 'cv2' in order"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_runtimes_are_imported_only_when_used() -> None:
    """A machine without a runtime never pays for it."""
    code = (
        "import sys, realtime.assembly\n"
        f"loaded = { {*ROOMS, 'aiohttp'} - {'av'} } & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_containers_get_every_package_that_runs() -> None:
    """Training alone is not for them."""
    wanted = {one.parent.name for one in ROOT.glob("*/__init__.py")} - {"tests", "training"}
    for file in (ROOT / "docker").glob("*.Dockerfile"):
        copied = set(re.findall(r"^COPY (\w+) \1$", file.read_text(), re.MULTILINE))
        assert copied == wanted, file.name
