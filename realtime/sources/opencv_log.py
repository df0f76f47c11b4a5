"""Silence for OpenCV, which prints to the terminal what we say in a sentence of our own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import cv2

STDERR = 2
LIBRARIES = (b"libpng warning:", b"libpng error:")


@contextmanager
def hushed() -> Iterator[None]:
    """OpenCV's own log is off inside the `with`."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


@contextmanager
def libpng_hushed() -> Iterator[None]:
    """libpng, which writes to file descriptor 2 whatever OpenCV's log is, is not heard; all that
    others write there meanwhile follows when the `with` is left.
    """
    with ExitStack() as stack:
        try:
            aside = stack.enter_context(tempfile.TemporaryFile())
            kept = os.dup(STDERR)
        except OSError:  # no place for temporary files, or no stderr
            yield
            return
        os.dup2(aside.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(kept, STDERR)
            os.close(kept)
            aside.seek(0)
            lines = [line for line in aside if not line.startswith(LIBRARIES)]
            with suppress(OSError):
                os.write(STDERR, b"".join(lines))
