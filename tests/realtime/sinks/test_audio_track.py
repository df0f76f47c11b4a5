"""Sound in step with the pictures: clips made by ffmpeg, read back by ffprobe and PyAV."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from realtime.settings.files import FileSettings
from realtime.settings.sources import SourceSettings
from realtime.sinks.opening import open_sinks
from realtime.sinks.together import Together
from realtime.sources import open_source
from realtime.types.errors import OutputError, SettingsError
from realtime.types.model import Keypoints
from realtime.types.results import Result, View
from tests.realtime.clips import frames
from tests.realtime.results import Origin, files_at_most, grey, tracks
from tests.realtime.wanted import settings
from tests.synth import SKELETON, write_picture

MODEL = Keypoints("tiny", SKELETON)
pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("ffprobe") and shutil.which("ffmpeg")),
        reason="no ffmpeg command",
    ),
]
BEEP = 3.0  # seconds, at which a tone of 0.2 s begins; silence else
LENGTH = 6
RATE = 25


def clip(path: Path, *codec: str, offset: float = 0, seconds: float = LENGTH) -> Path:
    """Pictures of six seconds with the beep; offset: how late the sound begins."""
    path.write_bytes(_made(path.suffix, codec, offset, seconds))
    return path


@cache
def _made(suffix: str, codec: tuple[str, ...], offset: float, seconds: float) -> bytes:
    tone = f"sine=frequency=1000:sample_rate=44100:duration={seconds}"
    b_frames = "0" if suffix == ".avi" else "2"  # an .avi would show them late
    command = [
        *("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i"),
        f"testsrc2=size=160x120:rate={RATE}:duration={LENGTH}",
        *("-itsoffset", str(offset), "-f", "lavfi", "-i"),
        f"{tone},volume=volume='between(t,{BEEP - offset},{BEEP - offset + 0.2})':eval=frame",
        *("-c:v", "libx264", "-preset", "ultrafast", "-bf", b_frames, *codec),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clip{suffix}"
        subprocess.run([*command, str(path)], check=True)
        return path.read_bytes()


def copy(source: Path, out: Path, **chosen: Any) -> Path:
    """What --output and --audio make of a clip."""
    wanted = settings(str(source), output=out, audio=True)
    with open_source(SourceSettings((str(source),), **chosen)) as opened:
        sinks = open_sinks(wanted, [opened], MODEL)
        with Together(sinks) as together:
            for frame in opened:
                together.write(Result(frame.time, (View(frame, tracks()),), {}))
    return out


def probe(path: Path) -> dict[str, dict[str, Any]]:
    """ffprobe's description of the streams, by kind, with their packets' first and last times."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_packets", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    data = json.loads(done.stdout)
    streams = {stream["codec_type"]: stream for stream in data["streams"]}
    for kind, stream in streams.items():
        own = [one for one in data["packets"] if one["codec_type"] == kind]
        times = [float(one.get("pts_time", one.get("dts_time"))) for one in own]  # .avi: no pts
        last = float(own[-1].get("duration_time", 0))
        stream["begins"], stream["ends"] = min(times), max(times) + last
    return streams


