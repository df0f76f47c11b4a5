"""Files from the web: resumed where they broke off, verified before anyone sees them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator
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

from engines.models.archive import MAX_UNKNOWN, extract
from engines.models.weight_file import Archive, Published, WeightFile
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


def fetch(
    file: WeightFile,
    target: Path,
    progress: Progress | None = None,
    trust: Collection[str] = (),
) -> str:
    """Bring a file to `target`, whole and verified; its sha256. WeightsError says why it cannot be.

    Of several addresses the first that gives the right bytes serves. What has come so far waits
    beside it in a `.part` file for the next attempt. Of several processes that want the same file
    one fetches it and the others wait.
    trust: of a file that its card has no sha256 for, those that the user answers for: the file's,
    or that of the archive which it comes in.
    """
    wanted = {file.sha256} if file.sha256 else set(trust)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / ".lock"):
            found = sha256_of(target)
            if found not in wanted:
                found = _fetch(file, wanted, target, progress or (lambda name, done, total: None))
            assert found is not None
            return found
    except WeightsError:
        raise
    except OSError as error:
        raise WeightsError(
            f"{file.name} cannot be written to {target.parent} ({error.strerror or error})"
        ) from error


def unpack(file: WeightFile, archive: Path, target: Path) -> None:
    """The file out of the archive that its card describes, verified, to `target`."""
    assert file.archive is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    _unpack(file, file.archive, archive, {file.sha256}, target)


def _unpack(
    file: WeightFile, described: Archive, archive: Path, wanted: Collection[str], target: Path
) -> str:
    """wanted: sums of which the file must have one; none = any will do. Its sha256."""
    unpacked = target.with_name(f"{target.name}.unpacked")
    extract(archive, described.member, file.size, unpacked)
    found = sha256_of(unpacked)
    if found is None or (wanted and found not in wanted):
        unpacked.unlink(missing_ok=True)
        raise _another(file, f"{described.member} in {archive.name}", found, wanted)
    os.replace(unpacked, target)
    return found


def _another(
    file: WeightFile, what: str, found: str | None, wanted: Collection[str]
) -> WeightsError:
    """Bytes that nobody has answered for."""
    who = "the model card describes" if file.sha256 else "--trust names"
    expected = " or ".join(one[:12] for one in sorted(wanted))
    return WeightsError(
        f"{what} is not the file that {who} "
        f"(sha256 {(found or 'unreadable')[:12]}, expected {expected})"
    )


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


def _fetch(file: WeightFile, wanted: Collection[str], target: Path, progress: Progress) -> str:
    """Fill `target` from the first address that serves; its sha256."""
    errors = []
    for source in file.published:
        ending = ".archive.part" if source.archive else ".part"
        part = target.with_name(f"{target.name}{ending}")
        try:
            found = _fetch_from(file, source, wanted, part, progress)
            if source.archive is None:
                os.replace(part, target)
                return found
            # Where the archive is the one that is trusted, so is what is in it.
            inside = () if not file.sha256 and found in wanted else wanted
            try:
                return _unpack(file, source.archive, part, inside, target)
            finally:
                part.unlink()
        except WeightsError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    raise WeightsError("; ".join(str(error) for error in errors))


def _fetch_from(
    file: WeightFile, source: Published, wanted: Collection[str], part: Path, progress: Progress
) -> str:
    """Fill `part` with all that the address has; its sha256, verified unless it is an archive
    without a pin. A resumed one that went wrong is begun anew, once.
    """
    right = {source.sha256} if source.sha256 else set() if source.archive else wanted
    found = None
    for _ in range(2):
        _fill(source, part, progress)
        found = sha256_of(part)
        if found is not None and (not right or found in right):
            return found
        part.unlink()
    raise _another(file, source.url, found, right)


def _fill(source: Published, part: Path, progress: Progress) -> None:
    """Bytes into `part` until it has the file's size, however often the connection breaks off."""
    size = source.size
    if not size:
        part.unlink(missing_ok=True)  # nothing says whether it was whole
    most, failures = _size(part), 0
    while not size or _size(part) != size:
        try:
            size = _receive(source, size, part, progress)
        except _BrokenOff as error:
            here = _size(part)
            failures = 0 if here > most else failures + 1
            most = max(most, here)
            if failures > len(PAUSES):
                raise WeightsError(f"{source.url} {error}") from error
            time.sleep(PAUSES[max(failures - 1, 0)])


def _receive(source: Published, size: int, part: Path, progress: Progress) -> int:
    """One request: what `part` lacks, or all of it where the server knows no ranges.

    size: of all, 0 where it is not known. Returns it.
    """
    url, here = source.url, _size(part)
    if size and here > size:
        part.unlink()
        here = 0
    with _open(url, here, part) as response:
        if response.status != 206:
            here = 0
        if response.length is not None:
            if size and here + response.length != size:
                raise WeightsError(
                    f"{url} has {here + response.length} bytes, the model card says {size}"
                )
            size = here + response.length
        most = size or MAX_UNKNOWN
        if most > max(source.size, MAX_UNKNOWN):
            raise WeightsError(f"{url} has {most} bytes, which is too large for a network")
        with part.open("ab" if here else "wb") as out:
            for block in _blocks(response):
                here += len(block)
                out.write(block)
                progress(source.name, here, size or here)
                if here > most:
                    raise WeightsError(f"{url} has more bytes than {_expected(source)}")
    if here < size or not here:
        raise _BrokenOff(f"broke off at {here} of {size or 'unknown'} bytes")
    return here


def _expected(source: Published) -> str:
    return "the model card says" if source.size else "a network may have"


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
