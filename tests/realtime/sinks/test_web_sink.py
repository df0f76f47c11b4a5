"""The web server as browsers, programs, Prometheus and strangers see it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from realtime.sinks.screens.web_sink import WebSink
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from realtime.web import server
from realtime.web.pictures import painter
from tests.realtime.results import grey, keypoints, result, tracks
from tests.realtime.serving import following, pictures, play, settles, until
from tests.synth import SKELETON, person


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


def test_lines_of_any_length_come_whole_and_in_order() -> None:
    """A WebSocket message has its length in one, three or nine bytes."""
    body = person((100, 90), 120)

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with following(client, url, max_msg_size=0) as ws:
            for n, people in enumerate((0, 1, 400, 0, 400, 2)):
                sink.write(result(tracks([body] * people), index=n))
            lines = [await ws.receive_str() for _ in range(6)]
        assert len(lines[0]) < 126 < len(lines[1]) < 1 << 16 < len(lines[2])
        assert [json.loads(line)["index"] for line in lines] == [*range(6)]
        assert [len(json.loads(line)["people"]) for line in lines] == [0, 1, 400, 0, 400, 2]

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
        async def health() -> tuple[int, dict[str, Any]]:
            async with client.get(f"{url}/healthz") as answer:
                return answer.status, await answer.json()

        async def lines() -> list[str]:
            async with client.get(f"{url}/metrics") as answer:
                return [one for one in (await answer.text()).splitlines() if "camera_" in one]

        def seen(*cameras: str) -> Result:
            views = (result().views[0], None) if len(cameras) == 1 else result().views * 2
            return replace(
                result(),
                views=tuple(
                    view and replace(view, frame=replace(view.frame, camera=name))
                    for view, name in zip(views, ("clip", "cam2"), strict=True)
                ),
            )

        up, down = {"up": True, "age": 0.0}, {"up": False, "age": None}
        assert await health() == (
            503,
            {
                "status": "no result yet",
                "cameras": {"clip": down, "cam2": down},
                "failed_outputs": [],
            },
        )
        sink.write(seen("clip", "cam2"))
        both = {"clip": up, "cam2": up}
        fine = {"status": "ok", "cameras": both, "failed_outputs": []}
        await until(lambda: settles(health(), (200, fine)))
        now[0] += 9
        sink.write(seen("clip"))
        later = {"clip": up, "cam2": {"up": True, "age": 9.0}}
        await until(lambda: settles(health(), (200, {**fine, "cameras": later})))
        sink.tell_failure("v.mp4 cannot be written.")
        now[0] += 3
        sink.write(seen("clip"))
        wrong = {
            "status": "no picture of cam2",
            "cameras": {"clip": up, "cam2": {"up": False, "age": 12.0}},
            "failed_outputs": ["v.mp4 cannot be written."],
        }
        await until(lambda: settles(health(), (503, wrong)))
        said = await lines()
        assert 'posestream_camera_up{source="clip"} 1' in said
        assert 'posestream_camera_up{source="cam2"} 0' in said
        assert 'posestream_camera_age_seconds{source="cam2"} 12' in said
        now[0] += 60
        status, page = await health()
        assert (status, page["status"]) == (503, "no result for 60 s")
        assert not any(camera["up"] for camera in page["cameras"].values())

    play(work, sources=("clip", "cam2"))


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
    made: list[Result] = []

    def counted(result: Result, *more: Any) -> bytes:
        made.append(result)
        return original(result, *more)

    original = painter.rendered
    monkeypatch.setattr(painter, "rendered", counted)

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
            assert [one for one in made if one is last] == [last]
            assert len(made) == before + 1
            for stream in streams:
                stream.close()

    play(work)


def test_all_pictures_come_over_one_connection() -> None:
    """Eight cameras; a reader that was away gets the newest of each, not what it missed."""
    names = tuple(f"camera{n}" for n in range(8))

    def instant(index: int) -> Result:
        views = tuple(
            View(Frame(name, index, name, 0, 0, grey(64, 48, 20 * n + 8 * (index % 10))), tracks())
            for n, name in enumerate(names)
        )
        return Result(0, (*views[:3], None, *views[4:]), {})  # the fourth is out

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with client.ws_connect(f"{url}/pictures") as ws:
            for index in (0, 5):
                sink.write(instant(index))
                seen: dict[int, float] = {}
                while len(seen) < 7 or min(seen.values()) < 8 * index:
                    data = await ws.receive_bytes()
                    picture = cv2.imdecode(np.frombuffer(data[2:], np.uint8), cv2.IMREAD_COLOR)
                    assert picture is not None
                    number = int.from_bytes(data[:2], "big")
                    assert picture.shape == (48, 64, 3)
                    seen[number] = float(picture.mean()) - 20 * number
                assert set(seen) == {0, 1, 2, 4, 5, 6, 7}
                np.testing.assert_allclose(list(seen.values()), 8 * index, atol=2)
            async with client.get(f"{url}/metrics") as answer:
                assert 'posestream_clients{kind="pictures"} 1' in await answer.text()

    play(work, sources=names)
