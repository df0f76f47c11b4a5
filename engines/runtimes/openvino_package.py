"""The package openvino; imports nothing else, so that it can be asked for anywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engines.types.errors import DeviceError

TELEMETRY = "openvino_telemetry"


def load_openvino() -> Any:
    """The package openvino, loaded when it is needed; DeviceError where it is not installed."""
    try:
        with no_telemetry():
            import openvino
            import openvino.passes
    except ImportError as error:
        raise DeviceError(
            f"OpenVINO cannot be imported ({error}); run pip install -r requirements.txt."
        ) from error
    return openvino


@contextmanager
def no_telemetry() -> Iterator[None]:
    """OpenVINO and NNCF, imported within, find nothing to report with.

    Else the import alone tells Google Analytics of it, without having asked, and leaves a number
    by which it knows the user in their home folder. Where somebody has imported it before, it is
    theirs to say.
    """
    if TELEMETRY in sys.modules:
        yield
        return
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # an ImportError for who wants it
    try:
        yield
    finally:
        del sys.modules[TELEMETRY]
