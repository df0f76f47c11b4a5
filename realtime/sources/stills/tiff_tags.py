"""The tags of a TIFF (6.0, and BigTIFF), without its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from struct import calcsize, error, unpack_from

# Tags: TIFF 6.0, section 8 and 18.
SUBFILE, BITS, ORIENTATION, EXTRA_SAMPLES = 254, 258, 274, 338
REDUCED, MASK = 1, 4  # of SUBFILE: a thumbnail, a mask
MAX_PAGES = 10_000  # bounds the walk through a file that leads in circles
SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # bytes, shorts, longs, BigTIFF's longs


def pages(data: bytes) -> list[dict[int, int]]:
    """Of each picture in the file, thumbnails and masks left out, the first value of its tags.

    Empty where the file is damaged, or no TIFF.
    """
    try:
        return [page for page in _directories(data) if not page.get(SUBFILE, 0) & (REDUCED | MASK)]
    except (error, KeyError):
        return []


def has_alpha(data: bytes) -> bool:
    """Whether it is a TIFF whose pixels have more channels than colours."""
    return any(EXTRA_SAMPLES in page for page in pages(data)[:1])


def orientation_of(data: bytes) -> int:
    """As EXIF counts it: 1 is upright."""
    found = next((page.get(ORIENTATION, 1) for page in pages(data)), 1)
    return found if 1 <= found <= 8 else 1


def _directories(data: bytes) -> Iterator[dict[int, int]]:
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    big = unpack_from(f"{order}H", data, 2)[0] == 43
    offset, count, entry = ("Q", "Q", "HHQ") if big else ("I", "H", "HHI")
    at = unpack_from(order + offset, data, 8 if big else 4)[0]
    seen: set[int] = set()
    while at and at not in seen and len(seen) < MAX_PAGES:
        seen.add(at)
        (entries,) = unpack_from(order + count, data, at)
        at += calcsize(order + count)
        tags: dict[int, int] = {}
        step = calcsize(order + entry) + calcsize(order + offset)
        for n in range(min(entries, len(data) // step)):
            place = at + n * step
            tag, kind, values = unpack_from(order + entry, data, place)
            if kind in SIZES:
                where = place + calcsize(order + entry)
                if calcsize(order + SIZES[kind]) * values > calcsize(order + offset):
                    (where,) = unpack_from(order + offset, data, where)
                (tags[tag],) = unpack_from(order + SIZES[kind], data, where)
        yield tags
        (at,) = unpack_from(order + offset, data, at + entries * step)
