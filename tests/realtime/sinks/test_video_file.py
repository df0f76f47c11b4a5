"""Recorded videos, read back by ffprobe, the ffmpeg command line and PyAV."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.types.arrays import Image
from realtime.drawing.overlay import Overlay
from realtime.sinks.files.video_file import VideoSink, VideoWriter, fitted
from realtime.types.errors import OutputError
from tests.conftest import ROOT
from tests.realtime.results import files_at_most, grey, result, tracks
from tests.synth import person

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffprobe") is None or shutil.which("ffmpeg") is None, reason="no ffmpeg command"
)


def record(
    path: Path, pictures: list[Image], times: list[float], rate: float | None = None
) -> None:
    with VideoSink(path, rate, [], Overlay()) as sink:
        for picture, time in zip(pictures, times, strict=True):
            sink.write(result(image=picture, time=time))


def textured(count: int, size: tuple[int, int] = (320, 240)) -> list[Image]:
    """Pictures that a video encoder has some work with."""
    noise = np.random.default_rng(0).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    big = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    return [np.roll(big, 5 * n, axis=1) for n in range(count)]


def probe(path: Path, *words: str) -> dict[str, object]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-select_streams", "v:0", *words, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    data: dict[str, object] = json.loads(done.stdout)
    return data


def times_of(path: Path) -> list[float]:
    """When each picture is shown, as PyAV decodes the whole file."""
    with av.open(str(path)) as video:
        return [float(frame.time) for frame in video.decode(video=0)]


def boxes(path: Path) -> list[str]:
    """The kinds of the file's outermost boxes; `moof` would be a fragment."""
    data, start, kinds = path.read_bytes(), 0, []
    while start < len(data):
        kinds.append(data[start + 4 : start + 8].decode())
        start += int.from_bytes(data[start : start + 4], "big")
    return kinds


EVEN = [n / 30 for n in range(75)]
UNEVEN = [100.0, 100.033, 100.1, 100.101, 101.9, 105.0, 105.5, 112.25]


@pytest.mark.parametrize("times", [EVEN, UNEVEN, [7.0]])
def test_every_frame_at_its_own_time(tmp_path: Path, times: list[float]) -> None:
    record(tmp_path / "v.mp4", textured(len(times)), times, rate=30)
    shown = times_of(tmp_path / "v.mp4")
    np.testing.assert_allclose(shown, np.array(times) - times[0], atol=1e-5)


@pytest.mark.parametrize("times", [EVEN, UNEVEN, [7.0]])
def test_a_matroska_file_has_the_same_times(tmp_path: Path, times: list[float]) -> None:
    record(tmp_path / "v.mkv", textured(len(times)), times, rate=30)
    np.testing.assert_allclose(times_of(tmp_path / "v.mkv"), np.array(times) - times[0], atol=1e-3)


@needs_ffmpeg
def test_an_avi_has_its_pictures_at_one_rate_with_empty_slots_between(tmp_path: Path) -> None:
    """Thirty slots a second: each in the nearest, two never in one."""
    times = [5.0, 5.033, 5.1, 5.38, 6.0, 6.01, 6.5]
    record(tmp_path / "v.avi", textured(len(times)), times, rate=30)
    data = probe(tmp_path / "v.avi", "-show_entries", "stream:frame=best_effort_timestamp_time")
    (stream,) = data["streams"]
    assert (stream["codec_name"], stream["r_frame_rate"]) == ("h264", "30/1")
    shown = [float(frame["best_effort_timestamp_time"]) for frame in data["frames"]]
    slots = [0, 1, 3, 11, 30, 31, 45]
    np.testing.assert_allclose(shown, np.array(slots) / 30, atol=1e-4)


def test_a_long_gap_does_not_end_an_avi(tmp_path: Path) -> None:
    record(tmp_path / "v.avi", textured(3), [0.0, 0.1, 90_000.0], rate=30)
    assert len(times_of(tmp_path / "v.avi")) == 3


@needs_ffmpeg
def test_ffprobe_sees_an_ordinary_mp4(tmp_path: Path) -> None:
    record(tmp_path / "v.mp4", textured(75), EVEN, rate=30)
    data = probe(tmp_path / "v.mp4", "-show_entries", "stream:frame=pts_time,key_frame")
    (stream,) = data["streams"]
    assert stream["codec_name"] == "h264"
    assert (stream["width"], stream["height"]) == (320, 240)
    assert stream["pix_fmt"] == "yuv420p"
    assert stream["nb_frames"] == "75"
    assert float(stream["duration"]) == pytest.approx(2.5, abs=1e-3)
    assert float(stream["start_time"]) == 0
    assert stream["avg_frame_rate"] == "30/1"
    shown = [float(frame["pts_time"]) for frame in data["frames"]]
    np.testing.assert_allclose(shown, EVEN, atol=1e-5)
    assert shown[0] == 0
    assert boxes(tmp_path / "v.mp4") == ["ftyp", "free", "mdat", "moov"]


