"""What a file sounds like."""

from __future__ import annotations

import cv2  # noqa: F401 - before av: the other way round a window hangs for ever

import av  # isort: skip
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from realtime.types.errors import SourceError


def listen(path: str, rate: int) -> tuple[float, NDArray[np.float64]]:
    """The time of the first sample, on the clock of the file's pictures, and all samples of one
    channel at that rate; gaps are silent. SourceError where the file has no sound.
    """
    try:
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            stream = container.streams.best("audio")
            if not isinstance(stream, AudioStream) or stream.codec_context is None:
                raise SourceError(f"{path} has no sound.")
            resampler = AudioResampler(format="flt", layout="mono", rate=rate)
            begin: float | None = None
            pieces: list[tuple[int, NDArray[np.float64]]] = []
            for frame in container.decode(stream):
                if begin is None:
                    begin = float(frame.time or 0.0)
                for one in resampler.resample(frame):
                    pieces.append(_placed(one, begin, rate, pieces))
            for one in resampler.resample(None):
                pieces.append(_placed(one, begin or 0.0, rate, pieces))
    except av.FFmpegError as error:
        raise SourceError(f"The sound of {path} cannot be read: {error.strerror}.") from error
    if begin is None:
        raise SourceError(f"{path} has no sound.")
    whole = np.zeros(max(at + len(own) for at, own in pieces) if pieces else 0)
    for at, own in pieces:
        whole[at : at + len(own)] = own
    return begin, whole


def _placed(
    frame: AudioFrame, begin: float, rate: int, before: list[tuple[int, NDArray[np.float64]]]
) -> tuple[int, NDArray[np.float64]]:
    """Where a piece begins, in samples from the first, and its samples."""
    samples = frame.to_ndarray().ravel().astype(np.float64)
    end = before[-1][0] + len(before[-1][1]) if before else 0
    at = end if frame.time is None else max(round((frame.time - begin) * rate), 0)
    # Rounding of the file's own times is no gap.
    return (end if abs(at - end) < 0.02 * rate else at), samples
