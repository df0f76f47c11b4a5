"""The pictures with the poses drawn, as an H.264 video with the source's times."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from io import SEEK_END, FileIO
from pathlib import Path
from struct import unpack
from typing import Self

import av
import cv2
import numpy as np
from av.packet import Packet
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from calibration.disk.replace import write_all
from engines.types.arrays import Image
from realtime.drawing.overlay import Overlay
from realtime.sinks.files.audio_track import Sound
from realtime.types.errors import OutputError
from realtime.types.results import Result
from realtime.writing.whole_files import broken, check_file, check_kept

TICKS_PER_SECOND = 90_000  # as MPEG streams count
KEYFRAME_SECONDS = 2
FRAGMENT_SECONDS = 0.5
# A 720p frame takes 8 ms of CPU, conversion included; ultrafast 5 (and 1.6 times the bytes),
# veryfast 13 (and 0.7 times). Without B-frames packets are in the order of their times.
ENCODER_OPTIONS = {"preset": "superfast", "bf": "0"}
DEFAULT_CRF = 23  # CRF: less is better and larger
# Written in pieces that can be read whatever happens next; closing makes a common .mp4 of them.
FORMATS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": (
        "mp4",
        {
            "movflags": "hybrid_fragmented+frag_keyframe",
            "frag_duration": str(round(FRAGMENT_SECONDS * 1_000_000)),
        },
    ),
    ".mkv": ("matroska", {"cluster_time_limit": "1"}),  # ms: every picture on its own
    ".avi": ("avi", {}),
}
# Pictures do not wait for long for sound that has ended.
MUXER_OPTIONS = {"flush_packets": "1", "max_interleave_delta": "1000000"}
MAX_AVI_GAP_FRAMES = 60_000  # that an .avi can hold


class VideoSink:
    """Writes the first picture of each result, shown at its own time, the first at 0.

    All have the size of the first; a picture of another size is scaled to fit. Two frames with the
    same time (or one that goes back) are put a tick apart: no frame is lost. A tick of an .avi,
    which has one rate for all, is the usual time between frames. rate: frames a second where they
    are known. sound: to go with the pictures. option: that asked for it.
    """

    def __init__(
        self,
        path: Path,
        rate: float | None,
        sources: list[Path],
        overlay: Overlay,
        sound: Sound | None = None,
        option: str = "--output",
    ) -> None:
        check_file(path, option, sources)
        self._sound = sound
        self._path = path
        self.written = str(path)
        self._rate = Fraction(rate or 30).limit_denominator(1001)
        self._overlay = overlay
        self._recording: VideoWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._recording is not None:
                self._recording.close()
        finally:
            if self._sound is not None:
                self._sound.close()

    def write(self, result: Result) -> None:
        """Encode the picture of the first view; OutputError where the disk is full."""
        for picture in self._overlay.pictures(result)[:1]:
            if self._recording is None:
                self._recording = VideoWriter(
                    self._path, picture.size, self._rate, sound=self._sound
                )
            self._recording.write(picture.image, picture.time)


class VideoWriter:
    """One file while it is written. After an error nothing more goes into it."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction,
        crf: int = DEFAULT_CRF,
        sound: Sound | None = None,
    ) -> None:
        self._path = path
        self._size = size
        self._sound = sound
        self._start: float | None = None
        self._ending = path.suffix.lower()
        self._ticks = rate if self._ending == ".avi" else Fraction(TICKS_PER_SECOND)
        self._last = -1
        self._pictures = 0
        self._length = round(self._ticks / rate)  # of the last picture: as of the one before
        self._key = round(-KEYFRAME_SECONDS * self._ticks)
        try:
            self._file = FragmentFile(path)
        except OSError as error:
            raise broken(path, error) from error
        form, options = FORMATS[self._ending]
        self._container = av.open(
            self._file, "w", format=form, options={**MUXER_OPTIONS, **options}
        )
        self._stream = self._open_stream(rate, {**ENCODER_OPTIONS, "crf": str(crf)})

    def _open_stream(self, rate: Fraction, options: dict[str, str]) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height = (side + side % 2 for side in self._size)
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = 1 / self._ticks
        stream.codec_context.gop_size = TICKS_PER_SECOND  # by time instead, see write
        # Said in the file, so that no player has to guess how to make RGB of it.
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_primaries = ColorPrimaries.BT709
        stream.codec_context.color_trc = ColorTrc.BT709
        stream.codec_context.color_range = ColorRange.MPEG
        return stream

    def write(self, picture: Image, time: float) -> None:
        """Encode a picture to be shown at `time` seconds."""
        if self._start is None:
            self._start = time
            if self._sound is not None:
                self._sound.join(self._container, self._ending, time)
        frame = av.VideoFrame.from_ndarray(fitted(picture, self._size), format="bgr24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.time_base = Fraction(1, 1) / self._ticks
        frame.pts = max(round((time - self._start) * self._ticks), self._last + 1)
        if self._ending == ".avi":
            frame.pts = min(frame.pts, self._last + MAX_AVI_GAP_FRAMES)
        second = self._ending == ".mp4" and self._pictures == 1
        if self._last >= 0:
            self._length = frame.pts - self._last
        self._last = frame.pts
        self._pictures += 1
        if second:  # ends the fragment before it, so that the file can be read from now on
            frame.pict_type = PictureType.I
        if frame.pts - self._key >= KEYFRAME_SECONDS * self._ticks:
            frame.pict_type = PictureType.I
            self._key = frame.pts
        try:
            self._file.check_kept()
            self._mux(self._stream.encode(frame))
        except OutputError:
            self._give_up()
            raise
        except (OSError, av.FFmpegError) as error:
            self._give_up()
            raise broken(self._path, error) from error

    def close(self) -> None:
        """Finish the file; OutputError where that fails, unless an error came before."""
        if self._file.closed:
            return
        try:
            self._mux(self._stream.encode(None))
            if self._sound is not None and self._start is not None:
                end = (self._last + self._length) / self._ticks
                self._container.mux([*self._sound.rest(float(end))])
            self._container.close()
            self._file.check_kept()
            self._file.close()
        except OutputError:
            self._give_up()
            raise
        except (OSError, av.FFmpegError) as error:
            self._give_up()
            raise broken(self._path, error) from error

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        """Pictures, each after the sound that comes before it."""
        for packet in packets:
            if self._sound is not None and packet.pts is not None:
                seconds = float(packet.pts * packet.time_base)
                self._container.mux([*self._sound.until(seconds)])
            self._container.mux(packet)

    def _give_up(self) -> None:
        self._file.freeze()
        with suppress(OSError, av.FFmpegError):
            self._container.close()
        self._file.close()


class FragmentFile:
    """A file that stays readable: at an error an .mp4 is cut after its last whole fragment (what is
    left of a packet harms no reader of the others).

    From then on it takes, and drops, whatever FFmpeg still has to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cut = path.suffix.lower() == ".mp4"
        self._file = _anew(path)
        self._frozen = False

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> int:
        if not self._frozen:
            try:
                write_all(self._file.fileno(), data)
            except OSError:
                self.freeze()
                raise
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def freeze(self) -> None:
        """Take no more; cut what is not whole."""
        if not self._frozen:
            self._frozen = True
            with suppress(OSError):
                if self._cut:
                    self._file.truncate(self._whole())

    def close(self) -> None:
        """Close it; nothing is left of a file without a single picture."""
        self._file.close()
        with suppress(FileNotFoundError):
            if self._frozen and self._path.stat().st_size == 0:
                self._path.unlink()

    def check_kept(self) -> None:
        """OutputError where the file has no name any more."""
        check_kept(self._path, self._file.fileno())

    def _whole(self) -> int:
        """Where the last whole `mdat` box, the end of a fragment, ends."""
        length = self._file.seek(0, SEEK_END)
        start = whole = 0
        while start + 8 <= length:
            self._file.seek(start)
            size, kind = unpack(">I4s", self._file.read(8))
            start += max(size, 8)
            if kind == b"mdat" and start <= length:
                whole = start
        return whole


def _anew(path: Path) -> FileIO:
    """A file in place of what was there: another program that still writes to that does not write
    into this. A link is followed.
    """
    real = Path(os.path.realpath(path))
    with suppress(OSError):  # there is none, or a folder that keeps it
        real.unlink()
    return FileIO(real, "w+")


def fitted(picture: Image, size: tuple[int, int]) -> Image:
    """The picture scaled into (width, height) with black bars, then widened to even sides."""
    width, height = size
    if picture.shape[:2] != (height, width):
        scale = min(width / picture.shape[1], height / picture.shape[0])
        wide, high = (max(1, round(side * scale)) for side in picture.shape[1::-1])
        left, top = (width - wide) // 2, (height - high) // 2
        canvas = np.zeros((height, width, 3), np.uint8)
        inner = canvas[top : top + high, left : left + wide]
        cv2.resize(picture, (wide, high), dst=inner, interpolation=cv2.INTER_AREA)
        picture = canvas
    if width % 2 or height % 2:
        picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return picture
