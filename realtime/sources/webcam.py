"""Cameras of this computer."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Protocol, Self

import cv2
import numpy as np

from engines.poses import Image
from realtime.errors import SourceError
from realtime.frames import Frame
from realtime.sources.hush import hushed

# The system's own interface. On Windows DirectShow: it opens at once, where Media Foundation may
# take half a minute, and lets MJPEG be asked for.
BACKENDS = {
    "linux": cv2.CAP_V4L2,
    "darwin": cv2.CAP_AVFOUNDATION,
    "win32": cv2.CAP_DSHOW,
}
MOST = 10  # cameras looked for where the system cannot list them
WARM_UP = 10  # grabs that may fail before a camera's first picture
PATIENCE = 5  # failed grabs in a row that end it; the driver itself waits seconds in each


class Camera(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...
    def set(self, key: int, value: float, /) -> bool: ...
    def get(self, key: int, /) -> float: ...
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def release(self) -> None: ...


def open_camera(index: int) -> Camera:
    """The camera of that number through the system's own interface."""
    return cv2.VideoCapture(index, BACKENDS.get(sys.platform, cv2.CAP_ANY))


def camera_indices(devices: Path = Path("/dev")) -> list[int]:
    """Numbers of the cameras that may be there; on Linux those of /dev/video*."""
    if sys.platform != "linux":
        return list(range(MOST))
    found = (re.fullmatch(r"video([0-9]+)", path.name) for path in devices.glob("video*"))
    return sorted(int(match[1]) for match in found if match)


class WebcamSource:
    """The first of the given cameras that delivers a picture, as long as it does.

    It is asked for MJPEG, without which USB carries large pictures only slowly, for a size and a
    rate; a camera that has none of these gives what it has. A frame is stamped right after its
    grab. SourceError where no camera works, or when it stops.
    """

    live = True
    total: int | None = None

    def __init__(
        self,
        indices: Sequence[int],
        chosen: range,
        *,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        open_camera: Callable[[int], Camera] = open_camera,
    ) -> None:
        self.name = f"webcam{indices[0]}" if len(indices) == 1 else "webcam"
        self.rate: float | None = None
        self._notes: list[str] = []
        self.notes: Sequence[str] = self._notes
        self._indices = indices
        self._chosen = chosen
        self._size = size
        self._fps = fps
        self._clock = clock
        self._open_camera = open_camera
        self._camera: Camera | None = None
        self._busy = Lock()

    def __enter__(self) -> Self:
        for index in self._indices:
            with hushed():
                camera = self._open_camera(index)
                image = self._first_image(camera)
            if image is None:
                camera.release()
                continue
            self._camera = camera
            self.name = f"webcam{index}"
            rate = camera.get(cv2.CAP_PROP_FPS)
            self.rate = rate if rate > 0 else None
            high, wide = image.shape[:2]
            if self._size not in (None, (wide, high)):
                self._notes.append(f"{self.name} delivers {wide}x{high}, not the size asked for.")
            return self
        raise SourceError(no_camera(self._indices))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # To release a camera while its driver hangs in a grab would crash: it is left to the end
        # of the process.
        if self._camera is not None and self._busy.acquire(blocking=False):
            self._camera.release()
            self._camera = None
            self._busy.release()

    def __iter__(self) -> Iterator[Frame]:
        if self._camera is None:
            raise RuntimeError("enter the source before iterating over it")
        index = failed = 0
        while failed < PATIENCE and index <= self._chosen[-1]:
            wanted = index in self._chosen
            with self._busy:
                grabbed = self._camera.grab()
                captured = self._clock()
                image = _retrieve(self._camera) if grabbed and wanted else None
            if not grabbed or (wanted and image is None):
                failed += 1
                continue
            if image is not None:
                name = f"{self.name}_{index:012d}"
                yield Frame(self.name, index, name, captured, captured, image)
            failed = 0
            index += 1
        if failed:
            raise SourceError(
                f"{self.name} has stopped delivering pictures after {index} of them: "
                "was it unplugged?"
            )

    def _first_image(self, camera: Camera) -> Image | None:
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
        for _ in range(WARM_UP):
            image = _retrieve(camera) if camera.grab() else None
            if image is not None:
                return image
        return None


def _retrieve(camera: Camera) -> Image | None:
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
            "No camera delivers a picture: is it plugged in, used by another program, or kept "
            "from this terminal by the system's privacy settings?"
        )
    there = [devices / f"video{index}" for index in indices]
    there = [path for path in there if path.exists()]
    if not there:
        known = ", ".join(f"webcam:{index}" for index in camera_indices(devices))
        if known:
            return f"There is no camera {indices[0]}; try {known}."
        return (
            f"There is no camera: no {devices}/video* (not plugged in, or kept from a container)."
        )
    if not any(os.access(path, os.R_OK | os.W_OK) for path in there):
        return (
            f"{there[0]} may not be opened: join its group (sudo usermod -aG video $USER), then "
            "log out and in."
        )
    return (
        f"{there[0]} delivers no picture: is it used by another program, or not a camera that "
        "takes pictures?"
    )
