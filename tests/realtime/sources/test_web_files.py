"""Videos and photos at web addresses are fetched, within bounds, and run as files."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import posestream
from realtime.assembly import stream
from realtime.settings.all import Settings
from realtime.settings.files import FileSettings
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.window import UNSEEN
from realtime.sources.remote.web_files import fetch, is_web_file
from realtime.types.errors import SourceError
from tests.synth import person, scene, write_picture, write_tiny_network, write_video

SIZE = (320, 256)
PATIENCE = 30.0
WORLD = [scene([person((60 + 12 * n, 128), 180, "walking")], SIZE) for n in range(3)]


@contextmanager
def site(
    files: dict[str, bytes], *, kind: str = "video/mp4", short_by: int = 0, login: str = ""
) -> Iterator[str]:
    """The address of a server of these files.

    short_by: bytes that it promises and does not send. Of "/endless.mp4" it sends without end.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code = base64.b64encode(login.encode()).decode()
            if login and self.headers.get("Authorization") != f"Basic {code}":
                self.send_error(401)
                return
            name = self.path.partition("?")[0]
            body = files.get(name)
            if body is None and name != "/endless.mp4":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            if body is not None:
                self.send_header("Content-Length", str(len(body) + short_by))
            self.end_headers()
            try:
                self.wfile.write(body or b"")
                while body is None:
                    self.wfile.write(bytes(1 << 16))
            except OSError:
                pass  # whom we served has had enough

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://{login + '@' if login else ''}127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(PATIENCE)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "walk.mkv"
    write_video(path, WORLD, [0, 0.1, 0.2])
    return path.read_bytes()


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_network(tmp_path_factory.mktemp("tiny"), height=SIZE[1]))


def test_which_addresses_are_files() -> None:
    files = ["http://a/clip.mp4", "HTTPS://a.b/c/Photo.JPG?key=1", "http://u:p@a:8/x.webm"]
    streams = [
        *("rtsp://a/clip.mp4", "http://a/live.m3u8", "http://a/video.ts", "http://a/video.mjpg"),
        *("http://a/cgi?file=clip.mp4", "http://a/", "clip.mp4", "http://[::1"),
    ]
    assert [is_web_file(one) for one in files + streams] == [True] * 3 + [False] * 8


def test_a_video_is_fetched_run_as_a_file_and_thrown_away(
    clip: bytes, card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with site({"/a/my%20walk.mkv": clip}, login="me:s3cret") as address:
        settings = Settings(
            SourceSettings((f"{address}/a/my%20walk.mkv?key=hidden",)),
            models=ModelSettings(model=card),
            files=FileSettings(json=tmp_path / "json"),
            window=UNSEEN,
        )
        with closing(stream(settings)) as results:
            times = [round(result.time, 3) for result in results]
    assert times == [0, 0.1, 0.2]  # every frame, with the times of the file
    assert sorted(path.name for path in (tmp_path / "json").iterdir()) == [
        f"my walk_{n:012d}_keypoints.json" for n in range(3)
    ]
    assert [*(tmp_path / "temporary").iterdir()] == []


def test_a_photo_is_read_from_python(card: str, tmp_path: Path) -> None:
    photo = write_picture(tmp_path / "one.png", WORLD[1]).read_bytes()
    with site({"/one.png": photo}, kind="image/png") as address, posestream.Pose(card) as pose:
        people, same = pose(f"{address}/one.png"), pose(WORLD[1])
        with pytest.raises(posestream.PosestreamError, match="cannot be fetched: 404"):
            pose(f"{address}/two.png")
    assert len(people) == 1
    np.testing.assert_array_equal(people.keypoints, same.keypoints)


def test_what_a_camera_calls_a_photo_stays_a_stream() -> None:
    with (
        site({"/video.jpg": b"--x"}, kind="multipart/x-mixed-replace; boundary=x") as address,
        ExitStack() as stack,
    ):
        assert fetch(f"{address}/video.jpg", stack) == f"{address}/video.jpg"


def test_size_and_time_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ticks = iter(range(10**6))
    with site({"/clip.mp4": bytes(5000)}) as address:
        with ExitStack() as stack, pytest.raises(SourceError, match="0 MB are fetched"):
            fetch(f"{address}/clip.mp4", stack, max_bytes=4999)
        with ExitStack() as stack, pytest.raises(SourceError, match="download it yourself"):
            fetch(f"{address}/endless.mp4", stack, max_bytes=10**6)
        with ExitStack() as stack, pytest.raises(SourceError, match="more than 5 s"):
            fetch(f"{address}/endless.mp4", stack, max_seconds=5, clock=lambda: float(next(ticks)))
        with ExitStack() as stack:
            assert Path(fetch(f"{address}/clip.mp4", stack)).stat().st_size == 5000
    assert [*tmp_path.iterdir()] == []


def test_what_goes_wrong_is_one_sentence_without_secrets() -> None:
    with site({"/clip.mp4": bytes(100)}, short_by=50) as address:
        for where, why in [
            (f"{address}/clip.mp4?key=hidden", "broke off"),
            (f"{address}/none.mp4?key=hidden", "404"),
            (f"{address}/none.mp4".replace("//", "//me:s3cret@"), "404"),
            ("http://127.0.0.1:1/clip.mp4?key=hidden", "refused"),
            ("http://me:s3cret@127.0.0.1:x/clip.mp4", "ort"),
        ]:
            began = time.monotonic()
            with ExitStack() as stack, pytest.raises(SourceError, match=why) as caught:
                fetch(where, stack)
            assert time.monotonic() - began < PATIENCE
            said = str(caught.value)
            assert "clip.mp4" in said or "none.mp4" in said
            assert not {"hidden", "s3cret"} & {*said.replace("?", " ").replace(":", " ").split()}


def test_no_place_for_temporary_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    told = r"no place for temporary files \(No such file or directory\); set TMPDIR"
    with (
        site({"/a.mp4": b"film"}) as address,
        ExitStack() as stack,
        pytest.raises(SourceError, match=told),
    ):
        fetch(f"{address}/a.mp4", stack)
