"""The studio over HTTP: its page, and requests about takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from calibration.files.rig_toml import read_rig
from realtime.studio.access import Access
from realtime.studio.calibrate.routes import CalibratePages
from realtime.studio.exports import FORMATS, offered
from realtime.studio.studio import Studio, described
from realtime.studio.take_floor import floor_of
from realtime.studio.take_folders import PICTURES, RIG, NoTakeError
from realtime.types.errors import RealtimeError
from realtime.types.joint_angles import JOINTS
from realtime.web.connections import POLICY
from realtime.web.json_requests import answer, audit, body_of, text_of
from realtime.web.space_json import scene_of

MAX_FRAMES = 600  # of one answer
# No script and no style but those of this server's own files.
PAGE_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; connect-src 'self'; script-src 'self'; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
PAGE = "/studio/page/"


class StudioPages:
    """An extension of the web server, see `realtime.web.extension`. token: for all but the page."""

    def __init__(self, studio: Studio, token: str) -> None:
        self._studio, self._access = studio, Access(token)
        self._calibrate = CalibratePages(studio.calibration)
        root = files("realtime.studio") / "page"
        shared = files("realtime.web") / "scripts"
        found = [*root.iterdir(), *(root / "vendor").iterdir(), *shared.iterdir()]
        self._files = {
            one.name: one.read_text(encoding="utf-8")
            for one in found
            if one.name.endswith((*TYPES,))
        }
        self._exporting = asyncio.Lock()  # one at a time: the run needs the processor

    def public(self, path: str) -> bool:
        """The scripts and styles that come with the program."""
        return path.startswith(PAGE)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """All of the studio's."""
        router.add_get("/studio", self._get_page)
        router.add_get(PAGE + "{name}", self._get_file)
        one = r"/studio/api/takes/{id:[0-9a-f-]{1,40}}"
        for path, handler in (
            ("/studio/api/run", self._run),
            ("/studio/api/recording", self._recording),
            ("/studio/api/takes", self._takes),
            ("/studio/api/files", self._tables),
            ("/studio/api/files/{name}", self._table),
            (one, self._take),
            (one + "/frames", self._frames),
            (one + r"/picture/{camera:\d{1,3}}/{frame:\d{1,9}}", self._picture),
            (one + r"/export/{format:\w{1,12}}", self._download),
        ):
            router.add_get(path, self._guarded(handler))
        for path, work in (
            ("/studio/api/record", self._start),
            ("/studio/api/stop", self._stop),
            (one + "/rename", self._rename),
            (one + "/cut", self._cut),
            (one + "/export", self._export),
            (one + "/delete", self._delete),
        ):
            router.add_post(path, self._guarded(work))
        self._calibrate.add_routes(router, self._guarded)

    async def close(self) -> None:
        """Calibrating ends."""
        await asyncio.to_thread(self._studio.calibration.close)

    async def _get_page(self, _: web.Request) -> web.Response:
        return self._file("index.html")

    async def _get_file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound(text="There is no such file.\n")
        return self._file(name)

    def _file(self, name: str) -> web.Response:
        kind = TYPES[Path(name).suffix]
        return web.Response(
            text=self._files[name], content_type=kind, headers={POLICY: PAGE_POLICY}
        )

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            await self._access.check(request)
            try:
                return await handler(request)
            except RealtimeError as error:
                status = 404 if isinstance(error, NoTakeError) else 409
                return answer({"error": str(error)}, status)

        return guarded

    async def _run(self, _: web.Request) -> web.Response:
        """What runs. run: null where there are takes alone."""
        studio, told = self._studio, None
        if (run := studio.run) is not None:
            told = {
                "model": run.header.model,
                "cameras": run.header.all["cameras"],
                "live": run.live,
                "pictures": run.pictures,
                "space": run.header.rig is not None,
                "scene": None if run.header.rig is None else scene_of(run.header.rig),
                "skeleton": described(run.header.skeleton),
            }
        folder = studio.folders.folder.resolve().name
        recording = studio.recording
        return answer({"run": told, "folder": folder, "recording": recording, "joints": JOINTS})

    async def _recording(self, _: web.Request) -> web.Response:
        return answer(self._studio.recording)

    async def _takes(self, _: web.Request) -> web.Response:
        return answer([card.plain for card in await asyncio.to_thread(self._studio.takes)])

    async def _tables(self, _: web.Request) -> web.Response:
        """Names of the files of JSON lines beside the takes, which can be plotted."""
        return answer([*await asyncio.to_thread(self._studio.folders.tables)])

    async def _table(self, request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(self._studio.folders.tables)
        path = found.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound(text="There is no such file.\n")
        return web.FileResponse(path, headers={hdrs.CONTENT_TYPE: "application/x-ndjson"})

    async def _take(self, request: web.Request) -> web.Response:
        """A take's card, skeleton, the times of all frames, and what it can be exported to."""
        return answer(await asyncio.to_thread(self._described, request.match_info["id"]))

    def _described(self, identity: str) -> dict[str, Any]:
        card, lines = self._studio.card(identity), self._studio.lines(identity)
        place = self._studio.folders.place(identity)
        rig = read_rig(place / RIG) if card.space else None
        filmed = lines.pictures if (place / PICTURES).is_dir() else lines.pictures[:, :0]
        return {
            **card.plain,
            "skeleton": described(card.skeleton),
            "views": lines.header["cameras"],
            "times": (lines.times - lines.times[:1]).round(6).tolist(),
            "filmed": bool(filmed.size),
            "formats": offered(card, place),
            "scene": None if rig is None else scene_of(rig),
            "floor": None if rig is None else floor_of(card, lines, rig),
        }

    async def _frames(self, request: web.Request) -> web.Response:
        """The lines of some frames as the file has them: a list for each frame."""
        first, count = _number(request, "first"), _number(request, "count")
        lines = await asyncio.to_thread(self._studio.lines, request.match_info["id"])
        instants = await asyncio.to_thread(lines.instants, first, first + min(count, MAX_FRAMES))
        text = b",".join(b"[" + b",".join(one) + b"]" for one in instants)
        return web.Response(body=b"[" + text + b"]", content_type="application/json")

    async def _picture(self, request: web.Request) -> web.Response:
        given = request.match_info
        numbers = int(given["camera"]), int(given["frame"])
        data = await asyncio.to_thread(self._studio.jpeg, given["id"], *numbers)
        if data is None:
            raise web.HTTPNotFound(text="There is no picture.\n")
        return web.Response(body=data, content_type="image/jpeg")

    async def _start(self, request: web.Request) -> web.Response:
        given = await body_of(request)
        name, pictures = given.get("name", ""), given.get("pictures", True) is True
        told = await asyncio.to_thread(self._studio.start, text_of(name), pictures=pictures)
        audit(request, "began take %s", told.get("id"))
        return answer(told)

    async def _stop(self, request: web.Request) -> web.Response:
        card = await asyncio.to_thread(self._studio.stop)
        audit(request, "ended take %s", card.id)
        return answer(card.plain)

    async def _rename(self, request: web.Request) -> web.Response:
        identity, given = request.match_info["id"], await body_of(request)
        card = await asyncio.to_thread(self._studio.rename, identity, text_of(given.get("name")))
        audit(request, "renamed take %s", card.id)
        return answer(card.plain)

    async def _cut(self, request: web.Request) -> web.Response:
        identity, given = request.match_info["id"], await body_of(request)
        span = given.get("span")
        if span is not None:
            whole = isinstance(span, list) and len(span) == 2
            if not whole or not all(isinstance(one, int) for one in span):
                raise web.HTTPBadRequest(text='"span" is two numbers of frames, or null.\n')
            span = span[0], span[1]
        copy = given.get("copy")
        copy = None if copy is None else text_of(copy)
        card = await asyncio.to_thread(self._studio.cut, identity, span, copy)
        audit(request, "cut take %s, which made %s", identity, card.id)
        return answer(card.plain)

    async def _export(self, request: web.Request) -> web.Response:
        identity, given = request.match_info["id"], await body_of(request)
        key = text_of(given.get("format"))
        if key not in FORMATS:
            raise web.HTTPBadRequest(text=f'"format" is one of {", ".join(FORMATS)}.\n')
        async with self._exporting:
            path = await asyncio.to_thread(self._studio.export, identity, key)
        audit(request, "exported take %s as %s", identity, path.name)
        return answer({"file": path.name, "bytes": path.stat().st_size})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """What was exported last in this format."""
        given = request.match_info
        path = self._studio.exported(given["id"], given["format"])
        if path is None:
            raise web.HTTPNotFound(text="Export the take first.\n")
        quoted = path.name.replace('"', "")
        return web.FileResponse(
            path, headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{quoted}"'}
        )

    async def _delete(self, request: web.Request) -> web.Response:
        """The body names the take again: nobody deletes one by a slip."""
        identity, given = request.match_info["id"], await body_of(request)
        if given.get("delete") != identity:
            raise web.HTTPBadRequest(text='"delete" is the id of the take, once more.\n')
        card = await asyncio.to_thread(self._studio.delete, identity)
        audit(request, "deleted take %s", card.id)
        return answer({"deleted": card.id})


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise web.HTTPBadRequest(text=f"{name} is a whole number.\n")
    return int(text)
