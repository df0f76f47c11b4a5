"""Calibrating over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, get_args

from aiohttp import hdrs, web

from realtime.studio.calibrate.calibration import Calibration, board_of
from realtime.studio.calibrate.session import Key, encoded
from realtime.web.json_requests import answer, audit, body_of, text_of
from realtime.web.space_json import scene_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ROOT = "/studio/api/calibrate"


class CalibratePages:
    """The routes of the Calibrate pane."""

    def __init__(self, calibration: Calibration) -> None:
        self._own = calibration

    def add_routes(self, router: web.UrlDispatcher, guarded: Callable[[Handler], Handler]) -> None:
        """guarded: lets only in who may, and answers errors with their sentence."""
        one = ROOT + r"/rigs/{id:[\w.-]{1,80}}"
        for path, handler in (
            (ROOT, self._state),
            (f"{ROOT}/picture", self._picture),
            (f"{ROOT}/chart", self._chart),
            (f"{ROOT}/board.pdf", self._sheet),
            (one, self._download),
            (one + "/scene", self._scene),
        ):
            router.add_get(path, guarded(handler))
        for name, work in (
            ("board", self._board),
            ("lens", self._lens),
            ("rig", self._rig),
            ("check", self._check),
            ("more", self._more),
            ("mend", self._mend),
            ("press", self._press),
        ):
            router.add_post(f"{ROOT}/{name}", guarded(work))

    async def _state(self, _: web.Request) -> web.Response:
        return await self._told()

    async def _told(self) -> web.Response:
        return answer(await asyncio.to_thread(lambda: self._own.told))

    async def _picture(self, _: web.Request) -> web.Response:
        """What the guide sees now."""
        session = self._own.session
        data = None if session is None else session.picture()
        if data is None:
            return web.Response(status=204)
        return web.Response(body=data, content_type="image/jpeg")

    async def _chart(self, _: web.Request) -> web.Response:
        """Where in the picture the lens is known, and how well it fits."""
        session = self._own.session
        outcome = None if session is None else session.outcome
        if outcome is None or outcome.chart is None:
            raise web.HTTPNotFound(text="There is no chart.\n")
        data = await asyncio.to_thread(encoded, ".png", outcome.chart)
        return web.Response(body=data, content_type="image/png")

    async def _sheet(self, request: web.Request) -> web.Response:
        data = await asyncio.to_thread(self._own.sheet, request.query.get("paper", "a4"))
        return _file(data, "application/pdf", "board.pdf")

    async def _download(self, request: web.Request) -> web.Response:
        path = await asyncio.to_thread(self._own.folder.path, request.match_info["id"])
        return _file(await asyncio.to_thread(path.read_bytes), "application/toml", path.name)

    async def _scene(self, request: web.Request) -> web.Response:
        rig = await asyncio.to_thread(self._own.rig, request.match_info["id"])
        return answer(scene_of(rig))

    async def _board(self, request: web.Request) -> web.Response:
        board = board_of(await body_of(request))
        await asyncio.to_thread(self._own.set_board, board)
        audit(request, "told the board: %s", board)
        return await self._told()

    async def _lens(self, request: web.Request) -> web.Response:
        given = await body_of(request)
        camera = text_of(given.get("camera"))
        await asyncio.to_thread(self._own.begin_lens, camera, _hold(given))
        audit(request, "began to calibrate the lens of %s", camera)
        return await self._told()

    async def _rig(self, request: web.Request) -> web.Response:
        given = await body_of(request)
        origin = given.get("origin") is True
        await asyncio.to_thread(lambda: self._own.begin_rig(_hold(given), origin=origin))
        audit(request, "began to calibrate the rig")
        return await self._told()

    async def _check(self, request: web.Request) -> web.Response:
        given = await body_of(request)
        identity, board = text_of(given.get("rig")), given.get("board") is True
        hold = _hold(given)
        await asyncio.to_thread(lambda: self._own.begin_check(identity, board=board, hold=hold))
        audit(request, "began to check %s", identity)
        return await self._told()

    async def _more(self, request: web.Request) -> web.Response:
        await body_of(request)
        await asyncio.to_thread(self._own.go_on)
        audit(request, "went on with the calibration")
        return await self._told()

    async def _mend(self, request: web.Request) -> web.Response:
        await body_of(request)
        await asyncio.to_thread(self._own.mend)
        audit(request, "mended the rig that was checked")
        return await self._told()

    async def _press(self, request: web.Request) -> web.Response:
        given = text_of((await body_of(request)).get("key"))
        key: Key | None = next((one for one in get_args(Key) if one == given), None)
        if key is None:
            raise web.HTTPBadRequest(text=f'"key" is one of {", ".join(get_args(Key))}.\n')
        self._own.press(key)
        audit(request, "pressed %s while calibrating", key)
        return await self._told()


def _hold(given: dict[str, Any]) -> float:
    hold = given.get("hold", 1.0)
    if isinstance(hold, bool) or not isinstance(hold, int | float):
        raise web.HTTPBadRequest(text='"hold" is a number of seconds.\n')
    return float(hold)


def _file(data: bytes, kind: str, name: str) -> web.Response:
    disposition = {hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"'}
    return web.Response(body=data, content_type=kind, headers=disposition)