def test_keyframes_come_every_two_seconds_whatever_the_rate(tmp_path: Path) -> None:
    """And the second picture is one, which ends the first fragment of an .mp4."""
    times = [0, 0.5, 1.0, 1.9, 2.0, 2.1, 3.9, 4.2, 9.0, 9.1]
    record(tmp_path / "v.mp4", textured(len(times)), times, rate=60)
    with av.open(str(tmp_path / "v.mp4")) as video:
        keys = [float(p.pts * p.time_base) for p in video.demux() if p.is_keyframe and p.size]
    assert keys == pytest.approx([0, 0.5, 2.0, 4.2, 9.0], abs=1e-4)


def test_it_can_be_sought(tmp_path: Path) -> None:
    record(tmp_path / "v.mp4", textured(150), [n / 30 for n in range(150)], rate=30)
    with av.open(str(tmp_path / "v.mp4")) as video:
        video.seek(4_500_000)
        assert next(video.decode(video=0)).time == pytest.approx(4.0, abs=0.01)


def test_times_that_repeat_or_go_back_lose_no_frame(tmp_path: Path) -> None:
    record(tmp_path / "v.mp4", textured(6), [5.0, 5.0, 5.1, 5.05, 5.1, 5.2])
    shown = times_of(tmp_path / "v.mp4")
    assert len(shown) == 6
    assert (np.diff(shown) > 0).all()
    np.testing.assert_allclose(shown, [0, 0, 0.1, 0.1, 0.1, 0.2], atol=1e-3)


PATCHES = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 30, 20), (30, 200, 40), (20, 40, 220)]


def patches() -> Image:
    image = np.zeros((96, 96 * len(PATCHES), 3), np.uint8)
    for n, colour in enumerate(PATCHES):
        image[:, 96 * n : 96 * (n + 1)] = colour
    return image


@needs_ffmpeg
def test_colours_come_back_and_are_said_to_be_bt709(tmp_path: Path) -> None:
    record(tmp_path / "v.mp4", [patches()] * 3, [0, 1, 2])
    data = probe(tmp_path / "v.mp4", "-show_entries", "stream")
    (stream,) = data["streams"]
    keys = ("color_space", "color_primaries", "color_transfer", "color_range")
    assert [stream[key] for key in keys] == ["bt709", "bt709", "bt709", "tv"]
    raw = subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-i", str(tmp_path / "v.mp4")),
            *("-f", "rawvideo", "-pix_fmt", "bgr24", "-"),
        ],
        capture_output=True,
        check=True,
    ).stdout
    by_ffmpeg = np.frombuffer(raw, np.uint8).reshape(3, *patches().shape)[-1]
    with av.open(str(tmp_path / "v.mp4")) as video:
        by_pyav = [frame.to_ndarray(format="bgr24") for frame in video.decode(video=0)][-1]
    for read in (by_ffmpeg, by_pyav):
        for n, colour in enumerate(PATCHES):
            np.testing.assert_allclose(read[48, 96 * n + 48], colour, atol=6)


