"""Outputs opened together: what they share, and what the summary says of them."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest

from engines.types.skeleton import named_skeleton
from realtime.sinks.opening import open_sinks
from realtime.sinks.screens.web_sink import WebSink
from realtime.sinks.together import Together
from realtime.types.model import Keypoints
from realtime.types.results import Result
from realtime.writing import json_text
from tests.realtime.results import Origin, result, tracks
from tests.realtime.wanted import settings
from tests.synth import person

MODEL = Keypoints("tiny", named_skeleton("coco18"))
RESULTS = [result(tracks([person((160, 120), 200)]), time=n / 10, index=n) for n in range(3)]


@pytest.mark.parametrize("angles", [False, True])
def test_the_json_of_a_result_is_made_once_for_all(
    angles: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --angles files and datagrams have more to say than web pages are told."""
    made: list[Result] = []
    make = json_text.result_lines

    def counted(one: Result, *, angles: bool = False, events: bool = False) -> list[str]:
        made.append(one)
        return make(one, angles=angles, events=events)

    monkeypatch.setattr(json_text, "result_lines", counted)
    path = tmp_path / "poses.jsonl"

    async def follow(sinks: Together, url: str) -> list[str]:
        async with aiohttp.ClientSession() as client, client.ws_connect(f"{url}ws") as ws:
            await ws.receive_str()  # the header: from now on it is one of the readers
            for one in RESULTS:
                sinks.write(one)
            return [await ws.receive_str() for _ in RESULTS]

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        udp = f"127.0.0.1:{receiver.getsockname()[1]}"
        wanted = settings("clip", jsonl=path, udp=udp, serve="0", angles=angles)
        opened = open_sinks(wanted, [Origin()], MODEL)
        (server,) = (sink for sink in opened if isinstance(sink, WebSink))
        with Together(opened) as sinks:
            page = asyncio.run(follow(sinks, server.address.url))
        datagrams = [receiver.recv(70_000).decode() for _ in RESULTS]
    lines = path.read_text().splitlines()[1:]
    assert lines == datagrams
    assert [json.loads(line)["index"] for line in page] == [0, 1, 2]
    assert (page == lines) != angles
    assert len(made) == len(RESULTS) * (2 if angles else 1)


def test_nobody_makes_lines_that_no_page_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    def unwanted(*_: object, **__: object) -> list[str]:
        raise AssertionError("made for nobody")

    monkeypatch.setattr(json_text, "result_lines", unwanted)
    with Together(open_sinks(settings("clip", serve="0"), [Origin()], MODEL)) as sinks:
        for one in RESULTS:
            sinks.write(one)


def test_the_summary_names_every_output_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"json": "json", "csv": "p.csv", "mot": "p.txt", "output": "p.mp4", "record": "rec"}
    wanted = settings("a", "b", quiet=False, **{name: Path(file) for name, file in files.items()})
    with Together(open_sinks(wanted, [Origin("a"), Origin("b")], MODEL)):
        pass
    written = capsys.readouterr().err.strip().partition("written to ")[2]
    assert written == "p_*.mp4, json/*, p_*.txt, p.csv, rec"
