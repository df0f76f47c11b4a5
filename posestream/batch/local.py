"""Work in a process of its own beside this one, which a file that kills it does not take along."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Self

from engines.runtimes.kept_networks import keep_networks
from posestream.batch.work import Job, Outcome, work

DIED = (
    "Its process was killed, perhaps for the memory that it took; try it alone: posestream {source}"
)


class Worker:
    """A process that does one job after the other, and keeps its networks between them."""

    def __init__(self) -> None:
        # Spawned: a fork would inherit the threads' locks of libraries, but not the threads.
        self._context = multiprocessing.get_context("spawn")
        self._pipe: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def __call__(self, job: Job) -> Outcome:
        """Never raises for what happens to the process."""
        if self._pipe is None:
            self._start()
        assert self._pipe is not None
        try:
            self._pipe.send(job)
            outcome: Outcome = self._pipe.recv()
            return outcome
        except (EOFError, OSError):
            self._end()
            source = job.recording.sources[0]
            return Outcome(job.recording.name, error=DIED.format(source=source))

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
            self._process.terminate()
            self._process.join()


def _serve(jobs: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; who gave the job ends this
    logging.basicConfig(format="posestream: %(message)s", level=logging.ERROR)
    with keep_networks(), suppress(EOFError, OSError):
        while True:
            jobs.send(work(jobs.recv()))


def run_here(jobs: Sequence[Job], retries: int) -> Iterator[Outcome]:
    """How each job went, in their order. retries: how often one that failed is tried again."""
    with Worker() as worker:
        for job in jobs:
            outcome = worker(job)
            attempts = 1
            while outcome.error is not None and attempts <= retries:
                outcome = worker(job)
                attempts += 1
            yield replace(outcome, attempts=attempts)
