"""Results live to browsers and programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from realtime.drawing.reprojection import Reprojection
from realtime.runtime.stages import Stages
from realtime.types.results import Result
from realtime.types.view_mode import Shown
from realtime.web.address import Address, listen
from realtime.web.extension import Extension
from realtime.web.replay import Replay
from realtime.web.server import Server
from realtime.web.space_json import space_header
from realtime.writing.header import Header
from realtime.writing.json_text import ResultLines


class WebSink:
    """Serves a page, the pictures with the poses, lines of JSON and metrics, as long as it runs.

    header: of the run; its rig is for the page of the 3D people. announce: say on stderr where.
    stay: keep that page, and extensions, when the results have ended, until KeyboardInterrupt, to
    play them again (None: nobody asked, so that nothing need be said). required: cameras without
    which /healthz says 503. extension: further pages. studio_token: of the address of the studio,
    which is said too; studio_alone: and no other. The address is final (port 0 is any free one)
    once entered. OutputError where the port cannot be had.
    """

    def __init__(
        self,
        address: Address,
        token: str | None,
        header: Header,
        shown: Shown | None = None,
        lines: ResultLines | None = None,
        *,
        announce: bool = True,
        stay: bool | None = None,
        required: Sequence[str] | None = None,
        extension: Extension | None = None,
        studio_token: str | None = None,
        studio_alone: bool = False,
    ) -> None:
        self.address = address
        self._token = token
        self._header, rig = header, header.rig
        self._sizes: tuple[tuple[int, int] | None, ...] = ()
        self._space = space_header(header, rig) if rig is not None else None
        self._bodies = Reprojection(rig) if rig is not None else None
        self._lines = lines or ResultLines()
        self._shown = shown or Shown(keypoints=header.skeleton.keypoints)
        self._announce = announce
        self._required = required
        self._extension, self._studio_token = extension, studio_token
        self._studio_alone = studio_alone
        self._stay = stay if self._space or extension else None
        self._server: Server | None = None
        self._stages = Stages()

    def __enter__(self) -> Self:
        listener = listen(self.address)
        self.address = Address(self.address.host, listener.getsockname()[1])
        self._server = Server(
            *(listener, self._token, self._header, self._shown),
            space=self._space,
            replay=Replay() if self._stay and self._space else None,
            bodies=self._bodies,
            required=self._required,
            extension=self._extension,
        )
        self._stages.start("serve", self._server.run)
        if self._announce:
            hint = "?token=..." if self._token else ""
            pages = {} if self._studio_alone else {"live": hint}
            if self._space and not self._studio_alone:
                pages["3D view"] = f"space{hint}"
            if self._studio_token:  # one that we made is said, as nobody else knows it
                pages["studio"] = f"studio{hint or f'?token={self._studio_token}'}"
            for what, page in pages.items():
                sys.stderr.write(f"posestream: {what} at {self.address.url}{page}\n")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._server is not None:
            if kind is None and self._stay is not None:
                self._remain(self._server)
            self._server.stop()
            self._stages.__exit__(None, None, None)

    def write(self, result: Result) -> None:
        """Hand the result over, whatever clients do."""
        assert self._server is not None, "write outside of the with"
        if (sizes := self._header.see(result)) != self._sizes:
            self._sizes, self._server.header = sizes, self._header.line.encode()
        self._server.put(result, self._lines.of(result) if self._server.read else ())

    def tell_failure(self, sentence: str) -> None:
        """An output of the run has failed."""
        if self._server is not None:
            self._server.tell_failure(sentence)

    def _remain(self, server: Server) -> None:
        """Where it is wanted until somebody has seen enough."""
        page = f"{self.address.url}{'space' if self._space else 'studio'}"
        words = f"{page} is closed; add --stay to keep it open"
        if self._stay:
            server.end()
            words = f"{page} replays the run until Ctrl-C"
            if not self._space:
                words = "the run has ended; the studio stays until Ctrl-C"
        if self._announce:
            sys.stderr.write(f"posestream: {words}\n")
        with suppress(KeyboardInterrupt):
            while self._stay:
                time.sleep(0.2)
