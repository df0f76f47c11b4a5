"""Several GPUs in one thread: each is the thread's only while it works."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from engines.runtimes.device_estimator import OnDevice
from engines.types.arrays import Image
from engines.types.evidence import Evidence


class Context(Protocol):
    """A GPU's context, as `Cuda` has it."""

    def current(self) -> AbstractContextManager[None]: ...
    def take(self) -> None: ...
    def let_go(self) -> None: ...


class Aside:
    """An Estimator whose GPU is the thread's only while it works, so that one thread can feed
    several GPUs. It closes the GPU when it is closed.
    """

    def __init__(self, cuda: Context, estimator: OnDevice) -> None:
        """cuda: current in this thread, which it no longer is then."""
        self._cuda, self._estimator = cuda, estimator
        self.depth, self.decoder = estimator.depth, estimator.decoder
        cuda.let_go()

    def submit(self, images: Sequence[Image]) -> None:
        """Start on a set of (H, W, 3) BGR pictures, of any sizes."""
        with self._cuda.current():
            self._estimator.submit(images)

    def result(self) -> list[Evidence]:
        """The evidence of the oldest set in flight, in picture pixels."""
        with self._cuda.current():
            return self._estimator.result()

    def close(self) -> None:
        """Wait for what is in flight and let the device go."""
        self._cuda.take()
        self._estimator.close()
