"""Time: sources, threads, people, tracks and outputs."""

import os

# Before cv2, which reads it when it is loaded. The largest cameras have 200 million pixels; a few
# kilobytes of PNG can ask for gigabytes.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(250 * 10**6))

# cv2 before av, always: the other way round cv2.imshow hangs for ever (both bring a libxcb and an
# FFmpeg of their own). Every module that imports av lies in this package, so this line comes first.
import cv2 as cv2


def __getattr__(name: str) -> object:
    """`from realtime import stream`: loaded when it is asked for, for it loads all the rest."""
    if name == "stream":
        from realtime.assembly import stream

        return stream
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
