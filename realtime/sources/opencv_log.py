"""Silence for OpenCV, which prints to the terminal what we say in a sentence of our own."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def hushed() -> Iterator[None]:
    """OpenCV's own log is off inside the `with`."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
