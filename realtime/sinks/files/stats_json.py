"""The run's figures in a file, at its end."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol, Self

import av
import cv2
import numpy as np

from engines.machine import cores, memory, processor_name
from engines.parts.kinds import Part
from realtime.runtime.run_metrics import RunMetrics
from realtime.types.errors import OutputError, Stopped
from realtime.types.frames import Source
from realtime.types.results import Result
from realtime.writing.header import PROGRAM
from realtime.writing.whole_files import check_file, write_whole

SAVE_SECONDS = 60.0


class RunningNetwork(Protocol):
    """What runs, as far as the figures need it. network_size: for pictures of a size."""

    @property
    def model(self) -> str: ...
    @property
    def precision(self) -> str: ...
    def network_size(self, picture: tuple[int, int]) -> tuple[int, int]: ...


class StatsSink:
    """Writes a JSON object every minute and when the run ends, whatever ends it: the file is whole
    or not there, and a killed run leaves what was so a minute before at most.

    taken: files that it must not be. network: None where frames bring their poses along. step: of
    the frames chosen. refine: the network that looks again at each person. preset: which one was
    taken, None = none was asked for. parts: the network of each kind of part that is looked for.
    """

    of_the_run = True

    def __init__(
        self,
        path: Path,
        taken: list[Path],
        sources: Sequence[Source],
        network: RunningNetwork | None,
        step: int = 1,
        refine: str | None = None,
        preset: str | None = None,
        parts: Mapping[Part, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_file(path, "--stats", taken)
        self._path = path
        self._network = network
        self._refine = refine
        self._preset = preset
        self._parts = dict(parts or {})
        self._clock = clock
        self._began = self._written = clock()
        self._stats = RunMetrics(sources, step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        self._save(_ending(kind), str(error) if isinstance(error, Exception) else "")

    def _save(self, ended: str | None, error: str = "") -> None:
        data = {
            "program": PROGRAM,
            "ended": ended,
            "error": error or None,
            "seconds": round(self._clock() - self._began, 3),
            **self._stats.report(),
            "model": self._network and self._described(self._network),
            "versions": _versions(),
            "machine": {
                "system": platform.platform(),
                "processor": processor_name(),
                "cores": cores(),
                "memory": memory(),
            },
        }
        write_whole(self._path, f"{json.dumps(data, indent=2)}\n".encode())

    def write(self, result: Result) -> None:
        """Count a result."""
        now = self._clock()
        self._stats.add(result, now)
        if now - self._written >= SAVE_SECONDS:
            self._written = now
            with suppress(OutputError):  # there may be room at the end
                self._save(None)

    def _described(self, network: RunningNetwork) -> dict[str, object]:
        size = self._stats.size
        return {
            "name": network.model,
            "precision": network.precision,
            "refine": self._refine,
            "preset": self._preset,
            "parts": self._parts,
            "input": size and network.network_size(size),
        }


def _ending(kind: type[BaseException] | None) -> str:
    """complete, stopped (by the user or the caller), interrupted (by a signal) or error."""
    if kind is None:
        return "complete"
    if issubclass(kind, Stopped | GeneratorExit):
        return "stopped"
    return "interrupted" if issubclass(kind, KeyboardInterrupt) else "error"


def _versions() -> dict[str, str | None]:
    try:
        openvino = version("openvino")
    except PackageNotFoundError:  # built by hand
        openvino = None
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "av": av.__version__,
        "openvino": openvino,
    }
