"""The web server as browsers, programs, Prometheus and strangers see it."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from engines.errors import EngineError
from realtime.config import OutputSettings
from realtime.errors import OutputError, SettingsError
from realtime.frames import Frame
from realtime.poses import Result, View
from realtime.sinks.web import WebSink
from realtime.web import address, server
from realtime.web.address import Address, parse_address
from tests.browser import CHROMIUM, browser
from tests.conftest import ROOT, with_weights
from tests.realtime.results import grey, keypoints, result, tracks
from tests.synth import SKELETON, person, scene, write_tiny_network, write_video

pytestmark = pytest.mark.timeout(60)
TOKEN = "a-good-token"
HEADER = {
    "program": "posestream 0.1.0",
    "model": "tiny",
    "skeleton": {
        "name": "coco18",
        "keypoints": list(SKELETON.keypoints),
        "limbs": [list(limb) for limb in SKELETON.drawn],
    },
    "sources": ["clip"],
}


@contextmanager
def serving(
    token: str | None = None, sources: tuple[str, ...] = ("clip",)
) -> Iterator[tuple[WebSink, str]]:
    """A server that is ready, and its address."""
    sink = WebSink(Address("127.0.0.1", 0), token, "tiny", SKELETON, sources, announce=False)
    with sink:
        yield sink, f"http://127.0.0.1:{sink.address.port}"


def play(
    work: Callable[[WebSink, aiohttp.ClientSession, str], Awaitable[None]],
    token: str | None = None,
    sources: tuple[str, ...] = ("clip",),
) -> None:
    """Run `work(sink, client, url)` against a server."""

    async def visit() -> None:
        with serving(token, sources) as (sink, url):
            async with aiohttp.ClientSession() as client:
                await work(sink, client, url)

    asyncio.run(visit())


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that another thread does; the test's timeout ends it."""
    while not await ready():
        await asyncio.sleep(0.01)


