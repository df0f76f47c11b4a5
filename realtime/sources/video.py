"""Video files of any kind that FFmpeg knows, frame by frame."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.types.skeleton import Skeleton
from realtime.sources.av_image import Developer
from realtime.sources.listing.file_names import file_name
from realtime.sources.stills.heif import is_heif
from realtime.types.errors import SourceError
from realtime.types.frames import Frame

# Names of video files usually end so; FFmpeg goes by what is in them.
VIDEO_ENDINGS = {".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv"}
VIDEO_ENDINGS |= {".webm", ".wmv"}
# FFmpeg shows a text file as a film of a terminal; nobody means that.
TEXT_CODECS = ("ansi", "bintext", "idf", "xbin")
MIN_THREADED_PIXELS = 1920 * 1088  # Full HD: larger frames are worth several threads
MAX_PIXELS = 64 * 10**6  # of a frame: 8K has 33 million
# Seconds to wait for more of an HLS list that lacks its end (a recording that was broken off);
# FFmpeg itself waits for ever. Files of other kinds may lie on disks that take their time.
PLAYLIST_SECONDS = 3.0
DEFAULT_FPS = 25.0  # where a file has neither times nor a rate, as FFmpeg assumes


class VideoSource:
    """Every frame of a video file, decoded from the first on, so that indices are exact.

    A frame's time is the file's own. The picture stands upright as players show it: the quarter
    turns and mirrorings of the file's display matrix (phones write one) are carried out.
    Damaged packets are skipped and reported in the notes. SourceError when the file is no
    video, has no frame to give, or is cut off: then after its last good frame.
    """

    live = False
    skeleton: Skeleton | None = None

    def __init__(
        self, path: str, chosen: range, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = file_name(Path(path).stem)
        self.total: int | None = None
        self.rate: float | None = None
        self._notes: list[str] = []
        self.notes: Sequence[str] = self._notes
        self._path = path
        self._chosen = chosen
        self._clock = clock
        self._opened: tuple[InputContainer, VideoStream] | None = None
        self._developer = Developer()  # of this file's pixels once it is open
        self._time: float | None = None  # of the frame before
        self._lost = self._faulty = 0
        self._failure: str | None = None
        self._part: tuple[float, float] | None = None

    def between(self, begin: float, end: float) -> None:
        """Give only the frames from the last key frame before `begin` until `end`.

        Seconds from where the video begins. The first of them may be faulty, if they need frames
        before that, and indices count from there. To be said before it is entered.
        """
        self._part = begin, end

    def __enter__(self) -> Self:
        if not os.access(self._path, os.R_OK):
            raise SourceError(f"{self._path} cannot be read: permission denied.")
        if _is_heif(self._path):
            raise SourceError(f"{self._path} is a HEIC photo; give it a name that ends in .heic.")
        try:
            # With "file:" a colon in the name is no protocol. Tags need not be UTF-8. The
            # timestamps that FFmpeg makes up (genpts) are wrong for AVI files with B-frames.
            container = av.open(
                f"file:{self._path}",
                container_options={"fflags": "-genpts"},
                metadata_errors="replace",
                timeout=PLAYLIST_SECONDS if _is_playlist(self._path) else None,
            )
        except av.error.ExitError as error:
            raise SourceError(f"{self._path} lists parts of a video that do not exist.") from error
        except av.FFmpegError as error:
            raise SourceError(
                f"{self._path} cannot be read as a video ({error.strerror}): it has another "
                "format, is damaged, or is incomplete (an mp4 ends with its index)."
            ) from error
        try:
            stream = self._best_stream(container)
        except SourceError:
            container.close()
            raise
        # Decoding on one thread takes the least CPU in all (street.avi, 2 cores: 2.0 ms a frame,
        # 2.4 with two threads), and the network has a use for every core. Beyond Full HD one
        # thread could hold up a fast network.
        large = stream.width * stream.height > MIN_THREADED_PIXELS
        stream.thread_type = "AUTO" if large else "NONE"
        self._developer = Developer(stream.sample_aspect_ratio)
        rate = stream.average_rate or stream.guessed_rate
        self.rate = float(rate) if rate else None
        self.total = self._count(container, stream)
        self._opened = container, stream
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    def __iter__(self) -> Iterator[Frame]:
        """Once only, and on one thread: FFmpeg's contexts are not safe to share."""
        if self._opened is None:
            raise RuntimeError("enter the source before iterating over it")
        container, stream = self._opened
        decoded = given = 0
        end = self._sought(container, stream)
        try:
            for index, picture in enumerate(self._pictures(container, stream)):
                decoded += 1
                seconds = self._seconds(picture, stream)
                if seconds >= end:
                    return
                if index in self._chosen:
                    captured = self._clock()
                    image = self._developer.image(picture)
                    name = f"{self.name}_{index:012d}"
                    self._faulty += picture.is_corrupt
                    yield Frame(self.name, index, name, seconds, captured, image)
                    given += 1
                if index >= self._chosen[-1]:
                    return
        finally:
            self._note_damage()
        self._check_end(container, stream, decoded, given)

    def _sought(self, container: InputContainer, stream: VideoStream) -> float:
        """Where to end, on the file's clock, after going to where to begin."""
        base = stream.time_base
        if self._part is None or base is None:
            return inf
        start, (begin, end) = stream.start_time or 0, self._part
        if begin > 0:
            try:
                container.seek(start + round(begin / base), stream=stream)
            except av.FFmpegError as error:
                raise SourceError(f"{self._path} can only be read from its beginning.") from error
        return float(start * base) + end

    def _best_stream(self, container: InputContainer) -> VideoStream:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream) or Disposition.attached_pic in stream.disposition:
            raise SourceError(
                f"{self._path} contains no video"
                + (", only sound." if container.streams.audio else ".")
            )
        if stream.codec_context is None:
            raise SourceError(f"{self._path} cannot be played: its codec is not supported.")
        if stream.codec_context.name in TEXT_CODECS:
            raise SourceError(f"{self._path} is a text file, not a video.")
        if stream.width * stream.height > MAX_PIXELS:
            raise SourceError(
                f"{self._path} claims to have pictures of {stream.width}x{stream.height} pixels; "
                f"the limit is {MAX_PIXELS // 10**6} million."
            )
        return stream

    def _count(self, container: InputContainer, stream: VideoStream) -> int | None:
        """How many frames the file says it has, or its duration does, of those chosen."""
        frames = stream.frames
        if self.rate:
            if stream.duration is not None and stream.time_base is not None:
                # Fewer than there are where an edit list shows a part of them.
                lasting = round(float(stream.duration * stream.time_base) * self.rate)
                frames = min(frames or lasting, lasting)
            elif not frames and container.duration is not None:
                frames = round(container.duration / av.time_base * self.rate)
        if not frames:
            return None
        chosen = self._chosen
        return len(range(frames)[chosen.start : chosen.stop : chosen.step])

    def _pictures(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """All that can be decoded, in the order of showing."""
        for packet in self._packets(container, stream):
            try:
                pictures = stream.decode(packet)
            except av.FFmpegError:
                self._lost += 1
            else:
                yield from pictures

    def _packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream] | None]:
        """Packets as far as the file can be read; the last is empty and flushes the decoder."""
        try:
            yield from container.demux(stream)
        except IndexError:
            # PyAV flushes streams that it learnt of too late, sound that sets in after a while;
            # ours comes before them.
            return
        except av.FFmpegError as error:
            self._failure = error.strerror or "unreadable"
            yield None

    def _seconds(self, picture: VideoFrame, stream: VideoStream) -> float:
        """The frame's media time; where the file has none, one frame after the last."""
        # As FFmpeg guesses: frames come out in order of showing, so the n-th decoding time fits.
        stamp = picture.dts if picture.pts is None else picture.pts
        if stamp is not None and stream.time_base is not None:
            base = stream.time_base
            self._time = float(stamp) * base.numerator / base.denominator
        elif self._time is None:
            self._time = 0.0
        else:
            self._time += 1 / (self.rate or DEFAULT_FPS)
        return self._time

    def _note_damage(self) -> None:
        if self._lost:
            self._notes.append(
                f"{self._path} is damaged: {self._lost} of its packets were skipped."
            )
        if self._faulty:
            self._notes.append(f"{self._path} is damaged: {self._faulty} of its frames are faulty.")

    def _check_end(
        self, container: InputContainer, stream: VideoStream, decoded: int, given: int
    ) -> None:
        """SourceError unless the file was whole and gave something."""
        if not decoded:
            raise SourceError(
                f"{self._path} has no frame that can be decoded: it is empty, damaged or "
                "incomplete."
            )
        frames = "1 frame" if decoded == 1 else f"{decoded} frames"
        if not given:
            raise SourceError(
                f"--start {self._chosen.start} leaves nothing: {self._path} has {frames}."
            )
        # An mp4 lists in front where its packets lie. What other kinds say of their length is too
        # often wrong in good files.
        missing = "mp4" in container.format.name and any(
            entry.pos + entry.size > container.size for entry in stream.index_entries
        )
        if missing or self._failure:
            why = "the rest is missing" if missing else self._failure
            raise SourceError(
                f"{self._path} ends after {frames} ({why}); the results so far are kept."
            )


def _is_heif(path: str) -> bool:
    """Photos whose tiles FFmpeg would show one by one, as a film."""
    try:
        with open(path, "rb") as file:
            return is_heif(file.read(12))
    except OSError:
        return False


def _is_playlist(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(7) == b"#EXTM3U"
    except OSError:
        return False
