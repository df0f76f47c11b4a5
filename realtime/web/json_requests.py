"""Requests and answers of JSON, and who changed what."""

from __future__ import annotations

import json
import logging
from typing import Any

from aiohttp import web

LOG = logging.getLogger(__name__)
MAX_BODY = 4096  # bytes of a request


def answer(data: object, status: int = 200) -> web.Response:
    """The data as JSON."""
    text = json.dumps(data, separators=(",", ":"))
    return web.Response(text=text, content_type="application/json", status=status)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; HTTPBadRequest for anything else."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Send JSON.\n")
    data = await request.read()
    try:
        found = json.loads(data) if len(data) <= MAX_BODY else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise web.HTTPBadRequest(text="Send a JSON object.\n")
    return found


def text_of(value: object) -> str:
    """A value that has to be text."""
    if not isinstance(value, str):
        raise web.HTTPBadRequest(text="Send text.\n")
    return value


def audit(request: web.Request, what: str, *about: object) -> None:
    """Who changed what, for whoever runs the program."""
    LOG.warning(f"Studio: %s {what}.", request.remote, *about)
