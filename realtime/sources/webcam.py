"""Cameras of this computer."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from engines.types.arrays import Image
from realtime.sources.opencv_log import hushed
from realtime.sources.reconnecting import Connection
from realtime.types.errors import SourceError

# The system's own interface. On Windows DirectShow: it opens at once, where Media Foundation may
# take half a minute, and lets MJPEG be asked for.
BACKENDS = {
    "linux": cv2.CAP_V4L2,
    "darwin": cv2.CAP_AVFOUNDATION,
    "win32": cv2.CAP_DSHOW,
}
MAX_CAMERAS = 10  # cameras looked for where the system cannot list them
MAX_WARM_UP_GRABS = 10  # that may fail before a camera's first picture
MAX_FAILED_GRABS = 5  # failed grabs in a row after which it is lost
FREEZE_SECONDS = 3.0  # after which one failed grab is enough: the driver itself waits long in each
DEMO = "To see poses without a camera, run python -m posestream demo."


class CaptureDevice(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...
    def set(self, key: int, value: float, /) -> bool: ...
    def get(self, key: int, /) -> float: ...
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def release(self) -> None: ...


def open_camera(index: int) -> CaptureDevice:
    """The camera of that number through the system's own interface."""
    return cv2.VideoCapture(index, BACKENDS.get(sys.platform, cv2.CAP_ANY))


def camera_indices(devices: Path = Path("/dev")) -> list[int]:
    """Numbers of the cameras that may be there; on Linux those of /dev/video*."""
    if sys.platform != "linux":
        return list(range(MAX_CAMERAS))
    found = (re.fullmatch(r"video([0-9]+)", path.name) for path in devices.glob("video*"))
    return sorted(int(match[1]) for match in found if match)


class WebcamConnector:
    """Connects to the first of the given cameras that delivers a picture, and from then on to
    that one alone.

    It is asked for MJPEG, without which USB carries large pictures only slowly, for a size and a
    rate; a camera that has none of these gives what it has.
    """

    def __init__(
        self,
        indices: Sequence[int],
        *,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        open_camera: Callable[[int], CaptureDevice] = open_camera,
    ) -> None:
        self.name = f"webcam{indices[0]}" if len(indices) == 1 else "webcam"
        self._indices = indices
        self._size = size
        self._fps = fps
        self._clock = clock
        self._open_camera = open_camera

    def __call__(self) -> Connection:
        """SourceError where no camera works."""
        for index in self._indices:
            with hushed():
                camera = self._open_camera(index)
                image = self._first_image(camera)
            if image is None:
                camera.release()
                continue
            self._indices = [index]
            notes = []
            high, wide = image.shape[:2]
            if self._size not in (None, (wide, high)):
                notes.append(f"webcam{index} delivers {wide}x{high} instead of the requested size.")
            return WebcamConnection(f"webcam{index}", camera, notes, self._clock)
        raise SourceError(no_camera(self._indices))

    def _first_image(self, camera: CaptureDevice) -> Image | None:
        """Set the camera up; None unless it delivers."""
        if not camera.isOpened():
            return None
        # The format first: it decides which sizes and rates there are.
        camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if self._size is not None:
            camera.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
            camera.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        if self._fps is not None:
            camera.set(cv2.CAP_PROP_FPS, self._fps)
        camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # no old pictures
        for _ in range(MAX_WARM_UP_GRABS):
            image = _retrieve(camera) if camera.grab() else None
            if image is not None:
                return image
        return None


class WebcamConnection:
    """A camera that works; its pictures are stamped right after the grab."""

    def __init__(
        self, name: str, camera: CaptureDevice, notes: Sequence[str], clock: Callable[[], float]
    ) -> None:
        self.name = name
        rate = camera.get(cv2.CAP_PROP_FPS)
        self.rate = rate if rate > 0 else None
        self.notes = notes
        self._camera = camera
        self._clock = clock
        self._seen: float | None = None

    def read(self, wanted: bool) -> tuple[float, Image | None]:
        """The next picture; only those that are wanted are decoded."""
        for _ in range(MAX_FAILED_GRABS):
            grabbed = self._camera.grab()
            captured = self._clock()
            image = _retrieve(self._camera) if grabbed and wanted else None
            if grabbed and (image is not None or not wanted):
                self._seen = captured
                return captured, image
            if self._seen is not None and captured - self._seen > FREEZE_SECONDS:
                break
        raise SourceError("it stopped delivering pictures. Was it unplugged?")

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.release()


def _retrieve(camera: CaptureDevice) -> Image | None:
    """The grabbed picture in memory of its own, None where it is broken."""
    try:
        delivered, image = camera.retrieve()
    except cv2.error:
        return None
    return np.asarray(image, np.uint8) if delivered and image is not None and image.size else None


def no_camera(
    indices: Sequence[int], platform: str = sys.platform, devices: Path = Path("/dev")
) -> str:
    """A sentence that says why no camera works, as far as can be told."""
    if platform != "linux":
        return (
            "No camera delivers pictures. Is it plugged in, in use by another program, or blocked "
            f"for this terminal by the system's privacy settings? {DEMO}"
        )
    there = [devices / f"video{index}" for index in indices]
    there = [path for path in there if path.exists()]
    if not there:
        known = ", ".join(f"webcam:{index}" for index in camera_indices(devices))
        if known:
            return f"There is no camera {indices[0]}; try {known}."
        return (
            f"There is no camera: {devices}/video* does not exist (is it plugged in, and passed "
            f"on to the container?). {DEMO}"
        )
    if not any(os.access(path, os.R_OK | os.W_OK) for path in there):
        return (
            f"{there[0]} cannot be opened: permission denied. Join its group (sudo usermod -aG "
            "video $USER), then log out and in."
        )
    return (
        f"{there[0]} delivers no picture. Is it in use by another program, or not a video camera?"
    )
