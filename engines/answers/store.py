"""Answers of networks by digests of the questions, kept in one run and found in another."""

from __future__ import annotations

import hashlib
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Protocol

import numpy as np

from engines.types.arrays import Image

REMEMBERED_PICTURES = 8  # in flight between two networks
LOADED_PARTS = 3  # of a recording: the one at hand, and those that it overlaps


class Answers(Protocol):
    """From any thread."""

    def find(self, question: bytes) -> bytes | None:
        """The answer; None where nobody has asked this."""
        ...

    def add(self, question: bytes, answer: bytes) -> None: ...


class Kept:
    """Keeps all that a run asks."""

    def __init__(self) -> None:
        self.all: dict[bytes, bytes] = {}

    def find(self, question: bytes) -> bytes | None:
        """Of this run."""
        return self.all.get(question)

    def add(self, question: bytes, answer: bytes) -> None:
        """Keep it."""
        self.all[question] = answer


class Found:
    """Answers of earlier runs over parts of a recording, in their order. Nothing is added.

    parts: each gives the answers of one part, when it is come to; a few parts are held at a time.
    found, missed: how many questions had an answer, and had none.
    """

    def __init__(self, parts: Iterable[Callable[[], Mapping[bytes, bytes]]]) -> None:
        self._parts = iter(parts)
        self._loaded: deque[Mapping[bytes, bytes]] = deque(maxlen=LOADED_PARTS)
        self._lock = Lock()
        self.found = self.missed = 0
        for _ in range(LOADED_PARTS - 1):
            self._load()

    def find(self, question: bytes) -> bytes | None:
        """Of the parts that are held; whoever comes to the last of them has the next one loaded."""
        with self._lock:
            for part in self._loaded:
                if (answer := part.get(question)) is not None:
                    if part is self._loaded[-1]:
                        self._load()
                    self.found += 1
                    return answer
            self.missed += 1
            return None

    def add(self, question: bytes, answer: bytes) -> None:
        """Nobody asks the same again."""

    def _load(self) -> None:
        if (part := next(self._parts, None)) is not None:
            self._loaded.append(part())


def question(network: str, pictures: Sequence[Image], *more: object) -> bytes:
    """A digest of what a network is asked: of every pixel, so that no other picture has it.

    more: what its answer depends on beside the pictures.
    """
    digests = [_DIGESTS.of(picture) for picture in pictures]
    return hashlib.sha256(repr((network, digests, *more)).encode()).digest()


class _Digests:
    """Of pictures; those of the last ones that nobody can change are remembered."""

    def __init__(self) -> None:
        self._last: deque[tuple[weakref.ref[Image], bytes]] = deque(maxlen=REMEMBERED_PICTURES)

    def of(self, picture: Image) -> bytes:
        for known, digest in tuple(self._last):
            if known() is picture:
                return digest
        pixels = hashlib.sha256(repr(picture.shape).encode())
        pixels.update(np.ascontiguousarray(picture).data)
        if not picture.flags.writeable:
            self._last.append((weakref.ref(picture), pixels.digest()))
        return pixels.digest()


_DIGESTS = _Digests()
