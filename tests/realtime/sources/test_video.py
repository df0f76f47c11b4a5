import gc
import shutil
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.av_image import Developer
from tests.realtime.clips import (
    B_FRAMES,
    CLIPS,
    RATE,
    coded,
    ffprobe_times,
    frames,
    shown,
    until_error,
    write,
)


@pytest.mark.parametrize("clip", CLIPS)
def test_every_frame_once_in_order_with_its_own_picture_and_time(tmp_path: Path, clip: str) -> None:
    codec, pix_fmt, options = CLIPS[clip]
    path = write(tmp_path / clip, [coded(n) for n in range(30)], codec, pix_fmt, options=options)

    with open_source(SourceSettings(str(path))) as source:
        got = list(source)
        assert source.name == path.stem
        assert not source.live
        assert source.rate == RATE
        assert source.notes == []
        assert source.total is None or abs(source.total - 30) <= 2

    assert [frame.index for frame in got] == list(range(30))
    assert [shown(frame.image) for frame in got] == list(range(30))
    assert [frame.name for frame in got[:2]] == [f"{path.stem}_{n:012d}" for n in (0, 1)]
    assert all(frame.size == (96, 64) and not frame.image.flags.writeable for frame in got)
    steps = np.diff([frame.time for frame in got])
    assert steps == pytest.approx(np.full(29, 1 / RATE), abs=2e-3)
    for frame, time in zip(got, ffprobe_times(path), strict=True):
        assert time is None or frame.time == pytest.approx(time, abs=2e-6)


@pytest.mark.parametrize("size", [(33, 25), (97, 64), (96, 65), (18, 2)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    pictures = [coded(n, *size) for n in range(4)]
    got = frames(write(tmp_path / "odd.mkv", pictures, "ffv1", "yuv420p"))
    assert [frame.size for frame in got] == [size] * 4
    assert [shown(frame.image) for frame in got] == [0, 1, 2, 3]


def test_more_than_full_hd_decodes_on_several_threads_just_as_exactly(tmp_path: Path) -> None:
    pictures = [coded(n, 2560, 1440) for n in range(12)]
    path = write(tmp_path / "large.avi", pictures, "mpeg4", options={"bf": "2"})
    got = frames(path)
    assert [shown(frame.image) for frame in got] == list(range(12))
    assert np.diff([frame.time for frame in got]) == pytest.approx(np.full(11, 1 / RATE))


def test_times_of_a_variable_rate_are_the_file_s_own(tmp_path: Path) -> None:
    pts = [0, 40, 80, 81, 500, 1500, 1510, 1520, 1999, 4000, 4001, 4444]
    path = write(
        tmp_path / "phone.mp4",
        [coded(n) for n in range(len(pts))],
        pts=pts,
        options=B_FRAMES,
    )
    got = frames(path)
    assert [frame.time for frame in got] == pytest.approx([p / 1000 for p in pts], abs=1e-4)
    assert [shown(frame.image) for frame in got] == list(range(len(pts)))
    assert [frame.time for frame in got] == pytest.approx(ffprobe_times(path), abs=2e-6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"start": 7}, range(7, 30)),
        ({"end": 5}, range(5)),
        ({"step": 4}, range(0, 30, 4)),
        ({"start": 3, "end": 20, "step": 5}, range(3, 20, 5)),
        ({"start": 28, "end": 99}, range(28, 30)),
    ],
)
def test_start_end_and_step_choose_exactly(
    tmp_path: Path, settings: dict[str, int], expected: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec, pix_fmt, options = CLIPS["h264.mp4"]
    path = write(tmp_path / "a.mp4", [coded(n) for n in range(30)], codec, pix_fmt, options=options)
    converted: list[av.VideoFrame] = []
    image_of = Developer.image

    def counted(self: Developer, picture: av.VideoFrame) -> Image:
        converted.append(picture)
        return image_of(self, picture)

    monkeypatch.setattr(Developer, "image", counted)
    with open_source(SourceSettings(str(path), **settings)) as source:
        got = list(source)
        assert source.total == len(expected)
    assert [frame.index for frame in got] == list(expected)
    assert [shown(frame.image) for frame in got] == list(expected)
    assert [frame.time for frame in got] == pytest.approx([n / RATE for n in expected])
    assert len(converted) == len(expected)  # frames passed over cost no conversion


def test_start_behind_the_end_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [coded(n) for n in range(3)])
    got, sentence = until_error(path, start=3)
    assert got == []
    assert "--start 3" in sentence
    assert "3 frames" in sentence


def test_capture_time_is_read_once_a_frame_from_the_given_clock(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [coded(n) for n in range(3)])
    ticks = iter([10.0, 11.5, 12.0])
    with open_source(SourceSettings(str(path)), clock=lambda: next(ticks)) as source:
        assert [frame.captured for frame in source] == [10.0, 11.5, 12.0]


# --- colours ---------------------------------------------------------------------------------

PATCHES = [(16, 128, 128), (235, 128, 128), (81, 90, 240), (145, 54, 34), (41, 240, 110)]
PATCHES += [(120, 100, 150), (60, 140, 120), (200, 120, 135), (0, 128, 128), (255, 128, 128)]
MATRICES = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}


