"""The one error that this package raises for what its caller can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from calibration.geometry.errors import CalibrationError
from engines.types.errors import EngineError
from realtime.types.errors import RealtimeError


class PosestreamError(Exception):
    """Its text says what happened and what to do; the cause is what one of the inner packages
    raised, if any.
    """


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the inner packages become PosestreamError; also a decorator."""
    try:
        yield
    except (EngineError, RealtimeError, CalibrationError) as error:
        raise PosestreamError(str(error)) from error
