"""Network cameras over the loopback: what they send, and that they come back."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.reconnecting import LiveSource
from realtime.types.errors import SourceError
from realtime.types.frames import Frame
from tests.cameras import (
    COUNT,
    NetworkCamera,
    RtspCamera,
    TransportCamera,
    h264,
    number_of,
    numbered,
)
from tests.conftest import ROOT
from tests.realtime.sources.test_video import coded, write
from tests.synth import write_tiny_network
from tests.waiting import PATIENCE, wait_for

KINDS = [RtspCamera, NetworkCamera, TransportCamera]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera on a busy machine may be slow to answer and to send."""
    monkeypatch.setattr("realtime.sources.network_camera.ANSWER_SECONDS", 60.0)
    monkeypatch.setattr("realtime.sources.network_camera.FREEZE_SECONDS", 60.0)


def opened(address: str, **settings: object) -> LiveSource:
    source = open_source(SourceSettings(address, **settings))
    assert isinstance(source, LiveSource)
    return source


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_come_in_order_with_the_times_at_which_they_were_sent(
    kind: type[NetworkCamera],
) -> None:
    with kind() as camera, opened(camera.url()) as source:
        assert (source.name, source.live, source.total) == ("127.0.0.1", True, None)
        assert source.rate in (30, None)
        came = [(frame, time.monotonic()) for frame in islice(source, 25)]
    frames = [frame for frame, _ in came]
    assert [frame.index for frame in frames] == list(range(25))
    assert frames[7].name == "127.0.0.1_000000000007"
    assert frames[0].size == (128, 96)
    assert not frames[0].image.flags.writeable
    shown = [number_of(frame.image) for frame in frames]
    assert shown == [(shown[0] + n) % COUNT for n in range(25)]
    assert all(frame.time == frame.captured for frame in frames)
    steps = np.diff([frame.time for frame in frames])
    assert (steps > 0).all()
    # A picture may be noticed late, by what a parser holds back, but not before it was taken.
    for (frame, moment), number in zip(came, shown, strict=True):
        assert camera.due[camera.newest(number)] - 0.02 < frame.captured <= moment


def test_only_what_is_chosen_is_given() -> None:
    with NetworkCamera() as camera, opened(camera.url(), start=3, end=12, step=4) as source:
        assert [frame.index for frame in source] == [3, 7, 11]


@pytest.mark.parametrize("kind", [RtspCamera, NetworkCamera])
def test_a_camera_that_is_killed_comes_back_each_time(
    kind: type[NetworkCamera], caplog: pytest.LogCaptureFixture
) -> None:
    with kind() as camera, opened(camera.url()) as source:
        frames: Iterator[Frame] = iter(source)
        given: list[Frame] = []
        counts: list[int] = []

        def take(number: int = 1) -> None:
            for frame in islice(frames, number):
                given.append(frame)
                counts.append(camera.newest(number_of(frame.image)))

        take(3)
        for lap in range(1, 4):
            camera.kill()
            restart = threading.Timer(0.3, camera.start)
            restart.start()
            before = max(list(camera.due))
            # Pictures that were on their way may still come out; none of them comes again.
            while camera.served == lap or counts[-1] <= before:
                take()
            take(3)
            restart.join(PATIENCE)
    assert [frame.index for frame in given] == list(range(len(given)))
    assert (np.diff([frame.time for frame in given]) > 0).all()
    assert (np.diff(counts) > 0).all()
    words = [re.sub(r"[\d.]+ s", "N s", r.getMessage()) for r in caplog.records]
    gone = [word for word in words if word.startswith("127.0.0.1 was lost: ")]
    back = [word for word in words if word == "127.0.0.1 is back after N s."]
    assert words == [word for pair in zip(gone, back, strict=True) for word in pair]
    assert len(gone) == 3