def exact_bgr(y: float, u: float, v: float, space: int, full: bool) -> tuple[float, ...]:
    """By the definitions of ITU-R BT.601, BT.709 and BT.2020."""
    kr, kb = MATRICES[space]
    luma = y if full else (y - 16) * 255 / 219
    cb, cr = ((c - 128) * (1 if full else 255 / 224) for c in (u, v))
    blue, red = luma + 2 * (1 - kb) * cb, luma + 2 * (1 - kr) * cr
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return tuple(float(np.clip(value, 0, 255)) for value in (blue, green, red))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("space", MATRICES, ids=["bt709", "unknown", "bt601", "bt2020"])
def test_colours_are_right_for_every_matrix_and_range(
    tmp_path: Path, pix_fmt: str, full: bool, space: int
) -> None:
    picture = av.VideoFrame(16 * len(PATCHES), 16, pix_fmt)
    ten_bit = pix_fmt.endswith("10le")
    for plane, values in zip(picture.planes, zip(*PATCHES, strict=True), strict=True):
        row = np.repeat(np.array(values), plane.width // len(PATCHES))
        samples = np.zeros((plane.height, plane.line_size // (2 if ten_bit else 1)), np.uint16)
        samples[:, : plane.width] = row * (4 if ten_bit else 1)
        plane.update(samples.astype("<u2" if ten_bit else np.uint8).tobytes())
    picture.colorspace, picture.color_range = space, 2 if full else 1

    (frame,) = frames(write(tmp_path / "colour.mkv", [picture], "ffv1", pix_fmt))
    for place, patch in enumerate(PATCHES):
        seen = frame.image[8, 16 * place + 8].astype(float)
        assert seen == pytest.approx(exact_bgr(*patch, space, full), abs=3), patch


# --- upright ---------------------------------------------------------------------------------


def corner() -> Image:
    """A bright top left quarter, and a grey one below it: every way up looks different."""
    image = np.full((32, 64, 3), 20, np.uint8)
    image[:16, :32] = 235
    image[16:, :32] = 120
    return image


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_phone_s_video_stands_upright(tmp_path: Path, turns: int, mirrored: bool) -> None:
    path = write(
        tmp_path / "phone.mp4", [corner()], options={"qp": "0"}, rotation=(90.0 * turns, mirrored)
    )
    (frame,) = frames(path)
    # FFmpeg's rotation is anticlockwise, and mirrors what it has turned.
    expected = np.rot90(corner(), turns)
    expected = expected[:, ::-1] if mirrored else expected
    assert frame.size == (expected.shape[1], expected.shape[0])
    assert np.abs(frame.image.astype(int) - expected).mean() < 5
    if shutil.which("ffmpeg"):
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "bgr24"]
        run = subprocess.run([*command, "-"], capture_output=True, check=True)
        player = np.frombuffer(run.stdout, np.uint8).reshape(frame.image.shape)
        assert np.abs(frame.image.astype(int) - player).max() <= 3


def test_side_data_that_pyav_does_not_know_is_no_hindrance(tmp_path: Path) -> None:
    """A camera's JPEG with EXIF inside a video; its orientation counts."""
    jpeg = cv2.imencode(".jpg", corner())[1].tobytes()
    turned = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    exif = b"Exif\0\0" + turned
    exif = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path = tmp_path / "camera.mjpeg"
    path.write_bytes((jpeg[:2] + exif + jpeg[2:]) * 3)
    got = frames(path)
    assert len(got) == 3
    assert np.abs(got[2].image.astype(int) - np.rot90(corner(), -1)).mean() < 8


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize(("aspect", "size"), [("2/1", (192, 64)), ("1/2", (96, 128))])
def test_pixels_that_are_not_square_are_made_so(
    tmp_path: Path, aspect: str, size: tuple[int, int]
) -> None:
    square = write(tmp_path / "square.mkv", [coded(n) for n in range(3)], "ffv1", "bgr0")
    path = tmp_path / "wide.mkv"
    words = ["-i", str(square), "-vf", f"setsar={aspect}", "-c:v", "ffv1", str(path)]
    subprocess.run(["ffmpeg", "-v", "error", *words], check=True)
    got = frames(path)
    assert [frame.size for frame in got] == [size] * 3
    assert [shown(frame.image) for frame in got] == [0, 1, 2]


def test_pictures_do_not_pile_up(tmp_path: Path) -> None:
    """No reference cycle a frame: they would wait for a collection, which seldom comes."""
    path = write(tmp_path / "a.mp4", [coded(n) for n in range(60)])
    with open_source(SourceSettings(str(path))) as source:
        frames_of = iter(source)
        next(frames_of)
        gc.collect()
        gc.disable()
        try:
            for _ in frames_of:
                pass
            assert gc.collect() < 20  # what ends with the file; a frame each were 59 at least
        finally:
            gc.enable()


# --- bad input -------------------------------------------------------------------------------


CLIPS_OF_OURS = [
    "video/street.avi",
    "video/webcam-walk.mkv",
    "video/webcam-want.mkv",
    "rig-single/cam01.mp4",
    "rig-single/cam02.mp4",
    "rig-multi/cam01.mp4",
    "mot-tud-campus/TUD-Campus.mp4",
]


@pytest.mark.parametrize("name", CLIPS_OF_OURS)
def test_real_recordings_agree_with_ffprobe(data: Path, name: str) -> None:
    path = data / name
    times = sorted(time for time in ffprobe_times(path, "packet=pts_time") if time is not None)
    with open_source(SourceSettings(str(path))) as source:
        got = [(frame.index, frame.time) for frame in source]
        assert source.notes == []
        assert source.total == len(got)
    assert [index for index, _ in got] == list(range(len(times)))
    assert [time for _, time in got] == pytest.approx(times, abs=2e-6)