@pytest.mark.parametrize("size", [(321, 240), (320, 241), (33, 17), (1, 1), (2, 2)])
def test_odd_sizes_become_even(tmp_path: Path, size: tuple[int, int]) -> None:
    record(tmp_path / "v.mp4", [grey(*size)] * 3, [0, 1, 2])
    with av.open(str(tmp_path / "v.mp4")) as video:
        (first, *_) = video.decode(video=0)
        assert (first.width, first.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        read = first.to_ndarray(format="bgr24")
    np.testing.assert_allclose(read, 100, atol=6)


def test_a_picture_of_another_size_is_fitted_into_the_first(tmp_path: Path) -> None:
    record(tmp_path / "v.mp4", [grey(320, 240), grey(240, 240), grey(640, 240)], [0, 1, 2])
    with av.open(str(tmp_path / "v.mp4")) as video:
        frames = [frame.to_ndarray(format="bgr24") for frame in video.decode(video=0)]
    assert [frame.shape for frame in frames] == 3 * [(240, 320, 3)]
    assert frames[1][120, 20].max() < 10
    assert frames[1][120, 300].max() < 10
    np.testing.assert_allclose(frames[1][120, 160], 100, atol=6)
    assert frames[2][30, 160].max() < 10
    np.testing.assert_allclose(frames[2][120, 160], 100, atol=6)


def test_fitting_leaves_a_fitting_picture_alone() -> None:
    image = textured(1)[0]
    assert fitted(image, (320, 240)) is image


def test_the_poses_are_in_the_picture(tmp_path: Path) -> None:
    seen = tracks([person((160, 120), 200)])
    with VideoSink(tmp_path / "v.mp4", None, [], Overlay()) as sink:
        sink.write(result(seen))
    with av.open(str(tmp_path / "v.mp4")) as video:
        (frame,) = video.decode(video=0)
    x, y = seen.poses.xy[0, 1].round().astype(int)
    blue, green, red = frame.to_ndarray(format="bgr24")[y, x].astype(int)
    assert red > 150 > max(blue, green)


def test_a_camera_that_is_out_leaves_a_gap(tmp_path: Path) -> None:
    full = result(time=1.0)
    empty = type(full)(2.0, (None,), {})
    with VideoSink(tmp_path / "v.mp4", None, [], Overlay()) as sink:
        for one in (empty, full, empty, result(time=4.0)):
            sink.write(one)
    assert times_of(tmp_path / "v.mp4") == pytest.approx([0, 3])


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    record(tmp_path / "v.mp4", [], [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.avi"])
def test_a_killed_run_leaves_all_but_the_last_moment(tmp_path: Path, name: str) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.realtime.sinks.test_video_file import *\n"
        "with VideoSink(Path(sys.argv[1]), 30, [], Overlay()) as sink:\n"
        "    for n, picture in enumerate(textured(150)):\n"
        "        sink.write(result(image=picture, time=n / 30))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / name
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    shown = times_of(path)
    assert shown[-1] > 149 / 30 - 1.5
    np.testing.assert_allclose(
        np.subtract(shown, shown[0]), [n / 30 for n in range(len(shown))], atol=1e-3
    )


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("v.mp4", 90_000), ("v.mp4", 100_000), ("v.mp4", 300_000)),
        *(("v.mkv", 100_000), ("v.avi", 100_000)),
    ],
)
def test_a_full_disk_ends_the_file_where_it_can_still_be_read(
    tmp_path: Path, name: str, size: int
) -> None:
    path, frames = tmp_path / name, 400
    pictures, times = textured(frames, (640, 480)), [n / 30 for n in range(frames)]
    sentence = r"v\.... cannot be written: file too large; what was written so far is kept"
    with files_at_most(size), pytest.raises(OutputError, match=sentence):
        record(path, pictures, times, rate=30)
    assert path.stat().st_size <= size
    shown = times_of(path)
    assert 5 <= len(shown) < frames
    np.testing.assert_allclose(np.subtract(shown, shown[0]), times[: len(shown)], atol=1e-3)


def test_a_disk_full_at_the_very_end_is_an_error_and_the_file_readable(tmp_path: Path) -> None:
    """The index that makes a common .mp4 of the fragments finds no room."""
    pictures, times = textured(31), [n / 30 for n in range(31)]
    record(tmp_path / "whole.mp4", pictures, times, rate=30)
    size = (tmp_path / "whole.mp4").stat().st_size
    path = tmp_path / "v.mp4"
    with files_at_most(size - 100), pytest.raises(OutputError, match="file too large"):
        record(path, pictures, times, rate=30)
    assert len(times_of(path)) == 31


def test_a_disk_full_from_the_start_leaves_nothing(tmp_path: Path) -> None:
    with files_at_most(500), pytest.raises(OutputError, match="file too large"):
        record(tmp_path / "v.mp4", textured(60), [n / 30 for n in range(60)])
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_are_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"--output .* is the source itself"):
        VideoSink(film, None, [film.resolve()], Overlay())
    with pytest.raises(OutputError, match=r"--output .* inside a file"):
        VideoSink(film / "v.mp4", None, [], Overlay())
    VideoSink(film, None, [], Overlay())
    assert film.read_bytes() == b"precious"


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_what_is_killed_within_its_first_half_second_can_be_read(
    ending: str, tmp_path: Path
) -> None:
    """A copy of the file as it lies there after each picture, as a killed run leaves it."""
    path, copy = tmp_path / f"v{ending}", tmp_path / f"copy{ending}"
    writer = VideoWriter(path, (64, 48), Fraction(30))
    read = []
    for n in range(40):
        writer.write(grey(64, 48, 6 * n), n / 30)
        copy.write_bytes(path.read_bytes())
        try:
            with av.open(str(copy)) as video:
                read.append(len(list(video.decode(video=0))))
        except av.FFmpegError:
            read.append(0)
    writer.close()
    soonest = 2
    assert min(read[soonest:]) >= 1
    assert read[39] >= {".mp4": 15, ".mkv": 36}[ending]
    with av.open(str(path)) as video:
        values = [frame.to_ndarray(format="gray").mean() for frame in video.decode(video=0)]
    assert len(values) == 40
    assert values == sorted(values)
