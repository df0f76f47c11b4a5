"""Network cameras: RTSP, and over HTTP MJPEG, MPEG-TS and HLS."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from urllib.parse import SplitResult, urlsplit

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.types.arrays import Image
from realtime.runtime.clock import StreamClock
from realtime.sources.av_image import Developer
from realtime.sources.listing.file_names import file_name
from realtime.sources.reconnecting import Connection
from realtime.types.errors import SourceError, Unreachable
from realtime.writing.redaction import redacted

SCHEMES = ("rtsp", "rtsps", "http", "https")
ANSWER_SECONDS = 5.0  # that a camera may take to answer the first time
FREEZE_SECONDS = 2.0  # without data, after which a camera is lost; stopping takes as long
HLS_FREEZE_SECONDS = 12.0  # the same for HLS, whose segments last some seconds
UNDECODABLE_SECONDS = 10.0  # of data without a picture, after which a camera is lost
MIN_THREADED_PIXELS = 1920 * 1088  # Full HD: larger frames are worth several threads
# RTSP says what it carries, so that there is next to nothing to look at; in MPEG-TS the tables and
# the first key picture must be found. Never fflags=nobuffer: it throws away what was looked at, the
# first key picture with it, and the next one may be ten seconds away (x264's usual 250 pictures).
RTSP_OPTIONS = {"rtsp_flags": "prefer_tcp", "probesize": "5000"}
HTTP_OPTIONS = {"fpsprobesize": "0", "probesize": "500000"}
QUICK_OPTIONS = {"analyzeduration": "100000"}
CLOCKED_FORMATS = ("rtsp", "mpegts", "hls")  # formats whose timestamps are a clock, not a count
SEGMENTED_FORMAT = "hls"  # comes in bursts, so it is shown at the pace of its timestamps


def stream_name(address: str) -> str:
    """The host of an address, fit for file names; SourceError where there is none."""
    return file_name(_parts(address).hostname or "")


class StreamConnector:
    """Connects to the camera at an address, as often as it is called.

    Only the host of the address, never the user, the password, the path or the query, which hold
    secrets too, stands in a name or an error.
    """

    def __init__(
        self,
        address: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._parts = _parts(address)
        self._address = self._parts.geturl()  # FFmpeg wants the scheme in small letters
        self._clock = clock
        self._sleep = sleep
        self._answer = ANSWER_SECONDS

    def __call__(self) -> Connection:
        """A new connection with its first data there; SourceError says why there is none."""
        parts, began = self._parts, self._clock()
        own = RTSP_OPTIONS if parts.scheme.startswith("rtsp") else HTTP_OPTIONS
        freeze = (
            HLS_FREEZE_SECONDS if parts.path.lower().endswith((".m3u8", ".m3u")) else FREEZE_SECONDS
        )
        try:
            container = av.open(
                self._address,
                options={**QUICK_OPTIONS, **own},
                timeout=(self._answer, freeze),
                metadata_errors="replace",
            )
        except (av.FFmpegError, ValueError) as error:
            # Not chained: FFmpeg's errors name the whole address.
            late = self._clock() - began >= self._answer
            raise _refusal(error, parts, late) from None
        try:
            stream = _video_stream(container, parts)
        except SourceError:
            container.close()
            raise
        # A camera that hangs when it is looked for again must not take long to find out.
        self._answer = min(ANSWER_SECONDS, max(FREEZE_SECONDS, 2 * (self._clock() - began)))
        name = stream_name(self._address)
        return StreamConnection(name, container, stream, freeze, self._clock, self._sleep)


class StreamConnection:
    """What a network camera sends, decoded as it arrives, so that nothing ever queues up."""

    notes: Sequence[str] = ()

    def __init__(
        self,
        name: str,
        container: InputContainer,
        stream: VideoStream,
        freeze: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.name = name
        self._container = container
        self._stream = stream
        self._freeze = freeze
        self._clock = clock
        self._sleep = sleep
        formats = container.format.name.split(",")
        # What other formats say before many pictures were looked at is a guess, often doubled.
        rate = stream.average_rate if "rtsp" in formats else None
        self.rate: float | None = float(rate) if rate else None
        self._stamps = StreamClock() if set(formats) & set(CLOCKED_FORMATS) else None
        self._paced = SEGMENTED_FORMAT in formats
        self._start: float | None = None  # what the clock shows when a paced stream is at 0
        self._packets = container.demux()
        self._waiting: deque[VideoFrame] = deque()
        self._arrived = clock()
        self._developer = Developer(stream.sample_aspect_ratio)
        # Threads that work on several pictures at once would hold them back, and so would waiting
        # for pictures of another order where a camera does not say that it has none. One picture
        # stays behind all the same: FFmpeg sees the end of one in the beginning of the next.
        large = stream.width * stream.height > MIN_THREADED_PIXELS
        stream.thread_type = "SLICE" if large else "NONE"
        stream.codec_context.options = {"flags": "low_delay"}

    def read(self, wanted: bool) -> tuple[float, Image | None]:
        """The next picture and when it was captured."""
        heard = seen = self._clock()
        while not self._waiting:
            asked = self._clock()
            try:
                packet = next(self._packets)
            except (av.error.ExitError, av.error.TimeoutError):
                raise SourceError(f"no data for {self._freeze:g} s.") from None
            except (av.FFmpegError, StopIteration, IndexError) as error:
                raise SourceError(_ending(error)) from None
            self._arrived = self._clock()
            if self._arrived - asked >= self._freeze:
                # What FFmpeg still held of before, which would be shown as new.
                raise SourceError(f"no data for {self._freeze:g} s.")
            if packet.stream is self._stream:
                heard = self._arrived
                try:
                    self._waiting.extend(self._stream.decode(packet))
                except av.error.EOFError:
                    raise SourceError("the stream ended.") from None
                except av.FFmpegError:
                    pass  # damaged on its way; the next key picture mends it
            if self._arrived - heard > self._freeze or self._arrived - seen > UNDECODABLE_SECONDS:
                raise SourceError("no picture could be decoded.")
        picture = self._waiting.popleft()
        captured = self._captured(picture)
        return captured, self._developer.image(picture) if wanted else None

    def close(self) -> None:
        """Hang up."""
        self._container.close()

    def _captured(self, picture: VideoFrame) -> float:
        stamp = picture.pts if picture.pts is not None else picture.dts
        base = self._stream.time_base
        if self._stamps is None or stamp is None or base is None:
            return self._arrived
        seconds = stamp * base.numerator / base.denominator
        if not self._paced:
            return self._stamps.captured(seconds, self._arrived)
        now = self._clock()
        if self._start is None or abs(self._start + seconds - now) > HLS_FREEZE_SECONDS:
            self._start = now - seconds
        due = self._start + seconds
        self._sleep(max(0.0, due - now))
        return min(due, self._clock())


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = None
    login = address.partition("//")[2].rpartition("@")[0]
    if any(sign in login for sign in "/?#@"):
        raise SourceError(
            f"The address {redacted(address)} has an @ in the wrong place. In a user name or "
            "password, write / ? # @ : as %2F %3F %23 %40 %3A; in a path, write @ as %40."
        )
    if parts is None or not parts.hostname or parts.scheme not in SCHEMES:
        kinds = f"{', '.join(f'{one}://' for one in SCHEMES[:-1])} or {SCHEMES[-1]}://"
        raise SourceError(
            f"{redacted(address)} is not the address of a network camera, which begins with "
            f"{kinds} and a host."
        )
    return parts


def _place(parts: SplitResult) -> str:
    """Host and port, for the user."""
    return parts.netloc.rpartition("@")[2]


def _refusal(error: av.FFmpegError | ValueError, parts: SplitResult, late: bool) -> SourceError:
    """Why there is no connection, in a sentence; late: it was waited for as long as allowed.

    Unreachable where nobody has to change anything for it to come.
    """
    place = _place(parts)
    why = f"{place} does not answer. Are the host and port right, and is the camera on?"
    match error:
        case _ if late:
            return Unreachable(why)
        case av.error.ExitError() | av.error.TimeoutError():
            return Unreachable(why)
        case av.error.ConnectionRefusedError():
            return Unreachable(
                f"{place} refuses the connection. Is the port right, and is the camera on?"
            )
        case av.error.HTTPServerError():
            return Unreachable(f"{place} reports an internal error (HTTP 5xx).")
    try:
        socket.getaddrinfo(parts.hostname, parts.port)
    except OSError:
        return Unreachable(f"{place}: the host was not found.")
    return SourceError(_fault(error, parts))


def _fault(error: av.FFmpegError | ValueError, parts: SplitResult) -> str:
    """What is wrong with an address or a camera that answers."""
    place = _place(parts)
    match error:
        case av.error.HTTPUnauthorizedError() if parts.username:
            return f"{place} rejects the user name or password."
        case av.error.HTTPUnauthorizedError():
            return (
                f"{place} needs a user name and password; write "
                f"{parts.scheme}://USER:PASSWORD@{place}/..."
            )
        case av.error.HTTPForbiddenError():
            return f"{place} forbids access to this stream."
        case av.error.HTTPNotFoundError():
            return f"{place} has no such stream; check the path of the address."
        case av.error.InvalidDataError():
            return f"{place} sends something that is not video, or is too damaged to decode."
    why = getattr(error, "strerror", None) or "not understood"
    return f"{place} cannot be opened ({redacted(str(why))})."


def _ending(error: Exception) -> str:
    """Why an open connection ended."""
    if isinstance(error, av.FFmpegError) and not isinstance(error, av.error.EOFError):
        return f"{(error.strerror or 'the connection broke').lower()}."
    return "the stream ended."


def _video_stream(container: InputContainer, parts: SplitResult) -> VideoStream:
    """The stream of pictures; SourceError where there is none that plays and is live."""
    place = _place(parts)
    kind = container.format.name
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        raise SourceError(f"{place} sends no video.")
    if stream.codec_context is None:
        raise SourceError(f"{place} sends video in a codec that is not supported.")
    over_http = parts.scheme.startswith("http")
    if over_http and (container.duration or kind.endswith("_pipe") or kind == "image2"):
        what = "a recording" if container.duration else "a single picture"
        raise SourceError(
            f"{place} sends {what}, not a live stream; download it and give the file."
        )
    return stream
