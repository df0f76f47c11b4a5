"""The sound of a source file, cut to its pictures, for the video of --output."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from numpy.typing import NDArray

from realtime.sources.images import is_image
from realtime.types.errors import OutputError
from realtime.types.frames import Source

# What players expect in an .mp4; a Matroska file takes nearly everything; in an .avi sound has no
# times of its own, so that it must be made whole.
COPIED_CODECS = {".mp4": {"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"}, ".avi": set[str]()}
ENCODERS = {".mp4": "aac", ".mkv": "aac", ".avi": "pcm_s16le"}
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # else the last
CHANNEL_LAYOUTS = {1: "mono", 6: "5.1"}  # of so many channels; else stereo
MIN_GAP_SECONDS = 0.02  # between pieces, from which on they are filled with silence


def open_sound(source: Source, origin: str) -> Sound:
    """The sound of what --source names; OutputError where there is none to copy."""
    path = Path(origin).expanduser()
    if not path.is_file() or is_image(origin):
        what = "is live" if source.live else "is a series of pictures"
        raise OutputError(f"--audio copies the sound of video files, but {source.name} {what}.")
    return Sound(path)


class Sound:
    """The packets of a file's sound for another file, in step with its pictures.

    They are copied where the container takes the codec as it is, else made anew; a container whose
    sound has no times gets it without gaps. OutputError where the file has no sound.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._source = av.open(f"file:{path}", metadata_errors="replace")
        except av.FFmpegError as error:
            raise OutputError(f"--audio: cannot read the sound of {path}.") from error
        stream = self._source.streams.best("audio")
        if not isinstance(stream, AudioStream) or stream.codec_context is None:
            self._source.close()
            raise OutputError(f"--audio: {path} has no sound; leave out --audio.")
        self._stream = stream
        self._packets = iter(self._packets_of(stream))

    def join(self, container: OutputContainer, ending: str, start: float) -> None:
        """Add a stream to an .mp4, .mkv or .avi that shows the source's second `start` at 0."""
        codec = self._stream.codec_context
        copied = COPIED_CODECS.get(ending, container.supported_codecs)
        track: Copy | Anew
        name = codec.codec.canonical_name
        # A transport stream's AAC tells in every packet what an .mp4 tells at its beginning.
        if name in copied and (codec.extradata or name not in ("aac", "flac")):
            track = Copy(container.add_stream_from_template(self._stream), start)
        else:
            rate = codec.sample_rate if codec.sample_rate in AAC_RATES else AAC_RATES[-1]
            out = container.add_stream(ENCODERS[ending], rate=rate)
            assert isinstance(out, AudioStream)
            out.layout = CHANNEL_LAYOUTS.get(codec.layout.nb_channels, "stereo")
            track = Anew(out, self._stream, start)
        self._track = track

    def until(self, seconds: float) -> Iterator[Packet[AudioStream]]:
        """What is heard before that time of the new file, from where it was left."""
        while not self._track.reached(seconds):
            packet = next(self._packets, None)
            if packet is None:
                break
            self._track.put(packet)
        yield from self._track.take(seconds)

    def rest(self, seconds: float) -> Iterator[Packet[AudioStream]]:
        """The last of it, up to the end of the new file."""
        yield from self.until(seconds)
        yield from self._track.finish()

    def close(self) -> None:
        self._source.close()

    def _packets_of(self, stream: AudioStream) -> Iterator[Packet[AudioStream]]:
        """All that can be read; a damaged file ends there, as its pictures do."""
        try:
            for packet in self._source.demux(stream):
                if packet.size and packet.pts is not None:
                    yield packet
        except (av.FFmpegError, IndexError):
            return


class Copy:
    """Packets as they are; those that begin before the pictures are left out."""

    def __init__(self, out: AudioStream, start: float) -> None:
        self._out = out
        self._start = start
        self._waiting: list[Packet[AudioStream]] = []

    def put(self, packet: Packet[AudioStream]) -> None:
        assert packet.pts is not None
        shift = round(self._start / packet.time_base)
        packet.pts -= shift
        packet.dts = packet.pts
        if packet.pts >= 0:
            self._waiting.append(packet)

    def reached(self, seconds: float) -> bool:
        return bool(self._waiting) and _middle(self._waiting[-1]) >= seconds

    def take(self, seconds: float) -> Iterator[Packet[AudioStream]]:
        while self._waiting and _middle(self._waiting[0]) < seconds:
            packet = self._waiting.pop(0)
            packet.stream = self._out
            yield packet

    def finish(self) -> Iterator[Packet[AudioStream]]:
        return iter(())


class Anew:
    """Sound decoded, put at its place to the sample, and encoded."""

    def __init__(self, out: AudioStream, source: AudioStream, start: float) -> None:
        self._out = out
        self._source = source
        self._start = start
        self._rate = out.rate
        self._channels = out.layout.nb_channels
        self._planar = out.format.is_planar
        self._resampler = AudioResampler(out.format, out.layout, out.rate)
        self._pieces: list[NDArray[np.generic]] = []  # (samples, channels), none empty
        self._from = 0  # sample of the new file at which they begin
        self._to = 0  # and at which they end

    def put(self, packet: Packet[AudioStream]) -> None:
        try:
            decoded = self._source.decode(packet)
            pieces = [piece for frame in decoded for piece in self._resampler.resample(frame)]
        except (av.FFmpegError, ValueError):  # ValueError: it has become of another kind
            return  # silence
        for piece in pieces:
            self._add(piece)

    def _add(self, frame: AudioFrame) -> None:
        samples = frame.to_ndarray()
        samples = samples.T if self._planar else samples.reshape(-1, self._channels)
        assert frame.pts is not None
        assert frame.time_base is not None
        place = round((float(frame.pts * frame.time_base) - self._start) * self._rate)
        missing = place - self._to
        if missing > MIN_GAP_SECONDS * self._rate:
            silence = np.zeros((1, self._channels), samples.dtype)
            self._pieces.append(np.broadcast_to(silence, (missing, self._channels)))
            self._to += missing
        elif missing < -MIN_GAP_SECONDS * self._rate:
            samples = samples[-missing:]
        if len(samples):
            self._pieces.append(samples)
            self._to += len(samples)

    def reached(self, seconds: float) -> bool:
        return self._to >= seconds * self._rate

    def take(self, seconds: float) -> Iterator[Packet[AudioStream]]:
        wanted = round(seconds * self._rate) - self._from
        parts = []
        while wanted > 0 and self._pieces:
            piece = self._pieces.pop(0)
            parts.append(piece[:wanted])
            if len(piece) > wanted:
                self._pieces.insert(0, piece[wanted:])
            wanted -= len(parts[-1])
        if not parts:
            return
        samples = np.concatenate(parts)
        array = samples.T if self._planar else samples.reshape(1, -1)
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(array), self._out.format.name, self._out.layout.name
        )
        frame.sample_rate, frame.pts = self._rate, self._from
        frame.time_base = Fraction(1, self._rate)
        self._from += len(samples)
        yield from self._encoded(frame)

    def finish(self) -> Iterator[Packet[AudioStream]]:
        yield from self._encoded(None)

    def _encoded(self, frame: AudioFrame | None) -> Iterator[Packet[AudioStream]]:
        for packet in self._out.encode(frame):
            # The first holds what an encoder needs to warm up; it would shift the pictures.
            if packet.pts is not None and packet.pts >= 0:
                yield packet


def _middle(packet: Packet[AudioStream]) -> float:
    assert packet.pts is not None
    return float((packet.pts + (packet.duration or 0) / 2) * packet.time_base)
