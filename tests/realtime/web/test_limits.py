"""Who may come in, and what slow, dead or many clients may cost."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading

import aiohttp
import numpy as np
import pytest

from engines.types.errors import EngineError
from realtime.sinks.screens.web_sink import WebSink
from realtime.web import connections, server
from realtime.web.pictures import painter
from tests.realtime.results import grey, result, tracks
from tests.realtime.serving import HEADER, TOKEN, following, play, serving, settles, until
from tests.synth import person

PATHS = ("/", "/figures", "/metrics", "/healthz", "/video", "/pictures", "/ws")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong tokens cost no time here; test_guesses.py is about that."""
    monkeypatch.setattr("realtime.web.auth.GUESS_SECONDS", 0.0)


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
            (f"?token={TOKEN}", {"Authorization": "Basic dXNlcjpwcm94eQ=="}),  # a proxy's own
            (f"?token={TOKEN}", {"Authorization": "Bearer wrong"}),
        ):
            if path in ("/pictures", "/ws"):
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
            assert len(sink._server._waiting) == server.MAX_RESULTS
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
        stuck = [
            unread(sink.address.port, path)
            for path in ("/ws", "/video", "/pictures", "/ws", "/pictures") * 2
        ]
        readers = [await client.ws_connect(f"{url}/ws") for _ in range(40)]
        for ws in readers:
            await ws.receive_str()
        seen: list[list[int]] = [[] for _ in readers]
        tasks = [asyncio.create_task(read(*pair)) for pair in zip(readers, seen, strict=True)]
        for n in range(count):
            sink.write(result(people, index=n))
            # No faster than this thread, which does all the reading.
            while min(map(len, seen)) < n - server.MAX_RESULTS // 2:
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
        stuck = [unread(sink.address.port, path) for path in ("/ws", "/video", "/pictures") * 2]
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
    monkeypatch.setattr(server, "HEARTBEAT_SECONDS", 0.2)
    people = tracks([person((100, 90), 120)] * 40)
    picture = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async def connected() -> tuple[int, ...]:
            async with client.get(f"{url}/metrics") as answer:
                found = re.findall(r"clients\{.*\} ([0-9]+)", await answer.text())
            return tuple(map(int, found))

        dead = [unread(sink.address.port, path) for path in ("/ws", "/pictures", "/video") * 3]
        async with following(client, url) as alive:
            await until(lambda: settles(connected(), (4, 3, 3)))

            async def gone() -> bool:
                sink.write(result(people, image=picture))
                return await connected() == (1, 0, 0)

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
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 5)

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
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
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
        upgrade.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: \xe9\r\n\r\n"),
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
    assert capfd.readouterr().err == caplog.text == ""


def test_a_body_that_is_not_what_it_says_is_refused_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = (
        b"GET /x HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    with serving() as (sink, _):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", sink.address.port)) as one:
                one.sendall(asked)
                while one.recv(65536):  # it is the server that hangs up
                    pass
    assert caplog.text == ""


def test_a_defect_in_the_server_is_raised_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> bytes:
        raise EngineError("broken")

    monkeypatch.setattr(painter, "rendered", break_down)

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
