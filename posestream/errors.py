"""The one error that this package raises for what its caller can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def expect(value: object, kind: type | tuple[type, ...], wanted: str) -> None:
    """PosestreamError unless the value is of that type. wanted: how the sentence begins."""
    if not isinstance(value, kind):
        raise PosestreamError(f"{wanted}, not {type(value).__name__}.")


def numbers(value: ArrayLike, what: str) -> NDArray[np.float64]:
    """As an array; PosestreamError where it is none."""
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise PosestreamError(f"{what} are an array of numbers, not {value!r:.40}.") from None
