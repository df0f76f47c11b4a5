import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.poses import Image
from realtime.config import SourceSettings
from realtime.errors import SourceError
from realtime.frames import Frame
from realtime.sources import open_source
from realtime.sources.picture import Developer

RATE = 25
BITS = 6  # stripes of a coded picture: it shows its own number, black and white


def coded(number: int, wide: int = 96, high: int = 64) -> Image:
    image = np.zeros((high, wide, 3), np.uint8)
    for bit, stripe in enumerate(np.array_split(np.arange(wide), BITS)):
        image[:, stripe] = 235 if number >> bit & 1 else 20
    return image


def shown(image: Image) -> int:
    stripes = np.array_split(image[image.shape[0] // 2], BITS)
    return sum(int(stripe.mean() > 128) << bit for bit, stripe in enumerate(stripes))


def write(
    path: Path,
    pictures: Sequence[Image | av.VideoFrame],
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    rotation: tuple[float, bool] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A clip of these pictures; pts count thousandths of a second."""
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        first = pictures[0]
        high, wide = (
            first.shape[:2] if isinstance(first, np.ndarray) else (first.height, first.width)
        )
        stream.width, stream.height, stream.pix_fmt = wide, high, pix_fmt
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation[0], rotation[1])
        for number, picture in enumerate(pictures):
            if isinstance(picture, np.ndarray):
                picture = av.VideoFrame.from_ndarray(picture, format="bgr24")
            else:
                stream.codec_context.colorspace = picture.colorspace
                stream.codec_context.color_range = picture.color_range
            picture.pts = number if pts is None else pts[number]
            picture.time_base = Fraction(1, RATE if pts is None else 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def frames(path: Path, **settings: object) -> list[Frame]:
    with open_source(SourceSettings(str(path), **settings)) as source:
        return list(source)


def until_error(path: Path, **settings: object) -> tuple[list[Frame], str]:
    """The frames that a source gives before it raises, and the sentence."""
    got: list[Frame] = []
    with (
        pytest.raises(SourceError) as caught,
        open_source(SourceSettings(str(path), **settings)) as source,
    ):
        got.extend(source)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return got, sentence


def ffprobe_times(path: Path, what: str = "frame=best_effort_timestamp_time") -> list[float | None]:
    if shutil.which("ffprobe") is None:
        pytest.skip("no ffprobe on this machine")
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", what]
    run = subprocess.run(
        [*command, "-of", "json", str(path)], capture_output=True, check=True, timeout=60
    )
    kind, key = what.split("=")
    entries = json.loads(run.stdout)[f"{kind}s"]
    return [float(entry[key]) if key in entry else None for entry in entries]


B_FRAMES = {"bf": "3", "x264-params": "b-adapt=0"}
CLIPS: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264.mp4": ("libx264", "yuv420p", B_FRAMES),
    "h264.mkv": ("libx264", "yuv420p", B_FRAMES),
    "h264.avi": ("libx264", "yuv420p", B_FRAMES),
    "h264.ts": ("libx264", "yuv420p", B_FRAMES),
    "h264.h264": ("libx264", "yuv420p", B_FRAMES),
    "10bit.mp4": ("libx264", "yuv420p10le", {}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"bf": "2"}),
    "mpeg4.mov": ("mpeg4", "yuv420p", {"bf": "2"}),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", {"bf": "2"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"cpu-used": "8", "deadline": "realtime"}),
    "alpha.webm": ("libvpx-vp9", "yuva420p", {"cpu-used": "8", "deadline": "realtime"}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "grey.mkv": ("ffv1", "gray", {}),
    "grey16.mkv": ("ffv1", "gray16le", {}),
    "bgra.mkv": ("ffv1", "bgra", {}),
    "raw.avi": ("rawvideo", "bgr24", {}),
    "raw.nut": ("rawvideo", "bgr24", {}),
    "prores.mov": ("prores_ks", "yuva444p10le", {"profile": "4"}),
    "palette.gif": ("gif", "rgb8", {}),
}


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
        run = subprocess.run([*command, "-"], capture_output=True, check=True, timeout=60)
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


# --- bad input -------------------------------------------------------------------------------


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "dancing.mp4", [coded(0)])
    with pytest.raises(SourceError, match=r"no file or folder .*dancin\.mp4.*mean .*dancing\.mp4"):
        open_source(SourceSettings(str(tmp_path / "dancin.mp4")))
    with pytest.raises(SourceError, match="no file or folder"):
        open_source(SourceSettings(str(tmp_path / "nowhere" / "a.mp4")))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("zeros.mp4", bytes(100_000)),
        ("random.mp4", np.random.default_rng(0).bytes(200_000)),
        ("random.avi", np.random.default_rng(1).bytes(5_000)),
        ("page.mp4", b"<html><body>404 not found</body></html>" * 20),
        ("notes.txt", b"day one\nday two\n" * 100),
        ("words.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhello\n"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"),
    ],
)
def test_what_is_no_video_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    got, sentence = until_error(path)
    assert got == []
    assert name in sentence
    assert capfd.readouterr() == ("", "")  # FFmpeg itself is silent


def test_sound_alone_and_sound_with_a_cover_are_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    assert "only sound" in until_error(path)[1]


def test_a_video_without_any_frame(tmp_path: Path) -> None:
    path = tmp_path / "none.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.start_encoding()
    got, sentence = until_error(path)
    assert got == []
    assert "none.avi" in sentence


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of an mp4 with its index at the end, and of one with it in front."""
    folder = tmp_path_factory.mktemp("whole")
    end = write(folder / "end.mp4", [coded(n) for n in range(30)], options=B_FRAMES)
    front = write(
        folder / "front.mp4",
        [coded(n) for n in range(30)],
        options=B_FRAMES,
        container_options={"movflags": "+faststart"},
    )
    return {"end": end.read_bytes(), "front": front.read_bytes()}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_an_mp4_cut_before_its_index_cannot_be_opened(
    tmp_path: Path, whole: dict[str, bytes], share: float
) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole["end"][: int(whole["end"].index(b"moov") * share)])
    got, sentence = until_error(path)
    assert got == []
    assert "cut off" in sentence


@pytest.mark.parametrize("share", [0.7, 0.8, 0.9, 0.95, 0.999])
def test_an_mp4_cut_behind_its_index_gives_its_good_frames_and_then_says_so(
    tmp_path: Path, whole: dict[str, bytes], share: float
) -> None:
    path = tmp_path / "cut.mp4"
    frames_begin = whole["front"].index(b"mdat")
    cut = frames_begin + int((len(whole["front"]) - frames_begin) * share)
    path.write_bytes(whole["front"][:cut])
    got, sentence = until_error(path)
    assert 0 < len(got) < 30
    assert [frame.index for frame in got] == list(range(len(got)))
    assert [shown(frame.image) for frame in got[:-4]] == list(range(len(got) - 4))
    assert f"after {len(got)} frame" in sentence
    assert "kept" in sentence
    # Whoever asks for no more than is there never learns of it.
    assert len(frames(path, end=len(got) - 1)) == len(got) - 1


@pytest.mark.parametrize("clip", ["h264.mkv", "mjpeg.avi", "h264.ts", "vp9.webm", "palette.gif"])
def test_a_cut_file_of_another_kind_gives_its_good_frames(tmp_path: Path, clip: str) -> None:
    codec, pix_fmt, options = CLIPS[clip]
    path = write(tmp_path / clip, [coded(n) for n in range(30)], codec, pix_fmt, options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    got = frames(path)
    assert 0 < len(got) < 30
    assert [shown(frame.image) for frame in got[:-4]] == list(range(len(got) - 4))


def test_a_damaged_packet_is_passed_over_and_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avi", [coded(n) for n in range(12)], "mjpeg", "yuvj420p")
    with av.open(str(path)) as container:
        packet = bytes([packet for packet in container.demux(video=0) if packet.size][5])
    content = path.read_bytes().replace(packet, bytes(len(packet)))
    path.write_bytes(content)
    with open_source(SourceSettings(str(path))) as source:
        got = list(source)
    assert [shown(frame.image) for frame in got] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert [frame.index for frame in got] == list(range(11))
    assert [frame.time for frame in got[4:6]] == pytest.approx([4 / RATE, 6 / RATE])
    (note,) = source.notes
    assert "1 of its packets" in note


def test_tags_that_are_not_utf8_are_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "old.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        container.metadata["title"] = "CAFE-TITLE"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(coded(9), format="bgr24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    assert content.count(b"CAFE-TITLE") == 1
    path.write_bytes(content.replace(b"CAFE-TITLE", b"Caf\xe9-TITLE"))
    with pytest.raises(UnicodeDecodeError):
        av.open(str(path))
    assert [shown(frame.image) for frame in frames(path)] == [9]


def test_sound_that_sets_in_late_loses_no_frame(tmp_path: Path) -> None:
    """PyAV fails at the end of a stream that gained another while it was read."""
    silent = write(
        tmp_path / "silent.ts", [coded(n % 64) for n in range(400)], "mpeg2video", "yuv420p"
    )
    loud = tmp_path / "loud.ts"
    with av.open(str(loud), "w") as container:
        video = container.add_stream("mpeg2video", rate=RATE)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream("mp2", rate=48000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.int16), layout="mono")
        sound.sample_rate = 48000
        container.mux(audio.encode(sound))
        for number in range(25):
            picture = av.VideoFrame.from_ndarray(coded(number), format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    path = tmp_path / "both.ts"
    # Silence at both ends: FFmpeg looks there for streams.
    path.write_bytes(silent.read_bytes() + loud.read_bytes() + 2 * silent.read_bytes())
    with av.open(str(path)) as container:
        assert not container.streams.audio
    got = [shown(frame.image) for frame in frames(path)]
    quiet = [n % 64 for n in range(400)]
    assert got == quiet + list(range(25)) + quiet + quiet


@pytest.mark.parametrize("name", ["12:30 today.mp4", "100%d.mp4", "naïve 電影.mp4", "[a]*.mp4"])
def test_any_file_name_will_do(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = write(tmp_path / "plain.mp4", [coded(5)])
    try:
        plain.rename(tmp_path / name)
    except OSError:
        pytest.skip("a name that this file system refuses")
    monkeypatch.chdir(tmp_path)
    (frame,) = frames(Path(name))
    assert shown(frame.image) == 5
    assert not set(frame.camera) & set('<>:"/\\|?*')


def test_a_disk_that_fails_costs_no_frame_that_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def __init__(self, container: av.container.InputContainer) -> None:
            self.container = container

        def __getattr__(self, name: str) -> object:
            return getattr(self.container, name)

        def demux(self, stream: av.VideoStream) -> Iterator[av.Packet]:
            yield from islice(self.container.demux(stream), 20)
            raise av.error.OSError(5, "Input/output error")

    path = write(tmp_path / "a.mp4", [coded(n) for n in range(30)], options=B_FRAMES)
    whole_open = av.open
    monkeypatch.setattr(av, "open", lambda *args, **more: Failing(whole_open(*args, **more)))
    got, sentence = until_error(path)
    assert len(got) == 20
    assert "after 20 frames (Input/output error)" in sentence


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of open files here")
def test_leaving_early_closes_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [coded(n) for n in range(30)])
    before = len(os.listdir("/proc/self/fd"))
    source = open_source(SourceSettings(str(path)))
    with source:
        iteration: Iterator[Frame] = iter(source)
        held = [next(iteration) for _ in range(3)]
        assert len(os.listdir("/proc/self/fd")) > before
    iteration.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before
    assert [shown(frame.image) for frame in held] == [0, 1, 2]  # frames outlive their file


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
