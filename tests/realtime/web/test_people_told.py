"""What the page says of people whom several cameras see, and of a run that has ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import numpy as np
import pytest

from realtime.multiview.identity import share_ids
from realtime.multiview.stage import RigStage
from realtime.sinks.screens.web_sink import WebSink
from realtime.types.results import Result
from realtime.web.metrics import people_of
from tests.bodies import BODY25, body, sightings
from tests.browser import CHROMIUM, browser
from tests.calibration.cameras import ring
from tests.realtime.results import result, tracks
from tests.realtime.serving import play
from tests.synth import person

RIG = ring(4, radius=5)
NAMES = tuple(camera.name for camera in RIG.cameras)
PEOPLE = [body((-0.5, 0.2)), body((0.8, -0.4), heading=1), body((0.1, 1.1), heading=2)]


def seen() -> Result:
    """Three people whom four cameras see, two of them all: ten views."""
    views = sightings(RIG, PEOPLE)
    views, poses = share_ids(views, RigStage(RIG, BODY25).update(0.0, views))
    assert poses is not None
    missed = int(poses.id[2])
    kept = []
    for number, view in enumerate(views):
        assert view is not None
        rows = np.flatnonzero((view.tracks.id != missed) | (number < 2))
        kept.append(replace(view, tracks=view.tracks.some(rows)))
    return Result(0, tuple(kept), {"infer": 0.02}, poses3d=poses)


def test_three_people_in_ten_views_are_three() -> None:
    people = people_of(seen())
    assert [len(one["views"]) for one in people] == [4, 4, 2]
    assert [view["camera"] for view in people[2]["views"]] == list(NAMES[:2])
    assert all(one["space"] for one in people)


def test_whom_no_camera_sees_now_is_still_there() -> None:
    one = seen()
    nobody = np.zeros(0, int)
    views = [view and replace(view, tracks=view.tracks.some(nobody)) for view in one.views]
    people = people_of(replace(one, views=tuple(views)))
    assert [view["views"] for view in people] == [[], [], []]


def test_without_a_rig_each_camera_has_its_own_people() -> None:
    """Equal ids of two cameras are two people; so are two without an id."""
    one = result(tracks([person((90, 120), 180), person((200, 120), 180)], ids=[3, -1]))
    (view,) = one.views
    people = people_of(replace(one, views=(view, view)))
    assert [person["id"] for person in people] == [3, 3, -1, -1]
    assert [len(person["views"]) for person in people] == [1] * 4


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_the_page_counts_people_names_cameras_and_says_that_the_run_has_ended() -> None:
    """On a phone too, where nothing is wider than the screen."""

    async def work(sink: WebSink, _: aiohttp.ClientSession, url: str) -> None:
        sink.write(seen())
        async with browser(url) as page:
            await page.resize(390, 844)
            await page.until("document.querySelector('#people').textContent.trim() == '3'")
            assert (
                await page.evaluate("document.querySelector('#people-are').textContent")
                == "people in 10 views"
            )
            said = await page.evaluate("document.querySelector('#who').innerText")
            assert said.split("\n")[-5:] == ["id 2", NAMES[0], "25 / 25", NAMES[1], "25 / 25"]
            await page.until("document.querySelector('figure img').naturalWidth > 0")
            assert await page.evaluate("document.documentElement.scrollWidth") == 390
            assert await page.evaluate("!document.querySelector('#intro').hidden")
            await page.evaluate("document.querySelector('#understood').click()")
            assert await page.evaluate("document.querySelector('#intro').hidden")
            assert sink._server is not None
            sink._server.end()
            await page.until("document.querySelector('#state').textContent == 'ended'")
            sink._server.stop()
            await asyncio.sleep(0)
            await page.until("lost && document.querySelector('#state').textContent == 'ended'")

    play(work, sources=NAMES)