@pytest.mark.parametrize("kind", [RtspCamera, NetworkCamera])
def test_a_camera_that_freezes_comes_back_with_new_pictures(
    kind: type[NetworkCamera],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("realtime.sources.network_camera.FREEZE_SECONDS", 2.0)
    thawed: list[float] = []
    with kind() as camera, opened(camera.url()) as source:
        frames = iter(source)
        first = list(islice(frames, 5))
        camera.freeze()

        def thaw() -> None:
            wait_for(lambda: caplog.records)
            thawed.append(time.monotonic())
            camera.thaw()

        thread = threading.Thread(target=thaw)
        thread.start()
        while len(caplog.records) < 2:
            newest = next(frames)
        thread.join(PATIENCE)
    assert [record.getMessage().split()[2] for record in caplog.records] == ["lost:", "back"]
    assert newest.captured - first[-1].captured > 1.9
    # Not one kept from before; the new connection begins with the picture of that moment.
    assert camera.due[camera.newest(number_of(newest.image))] > thawed[0] - 0.1


def test_a_picture_of_another_size_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with RtspCamera() as camera, opened(camera.url()) as source:
        frames = iter(source)
        assert next(frames).size == (128, 96)
        camera.pictures = h264((192, 160))
        sizes = {frame.size for frame in islice(frames, 40)}
        assert next(frames).size == (192, 160)
    assert sizes <= {(128, 96), (192, 160)}


def test_a_camera_that_stays_away_ends_the_source_with_a_sentence() -> None:
    with NetworkCamera() as camera, opened(camera.url(), give_up=0.5) as source:
        frames = iter(source)
        next(frames)
        camera.kill()
        with pytest.raises(SourceError, match=r"127\.0\.0\.1 was lost .* 0\.5 s: .*refuses"):
            for _ in frames:
                pass


@pytest.mark.parametrize("kind", [RtspCamera, NetworkCamera])
@pytest.mark.parametrize("state", ["playing", "frozen", "away"])
def test_a_source_is_stopped_from_another_thread(
    kind: type[NetworkCamera], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.sources.network_camera.FREEZE_SECONDS", 0.5)
    with kind() as camera:
        source = opened(camera.url())
        with source:
            seen: list[Frame] = []
            thread = threading.Thread(target=lambda: seen.extend(source))
            thread.start()
            wait_for(lambda: bool(camera.sent))
            if state == "frozen":
                camera.freeze()
            elif state == "away":
                camera.kill()
            time.sleep(0.2)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert source._connection is None


@pytest.mark.parametrize("kind", [RtspCamera, NetworkCamera])
@pytest.mark.parametrize(
    ("user", "path", "why"),
    [
        ("", "live", "needs a user name and password"),
        ("me:wr0ng", "live", "rejects the user name or password"),
        ("me:s3cret", "other", "has no such stream"),
    ],
)
def test_what_a_camera_refuses(
    kind: type[NetworkCamera],
    user: str,
    path: str,
    why: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with kind(user="me:s3cret") as camera:
        with pytest.raises(SourceError, match=why) as caught, opened(camera.url(user, path)):
            pass
        with opened(camera.url("me:s3cret")) as source:
            next(iter(source))
    assert not re.search("s3cret|wr0ng|me:", str(caught.value))
    assert caught.value.__cause__ is None  # FFmpeg's own error names the address
    assert capfd.readouterr() == ("", "")


def test_what_is_not_there_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address, why in [
        (f"rtsp://u:s3cret@127.0.0.1:{port}/live", "refuses the connection"),
        (f"http://u:s3cret@127.0.0.1:{port}/live", "refuses the connection"),
        ("rtsp://u:s3cret@no-such-host.invalid/live", "host was not found"),
    ]:
        with pytest.raises(SourceError, match=why) as caught, opened(address):
            pass
        assert "s3cret" not in str(caught.value)


def test_a_camera_that_speaks_udp_alone_is_heard_too() -> None:
    with RtspCamera() as camera:
        camera.udp = True
        with opened(camera.url()) as source:
            assert [frame.index for frame in islice(source, 5)] == list(range(5))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which it can be had."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(PATIENCE)


def test_hls_is_shown_at_its_own_pace_though_it_comes_in_pieces(site: tuple[Path, str]) -> None:
    folder, address = site
    options = {"hls_time": "1", "hls_flags": "omit_endlist", "hls_list_size": "0"}
    with av.open(str(folder / "live.m3u8"), "w", format="hls", options=options) as out:
        stream = out.add_stream("libx264", rate=30, options={"g": "30"})
        stream.width, stream.height = 128, 96
        for n in range(90):
            picture = av.VideoFrame.from_ndarray(numbered(n, (128, 96)), format="bgr24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    with opened(f"{address}/live.m3u8") as source:
        frames = list(islice(source, 20))
    assert [number_of(frame.image) for frame in frames] == list(range(20))
    steps = np.diff([frame.captured for frame in frames])
    np.testing.assert_allclose(steps, 1 / 30, atol=1e-3)


def test_what_is_no_live_video_is_refused(site: tuple[Path, str]) -> None:
    folder, address = site
    write(folder / "film.mp4", [coded(n) for n in range(9)])
    (folder / "photo.jpg").write_bytes(cv2.imencode(".jpg", coded(1))[1].tobytes())
    (folder / "page.html").write_text("<html>a page</html>")
    with wave.open(str(folder / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", ""))
        tone.writeframes(bytes(8000))
    for name, why in [
        ("film.mp4", "sends a recording, not a live stream"),
        ("photo.jpg", "sends a single picture, not a live stream"),
        ("tone.wav", "sends no video"),
        ("page.html", "something that is not video"),
    ]:
        with pytest.raises(SourceError, match=why), opened(f"{address}/{name}"):
            pass


def test_one_that_never_answers_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.sources.network_camera.ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live"
        with pytest.raises(SourceError, match="does not answer"), opened(address):
            pass


@pytest.mark.parametrize("option", ["loop", "realtime"])
def test_options_for_files_are_refused(option: str) -> None:
    with pytest.raises(SourceError, match=f"--{option} is for files"):
        opened("rtsp://host/live", **{option: True})


def test_the_program_never_shows_a_password(tmp_path: Path) -> None:
    """Lost, given up, and with everything on stderr read back."""
    card = str(write_tiny_network(tmp_path))
    with NetworkCamera(user="me:s3cret") as camera:
        command = [sys.executable, "run.py", "--source", camera.url("me:s3cret"), "--no-show"]
        process = subprocess.Popen(
            [*command, "--model", card, "--give-up", "0.3"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_for(lambda: len(camera.sent) > 3, process=process)
            camera.kill()
            text = process.communicate(timeout=PATIENCE)[0]
        finally:
            process.kill()
    assert process.returncode == 2
    assert "127.0.0.1 was lost" in text
    assert "was lost after" in text
    assert "s3cret" not in text
    assert "Traceback" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child on its own")
def test_an_interrupt_ends_the_program_while_its_camera_is_away(tmp_path: Path) -> None:
    card, out = str(write_tiny_network(tmp_path)), tmp_path / "out"
    out.mkdir()
    with RtspCamera() as camera:
        command = [sys.executable, "run.py", "--source", camera.url(), "--no-show"]
        process = subprocess.Popen(
            [*command, "--model", card, "--json", str(out)],
            cwd=ROOT,
            text=True,
            stderr=subprocess.PIPE,
        )
        try:
            wait_for(lambda: any(out.iterdir()), process=process)
            camera.kill()
            assert process.stderr is not None
            assert "was lost" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            text = process.communicate(timeout=PATIENCE)[1]
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in text
