"""Photos: one, a folder of them, or all that a pattern matches."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Image
from engines.types.skeleton import Skeleton
from realtime.sources.av_image import read_still
from realtime.sources.listing.file_names import natural, unique_names
from realtime.sources.listing.skip_unreadable import readable
from realtime.sources.opencv_log import hushed, libpng_hushed
from realtime.sources.stills.heif import is_heif
from realtime.sources.stills.pictures_in_file import bits_of, pictures_in
from realtime.sources.stills.tiff_tags import has_alpha, orientation_of
from realtime.types.errors import SourceError
from realtime.types.frames import Frame

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEEP_ENDINGS = (".jp2", ".pam", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff")  # of 16 bits too
DARK_BITS = 12
# OpenCV's formats of whole-number pixels, and those of phones. A GIF is a video.
IMAGE_ENDINGS = {
    *(
        ".avif",
        ".bmp",
        ".dib",
        ".heic",
        ".heif",
        ".jp2",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pam",
        ".pbm",
        ".pgm",
        ".png",
    ),
    *(".pnm", ".ppm", ".ras", ".sr", ".tif", ".tiff", ".webp"),
}


def is_image(path: str) -> bool:
    """Whether the name ends as an image's does."""
    return os.path.splitext(path)[1].lower() in IMAGE_ENDINGS


def images_in(folder: str) -> list[str]:
    """Paths of the images that lie in the folder itself, in natural order; hidden files are not
    looked at. SourceError where there is none.
    """
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise SourceError(f"Folder {folder} cannot be read: {error.strerror}.") from error
    found = _sorted_images(os.path.join(folder, n) for n in names if not n.startswith("."))
    if not found:
        if not os.access(folder, os.X_OK):
            raise SourceError(f"Files in folder {folder} cannot be read: Permission denied.")
        raise SourceError(
            f"Folder {folder} contains no images ({', '.join(sorted(IMAGE_ENDINGS))}) and no "
            "OpenPose JSON; to play a video, name the file itself."
        )
    return found


def glob_images(pattern: str) -> list[str]:
    """Paths of the images that match the pattern, in natural order; ** stands for any folders.

    SourceError where there is none.
    """
    found = _sorted_images(glob.iglob(pattern, recursive=True))
    if not found:
        raise SourceError(f"No image matches {pattern!r}.")
    return found


def _sorted_images(paths: Iterable[str]) -> list[str]:
    return sorted((path for path in paths if is_image(path) and os.path.isfile(path)), key=natural)


def read_image(path: str, dark: list[str] | None = None) -> Image:
    """(H, W, 3) uint8 BGR, upright by its EXIF; grey, 16-bit and transparent images as well.

    Transparency is ignored. dark: is added the name of a file of 16-bit values of which none needs
    more than 12, so that the picture is nearly black. SourceError says why a file cannot be read.
    """
    name = os.path.basename(path)
    if path.lower().endswith(".avif"):
        return read_still(path)  # OpenCV leaves out how it is to be turned
    data = _bytes_of(path, name)
    content = data.tobytes()
    if is_heif(content):  # also of those that are called .jpg
        return read_still(path)
    if (count := pictures_in(content)) > 1:
        raise SourceError(
            f"{name} contains {count} pictures, but only files of one are read; convert it to a "
            "video, or save its pictures one by one."
        )
    image = _decoded(name, data, cv2.IMREAD_COLOR)
    if has_alpha(content):  # OpenCV has multiplied it into the colours
        image = read_still(path, orientation_of(content))
    deep = path.lower().endswith(DEEP_ENDINGS) and bits_of(content) not in (1, 2, 4, 8)
    if deep and dark is not None:
        raw = _decoded(name, data, cv2.IMREAD_UNCHANGED)
        if raw.dtype == np.uint16 and 0 < int(raw.max()) < 1 << DARK_BITS:
            dark.append(name)
    return np.asarray(image, np.uint8)


def _bytes_of(path: str, name: str) -> NDArray[np.uint8]:
    try:
        # cv2.imread fails on names beyond the code page of Windows, and never says why.
        data: NDArray[np.uint8] = np.fromfile(path, np.uint8)
        return data
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror}.") from error


def _decoded(name: str, data: NDArray[np.uint8], how: int) -> NDArray[Any]:
    try:
        with hushed(), libpng_hushed() if data[:8].tobytes() == PNG_SIGNATURE else nullcontext():
            whole = len(data) and not _overdrawn(data.tobytes())
            image = cv2.imdecode(data, how) if whole else None
    except cv2.error as error:  # so many pixels that OpenCV refuses, or memory does
        most = int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"]) // 10**6
        raise SourceError(
            f"{name} cannot be read: it is damaged or has more than {most} million pixels."
        ) from error
    if image is None:
        raise SourceError(f"{name} cannot be read: it is damaged or not an image.")
    return np.asarray(image)


def _overdrawn(data: bytes) -> bool:
    """Whether a PNG has a chunk larger than the file; OpenCV would fill up to 4 GB for it."""
    at = len(PNG_SIGNATURE)
    while data.startswith(PNG_SIGNATURE) and at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if size > len(data):
            return True
        at += 12 + size  # with its length, name and checksum
    return False


class ImageSource:
    """Images one after the other, each with its own name.

    rate: fps of the video that the images are frames of; photos come at 1 fps.

    Broken images among good ones are skipped and reported in the notes. SourceError where
    every image is broken, or --start lies behind the last.
    """

    live = False
    skeleton: Skeleton | None = None

    def __init__(
        self,
        name: str,
        paths: Sequence[str],
        chosen: range,
        clock: Callable[[], float] = time.monotonic,
        rate: float | None = None,
    ) -> None:
        self.name = name
        self.rate: float | None = rate or 1.0
        self._notes: list[str] = []
        self.notes: Sequence[str] = self._notes
        self._images = list(zip(paths, unique_names(paths), strict=True))
        self._chosen = range(len(paths))[chosen.start : chosen.stop : chosen.step]
        self._clock = clock
        self._fps = rate or 1.0
        self.total: int | None = len(self._chosen)
        if not self._chosen:
            images = "1 image" if len(paths) == 1 else f"{len(paths)} images"
            raise SourceError(f"--start {chosen.start} leaves nothing: {name} has {images}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        dark: list[str] = []

        def read(index: int) -> Image:
            return read_image(self._images[index][0], dark)

        try:
            for index, image in readable(self._chosen, read, "images", self._notes):
                name = self._images[index][1]
                yield Frame(self.name, index, name, index / self._fps, self._clock(), image)
        finally:
            if dark:
                self._notes.append(_about_dark(dark))


def _about_dark(names: Sequence[str]) -> str:
    what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} other images"
    uses = "uses" if len(names) == 1 else "use"
    return (
        f"{what} {uses} at most {DARK_BITS} of 16 bits, so that they look nearly black; multiply "
        f"the values by {1 << 16 - DARK_BITS} when saving them."
    )
