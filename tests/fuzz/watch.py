"""The parent: it hands out cases, and sees what a worker cannot tell of itself."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

ROOT = Path(__file__).parents[2]
STARTING = 120.0  # seconds for imports, and for the whole input that a kind damages
WARM = 0.3  # share of the cases after which everything has its size
# What may be more after the last case than after the warm ones.
GROWTH = {"MiB": 48, "threads": 2, "open files": 2, "Python threads": 2}
FINDINGS = 20  # of one kind, after which it is not gone on with


@dataclass
class Tally:
    """How the cases of one kind went. findings: (case, what was seen, details)."""

    kind: str
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)  # seconds, case
    growth: str = ""
    findings: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def cases(self) -> int:
        return self.accepted + self.refused + len({case for case, _, _ in self.findings})


class Died(Exception):
    """The worker is no more: what was seen, and what it left behind."""


class Process:
    """A worker process, restarted when it dies or hangs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "printed"
        self._child: subprocess.Popen[str] | None = None

    def ask(self, limit: float, **request: Any) -> dict[str, Any]:
        """The worker's answer; Died where there is none in time."""
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker", str(self._folder), str(self._log)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            if not select.select([child.stdout], [], [], limit)[0]:
                child.send_signal(signal.SIGABRT)
                self.end()
                raise Died(f"hangs: no end after {limit:g} s", self._printed())
            answer = child.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            status = self.end()
            how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
            raise Died(f"crashes: {how}", self._printed())
        return dict(json.loads(answer))

    def end(self) -> int:
        """Its exit code."""
        child, self._child = self._child, None
        if child is None:
            return 0
        try:
            child.communicate(timeout=5)  # closes its input
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
        return child.returncode

    def _printed(self) -> str:
        return self._log.read_text(errors="replace")[-8000:] if self._log.exists() else ""


def hunt(
    jobs: Sequence[tuple[str, Sequence[int]]],
    seed: int,
    processes: int = 2,
    *,
    patience: float = 1.0,
) -> dict[str, Tally]:
    """Run the cases (kind's module, numbers) over several worker processes.

    patience: how much longer than its kind says a case may take, on a machine that is busy.
    """
    waiting: SimpleQueue[tuple[str, Sequence[int]]] = SimpleQueue()
    for job in jobs:
        waiting.put(job)
    tallies: dict[str, Tally] = {}

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            process = Process(Path(folder))
            try:
                while True:
                    kind, numbers = waiting.get_nowait()
                    tallies[kind] = run_kind(process, kind, numbers, seed, patience)
            except Empty:
                pass
            finally:
                process.end()

    with ThreadPoolExecutor(processes) as pool:
        for each in [pool.submit(work) for _ in range(processes)]:
            each.result()
    return {kind: tallies[kind] for kind, _ in jobs}


def run_kind(
    process: Process, kind: str, numbers: Sequence[int], seed: int, patience: float
) -> Tally:
    """Each case under its deadline, and what the process holds before and after."""
    tally = Tally(kind.rpartition(".")[2])
    limit: float | None = None
    before: dict[str, Any] | None = None
    began = time.monotonic()
    for place, number in enumerate(numbers):
        try:
            if limit is None:
                limit = patience * float(process.ask(STARTING, open=kind)["limit"])
                began_case = time.monotonic()
            if before is None and place >= WARM * len(numbers):
                before = process.ask(STARTING, measure=True)
            began_case = time.monotonic()
            answer = process.ask(limit, seed=seed, case=number)
        except Died as death:
            if limit is None:
                raise
            tally.findings.append((number, *death.args))
            limit = before = None
        else:
            tally.slowest = max(tally.slowest, (time.monotonic() - began_case, number))
            if "finding" in answer:
                tally.findings.append((number, answer["finding"], answer["details"]))
            elif answer["accepted"]:
                tally.accepted += 1
            else:
                tally.refused += 1
        if len(tally.findings) >= FINDINGS:
            break
    if limit is not None:
        after = process.ask(STARTING, measure=True)
        if before is not None:
            more = {what: after[what] - before[what] for what in GROWTH}
            tally.growth = f"{more['MiB']:+d} MiB"
            for what, most in GROWTH.items():
                if more[what] > most:
                    grown = f"grows: {what} {before[what]} -> {after[what]}"
                    tally.findings.append((numbers[-1], grown, ""))
        process.ask(STARTING, close=True)
    tally.seconds = time.monotonic() - began
    return tally
