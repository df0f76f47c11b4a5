"""Who may record, see and delete takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from realtime.sinks.screens.web_sink import WebSink
from realtime.studio.routes import StudioPages
from realtime.studio.studio import Studio, StudioRun
from realtime.web.address import Address
from tests.realtime.results import Origin, header, result, tracks
from tests.synth import person

TOKEN = "a-random-token"
OWN = {"Authorization": f"Bearer {TOKEN}", "X-Posestream": "studio"}
Visit = Callable[[aiohttp.ClientSession, Studio, str], Awaitable[None]]


def visit(folder: Path, work: Visit, server_token: str | None = None) -> None:
    """A studio whose run has had no results yet, and a client."""
    studio = Studio(folder, StudioRun(header(), [Origin(rate=25)], True))
    pages = StudioPages(studio, TOKEN)
    address = Address("127.0.0.1", 0)
    sink = WebSink(address, server_token, header(), announce=False, extension=pages)

    async def run() -> None:
        with sink, studio:
            async with aiohttp.ClientSession() as client:
                await work(client, studio, f"http://127.0.0.1:{sink.address.port}")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-Posestream": "studio"}, 401),
        ({**OWN, "Authorization": "Bearer wrong-token"}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 403),  # as a script that forgot the header
        ({**OWN, "Origin": "http://evil.example"}, 403),
        ({**OWN, "Origin": "null"}, 403),
        ({**OWN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**OWN, "Sec-Fetch-Site": "same-site"}, 403),  # another port of this computer
        ({**OWN, "Sec-Fetch-Site": "none"}, 403),
        (OWN, 200),
        ({**OWN, "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_a_take_begins_for_whoever_has_the_token(
    headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    """Also on loopback; and never for a page of another site."""

    async def work(client: aiohttp.ClientSession, studio: Studio, url: str) -> None:
        api = f"{url}/studio/api/record"
        async with client.post(api, json={"name": "walk"}, headers=headers) as answer:
            assert answer.status == status
        assert (studio.recording is not None) == (status == 200)

    visit(tmp_path / "takes", work)


def test_a_token_in_an_address_reads_and_changes_nothing(tmp_path: Path) -> None:
    """Addresses are in histories and logs; a link can be followed by mistake."""

    async def work(client: aiohttp.ClientSession, studio: Studio, url: str) -> None:
        query = f"?token={TOKEN}"
        async with client.get(f"{url}/studio/api/takes{query}") as answer:
            assert (answer.status, await answer.json()) == (200, [])
        async with client.get(f"{url}/studio/api/takes") as answer:
            assert answer.status == 401
        for path, status in (("record", 401), ("record", 405)):
            method = client.post if status == 401 else client.get
            async with method(f"{url}/studio/api/{path}{query}", headers={}) as answer:
                assert answer.status == status
        assert studio.recording is None

    visit(tmp_path / "takes", work)


@pytest.mark.parametrize("body", [b"name=walk", b"[]", b"{", b'{"name": 3}', b"9" * 5000])
def test_what_is_no_request_is_refused(body: bytes, tmp_path: Path) -> None:
    async def work(client: aiohttp.ClientSession, studio: Studio, url: str) -> None:
        headers = {**OWN, "Content-Type": "application/json"}
        async with client.post(f"{url}/studio/api/record", data=body, headers=headers) as answer:
            assert answer.status == 400
        plain = {**OWN, "Content-Type": "text/plain"}  # what a form of another site can send
        async with client.post(f"{url}/studio/api/record", data=b"{}", headers=plain) as answer:
            assert answer.status == 415
        assert studio.recording is None

    visit(tmp_path / "takes", work)


def test_no_path_comes_from_a_client(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Ids are looked up, names are labels: nothing outside of the takes is read or deleted."""
    outside = tmp_path / "20260101-000000-abcdef"
    outside.mkdir()
    (outside / "take.json").write_text("{}")
    folder = tmp_path / "takes"

    async def work(client: aiohttp.ClientSession, studio: Studio, url: str) -> None:
        api = f"{url}/studio/api"
        async with client.post(f"{api}/record", json={"name": "../../x"}, headers=OWN) as answer:
            made = await answer.json()
        seen = tracks([person((100, 120), 180)], ids=[3])
        for n in range(3):
            studio.write(result(seen, index=n, time=n / 25))
        async with client.post(f"{api}/stop", json={}, headers=OWN) as answer:
            assert (await answer.json())["frames"] == 3
        (place,) = folder.iterdir()
        assert place.name == made["id"]
        (folder / "20260101-000000-abcdea").symlink_to(outside)
        for identity in (
            *("..", "%2e%2e", "20260101-000000-abcdea", f"..%2f{outside.name}"),
            *(f"{made['id']}%2f..%2f{made['id']}", made["id"].upper() + "x"),
        ):
            body = {"delete": identity}
            async with client.post(
                f"{api}/takes/{identity}/delete", json=body, headers=OWN
            ) as answer:
                assert answer.status in (400, 404, 405)
        query = f"?token={TOKEN}"
        for path in ("../take.json", "%2e%2e%2fserver.py", "style.css%00", "vendor", "nothing.js"):
            async with client.get(f"{url}/studio/page/{path}{query}") as answer:
                assert answer.status == 404
        (folder / "own.jsonl").write_text("{}")
        (folder / "linked.jsonl").symlink_to(outside / "take.json")
        async with client.get(f"{api}/files{query}") as answer:
            assert await answer.json() == ["own.jsonl"]
        for name in ("linked.jsonl", "..%2fown.jsonl", "%2e%2e", "nothing.jsonl"):
            async with client.get(f"{api}/files/{name}{query}") as answer:
                assert answer.status == 404
        async with client.get(f"{api}/files/own.jsonl") as answer:
            assert answer.status == 401
        where = f"{api}/takes/{made['id']}"
        async with client.post(f"{where}/export", json={"format": "csv"}, headers=OWN) as answer:
            assert (await answer.json())["file"] == "x.csv"
        async with client.get(f"{where}/export/csv{query}") as answer:
            assert (await answer.text()).startswith("source,index,time,id,score,")
        async with client.post(f"{where}/delete", json={"delete": "?"}, headers=OWN) as answer:
            assert answer.status == 400
        assert place.is_dir()
        async with client.post(
            f"{where}/delete", json={"delete": made["id"]}, headers=OWN
        ) as answer:
            assert answer.status == 200
        assert not place.exists()
        assert (outside / "take.json").is_file()

    visit(folder, work)
    said = [one.getMessage() for one in caplog.records if "Studio" in one.getMessage()]
    assert [line.split()[2] for line in said] == ["began", "ended", "exported", "deleted"]
    assert all("127.0.0.1" in line and TOKEN not in line for line in said)


def test_the_page_has_no_script_but_its_own(tmp_path: Path) -> None:
    """Its policy is stricter than that of the other pages; it needs the server's token, its files
    do not.
    """

    async def work(client: aiohttp.ClientSession, _: Studio, url: str) -> None:
        async with client.get(f"{url}/studio") as answer:
            assert answer.status == 401
        async with client.get(f"{url}/studio?token=of-the-server") as answer:
            assert answer.status == 200
            policy, page = answer.headers["Content-Security-Policy"], await answer.text()
        assert "script-src 'self';" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "<script>" not in page
        assert "style=" not in page
        async with client.get(f"{url}/studio/page/shell.js") as answer:
            assert answer.status == 200
            assert answer.content_type == "text/javascript"
        async with client.get(
            f"{url}/studio/page/shell.js",
            headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        ) as answer:
            assert answer.status == 403

    visit(tmp_path / "takes", work, "of-the-server")
