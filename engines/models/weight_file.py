"""A file of a network as a card describes it: what it is, and where it can be had."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engines.types.errors import CardError

SHA256 = r"[0-9a-f]{64}"


@dataclass(frozen=True, slots=True)
class Archive:
    """The zip or tar.gz that a file is published in.

    member: the file's name within it, with or without the folders there; * stands for anything.
    size, sha256: of the archive; where they are not known, the file in it is held to its own.
    """

    member: str
    size: int = 0
    sha256: str = ""

    def __post_init__(self) -> None:
        if not self.member or self.size < 0 or not re.fullmatch(f"({SHA256})?", self.sha256):
            raise CardError(
                "archive needs a member's name; if its size is given, a positive one, and if its "
                "sha256 is, 64 lower-case hexadecimal digits."
            )


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a network: known by its sha256, its name is for people.

    size, sha256: 0 and empty where nobody has stated them: such a file is not run until its user
    has (see trust.py). urls: where it can be had, tried in order and held to the same pin; `url` in
    a card is one of these. One that ends in #MEMBER holds a zip or tar.gz with the file in it.
    archive: what all other addresses hold in place of the file itself.
    """

    name: str
    size: int = 0
    sha256: str = ""
    urls: tuple[str, ...] = ()
    archive: Archive | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w+-][\w.+ -]*", self.name) or self.size < 0:
            raise CardError(f"{self.name!r}: name must be a plain file name, size positive.")
        if not re.fullmatch(f"({SHA256})?", self.sha256):
            raise CardError(f"{self.name}: sha256 must be 64 lower-case hexadecimal digits.")
        if self.sha256 and not self.size:
            raise CardError(f"{self.name}: a file with a sha256 needs its size in bytes too.")
        for url in self.urls:
            if not re.fullmatch(r"https?://[^/\s]+/\S+", url):
                raise CardError(f"{self.name}: url must begin with https:// and name a file.")

    @property
    def key(self) -> str:
        """What it is known by where its sha256 is not: another address is another file."""
        return " ".join((self.name, *self.urls))

    @property
    def published(self) -> tuple[Published, ...]:
        """What is downloaded from each address: the file, or the archive that it lies in."""
        return tuple(self._at(url) for url in self.urls)

    def _at(self, url: str) -> Published:
        address, _, member = url.partition("#")
        archive = Archive(member) if member else self.archive
        if archive is None:
            return Published(address, self.name, self.size, self.sha256)
        return Published(address, f"{self.name}.archive", archive.size, archive.sha256, archive)


@dataclass(frozen=True, slots=True)
class Published:
    """Bytes that can be had at one address. size, sha256: as of the file. archive: what they are,
    if they are not the file itself.
    """

    url: str
    name: str
    size: int
    sha256: str
    archive: Archive | None = None
