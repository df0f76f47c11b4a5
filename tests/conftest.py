"""Fixtures that all tests share."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

# Tests take all cores side by side: threads that spin while they wait for a core that another test
# has would take most of the processor's time (PyTorch's: six times the time of a test of training).
os.environ.setdefault("OMP_NUM_THREADS", "1")

from posestream.main import ENDS

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("POSE_TEST_DATA", ROOT.parent / "shared" / "data")).resolve()


ALONE = "POSE_TEST_ALONE"  # in the environment of a process that runs one test


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Tests that are marked so run in a process beside this one."""
    if pyfuncitem.get_closest_marker("own_process") is None or ALONE in os.environ:
        return None
    file, _, name = pyfuncitem.nodeid.partition("::")
    said = _alone(file)
    assert f"PASSED {file}::{name}\n" in said, said
    return True


@cache
def _alone(file: str) -> str:
    """What is said of the tests of a file that are marked so: one process for all of them."""
    words = [sys.executable, "-m", "pytest", "-q", "-rA", "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*words, "-m", "own_process", file],
        cwd=ROOT,
        env={**os.environ, ALONE: "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout[-30_000:] + done.stderr[-1000:]


def with_weights() -> dict[str, str]:
    """The environment of a child process that finds the test data's weights."""
    return {**os.environ, "POSE_WEIGHTS": os.environ.get("POSE_WEIGHTS", str(DATA / "models"))}


def without_anything(folder: Path) -> dict[str, str]:
    """The environment of a child process without a display, a network or weights of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if "DISPLAY" not in name and "proxy" not in name.lower() and name != "POSE_WEIGHTS"
    }
    return {
        **kept,
        "https_proxy": "http://127.0.0.1:9",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


def without_cuda(reason: str) -> NoReturn:
    """Skip a test for lack of a GPU or what it needs; fail it where POSE_REQUIRE_CUDA is set."""
    if os.environ.get("POSE_REQUIRE_CUDA", "0") not in ("", "0"):
        pytest.fail(f"POSE_REQUIRE_CUDA is set, but: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real test data; skips where it is absent."""
    if not DATA.is_dir():
        pytest.skip("no real test data: set POSE_TEST_DATA to its folder")
    return DATA


@pytest.fixture(autouse=True)
def _nothing_was_said() -> None:
    """Each test hears what a process says once alone."""
    if loaded := sys.modules.get("realtime.default_model"):
        loaded.say_instead.cache_clear()


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """A run in a test's own process leaves neither its silence nor its handlers to later tests."""
    log = logging.getLogger("realtime")
    level, handlers = log.level, {one: signal.getsignal(one) for one in ENDS}
    yield
    log.setLevel(level)
    for one, handler in handlers.items():
        signal.signal(one, handler)


@pytest.fixture
def program(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python run.py WORDS` without a display and in this process, which spares it the start
    (a second or two).
    """
    import run

    def done(*words: object) -> subprocess.CompletedProcess[str]:
        given = [str(word) for word in words]
        monkeypatch.setattr(sys, "argv", ["run.py", *given])
        capfd.readouterr()  # of what was before
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(logging.root, "handlers", [])  # which take warnings from stderr
            try:
                code = run.main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return subprocess.CompletedProcess(given, code, *capfd.readouterr())

    monkeypatch.chdir(ROOT)
    for name in [name for name in os.environ if "DISPLAY" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POSE_WEIGHTS", with_weights()["POSE_WEIGHTS"])
    return done


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No weights but those in the package, and no way to get any."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("POSE_WEIGHTS", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
