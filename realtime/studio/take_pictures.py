"""The pictures of a take, any of them, by their numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import av
import cv2
from av.video.frame import VideoFrame

from engines.types.arrays import Image
from realtime.sources.av_image import Developer
from realtime.types.errors import SourceError

MAX_SIDE_PX = 1280  # of a picture for the page
JPEG_QUALITY = 85
NEAR = 40  # pictures that are rather decoded than jumped over: a key frame comes every second


class Film:
    """A camera's recording. From any thread, one at a time; SourceError where it is no video."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._developer = Developer()
        try:
            self._container = av.open(f"file:{path}")
            self._stream = self._container.streams.video[0]
            packets = self._container.demux(self._stream)
            self._times = sorted(packet.pts for packet in packets if packet.pts is not None)
        except (av.FFmpegError, OSError, IndexError) as error:
            raise SourceError(f"{path.name} cannot be read: {error}.") from error
        self._frames: Iterator[VideoFrame] = iter(())
        self._next = len(self._times)  # number of the picture that decoding would give now

    def __len__(self) -> int:
        return len(self._times)

    def picture(self, number: int) -> Image:
        """(H, W, 3) uint8 BGR. The next one costs least; SourceError where there is none."""
        if not 0 <= number < len(self._times):
            raise SourceError(f"{self._path.name} has {len(self._times)} pictures.")
        with self._lock:
            try:
                if not self._next <= number < self._next + NEAR:
                    self._container.seek(self._times[number], stream=self._stream)
                    self._frames = self._container.decode(self._stream)
                for frame in self._frames:
                    if frame.pts is None:
                        continue
                    self._next = bisect_left(self._times, frame.pts) + 1
                    if frame.pts >= self._times[number]:
                        return self._developer.image(frame)
            except (av.FFmpegError, OSError) as error:
                raise SourceError(f"{self._path.name} cannot be read: {error}.") from error
        raise SourceError(f"{self._path.name} ends before its picture {number}.")

    def jpeg(self, number: int) -> bytes:
        """For the page."""
        image = self.picture(number)
        scale = MAX_SIDE_PX / max(image.shape[:2])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return data.tobytes()

    def close(self) -> None:
        """No more pictures."""
        with self._lock:
            self._container.close()