@asynccontextmanager
async def following(
    client: aiohttp.ClientSession, url: str, **more: object
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket that is let in: it has its header."""
    async with client.ws_connect(f"{url}/ws", **more) as ws:  # type: ignore[arg-type]
        assert json.loads(await ws.receive_str()) == HEADER
        yield ws


def test_a_line_a_frame_after_the_header() -> None:
    people = [keypoints(nose=(10.5, 20), neck=(11, 40.25)), person((100, 90), 120)]
    seen = tracks(people, ids=[7, 8])

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with following(client, url) as ws:
            for n in range(3):
                sink.write(result(seen if n == 1 else None, index=10 + n, time=n / 3))
            lines = [json.loads(await ws.receive_str()) for _ in range(3)]
        assert [line["index"] for line in lines] == [10, 11, 12]
        assert [line["time"] for line in lines] == [0, 0.333333, 0.666667]
        assert {line["source"] for line in lines} == {"clip"}
        assert [len(line["people"]) for line in lines] == [0, 2, 0]
        one, two = lines[1]["people"]
        assert (one["id"], one["score"]) == (7, 10)
        nose, neck = (SKELETON.keypoints.index(name) for name in ("nose", "neck"))
        assert one["keypoints"][nose] == [10.5, 20, 0.5]
        assert one["keypoints"][neck] == [11, 40.25, 0.5]
        assert sum(point == [0, 0, 0] for point in one["keypoints"]) == 16
        np.testing.assert_allclose(np.array(two["keypoints"])[:, :2], people[1], atol=1e-3)

    play(work)


def test_prometheus_gets_every_metric_in_its_format() -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with following(client, url) as ws:
            for n in range(4):
                one = result(tracks([person((100, 90), 120)] * n), index=n)
                sink.write(Result(0, one.views, {"infer": 0.25, "people": 0.5}, dropped=3))
                await ws.receive_str()
            async with client.get(f"{url}/metrics") as answer:
                assert answer.content_type == "text/plain"
                text = await answer.text()
        values = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                assert re.fullmatch(r'posestream_[a-z_]+(\{[a-z]+="[^"]*"\})? \S+', line), line
                name, _, value = line.rpartition(" ")
                assert f"# TYPE {name.partition('{')[0]} " in text
                values[name] = float(value)
        assert values['posestream_frames_total{source="clip"}'] == 4
        assert values['posestream_people{source="clip"}'] == 3
        assert values["posestream_dropped_total"] == 3
        assert values['posestream_stage_seconds{stage="infer"}'] == 0.25
        assert values['posestream_stage_seconds{stage="people"}'] == 0.5
        assert values['posestream_clients{kind="ws"}'] == 1
        assert values["posestream_age_seconds"] > 0
        assert values["posestream_fps"] > 0

    play(work)


def test_health_says_whether_results_come(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(server.Server.__init__, "__defaults__", (lambda: now[0],))

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async def health() -> tuple[int, str]:
            async with client.get(f"{url}/healthz") as answer:
                return answer.status, (await answer.text()).strip()

        assert await health() == (503, "no result yet")
        sink.write(result())
        await until(lambda: _is(health(), (200, "ok")))
        now[0] += 60
        assert await health() == (503, "no result for 60 s")

    play(work)


async def _is(value: Awaitable[object], wanted: object) -> bool:
    return await value == wanted


async def pictures(answer: aiohttp.ClientResponse) -> AsyncIterator[np.ndarray]:
    """The pictures of a multipart stream."""
    reader = aiohttp.MultipartReader.from_response(answer)
    while (part := await reader.next()) is not None:
        assert isinstance(part, aiohttp.BodyPartReader)
        data = np.frombuffer(bytes(await part.read()), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert image is not None
        yield image


def test_the_video_shows_each_camera_with_its_poses() -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        small, large = grey(320, 240, 50), grey(2560, 1440, 150)
        views = tuple(
            View(Frame(name, 0, name, 0, 0, image), tracks([person(at, high)]))
            for name, image, at, high in (
                ("left", small, (160, 120), 180),
                ("right", large, (1280, 720), 1200),
            )
        )
        sink.write(Result(0, views, {}))
        for n, shape, value in ((0, (240, 320, 3), 50), (1, (720, 1280, 3), 150)):
            async with client.get(f"{url}/video/{n}") as answer:
                picture = await anext(pictures(answer))
                assert picture.shape == shape
                np.testing.assert_allclose(picture[:8, :8], value, atol=2)
                assert np.ptp(picture.astype(int), axis=2).max() > 100  # colours: the poses
        async with client.get(f"{url}/video/2") as answer:
            assert answer.status == 404

    play(work, sources=("left", "right"))


def test_a_picture_is_made_once_for_all_and_only_for_somebody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[View] = []

    def counted(view: View) -> bytes:
        made.append(view)
        return original(view)

    original = server.jpeg
    monkeypatch.setattr(server, "jpeg", counted)

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with following(client, url) as ws:
            for n in range(5):
                sink.write(result(index=n))
                await ws.receive_str()
            assert not made
            streams = [await client.get(f"{url}/video") for _ in range(4)]
            readers = [pictures(stream) for stream in streams]
            for reader in readers:
                await anext(reader)
            before = len(made)
            last = result(image=grey(value=200))
            sink.write(last)
            for reader in readers:
                while (await anext(reader))[0, 0, 0] < 150:
                    pass
            assert [view for view in made if view is last.views[0]] == [last.views[0]]
            assert len(made) == before + 1
            for stream in streams:
                stream.close()

    play(work)


PATHS = ("/", "/figures", "/metrics", "/healthz", "/video", "/ws")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_given_without_the_token(path: str) -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        sink.write(result())
        for given in ("", "?token=", "?token=a-good-toke", "?token=a-good-token1", "?token=%ff"):
            async with client.get(url + path + given) as answer:
                assert answer.status == 401, given
        for scheme in ("Bearer wrong", "Basic a-good-token", "\udcff"):
            async with client.get(url + path, headers={"Authorization": scheme}) as answer:
                assert answer.status == 401, scheme
        for given, headers in (
            (f"?token={TOKEN}", {}),
            ("", {"Authorization": f"Bearer {TOKEN}"}),
        ):
            if path == "/ws":
                async with client.ws_connect(url + path + given, headers=headers):
                    continue
            async with client.get(url + path + given, headers=headers) as answer:
                assert answer.status in (200, 503)

    play(work, TOKEN)


def test_pages_from_elsewhere_are_kept_out_without_a_token() -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        port = sink.address.port
        for host, status in (
            (f"127.0.0.1:{port}", 200),
            (f"localhost:{port}", 200),
            ("LOCALHOST:9000", 200),  # a tunnel
            (f"[::1]:{port}", 200),
            (f"evil.example:{port}", 403),
            ("127.0.0.1.evil.example", 403),
            ("localhost.evil.example", 403),
            ("localhost@evil.example", 403),
            ("[::1", 403),
            ("", 403),
        ):
            async with client.get(url, headers={"Host": host}) as answer:
                assert answer.status == status, host
        for origin in ("http://evil.example", "null", f"http://localhost:{port}", "http://[", ""):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect(f"{url}/ws", headers={"Origin": origin})
            assert refused.value.status == 403, origin
        async with following(client, url, headers={"Origin": url}):
            pass

    play(work)


def test_a_token_lets_pages_from_elsewhere_in() -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        elsewhere = {"Origin": "http://dashboard.example", "Host": "camera.example"}
        async with client.ws_connect(f"{url}/ws?token={TOKEN}", headers=elsewhere) as ws:
            assert json.loads(await ws.receive_str()) == HEADER

    play(work, TOKEN)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8080", "127.0.0.1", 8080),
        ("0", "127.0.0.1", 0),
        ("localhost:80", "localhost", 80),
        ("[::1]:8080", "::1", 8080),
        ("camera.local:65535", "camera.local", 65535),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    found = parse_address(text)
    assert (found.host, found.port) == (host, port)
    assert found.loopback == (host != "camera.local")


@pytest.mark.parametrize(
    "text", ["", "x", ":8080", "65536", "-1", "1.2.3.4", "::1:8080", "http://a:80", "a b:80", "٣"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is not \[HOST:\]PORT"):
        OutputSettings(show=False, serve=text)


@pytest.mark.parametrize(
    "text", ["0.0.0.0:80", "192.168.1.5:80", "[::]:80", "camera:80", "127.1:80", "localhost.a:80"]
)
def test_others_need_a_token_that_is_not_short(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--serve-token .{16};") as refused:
        OutputSettings(show=False, serve=text)
    with pytest.raises(SettingsError, match="8 characters"):
        OutputSettings(show=False, serve=text, serve_token="short")
    proposed = str(refused.value).split("--serve-token ")[1].split(";")[0]
    assert OutputSettings(show=False, serve=text, serve_token=proposed).serve_token == proposed
    with pytest.raises(SettingsError) as another:
        OutputSettings(show=False, serve=text)
    assert proposed not in str(another.value)


def test_a_token_without_a_server_is_refused() -> None:
    with pytest.raises(SettingsError, match="--serve-token does nothing without --serve"):
        OutputSettings(show=False, serve_token=TOKEN)


def test_a_port_in_use_is_one_sentence() -> None:
    with serving() as (sink, _):
        port = sink.address.port
        second = WebSink(sink.address, None, "tiny", SKELETON, ["clip"], announce=False)
        with pytest.raises(OutputError, match=f"port {port} is in use; choose another one"):
            second.__enter__()


@pytest.mark.parametrize(
    ("host", "error", "says"),
    [
        ("127.0.0.1", PermissionError(13, "Permission denied"), "choose one above 1023"),
        ("192.0.2.1", None, "192.0.2.1 is not an address of this computer"),
        ("nowhere.invalid", None, "there is no host nowhere.invalid"),
        ("a..b", None, "there is no host a..b"),
    ],
)
def test_an_address_that_cannot_be_had_is_one_sentence(
    host: str, error: OSError | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        assert error is not None
        raise error

    if error is not None:
        monkeypatch.setattr(address.socket, "create_server", refuse)
    sink = WebSink(Address(host, 80), TOKEN, "tiny", SKELETON, ["clip"], announce=False)
    with pytest.raises(OutputError, match=re.escape(says)):
        sink.__enter__()


def test_writing_never_waits_for_the_server() -> None:
    """Its thread is held until a thousand results are written."""
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        holding.set()
        release.wait()

    with serving() as (sink, _):
        assert sink._server is not None
        sink._server._call(hold)
        holding.wait()
        try:
            for n in range(1000):
                sink.write(result(index=n))
            assert len(sink._server._waiting) == server.WAITING
        finally:
            release.set()


def unread(port: int, path: str) -> socket.socket:
    """A client that asks for a stream and never reads it."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    one.connect(("127.0.0.1", port))
    one.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
    )
    assert one.recv(1, socket.MSG_PEEK)
    return one


