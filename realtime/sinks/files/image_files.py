"""Pictures with the poses drawn, as image files."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import cv2

from engines.types.arrays import Image
from realtime.drawing.overlay import Overlay
from realtime.types.errors import OutputError
from realtime.types.frames import Source
from realtime.types.results import Result
from realtime.writing.whole_files import broken, check_file, check_folder, write_whole

WRITABLE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
JPEG_QUALITY = 95


class ImagesSink:
    """Writes `<frame name>.jpg`, or of another ending, into a folder."""

    def __init__(
        self, folder: Path, sources: list[Path], overlay: Overlay, ending: str = ".jpg"
    ) -> None:
        check_folder(folder, "--output")
        self._folder = folder.resolve()
        self.written = str(folder)
        self._ending = ending
        taken = {self._path(file.stem) for file in sources}.intersection(sources)
        if taken:
            raise OutputError(
                f"--output {folder} would overwrite {min(taken).name} of the source; choose "
                f"another folder."
            )
        self._overlay = overlay

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        """One file a view."""
        for picture in self._overlay.pictures(result):
            write_image(self._path(picture.name), picture.image)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{self._ending}"


class ImageSink:
    """Writes the one picture of a source that has no more."""

    def __init__(self, path: Path, source: Source, sources: list[Path], overlay: Overlay) -> None:
        if source.live or source.total != 1:
            raise OutputError(
                f"--output {path} is a single picture, but {source.name} has more; name a .mp4 "
                f"file or a folder."
            )
        check_file(path, "--output", sources)
        self._path = path
        self.written = str(path)
        self._overlay = overlay

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        """The picture of the first view."""
        for picture in self._overlay.pictures(result)[:1]:
            write_image(self._path, picture.image)


def write_image(path: Path, picture: Image) -> None:
    """Write a picture in the form that the path's ending names; OutputError where that fails."""
    try:
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(path.suffix, picture, options if "jp" in path.suffix else [])
    except cv2.error as error:
        raise broken(path, error) from error
    write_whole(path, data.tobytes(), lasting=False)
