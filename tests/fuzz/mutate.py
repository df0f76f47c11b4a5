"""Damage: bytes, texts and plain data that were whole, and are so no more."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

NUMBERS = (
    *(0, 1, -1, 2, 7, 17, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 10**30),
    *(-(2**31), -(2**63), 10**400, 0.5, -0.0, 1e-320, 1e20, 1e39, 1e308, math.inf, -math.inf),
    math.nan,
)
TEXTS = (
    *("", " ", "a", "é", "電影", "\0", "\n", "a\nb", "\x1b[31m", "\ud800", "\u202e", "%s%n", "{}"),
    *("../../x", "/dev/null", "file:///x", "C:\\x", "~", "*", "[", "a" * 300, "9" * 5000, "nan"),
    *("1e999", "0x10", "-1", "'", '"', "${HOME}", "<b>", "[blue]", "[/]"),
)
WORDS = (
    b"\0" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\1",
)


def damage(rng: Random, whole: bytes, others: Sequence[bytes] = ()) -> bytes:
    """The bytes with one to six faults; most lie in the first part, where headers are."""
    data = bytearray(whole)
    for _ in range(min(rng.randint(1, 6), rng.randint(1, 6))):
        if not data:
            break
        size = len(data)
        at = rng.randrange(min(size, 512)) if rng.random() < 0.5 else rng.randrange(size)
        span = min(size - at, rng.choice((1, 2, 4, 16, 100, 1000, size)))
        match rng.randrange(9):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + 4] = rng.choice(WORDS)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + span]
            case 4:
                data[at : at + span] = bytes(span)
            case 5:
                data[at:at] = data[at : at + span]
            case 6:
                data[at : at + span] = rng.randbytes(span)
            case 7:
                data[at : at + 4] = struct.pack(rng.choice("<>") + "I", rng.getrandbits(32))
            case _:
                other = rng.choice(others) if others else whole
                data[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(data)


def scalar(rng: Random) -> Any:
    """A number, text, truth or nothing that somebody may not have thought of."""
    match rng.randrange(4):
        case 0:
            return rng.choice(NUMBERS)
        case 1:
            return rng.choice(TEXTS)
        case 2:
            return rng.choice((None, True, False, rng.randint(-10, 1000), rng.gauss(0, 100)))
        case _:
            return "".join(
                chr(rng.choice((rng.randrange(128), rng.randrange(0xD800)))) for _ in "ab"
            )


def value(rng: Random, depth: int = 3) -> Any:
    """Plain data of any shape."""
    if depth and rng.random() < 0.3:
        items = [value(rng, depth - 1) for _ in range(rng.randrange(4))]
        if rng.random() < 0.5:
            return items
        return {str(scalar(rng)): item for item in items}
    return scalar(rng)


def spoil(rng: Random, data: Any) -> Any:
    """A copy of plain data with one to three places dropped, doubled, swapped or replaced."""
    data = json.loads(json.dumps(data))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(data))
        if not places:
            return value(rng)
        holder, key = rng.choice(places)
        match rng.randrange(7):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.insert(key, holder[key])
            case 1:
                holder[str(scalar(rng))] = holder[key]
            case 2:
                other, place = rng.choice(places)
                holder[key] = json.loads(json.dumps(other[place]))
            case 3 if isinstance(holder[key], int | float) and abs(holder[key]) < 1e9:
                holder[key] *= rng.choice((-1, 0, 1e3, 10**9, 0.5))
            case 4 if isinstance(holder[key], int | float):
                holder[key] = rng.choice(NUMBERS)
            case _:
                holder[key] = value(rng)
    return data


def _places(data: Any) -> Any:
    keys = data.keys() if isinstance(data, dict) else range(len(data))
    for key in list(keys):
        yield data, key
        if isinstance(data[key], dict | list):
            yield from _places(data[key])


def scramble(rng: Random, text: str) -> str:
    """A text with letters, lines or words lost, doubled or replaced."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        pieces, glue = (text.split("\n"), "\n") if rng.random() < 0.3 else (list(text), "")
        if not pieces:
            return str(scalar(rng))
        at = rng.randrange(len(pieces))
        change: Callable[[], None] = rng.choice(
            (
                lambda p=pieces, n=at: p.pop(n),
                lambda p=pieces, n=at: p.insert(n, p[n]),
                lambda p=pieces, n=at: p.insert(n, str(scalar(rng))),
                lambda p=pieces, n=at: p.__setitem__(n, str(scalar(rng))),
                lambda p=pieces, n=at: p.__delitem__(slice(n, n + rng.randint(1, 20))),
                lambda p=pieces, n=at: p.__setitem__(n, p[n].swapcase()),
            )
        )
        change()
        text = glue.join(pieces)
    return text


def as_toml(data: Any) -> str:
    """Plain data as inline TOML, as far as TOML can say it."""
    match data:
        case dict():
            return "{" + ", ".join(f"{_quoted(k)} = {as_toml(v)}" for k, v in data.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_toml, data)) + "]"
        case str():
            return _quoted(data)
        case bool():
            return str(data).lower()
        case None:
            return "1979-05-27"
        case _:
            return repr(data)


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'
