"""Videos and photos at web addresses: fetched to a temporary file, which then is the source."""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import Request, urlopen

from engines.console.status_line import working
from realtime.settings.sources import SourceSettings
from realtime.sources.images import IMAGE_ENDINGS
from realtime.sources.listing.file_names import file_name
from realtime.sources.video import VIDEO_ENDINGS
from realtime.types.errors import SourceError

# Files whose end is known when they begin; what else a server sends (.m3u8, .ts, .mjpg, .cgi, or a
# name without an ending) is a stream, as of a camera.
FILE_ENDINGS = VIDEO_ENDINGS | IMAGE_ENDINGS | {".gif"}
MAX_BYTES = 2 * 10**9  # an hour of Full HD, and what a small disk may have free
MAX_SECONDS = 15 * 60.0
SILENCE_SECONDS = 20.0  # without a byte, after which a server is given up
BLOCK = 1 << 16
MB = 1e6


def is_web_file(source: str) -> bool:
    """Whether a source is the address of a video or photo file."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return False
    ending = PurePosixPath(parts.path).suffix.lower()
    return parts.scheme.lower() in ("http", "https") and ending in FILE_ENDINGS


def fetched(settings: SourceSettings, stack: ExitStack) -> SourceSettings:
    """The settings with files at web addresses fetched; leaving the stack deletes them.

    SourceError where one cannot be had.
    """
    sources = [fetch(one, stack) if is_web_file(one) else one for one in settings.source]
    return replace(settings, source=tuple(sources))


def fetch(
    address: str,
    stack: ExitStack,
    *,
    max_bytes: int = MAX_BYTES,
    max_seconds: float = MAX_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """The path of a temporary file with what lies at the address, named as it is there.

    The address itself where the server answers with a stream of pictures: some cameras call that
    video.jpg. SourceError where it cannot be fetched, is larger or takes longer.
    """
    parts = urlsplit(address)
    where = f"{parts.hostname}{parts.path}"  # user, password and query are secrets
    deadline = clock() + max_seconds
    with _open(address, parts, where) as answer, working(f"Fetching {where} …") as say:
        if answer.headers.get_content_maintype() == "multipart":
            return address
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="posestream-"))
        except OSError as error:
            raise SourceError(
                f"{where} cannot be fetched, as there is no place for temporary files "
                f"({error.strerror}); set TMPDIR to a folder with room."
            ) from error
        path = Path(folder) / file_name(unquote(PurePosixPath(parts.path).name))
        expected, received = answer.length, 0
        if expected is not None and expected > max_bytes:
            raise SourceError(_too_large(where, expected, max_bytes))
        try:
            with path.open("wb") as file:
                while block := answer.read(BLOCK):
                    received += len(block)
                    if received > max_bytes:
                        raise SourceError(_too_large(where, received, max_bytes))
                    if clock() > deadline:
                        raise SourceError(
                            f"{where} took more than {max_seconds:g} s to fetch; download it "
                            "yourself and name the file."
                        )
                    file.write(block)
                    say(f"Fetching {where}: {received / MB:.0f} MB")
        except (OSError, HTTPException) as error:
            raise SourceError(f"Fetching {where} broke off: {_reason(error)}.") from None
        if expected is not None and received < expected:
            raise SourceError(f"Fetching {where} broke off after {received} of {expected} bytes.")
        return str(path)


def _open(address: str, parts: SplitResult, where: str) -> HTTPResponse:
    try:
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = f":{parts.port}" if parts.port is not None else ""
        bare = parts._replace(scheme=parts.scheme.lower(), netloc=host + port, fragment="")
        request = Request(bare.geturl(), headers={"User-Agent": "posestream"})
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            code = base64.b64encode(login.encode()).decode("ascii")
            request.add_unredirected_header("Authorization", f"Basic {code}")
        answer: HTTPResponse = urlopen(request, timeout=SILENCE_SECONDS)
    except HTTPError as error:
        error.close()
        raise SourceError(f"{where} cannot be fetched: {error.code} {error.reason}.") from None
    except (URLError, OSError, HTTPException, ValueError) as error:
        raise SourceError(f"{where} cannot be fetched: {_reason(error)}.") from None
    return answer


def _too_large(where: str, size: int, most: int) -> str:
    return (
        f"{where} has {size / MB:.0f} MB or more, and at most {most / MB:.0f} MB are fetched; "
        "download it yourself and name the file."
    )


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", error)
    text = str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
    return text.rstrip(".")