def test_clients_that_do_not_read_cost_the_others_nothing() -> None:
    """Of 50 clients ten read nothing, while each is sent more than all buffers hold."""
    people = tracks([person((100, 90), 120)] * 40)
    count = 400  # lines of 20 kB, 8 MB for each client

    async def read(ws: aiohttp.ClientWebSocketResponse, seen: list[int]) -> None:
        while not seen or seen[-1] != count - 1:
            found = re.match(r'{"source":"clip","index":([0-9]+),', await ws.receive_str())
            assert found
            seen.append(int(found[1]))

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        stuck = [unread(sink.address.port, path) for path in ("/ws", "/video") * 5]
        readers = [await client.ws_connect(f"{url}/ws") for _ in range(40)]
        for ws in readers:
            await ws.receive_str()
        seen: list[list[int]] = [[] for _ in readers]
        tasks = [asyncio.create_task(read(*pair)) for pair in zip(readers, seen, strict=True)]
        for n in range(count):
            sink.write(result(people, index=n))
            # No faster than this thread, which does all the reading.
            while min(map(len, seen)) < n - server.WAITING // 2:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert all(indices == list(range(count)) for indices in seen)
        for one in stuck:
            one.close()
        for ws in readers:
            await ws.close()

    play(work)


def test_the_end_reaches_readers_and_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())

    async def visit() -> None:
        async with aiohttp.ClientSession() as client:
            with serving() as (sink, url):
                ws = await client.ws_connect(f"{url}/ws")
                await ws.receive_str()
                video = await client.get(f"{url}/video")
                silent = socket.create_connection(("127.0.0.1", sink.address.port))
                for n in range(20):
                    sink.write(result(index=n, image=grey(1280, 720)))
                assert sink._server is not None
            lines = []
            while (message := await ws.receive()).type is aiohttp.WSMsgType.TEXT:
                lines.append(json.loads(message.data)["index"])
            assert lines[-1] == 19
            assert ws.close_code == 1001
            await video.read()
            assert silent.recv(1) == b""
            silent.close()
            with pytest.raises(aiohttp.ClientConnectorError):
                await client.get(url)

    asyncio.run(visit())
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()


