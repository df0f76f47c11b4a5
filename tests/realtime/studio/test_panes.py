"""The Live and the 3D pane in a browser, before a rig of four cameras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from realtime.sinks.screens.web_sink import WebSink
from realtime.web.pictures.looks import Wish
from realtime.writing.header import Header
from realtime.writing.json_text import result_lines
from tests.bodies import BODY25
from tests.browser import CHROMIUM, Page, browser
from tests.realtime.results import Origin
from tests.realtime.studio_run import NAMES, RIG, studio_run, walk, walk_on

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


@asynccontextmanager
async def pane(folder: Path, name: str) -> AsyncIterator[tuple[WebSink, Page]]:
    """A pane of a run that goes on."""
    with studio_run(folder) as (sink, studio, url):
        task = asyncio.create_task(walk_on(sink, studio))
        try:
            async with browser(f"{url}#{name}") as page:
                await page.until("document.querySelector('#state')?.textContent === 'live'")
                yield sink, page
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def choose(page: Page, select: str, value: str) -> None:
    await page.until(f"document.querySelector('#{select} option[value=\"{value}\"]') !== null")
    await page.evaluate(
        f"document.querySelector('#{select}').value = '{value}';"
        f"document.querySelector('#{select}').dispatchEvent(new Event('change'))"
    )


def test_live_shows_all_cameras_and_people_once_and_changes_the_view(tmp_path: Path) -> None:
    async def work() -> None:
        async with pane(tmp_path, "live") as (sink, page):
            await page.resize(1600, 1000)
            await page.until("document.querySelectorAll('#live figure').length === 4")
            await page.until("document.querySelector('#live').cards.every(one => one.drawn > 2)")
            await page.until(
                "document.querySelector('#live .figures').innerText.includes('12 views')"
            )
            people = "[...document.querySelectorAll('#live .who > div')]"
            assert await page.evaluate(f"{people}.length") == 3
            said = await page.evaluate(f"{people}[0].innerText")
            assert said.startswith("id 0")
            assert all(name in said for name in NAMES)
            assert said.count("25 / 25") == 4
            caption = await page.evaluate("document.querySelector('#live figcaption').innerText")
            assert "cam0" in caption
            assert "3 people" in caption
            # What is chosen is asked of the server, in place of what was shown before.
            server = sink._server
            assert server is not None

            def asked() -> list[tuple[int, Wish]]:
                return [one for look in server._painter.looks for one in look.wishes]

            def watched() -> set[Wish]:
                return {wish for _, wish in asked()}

            assert [number for number, _ in asked()] == [0, 1, 2, 3]
            assert watched() == {Wish(side=640, drawn=False)}
            # No more pixels than are seen, and no picture that is scrolled away.
            await page.resize(390, 844)
            while watched() != {Wish(side=320, drawn=False)} or len(asked()) == 4:
                await asyncio.sleep(0.05)
            assert await page.evaluate("document.documentElement.scrollWidth") == 390
            await choose(page, "live-people3d", "only")
            while watched() != {Wish(None, "only", 320, drawn=False)}:
                await asyncio.sleep(0.05)
            await choose(page, "live-view", "part:neck")
            wish = Wish(server._shown.parse("part:neck"), "only", 320, drawn=False)
            while watched() != {wish}:
                await asyncio.sleep(0.05)
            drawn = await page.evaluate("document.querySelector('#live').cards[0].drawn")
            await page.until(f"document.querySelector('#live').cards[0].drawn > {drawn} + 3")
            # Another pane lets go of the pictures.
            await page.evaluate("location.hash = '#takes'")
            while watched():
                await asyncio.sleep(0.05)

    asyncio.run(work())


def test_space_is_turned_hides_people_and_goes_back(tmp_path: Path) -> None:
    root = "document.querySelector('#space')"

    async def work() -> None:
        async with pane(tmp_path, "space") as (_, page):
            await page.resize(390, 844)
            await page.until(f"{root}.scene?.eye?.people === true")
            await page.until(f"{root}.scene.drawn.frames > 5")
            assert await page.evaluate("document.documentElement.scrollWidth") == 390
            names = f"[...{root}.querySelectorAll('.chip')].map(one => one.textContent).join()"
            await page.until(f"{names} === 'id 0,id 1,id 2'")
            # A drag turns, keys do too.
            yaw = await page.evaluate(f"{root}.scene.eye.yaw")
            await page.evaluate(
                f"(canvas => ['down', 'move'].forEach((kind, n) => canvas.dispatchEvent("
                "new PointerEvent('pointer' + kind, {pointerId: 1, buttons: 1, clientX: 50 * n}))))"
                f"(Object.assign({root}.querySelector('canvas'), {{setPointerCapture() {{}}}}))"
            )
            assert await page.evaluate(f"{root}.scene.eye.yaw") == pytest.approx(yaw - 0.3)
            await page.evaluate(
                f"{root}.querySelector('canvas').dispatchEvent("
                "new KeyboardEvent('keydown', {key: 'ArrowLeft'}))"
            )
            assert await page.evaluate(f"{root}.scene.eye.yaw") == pytest.approx(yaw - 0.4)
            # Without a person the picture is another one.
            pause = (
                f"[...{root}.querySelectorAll('button')].find(one => one.textContent === 'Pause')"
            )
            await page.until(f"Number({root}.querySelector('.player input').max) > 40")
            await page.evaluate(f"{pause}.click()")
            for name in ("pictures", "trails", "ghosts"):
                await page.evaluate(f"{root}.querySelector('input[name={name}]').click()")
            await page.until("new Promise(requestAnimationFrame) && true")
            picture = f"{root}.querySelector('canvas').toDataURL()"
            whole = await page.evaluate(picture)
            await page.evaluate(f"{root}.querySelector('input[aria-label=\"show id 1\"]').click()")
            await page.until(f"{picture} !== {whole!r}")
            # The bar goes back to the frame that it names.
            seek = f"{root}.querySelector('.player input')"
            await page.evaluate(f"{seek}.value = 15; {seek}.dispatchEvent(new Event('input'))")
            state = await page.evaluate(f"{root}.querySelector('.state').textContent")
            # Played at four times the speed it goes on from there.
            await choose(page, "space-speed", "4")
            await page.evaluate(
                f"[...{root}.querySelectorAll('button')].find(one => one.textContent === 'Play')"
                ".click()"
            )
            await page.until(f"{root}.querySelector('.state').textContent !== '{state}'")

    asyncio.run(work())


def test_a_file_of_the_users_own_is_plotted(tmp_path: Path) -> None:
    """It is read by the page; one that is none says why."""
    names = list(NAMES)
    header = Header("tiny", BODY25, [Origin(name, rate=30) for name in names], RIG)
    lines = [header.line, *(line for one in walk()[:40] for line in result_lines(one))]
    root = "document.querySelector('#plots')"

    async def choose_file(page: Page, name: str, text: str) -> None:
        await page.until(f"{root}.querySelector('input[type=file]') !== null")
        await page.evaluate(
            f"""(() => {{
                const given = new DataTransfer(), box = {root}.querySelector("input[type=file]");
                given.items.add(new File([{json.dumps(text)}], {json.dumps(name)}));
                box.files = given.files;
                box.dispatchEvent(new Event("change"));
            }})()"""
        )

    async def work() -> None:
        (tmp_path / "beside.jsonl").write_text("\n".join(lines[:1] + lines[1:81]))
        with studio_run(tmp_path) as (_, _, url):
            async with browser(f"{url}#plots/file:beside.jsonl") as page:
                # One that lies beside the takes,
                await page.until(f"{root}.querySelector('.card[data-points=\"20\"]') !== null")
                # and one that the user chooses.
                await choose_file(page, "notes.jsonl", "{}\n")
                await page.until("document.querySelector('#notes .bad') !== null")
                said = await page.evaluate("document.querySelector('#notes .bad').textContent")
                assert said.startswith("notes.jsonl cannot be plotted: its first line")
                await choose_file(page, "own.jsonl", "\n".join([*lines, '{"torn']))
                await page.until(f"{root}.querySelector('.card[data-points=\"40\"]') !== null")
                words = f"[...{root}.querySelectorAll('select')].map(one => one.selectedOptions[0]"
                chosen = await page.evaluate(f"{words}.textContent).join()")
                assert chosen.startswith("own.jsonl,3D, in metres")
                assert "right elbow" in chosen

    asyncio.run(work())


def test_hands_are_fine_and_left_out_where_they_are_small(tmp_path: Path) -> None:
    """A limb of 160 pixels, and one of a hand as long as is said; counted is what is blue."""
    script = """(async () => {
        const { drawPeople } = await import("./studio/page/skeleton.js");
        const skeleton = {
            limbs: [[0, 1], [2, 3]], fine: [[2, 3]], colours: ["red", "red", "blue", "blue"],
        };
        window.counted = [8, 60].map(long => {
            const pen = new OffscreenCanvas(200, 200).getContext("2d");
            const points = [[20, 20], [20, 180], [100, 100], [100 + long, 100]];
            drawPeople(pen, [{ id: -1, points }], skeleton);
            const { data } = pen.getImageData(0, 0, 200, 200);
            return data.filter((value, n) => n % 4 === 2 && value > 100 && !data[n - 2]).length;
        });
    })()"""

    async def work() -> None:
        with studio_run(tmp_path) as (_, _, url):
            async with browser(f"{url}#plots") as page:
                await page.until("document.querySelector('#model').textContent !== ''")
                await page.evaluate(script)
                small, large = await page.until("window.counted")
                assert small == 0
                assert 50 < large < 300

    asyncio.run(work())
