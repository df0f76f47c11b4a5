"""Videos that are missing, cut, damaged, or none: a sentence, and every good frame."""

import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source, video
from realtime.types.errors import SourceError
from realtime.types.frames import Frame
from tests.realtime.clips import (
    B_FRAMES,
    CLIPS,
    RATE,
    coded,
    frames,
    shown,
    until_error,
    write,
)


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
    assert "is incomplete" in sentence


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


def test_an_hls_list_without_its_end_gives_its_frames_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "PLAYLIST_SECONDS", 0.5)
    write(tmp_path / "0.ts", [coded(n) for n in range(12)])
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
    (tmp_path / "a.m3u8").write_text(f"{head}0.ts\n")
    assert [shown(frame.image) for frame in frames(tmp_path / "a.m3u8")] == list(range(12))
    (tmp_path / "b.m3u8").write_text(f"{head}gone.ts\n")
    got, sentence = until_error(tmp_path / "b.m3u8")
    assert got == []
    assert "b.m3u8" in sentence


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