def test_the_end_does_not_wait_for_those_who_do_not_read() -> None:
    before = set(threading.enumerate())
    people = tracks([person((100, 90), 120)] * 40)
    with serving() as (sink, _):
        stuck = [unread(sink.address.port, path) for path in ("/ws", "/video") * 3]
        assert sink._server is not None
        ready = threading.Event()
        for n in range(1000):
            sink.write(result(people, index=n))
            ready.clear()
            sink._server._call(ready.set)
            ready.wait()
    # Stages.__exit__ leaves a thread behind that has not ended in its time.
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()
    for one in stuck:
        one.close()


def test_dead_clients_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DEAD", 0.2)
    people = tracks([person((100, 90), 120)] * 40)
    picture = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async def connected() -> tuple[int, ...]:
            async with client.get(f"{url}/metrics") as answer:
                found = re.findall(r"clients\{.*\} ([0-9]+)", await answer.text())
            return tuple(map(int, found))

        dead = [unread(sink.address.port, path) for path in ("/ws", "/video") * 3]
        async with following(client, url) as alive:
            await until(lambda: _is(connected(), (4, 3)))

            async def gone() -> bool:
                sink.write(result(people, image=picture))
                return await connected() == (1, 0)

            reading = asyncio.create_task(_read(alive))
            await until(gone)
            assert not reading.done()
            reading.cancel()
        for one in dead:
            one.close()

    play(work)


