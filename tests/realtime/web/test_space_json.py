"""The page of the 3D people."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import cv2
import numpy as np
import pytest

from calibration.plots.viewpoint import sight, upwards
from engines.types.skeleton import named_skeleton
from realtime.drawing.skeletons import id_colour
from realtime.multiview.identity import share_ids
from realtime.multiview.stage import RigStage
from realtime.settings.web import WebSettings
from realtime.sinks.files.openpose_json_3d import openpose_json3d
from realtime.sinks.screens.web_sink import WebSink
from realtime.types.errors import SettingsError
from realtime.types.results import Result
from realtime.web.address import Address
from realtime.web.replay import Replay
from realtime.web.space_json import space_header, space_line, space_page
from tests.bodies import BODY25, body, sightings
from tests.browser import CHROMIUM, browser
from tests.calibration.cameras import ring
from tests.realtime.results import header
from tests.realtime.serving import TOKEN, play
from tests.realtime.wanted import settings

RIG = ring(4, radius=5)
PEOPLE = [body((-0.5, 0.2)), body((0.8, -0.4), heading=1)]
# How many pixels of the canvas have the colour of an id, at the middle of its limbs.
COLOURED = """(() => {
  const pen = canvas.getContext("2d"), t = [%s];
  const p = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  let n = 0;
  for (let i = 0; i < p.length; i += 4) n += t.every((v, c) => Math.abs(p[i + c] - v) < 4);
  return n;
})()"""
FIRST, SECOND = "255,102,102", "102,147,255"  # HSL 0 and 222.5 degrees, 100 %, 70 %


def seen() -> Result:
    views = sightings(RIG, PEOPLE)
    views, poses = share_ids(views, RigStage(RIG, BODY25).update(0.0, views))
    return Result(1.5, views, {}, poses3d=poses)


def sink(token: str | None = None) -> WebSink:
    names = [camera.name for camera in RIG.cameras]
    return WebSink(Address("127.0.0.1", 0), token, header(BODY25, names, RIG), announce=False)


def test_cameras_and_people_as_lines() -> None:
    told = json.loads(space_header(header(BODY25, rig=RIG), RIG))
    assert told["skeleton"]["keypoints"] == list(BODY25.keypoints)
    assert told["up"] == [0, 0, 1] == upwards(RIG).tolist()
    for camera, shown in zip(RIG.cameras, told["cameras"], strict=True):
        assert np.allclose(shown["centre"], camera.centre, atol=1e-4)
        pinhole = replace(camera, distortion=np.zeros(0))
        wide, high = camera.size
        expected = np.array([[0, 0], [wide, 0], [wide, high], [0, high]]) - 0.5
        assert np.allclose(pinhole.project(camera.centre + sight(camera)), expected)
    result = seen()
    assert result.poses3d is not None
    result.poses3d.xyz[0, 3] = np.nan
    line = json.loads(space_line(result))
    assert line["time"] == 1.5
    assert [one["id"] for one in line["people"]] == [0, 1]
    assert line["people"][0]["xyz"][3] is None
    assert np.allclose(line["people"][1]["xyz"], result.poses3d.xyz[1], atol=1e-4)


def test_the_pictures_of_the_cameras_show_the_people_in_space() -> None:
    """Where they were put together wrongly it must show: these are a metre off."""

    async def visit() -> None:
        with sink() as server:
            url = f"http://127.0.0.1:{server.address.port}"
            async with (
                aiohttp.ClientSession() as client,
                client.ws_connect(f"{url}/pictures") as pictures,
            ):
                result = seen()
                assert result.poses3d is not None
                poses = replace(result.poses3d, xyz=result.poses3d.xyz + np.float32([0, 0, 1]))
                server.write(replace(result, poses3d=poses))
                for _ in RIG.cameras:
                    data = (await pictures.receive()).data
                    number = int.from_bytes(data[:2], "big")
                    picture = cv2.imdecode(np.frombuffer(data[2:], np.uint8), cv2.IMREAD_COLOR)
                    xy = RIG.cameras[number].project(poses.xyz.astype(float))
                    hips = xy[:, BODY25.keypoints.index("mid_hip")].round().astype(int)
                    for one, (x, y) in zip(poses.id.tolist(), hips, strict=True):
                        around = picture[max(0, y - 50) : y + 51, max(0, x - 50) : x + 51]
                        near = np.abs(around.astype(int) - id_colour(one)).max(-1)
                        assert (near < 60).sum() > 20  # the outline of a body goes by

    asyncio.run(visit())


def test_lines_for_programs_hold_the_people_too() -> None:
    async def visit() -> None:
        with sink() as server:
            url = f"http://127.0.0.1:{server.address.port}"
            async with aiohttp.ClientSession() as client, client.ws_connect(f"{url}/ws") as lines:
                assert "xyz" in (await lines.receive_json())["space"]
                result = seen()
                server.write(result)
                first, second = [await lines.receive_json() for _ in range(2)]
        assert result.poses3d is not None
        assert [one["id"] for one in first["space"]] == [0, 1]
        assert np.allclose(first["space"][1]["xyz"], result.poses3d.xyz[1], atol=1e-4)
        assert first["space"][0]["views"] == [4] * 25
        assert (second["source"], "space" in second) == ("cam1", False)

    asyncio.run(visit())


def test_the_page_knows_the_limbs_of_openpose_json() -> None:
    page = (files("realtime.web") / "space.html").read_text()
    table = dict(re.findall(r"^  (\d+): (\[\[.*\]\]),$", page, re.MULTILINE))
    for count, name in ((17, "coco17"), (18, "coco18"), (25, "body25")):
        assert json.loads(table[str(count)]) == [list(one) for one in named_skeleton(name).drawn]


def test_only_those_who_may_get_the_people_of_a_rig() -> None:
    async def without_rig(_: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with client.get(f"{url}/space/ws") as answer:
            assert answer.status == 404
            assert "--rig" in await answer.text()
        evil = {"Origin": "http://evil.example"}
        async with client.get(f"{url}/space/ws", headers=evil) as answer:
            assert answer.status == 403

    async def without_token(_: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        for path in ("space", "space/ws"):
            async with client.get(f"{url}/{path}") as answer:
                assert answer.status == 401

    play(without_rig)
    play(without_token, TOKEN)
    with pytest.raises(SettingsError, match="--show3d needs calibrated cameras"):
        settings("a", "b", show3d=True)
    assert WebSettings(show3d=True).serve == "8080"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_a_browser_shows_the_people_live_and_turns(tmp_path: Path) -> None:
    async def visit() -> None:
        with sink(TOKEN) as server:
            url = f"http://127.0.0.1:{server.address.port}/space?token={TOKEN}"
            async with browser(url) as page:
                await page.until("at('state').textContent === 'live'")
                server.write(seen())
                await page.until("at('who').textContent === '1.50 s  ids 0, 1'")
                for colour in (FIRST, SECOND):
                    await page.until(f"{COLOURED % colour} > 200")
                before = await page.evaluate("view.eye.yaw")
                for kind, x in (("mousePressed", 600), ("mouseMoved", 700), ("mouseReleased", 700)):
                    await page.call(
                        "Input.dispatchMouseEvent",
                        type=kind,
                        x=x,
                        y=400,
                        button="left",
                        clickCount=1,
                        buttons=1,
                    )
                assert await page.evaluate("view.eye.yaw") == pytest.approx(before - 0.6)
                await page.screenshot(tmp_path / "space.png")
                poses = seen().poses3d
                assert poses is not None
                for ground, floor in ((0.5, "floor === 0.5"), (None, "floor === null")):
                    one = replace(seen(), poses3d=replace(poses, ground=ground))
                    server.write(one)
                    await page.until(floor)
        assert (tmp_path / "space.png").stat().st_size > 10_000

    asyncio.run(visit())


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_a_browser_plays_a_recording_without_a_run(tmp_path: Path) -> None:
    result = seen()
    assert result.poses3d is not None
    text = openpose_json3d(replace(result.poses3d, xyz=result.poses3d.xyz[..., [0, 2, 1]] * -1))
    script = f"""(() => {{
        const some = n => new File([{json.dumps(text)}], `rig_${{n}}_keypoints.json`);
        return open([some(10), some(9), some(11)]);
    }})()"""
    page_file = tmp_path / "space.html"
    page_file.write_text(space_page())

    async def visit() -> None:
        async with browser(page_file.as_uri(), dark=True) as page:
            await page.until("at('state').textContent === 'open a recording'")
            await page.evaluate(script)
            await page.until("at('state').textContent === '3 frames of a recording'")
            assert await page.evaluate("scene.up.join()") == "0,-1,0"
            await page.until("at('who').textContent.endsWith('ids 0, 1')")
            for colour in (FIRST, SECOND):
                await page.until(f"{COLOURED % colour} > 200")
            await page.evaluate("open([new File(['no'], 'a.json')])")
            await page.until("at('state').textContent.startsWith('not a folder of --json3d')")

    asyncio.run(visit())


def ended(stay: bool | None) -> WebSink:
    names = [camera.name for camera in RIG.cameras]
    address = Address("127.0.0.1", 0)
    return WebSink(address, None, header(BODY25, names, RIG), stay=stay)


def test_a_run_that_has_ended_says_what_becomes_of_its_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ctrl_c(_: float) -> None:
        raise KeyboardInterrupt

    # Not time.sleep itself: threads of other tests sleep as well.
    monkeypatch.setattr("realtime.sinks.screens.web_sink.time", SimpleNamespace(sleep=ctrl_c))
    for stay, says in (
        (True, "replays the run until Ctrl-C"),
        (False, "add --stay to keep it open"),
    ):
        with ended(stay):
            pass
        assert says in capsys.readouterr().err
    with ended(None):
        pass
    assert "space" in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(ZeroDivisionError), ended(True):
        raise ZeroDivisionError  # what breaks off ends at once


def test_the_oldest_lines_go_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.web.replay.MAX_BYTES", 17)
    monkeypatch.setattr("realtime.web.replay.CHUNK_BYTES", 10)
    replay = Replay()
    lines = [b"1111", b"2222", b"3333", b"4444", b"5555"]
    for line in lines[:3]:
        replay.add(line)
    assert [*replay.chunks()] == [b"1111\n2222\n", b"3333\n"]
    reading = replay.chunks()
    assert next(reading) == b"1111\n2222\n"
    for line in lines[3:]:
        replay.add(line)
    assert [*reading] == [b"3333\n4444\n", b"5555\n"]
    assert [*replay.chunks()] == [b"3333\n4444\n", b"5555\n"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_a_run_that_has_ended_is_played_again_also_to_those_who_come_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.new_event_loop()

    async def visit(url: str) -> None:
        async with browser(url) as page:
            await page.until("recording && recording.at > 0")
            assert await page.evaluate("at('state').textContent") == (
                "20 frames of a run that has ended"
            )
            assert await page.until(COLOURED % FIRST)
            assert await page.evaluate("recording.rate") == pytest.approx(10)
            assert await page.evaluate("scene.cameras.length") == 4
            await page.evaluate("at('play').click()")
            await page.until("!playing")

    def look_then_stop(_: float) -> None:
        loop.run_until_complete(visit(f"http://127.0.0.1:{server.address.port}/space"))
        raise KeyboardInterrupt

    with ended(True) as server:
        result = seen()
        for n in range(20):
            server.write(replace(result, time=0.1 * n))
            time.sleep(0.02)
        monkeypatch.setattr(
            "realtime.sinks.screens.web_sink.time", SimpleNamespace(sleep=look_then_stop)
        )
    loop.close()
