"""Photos of phones (HEIC, and AVIF likewise): how the picture is put together of its items.

ISO/IEC 23008-12:2022, and ISO/IEC 14496-12 for the boxes. FFmpeg gives each coded item as a stream
of its own, whose id is the item's.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
CODED = (b"hvc1", b"av01")


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """tiles: (rows, columns) of items. size: (width, height) that is cut out of them, from the
    upper left, None = all. turns: one after the other, whether to mirror it left to right, and then
    by how many degrees to turn it clockwise.
    """

    tiles: NDArray[np.int64]
    size: tuple[int, int] | None
    turns: tuple[tuple[bool, int], ...]


class Unknown(ValueError):
    """A kind of photo that is not read, which the message names."""


def is_heif(data: bytes) -> bool:
    """Whether a file begins as HEIC photos do."""
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def photo_in(data: bytes) -> Photo:
    """The main picture of a file; Unknown, or struct.error, IndexError and KeyError where it is
    damaged.
    """
    meta = _child(data, 0, len(data), b"meta")
    inside = {kind: (start, end) for kind, start, end in _boxes(data, meta[0] + 4, meta[1])}
    start = inside[b"pitm"][0]
    main = struct.unpack_from(">I" if data[start] else ">H", data, start + 4)[0]
    kinds = dict(_kinds(data, *inside[b"iinf"]))
    turns = []
    for kind, value in _properties(data, *inside[b"iprp"], main):
        if kind == b"irot":  # anticlockwise
            turns.append((False, -90 * (data[value] & 3)))
        elif kind == b"imir":  # 0: top and bottom change places, 1: left and right
            turns.append((True, 180 * (1 - (data[value] & 1))))
        elif kind == b"clap":
            raise Unknown("is cropped")
    if kinds[main] in CODED:
        return Photo(np.array([[main]]), None, (*turns,))
    if kinds[main] != b"grid":
        raise Unknown(f"is stored as {kinds[main].decode('latin-1')}")
    at = _place(data, inside, main)
    wide = data[at + 1] & 1
    rows, columns = data[at + 2] + 1, data[at + 3] + 1
    width, height = struct.unpack_from(">II" if wide else ">HH", data, at + 4)
    tiles = np.array(_parts(data, *inside[b"iref"])[main]).reshape(rows, columns)
    return Photo(tiles, (width, height), (*turns,))


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kinds, and where their contents begin and end."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, start)[0], at + 16
        size = size or end - at
        if size < start - at or at + size > end:
            raise IndexError("a box is larger than what it lies in")
        yield kind, start, at + size
        at += size


def _child(data: bytes, start: int, end: int, wanted: bytes) -> tuple[int, int]:
    for kind, *where in _boxes(data, start, end):
        if kind == wanted:
            return where[0], where[1]
    raise KeyError(wanted)


def _kinds(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Items and what they are."""
    for _, entry, _ in _boxes(data, start + (8 if data[start] else 6), end):
        form = ">IH4s" if data[entry] >= 3 else ">HH4s"
        item, _, kind = struct.unpack_from(form, data, entry + 4)
        yield item, kind


def _properties(data: bytes, start: int, end: int, item: int) -> Iterator[tuple[bytes, int]]:
    """Kinds of an item's properties, and where each begins, in the order in which they apply."""
    container = _child(data, start, end, b"ipco")
    known = [(kind, value) for kind, value, _ in _boxes(data, *container)]
    for box, at, _ in _boxes(data, start, end):
        if box != b"ipma":
            continue
        version, flags = data[at], data[at + 3]
        count = struct.unpack_from(">I", data, at + 4)[0]
        at += 8
        for _ in range(count):
            form = ">IB" if version else ">HB"
            owner, used = struct.unpack_from(form, data, at)
            at += struct.calcsize(form)
            for _ in range(used):
                index = data[at] & 0x7F
                at += 1
                if flags & 1:
                    index = index << 8 | data[at]
                    at += 1
                if owner == item and index:
                    yield known[index - 1]


def _parts(data: bytes, start: int, end: int) -> Mapping[int, list[int]]:
    """Of what other items an item is made, in order."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    form = "I" if data[start] else "H"
    for kind, at, _ in _boxes(data, start + 4, end):
        if kind == b"dimg":
            item, count = struct.unpack_from(f">{form}H", data, at)
            first = at + struct.calcsize(f">{form}H")
            found[item] += struct.unpack_from(f">{count}{form}", data, first)
    return found


def _place(data: bytes, inside: Mapping[bytes, tuple[int, int]], wanted: int) -> int:
    """Where an item's own data begins."""
    at, _ = inside[b"iloc"]
    version = data[at]
    sizes = [data[at + 4] >> 4, data[at + 4] & 15, data[at + 5] >> 4, data[at + 5] & 15]
    offset, length, base, index = sizes if version else [*sizes[:3], 0]
    wide = 4 if version == 2 else 2

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at])

    at += 6
    for _ in range(number(wide)):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)  # a reference to other files
        begin = number(base)
        extents = [
            (number(index), begin + number(offset), number(length)) for _ in range(number(2))
        ]
        if item == wanted:
            (_, where, _), *more = extents
            if method > 1 or more:
                raise Unknown("is laid out in pieces")
            return where + (inside[b"idat"][0] if method == 1 else 0)
    raise KeyError(wanted)