async def _read(ws: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in ws:
        pass


def test_there_is_an_end_to_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST", 5)

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        where = ("127.0.0.1", sink.address.port)
        idle = [socket.create_connection(where) for _ in range(5)]
        with socket.create_connection(where) as refused:
            assert refused.recv(1) == b""
        idle.pop().close()

        async def answers() -> bool:
            try:
                async with client.get(f"{url}/figures") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await until(answers)
        for one in idle:
            one.close()

    play(work)


def test_what_is_not_http_or_not_a_websocket_is_refused_quietly(
    capfd: pytest.CaptureFixture[str],
) -> None:
    rng = np.random.default_rng(0)
    upgrade = (
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    asked = [
        b"\x00",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /%ff%00?token=%ff&%%% HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /video/99999999999999999999 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        upgrade.replace(b"version: 13", b"version: 99"),
        upgrade + b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" + b"x" * 1000,
        upgrade + b"\x81\x85\x00\x00\x00\x00\xff\xfe\xfd\xfc\xfb",  # a text that is not UTF-8
        *(rng.bytes(200) for _ in range(50)),
        *(upgrade + rng.bytes(200) for _ in range(100)),
    ]
    with serving() as (sink, url):
        for data in asked:
            with socket.create_connection(("127.0.0.1", sink.address.port)) as one:
                one.sendall(data)
                one.shutdown(socket.SHUT_WR)
                while True:
                    try:
                        if not one.recv(65536):
                            break
                    except ConnectionResetError:
                        break
        sink.write(result())

        async def work() -> None:
            async with aiohttp.ClientSession() as client, client.get(f"{url}/figures") as answer:
                assert answer.status == 200

        asyncio.run(work())
    assert capfd.readouterr().err == ""


def test_a_defect_in_the_server_is_raised_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(_: object) -> bytes:
        raise EngineError("broken")

    monkeypatch.setattr(server, "jpeg", break_down)

    async def visit() -> None:
        with serving() as (sink, url):
            sink.write(result())
            async with aiohttp.ClientSession() as client:
                async with client.get(f"{url}/video") as answer:
                    await answer.read()
                sink.write(result())

    with pytest.raises(EngineError, match="broken") as caught:
        asyncio.run(visit())
    assert caught.value.__notes__ == ["in stage serve"]


@contextmanager
def program(*words: object) -> Iterator[str]:
    """The whole program with --serve 0; its address."""
    process = subprocess.Popen(
        [sys.executable, "run.py", "--no-show", "--serve", "0", *map(str, words)],
        cwd=ROOT,
        env=with_weights(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert line.startswith("posestream: live at http://127.0.0.1:"), line
        yield line.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def walk(folder: Path, frames: int) -> tuple[Path, Path, list[np.ndarray]]:
    """A network, and a video in which somebody walks to and fro."""
    truth = [
        person((100 + 100 * abs((n % 100) / 50 - 1), 128), 180, "walking") for n in range(frames)
    ]
    drawn = {n: scene([truth[n]], (320, 256)) for n in range(min(frames, 100))}
    path = folder / "walk.mkv"
    write_video(path, [drawn[n % 100] for n in range(frames)], [n / 30 for n in range(frames)])
    return write_tiny_network(folder), path, truth


def test_the_program_sends_what_it_sees_in_every_source(tmp_path: Path) -> None:
    card, clip, truth = walk(tmp_path, 1000)
    (tmp_path / "again.mkv").write_bytes(clip.read_bytes())

    async def follow(url: str) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as client, client.ws_connect(f"{url}ws") as ws:
            header = json.loads(await ws.receive_str())
            assert header == {**HEADER, "sources": ["walk", "again"]}
            return [json.loads(await ws.receive_str()) for _ in range(50)]

    with program("--source", clip, "--source", tmp_path / "again.mkv", "--model", card) as url:
        lines = asyncio.run(follow(url))
    assert {line["source"] for line in lines} == {"walk", "again"}
    for line in lines:
        (one,) = line["people"]
        found = np.array(one["keypoints"])[:, :2]
        np.testing.assert_allclose(found, truth[line["index"]], atol=1.5)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_a_browser_shows_moving_pictures_and_figures(tmp_path: Path) -> None:
    read = """(() => {
        const picture = document.querySelector("figure img");
        const canvas = document.createElement("canvas");
        canvas.width = picture.naturalWidth, canvas.height = picture.naturalHeight;
        const brush = canvas.getContext("2d");
        brush.drawImage(picture, 0, 0);
        return Array.from(brush.getImageData(0, 0, canvas.width, canvas.height).data).join();
    })()"""

    async def walk_on(sink: WebSink) -> None:
        """A camera with 30 frames a second."""
        for n in itertools.count():
            at = 60 + n % 200
            seen = tracks([person((at, 120), 180)], ids=[3])
            one = result(seen, index=n, time=n / 30)
            sink.write(Result(n / 30, one.views, {"infer": 0.02, "people": 0.001}))
            await asyncio.sleep(1 / 30)

    async def work(sink: WebSink, _: aiohttp.ClientSession, url: str) -> None:
        walking = asyncio.create_task(walk_on(sink))
        async with browser(f"{url}/?token={TOKEN}") as page:
            await page.until("document.querySelector('#state')?.textContent == 'live'")
            await page.until("document.querySelector('#people').textContent.trim() == '1'")
            await page.until("parseFloat(document.querySelector('#fps').textContent) > 1")
            assert await page.evaluate("document.querySelectorAll('#stages div').length") == 2
            assert (
                await page.evaluate("document.querySelector('#who').innerText") == "id 3\n18 / 18"
            )
            await page.until("document.querySelector('figure img').naturalWidth == 320")
            seen = {await page.evaluate(read)}
            async with asyncio.timeout(20):
                while len(seen) < 3:
                    await asyncio.sleep(0.1)
                    seen.add(await page.evaluate(read))
            await page.screenshot(tmp_path / "page.png")
            walking.cancel()
            await page.until("document.querySelector('#state').textContent.startsWith('no frame')")
        assert cv2.imread(str(tmp_path / "page.png")) is not None

    play(work, TOKEN)
