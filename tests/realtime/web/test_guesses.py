"""Tokens that are guessed, and pages of other sites that show what is served here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web

from realtime.sinks.screens.web_sink import WebSink
from realtime.web import auth
from realtime.web.auth import Guesses
from realtime.web.metrics import Metrics
from tests.realtime.results import result
from tests.realtime.serving import TOKEN, play


def test_guesses_of_an_address_come_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand at once: a few are looked at, each after the wait for the one before."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def waited(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("realtime.web.auth.asyncio.sleep", waited)
    looked = []

    def check(answer: bool) -> Callable[[], bool]:
        return lambda: looked.append(answer) or answer  # type: ignore[func-returns-value]

    async def attack() -> None:
        guesses = Guesses()
        tries = [guesses.right("6.6.6.6", check(answer=False)) for _ in range(1000)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        refused = [one for one in answers if isinstance(one, web.HTTPTooManyRequests)]
        assert len(refused) == 1000 - 1 - auth.MAX_WAITING_GUESSES
        assert answers.count(False) == len(looked) == len(waits) == 1 + auth.MAX_WAITING_GUESSES
        assert set(waits) == {auth.GUESS_SECONDS}
        # Nobody else waits, and whoever knows the token at that address comes in.
        assert await guesses.right("7.7.7.7", check(answer=True))
        assert await guesses.right("6.6.6.6", check(answer=True))
        assert len(waits) == 1 + auth.MAX_WAITING_GUESSES
        for n in range(3 * auth.MAX_GUESSERS):
            await guesses.right(f"{n}", check(answer=False))
        assert len(guesses._turns) <= auth.MAX_GUESSERS
        assert not guesses._waiting

    asyncio.run(attack())


def test_the_server_makes_those_wait_who_guess_and_nobody_who_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auth, "GUESS_SECONDS", 3600.0)

    async def work(_: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with client.get(url) as answer:  # no guess
            assert answer.status == 401
        for _ in range(2):
            async with client.get(f"{url}/?token={TOKEN}") as answer:
                assert answer.status == 200
        guess = asyncio.create_task(client.get(f"{url}/?token=wrong").__aenter__())
        done, _waiting = await asyncio.wait([guess], timeout=0.3)
        assert not done
        guess.cancel()

    play(work, TOKEN)


ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}
PICTURE = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FRAME = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


@pytest.mark.parametrize("token", [None, TOKEN])
def test_other_sites_cannot_show_what_is_served_here(token: str | None) -> None:
    """As browsers say it (Fetch Metadata); a link is followed, and our own page is let in."""

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        sink.write(result())
        own = {"Sec-Fetch-Site": "same-origin"}
        given = f"?token={token}" if token else ""
        for headers, status in (
            ({**ELSEWHERE, **PICTURE}, 403),
            ({**ELSEWHERE, **FRAME}, 403),
            (ELSEWHERE, 403),
            ({**ELSEWHERE, **LINK}, 200),
            ({**own, **PICTURE}, 200),
            ({"Sec-Fetch-Site": "none", **LINK}, 200),
            ({}, 200),
        ):
            for path in ("/video", "/figures"):
                async with client.get(f"{url}{path}{given}", headers=headers) as answer:
                    assert answer.status == status, (path, headers)

    play(work, token)


def test_a_camera_that_is_not_required_may_be_down() -> None:
    """Of clip and cam2, clip alone gives pictures."""
    one = result()
    for required, wrong in ((None, "no picture of cam2"), (("clip",), None), (("cam2",), "cam2")):
        metrics = Metrics("tiny", ["clip", "cam2"], required)
        metrics.add(one, 0.0)
        said = metrics.health(1.0)
        assert said == wrong or (wrong == "cam2" and said == "no picture of cam2")
        page = json.loads(metrics.health_page(1.0))
        assert [camera["up"] for camera in page["cameras"].values()] == [True, False]
