"""From what FFmpeg decodes to the pictures that we work on."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from engines.types.arrays import Image
from realtime.sources.orientation import Matrix, matrix_of, turn
from realtime.sources.stills.heif import Unknown, photo_in
from realtime.types.errors import SourceError

MAX_PIXELS = 250 * 10**6  # of a photo in tiles, as OpenCV reads of others
# By EXIF's orientation: mirrored left to right, and then turned clockwise by so many degrees.
EXIF_TURNS = dict(
    enumerate(
        (
            *((False, 0), (True, 0), (False, 180), (True, 180)),
            *((True, 270), (False, 90), (True, 90), (False, 270)),
        ),
        start=1,
    )
)
# Not `picture.side_data`: the picture keeps that (PyAV 18.1), a reference cycle, so that decoded
# pictures pile up until the cycle collector runs, which it seldom does here: 1 GB in ten minutes.
_side_data = cast(Callable[[VideoFrame], Mapping[str, Any]], SideDataContainer)


class Developer:
    """Turns decoded pictures of any pixel format into upright BGR.

    The colours are those of the ffmpeg command line: swscale knows every format, matrix and range
    (8-bit 4:2:0 of even height within 3 levels of exact arithmetic). With its scaler kept, on one
    thread, it is no slower than cv2.cvtColor, which knows BT.601 alone: 0.3 ms for 1280x720.
    """

    def __init__(self, pixel_aspect: Fraction | None = None) -> None:
        """pixel_aspect: width over height of a pixel; others than square ones are made square, as
        angles and distances would be wrong, by stretching the side that lacks pixels.
        """
        self._reformatter = VideoReformatter()
        self._aspect = pixel_aspect if pixel_aspect and pixel_aspect > 0 else Fraction(1)

    def image(self, picture: VideoFrame, orientation: int | None = None) -> Image:
        """(H, W, 3) uint8 BGR in memory of its own; rows may be padded. SourceError where the
        pixel format has no colours to convert.

        orientation: EXIF's, in place of what the picture says of itself.
        """
        width, height = shown_size((picture.width, picture.height), self._aspect)
        try:
            colours = self._reformatter.reformat(
                picture, width, height, "bgr24", interpolation=Interpolation.BICUBIC, threads=1
            )
        except (av.FFmpegError, ValueError) as error:
            raise SourceError(
                f"Pictures of pixel format {picture.format.name} cannot be converted: {error}."
            ) from error
        image = np.asarray(colours.to_ndarray(), np.uint8)
        if orientation is not None:
            return turn(image, matrix_of(*EXIF_TURNS[orientation]))
        return turn(image, _display_matrix(picture))


def shown_size(stored: tuple[int, int], pixel_aspect: Fraction) -> tuple[int, int]:
    """(width, height) with square pixels of a picture as it is stored."""
    width, height = stored
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def read_still(path: str, orientation: int | None = None) -> Image:
    """(H, W, 3) uint8 BGR of a photo that FFmpeg reads, upright by its irot and imir, or by an
    orientation as EXIF counts it.

    SourceError where it cannot be read, or moves.
    """
    name = os.path.basename(path)
    try:
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            frames = max((stream.frames for stream in container.streams.video), default=1)
            if frames > 1:
                raise SourceError(
                    f"{name} contains {frames} pictures, but only files of one are read; convert "
                    "it to a video, or save its pictures one by one."
                )
            if len(container.streams.video) > 1 and not container.duration:
                return _put_together(path, container)
            for picture in container.decode(video=0):
                return Developer().image(picture, orientation)
    except Unknown as error:
        raise SourceError(
            f"{name} {error}, which is not supported; save it as JPEG or PNG."
        ) from error
    except (av.FFmpegError, LookupError, StopIteration, ValueError, struct.error) as error:
        raise SourceError(f"{name} cannot be read: it is damaged or not an image.") from error
    raise SourceError(f"{name} contains no picture.")


def _put_together(path: str, container: InputContainer) -> Image:
    """The main picture of a photo that is stored in tiles, or that has others beside it: a smaller
    one, depth.
    """
    with open(path, "rb") as file:
        photo = photo_in(file.read())
    rows, columns = photo.tiles.shape
    tiles: dict[int, Image] = {}
    developer = Developer()
    streams = [one for one in container.streams.video if one.id in photo.tiles]
    for packet in container.demux(streams):
        for picture in cast(Iterable[VideoFrame], packet.decode()):
            tiles[packet.stream.id] = developer.image(picture, orientation=1)
    high, wide = next(iter(tiles.values())).shape[:2]
    if rows * columns * high * wide > MAX_PIXELS:
        raise Unknown(f"has more than {MAX_PIXELS // 10**6} million pixels")
    whole = np.empty((rows * high, columns * wide, 3), np.uint8)
    for n, item in enumerate(photo.tiles.flat):
        y, x = divmod(n, columns)
        whole[y * high : (y + 1) * high, x * wide : (x + 1) * wide] = tiles[int(item)]
    width, height = photo.size or (wide, high)
    image: Image = np.ascontiguousarray(whole[:height, :width])
    for one in photo.turns:
        image = turn(image, matrix_of(*one))
    return image


def _display_matrix(picture: VideoFrame) -> Matrix:
    """(2, 2) in which way up the file says that the picture is to be shown."""
    try:
        side_data = _side_data(picture)
    except ValueError:  # a kind of side data that PyAV does not know yet, EXIF for one
        return matrix_of(flip=False, rotate=-picture.rotation)
    if "DISPLAYMATRIX" not in side_data:
        return matrix_of(flip=False, rotate=0)
    matrix = np.frombuffer(side_data["DISPLAYMATRIX"], np.int32).astype(np.int64)
    return matrix.reshape(3, 3)[:2, :2]