def beep(path: Path) -> float:
    """When the tone begins, by the decoded samples and their times."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray().astype(float)
            scale = 1.0 if frame.format.name.startswith("flt") else 32768.0
            channels = 1 if frame.format.is_planar else len(frame.layout.channels)
            loud = np.flatnonzero(np.abs(samples[0, ::channels]) / scale > 0.02)
            if len(loud):
                return float(frame.time) + loud[0] / frame.sample_rate
    raise AssertionError("there is no tone")


AAC = ("-c:a", "aac")
PCM = ("-c:a", "pcm_s16le")
CASES = [
    ("clip.mp4", AAC, "out.mp4", "aac"),
    ("clip.mp4", AAC, "out.mkv", "aac"),
    ("clip.mp4", AAC, "out.avi", "pcm_s16le"),
    ("clip.mkv", ("-c:a", "libopus"), "out.mp4", "opus"),
    ("clip.mkv", ("-c:a", "libvorbis"), "out.mp4", "aac"),
    ("clip.mkv", ("-c:a", "libvorbis"), "out.mkv", "vorbis"),
    ("clip.mkv", (*PCM, "-ac", "2"), "out.mp4", "aac"),
    ("clip.avi", ("-c:a", "libmp3lame"), "out.mp4", "mp3"),
    ("clip.avi", (*PCM, "-ac", "2"), "out.avi", "pcm_s16le"),
    ("clip.ts", AAC, "out.mp4", "aac"),
    ("clip.ts", AAC, "out.mkv", "aac"),
    ("clip.mkv", ("-c:a", "pcm_s16le", "-ar", "96000"), "out.mp4", "aac"),
]


@pytest.mark.parametrize(
    ("name", "codec", "out", "expected"), CASES, ids=lambda one: one if isinstance(one, str) else ""
)
def test_the_sound_is_copied_in_step(
    tmp_path: Path, name: str, codec: tuple[str, ...], out: str, expected: str
) -> None:
    source = clip(tmp_path / name, *codec)
    streams = probe(copy(source, tmp_path / out))
    video, audio = streams["video"], streams["audio"]
    assert video["codec_name"] == "h264"
    assert audio["codec_name"] == expected
    assert video["begins"] == pytest.approx(0, abs=1e-3)
    assert audio["begins"] == pytest.approx(0, abs=0.03)
    began = frames(source)[0].time
    length = probe(source)["video"]["ends"] - began
    assert length == pytest.approx(LENGTH, abs=0.05)
    assert video["ends"] == pytest.approx(length, abs=0.03)
    assert audio["ends"] == pytest.approx(length, abs=0.03)
    assert beep(tmp_path / out) == pytest.approx(beep(source) - began, abs=0.005)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("codec", [AAC, ("-c:a", "libvorbis")])
def test_it_is_cut_with_the_pictures(tmp_path: Path, ending: str, codec: tuple[str, ...]) -> None:
    """From 1.6 s to 4.4 s, every other frame: at its own speed, the beep 1.4 s after the start."""
    source = clip(tmp_path / "clip.mkv", *codec)
    streams = probe(copy(source, tmp_path / f"out{ending}", start=40, end=110, step=2))
    for stream in streams.values():
        assert stream["begins"] == pytest.approx(0, abs=0.03)
        assert stream["ends"] == pytest.approx(2.8, abs=0.04)
    assert beep(tmp_path / f"out{ending}") == pytest.approx(BEEP - 1.6, abs=0.03)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
def test_sound_that_sets_in_late_and_ends_early_stays_in_its_place(
    tmp_path: Path, ending: str
) -> None:
    source = clip(tmp_path / "clip.mkv", *AAC, offset=1.0, seconds=3.0)
    copy(source, tmp_path / f"out{ending}")
    assert beep(tmp_path / f"out{ending}") == pytest.approx(BEEP, abs=0.03)
    assert probe(tmp_path / f"out{ending}")["video"]["ends"] == pytest.approx(LENGTH, abs=0.03)


def test_a_damaged_sound_harms_the_pictures_in_nothing(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.ts", *AAC)
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    for at in range(len(data) // 3, len(data) // 2, 188):
        if data[at + 1] & 0x1F == 1 and data[at + 2] == 1:  # the sound's packets
            data[at + 20 : at + 180] = rng.bytes(160)
    source.write_bytes(data)
    for out in ("out.mp4", "out.avi"):
        streams = probe(copy(source, tmp_path / out))
        assert streams["video"]["ends"] == pytest.approx(LENGTH, abs=0.05)


def test_a_full_disk_leaves_what_can_be_read(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", *AAC)
    for out in ("v.mp4", "v.mkv", "v.avi"):
        with files_at_most(150_000), pytest.raises(OutputError, match="file too large"):
            copy(source, tmp_path / out)
        with av.open(str(tmp_path / out)) as container:
            assert len(list(container.decode(video=0))) > 10, out


def test_what_has_no_sound_is_refused(tmp_path: Path) -> None:
    silent = clip(tmp_path / "silent.mp4", "-an")
    with pytest.raises(OutputError, match=r"silent\.mp4 has no sound; leave out --audio"):
        copy(silent, tmp_path / "out.mp4")
    (tmp_path / "photos").mkdir()
    write_picture(tmp_path / "photos" / "a.png", grey())
    for origin, live, says in (
        ("webcam", True, "clip is live"),
        ("rtsp://host/live", True, "clip is live"),
        (str(tmp_path / "photos"), False, "clip is a series of pictures"),
        (str(tmp_path / "photos" / "a.png"), False, "clip is a series of pictures"),
    ):
        wanted = settings(origin, output=tmp_path / "out.mp4", audio=True)
        with pytest.raises(OutputError, match=f"--audio copies the sound .* but {says}"):
            open_sinks(wanted, [Origin(live=live)], MODEL)
    assert not (tmp_path / "out.mp4").exists()


def test_settings_that_leave_sound_no_place_are_refused(tmp_path: Path) -> None:
    for output in (None, tmp_path, Path("a.jpg")):
        with pytest.raises(SettingsError, match="--audio needs a video to write to"):
            FileSettings(output=output, audio=True)
    with pytest.raises(SettingsError, match="--audio does not work with --loop"):
        settings("a.mp4", loop=True, output=Path("b.mp4"), audio=True)
