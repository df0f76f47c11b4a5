"""The process that meets the input: one case after the other, as its parent asks.

Requests and answers are lines of JSON. What the program prints itself goes to a file, as users
would see it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import importlib
import json
import os
import re
import resource
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Protocol

from calibration.geometry.errors import CalibrationError
from engines.types.errors import EngineError
from realtime.types.errors import RealtimeError

OWN = (EngineError, RealtimeError, CalibrationError)
MAX_SENTENCE = 800  # characters of a sentence
MEMORY = 12 << 30  # bytes of address space, lest one case takes the machine down


class Kind(Protocol):
    """Cases of one kind. share: of 10 000. limit: seconds that a case may take.

    case: runs one; whether its input was accepted. The package's own errors are refusals, all
    else that it raises is a finding. speaks: pattern of the lines that may be printed.
    """

    share: int
    limit: float
    speaks: str

    def __init__(self, folder: Path) -> None: ...
    def case(self, rng: Random) -> bool: ...
    def close(self) -> None: ...


class Finding(AssertionError):
    """What the program should not have done."""


def check_sentence(text: str) -> None:
    """Finding unless it is a sentence for a user: one line, not too long, nothing unprintable."""
    if not text or len(text) > MAX_SENTENCE or not text.isprintable():
        raise Finding(f"no sentence of {MAX_SENTENCE} characters, but {len(text)}: {text[:600]!r}")


def draw_case(seed: int, kind: str, number: int) -> Random:
    """The dice of one case, the same whenever and in whatever order it is run."""
    return Random(f"{seed}/{kind}/{number}")


class Worker:
    """Holds the kind that is being run, and tells how each case went."""

    def __init__(self, folder: Path, log: int) -> None:
        self._folder = folder
        self._log = log
        self._name = ""
        self._kind: Kind | None = None

    def serve(self, request: dict[str, Any]) -> dict[str, Any]:
        if "open" in request:
            return self._open(request["open"])
        if "measure" in request:
            return measure()
        if "close" in request:
            self._close()
            return {}
        return self._run(draw_case(request["seed"], self._name, request["case"]))

    def _open(self, name: str) -> dict[str, Any]:
        self._close()
        folder = self._folder / name.rpartition(".")[2]
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
        self._name = name
        self._kind = importlib.import_module(name).Kind(folder)
        self._said()
        return {"limit": self._kind.limit}

    def _close(self) -> None:
        if self._kind is not None:
            self._kind.close()
            self._kind = None

    def _run(self, rng: Random) -> dict[str, Any]:
        assert self._kind is not None
        try:
            try:
                accepted = self._kind.case(rng)
            except OWN as error:
                accepted = False
                check_sentence(str(error))
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - any is a finding
            self._said()
            brief = f"{type(error).__name__}: {error}"
            return {"finding": brief, "details": "".join(traceback.format_exception(error))}
        said = self._said()
        allowed = re.compile(self._kind.speaks)
        lines = [line for line in said.splitlines() if not allowed.fullmatch(line)]
        if lines or "Traceback" in said:
            return {"finding": f"printed {lines[-3:]}", "details": said}
        return {"accepted": accepted}

    def _said(self) -> str:
        """What was printed since the last time."""
        sys.stdout.flush()
        sys.stderr.flush()
        said = os.pread(self._log, 1 << 20, 0).decode(errors="replace")
        if said:
            os.ftruncate(self._log, 0)
        return said


def measure() -> dict[str, int]:
    """What this process holds after it has let go of what it can."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0]) // 1024
    threads = int(status.partition("Threads:")[2].split()[0])
    return {
        "MiB": resident,
        "threads": threads,
        "open files": len(os.listdir("/proc/self/fd")),
        "Python threads": threading.active_count(),
    }


def main() -> None:
    folder, log_path = map(Path, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers = os.fdopen(os.dup(1), "w")
    log = os.open(log_path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.enable(all_threads=True)  # a crash, and SIGABRT after a hang, say where
    worker = Worker(folder, log)
    requests = os.fdopen(os.dup(0), "r")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for line in requests:
        answers.write(json.dumps(worker.serve(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
