"""Files from the web: resumed where they broke off, verified before anyone sees them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from filelock import FileLock
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from engines.models.archive import extract
from engines.models.card import Published, WeightFile
from engines.types.errors import WeightsError

Progress = Callable[[str, int, int], None]  # file name, bytes that are here, bytes in all
TIMEOUT = 20.0  # seconds without a byte
PAUSES = (0.5, 1.0, 2.0)  # seconds before each new attempt in a row that brings nothing
BLOCK = 1 << 16
# What a redirection that says it is longer than all memory raises, or one to no address.
NONSENSE = (ValueError, OverflowError, MemoryError)
RETRY_STATUS = (408, 429, 500, 502, 503, 504)  # HTTP answers that another attempt may change


class _BrokenOff(Exception):
    """The connection ended before the file did."""


def fetch(file: WeightFile, target: Path, progress: Progress | None = None) -> None:
    """Bring a file to `target`, whole and verified; WeightsError says why it cannot be.

    Of several addresses the first that gives the right bytes serves. What has come so far waits
    beside it in a `.part` file for the next attempt. Of several processes that want the same file
    one fetches it and the others wait.
    """
    published = file.published
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / ".lock"):
            if sha256_of(target) != file.sha256:
                part = target.with_name(f"{target.name}.part")
                _fetch(published, part, progress or (lambda name, done, total: None))
                if file.archive is None:
                    os.replace(part, target)
                else:
                    unpack(file, part, target)
                    part.unlink()
    except WeightsError:
        raise
    except OSError as error:
        raise WeightsError(
            f"cannot be written to {target.parent} ({error.strerror or error})"
        ) from error


def unpack(file: WeightFile, archive: Path, target: Path) -> None:
    """The file out of its archive, verified, to `target`."""
    assert file.archive is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    unpacked = target.with_name(f"{target.name}.unpacked")
    extract(archive, file.archive.member, file.size, unpacked)
    if sha256_of(unpacked) != file.sha256:
        unpacked.unlink()
        raise WeightsError(
            f"{file.archive.member} in {archive.name} is not the file that the model card describes"
        )
    os.replace(unpacked, target)


def sha256_of(path: Path) -> str | None:
    """Hexadecimal digest of a file; None where there is none to read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


@contextmanager
def download_bar() -> Iterator[Progress]:
    """A callback for `locate` that draws a bar for each file on stderr, from its first byte on."""
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, TaskID] = {}

    def update(name: str, done: int, total: int) -> None:
        if name not in tasks:
            bar.start()
            tasks[name] = bar.add_task(name, total=total)
        bar.update(tasks[name], completed=done)

    try:
        yield update
    finally:
        if tasks:
            bar.stop()


def _fetch(file: Published, part: Path, progress: Progress) -> None:
    """Fill `part` from the first address that serves."""
    errors = []
    for url in file.urls:
        try:
            return _fetch_from(url, file, part, progress)
        except WeightsError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    raise WeightsError("; ".join(str(error) for error in errors))


def _fetch_from(url: str, file: Published, part: Path, progress: Progress) -> None:
    """Fill `part` with the whole file. A resumed one that went wrong is begun anew, once."""
    found = None
    for _ in range(2):
        _fill(url, file, part, progress)
        found = sha256_of(part)
        if found == file.sha256:
            return
        part.unlink()
    raise WeightsError(
        f"{url} is not the file that the model card describes "
        f"(sha256 {(found or 'unreadable')[:12]}, expected {file.sha256[:12]})"
    )


def _fill(url: str, file: Published, part: Path, progress: Progress) -> None:
    """Bytes into `part` until it has the file's size, however often the connection breaks off."""
    most, failures = _size(part), 0
    while _size(part) != file.size:
        try:
            _receive(url, file, part, progress)
        except _BrokenOff as error:
            here = _size(part)
            failures = 0 if here > most else failures + 1
            most = max(most, here)
            if failures > len(PAUSES):
                raise WeightsError(f"{url} {error}") from error
            time.sleep(PAUSES[max(failures - 1, 0)])


def _receive(url: str, file: Published, part: Path, progress: Progress) -> None:
    """One request: what `part` lacks, or all of it where the server knows no ranges."""
    here = _size(part)
    if here > file.size:
        part.unlink()
        here = 0
    with _open(url, here, part) as response:
        if response.status != 206:
            here = 0
        if response.length is not None and here + response.length != file.size:
            raise WeightsError(
                f"{url} has {here + response.length} bytes, the model card says {file.size}"
            )
        with part.open("ab" if here else "wb") as out:
            for block in _blocks(response):
                here += len(block)
                out.write(block)
                progress(file.name, here, file.size)
                if here > file.size:
                    raise WeightsError(f"{url} has more bytes than the model card says")
    if here < file.size:
        raise _BrokenOff(f"broke off at {here} of {file.size} bytes")


class _Redirects(HTTPRedirectHandler):
    """urllib's own, which leaves the connection open where a redirection makes no sense."""

    def http_error_302(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except BaseException:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _open(url: str, here: int, part: Path) -> HTTPResponse:
    """The server's answer from byte `here` on."""
    headers = {"User-Agent": "posestream"}
    if here:
        headers["Range"] = f"bytes={here}-"
    try:
        request = Request(url, headers=headers)
        response: HTTPResponse = build_opener(_Redirects).open(request, timeout=TIMEOUT)
        return response
    except HTTPError as error:
        error.close()
        if error.code == 416 and here:
            part.unlink()  # longer than the server's file: not a piece of it
        elif error.code not in RETRY_STATUS:
            raise WeightsError(f"{url} answers {error.code} {error.reason}") from error
        raise _BrokenOff(f"answers {error.code} {error.reason}") from error
    except (URLError, TimeoutError, HTTPException, ConnectionError, *NONSENSE) as error:
        reason = getattr(error, "reason", error)
        if here:
            raise _BrokenOff(f"cannot be reached ({reason})") from error
        raise WeightsError(f"{url} cannot be reached ({reason})") from error


def _blocks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while block := response.read(BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise _BrokenOff(f"broke off ({error})") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
