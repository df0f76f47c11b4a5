"""HEIC photos to test with, as phones write them: H.265 in ISO/IEC 23008-12's boxes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2  # before av
import numpy as np

import av  # isort: skip
from engines.types.arrays import Image

TILE = 64


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]), *parts)


def coded(picture: Image) -> tuple[bytes, bytes]:
    """A key picture of H.265: parameters as of an hvcC box, and the item's data."""
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt, encoder.framerate = "yuv420p", 1
    encoder.options = {
        "x265-params": "log-level=none:lossless=1:repeat-headers=1",
        "preset": "fast",
    }
    frame = av.VideoFrame.from_ndarray(picture, "bgr24")
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    units = [one.rstrip(b"\0") for one in data.split(b"\0\0\1") if one.strip(b"\0")]
    head, arrays = bytes([1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 60, 0xF0, 0, 0xFC, 0xFD]), b""
    head += bytes([0xF8, 0xF8, 0, 0, 0x0F])
    for kind in (32, 33, 34):  # VPS, SPS, PPS
        (unit,) = [one for one in units if one[0] >> 1 == kind]
        arrays += bytes([0x80 | kind]) + struct.pack(">HH", 1, len(unit)) + unit
    pictures = [one for one in units if one[0] >> 1 < 32]
    return head + b"\3" + arrays, b"".join(struct.pack(">I", len(one)) + one for one in pictures)


def photo(
    path: Path,
    picture: Image,
    *,
    shape: tuple[int, int] | None,
    turns: Sequence[bytes] = (),
    thumbnail: bool = True,
    kind: bytes = b"grid",
) -> Path:
    """A HEIC as phones write it. shape: rows and columns of tiles, None = it is one item.

    turns: the boxes that say how it is to be shown, in that order.
    """
    high, wide = picture.shape[:2]
    rows, columns = shape or (1, 1)
    whole = np.zeros((rows * TILE, columns * TILE, 3), np.uint8) if shape else picture.copy()
    whole[:high, :wide] = picture
    tiles = [
        whole[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE] if shape else whole
        for y in range(rows)
        for x in range(columns)
    ]
    small = [cv2.resize(picture, (64, 64))] if thumbnail else []
    items = [coded(np.ascontiguousarray(one)) for one in (*small, *tiles)]
    numbers = [*range(1, len(items) + 1)]
    main = len(items) + 1 if shape else len(items)
    kinds = [(n, b"hvc1") for n in numbers] + ([(main, kind)] if shape else [])
    entries = [full(b"infe", struct.pack(">HH4sB", n, 0, what, 0), version=2) for n, what in kinds]
    properties, owned = b"", []
    for n, (parameters, _) in zip(numbers, items, strict=True):
        tile = 64 if n == 1 and thumbnail else None
        size = (tile or tiles[0].shape[1], tile or tiles[0].shape[0])
        properties += box(b"hvcC", parameters) + full(b"ispe", struct.pack(">II", *size))
        owned.append((n, [2 * n - 1, 2 * n]))
    if shape:
        properties += full(b"ispe", struct.pack(">II", wide, high))
        owned.append((main, [2 * len(items) + 1]))
    properties += b"".join(turns)
    first = 2 * len(items) + (2 if shape else 1)
    owned[-1][1].extend(range(first, first + len(turns)))
    ipma = struct.pack(">I", len(owned)) + b"".join(
        struct.pack(">HB", n, len(ones)) + bytes(0x80 | one for one in ones) for n, ones in owned
    )
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, wide, high)
    used = numbers[-len(tiles) :]
    links = struct.pack(f">HH{len(used)}H", main, len(used), *used)

    def meta(data_at: int) -> bytes:
        places, at = [], data_at
        for n, (_, data) in zip(numbers, items, strict=True):
            places.append(struct.pack(">HHHHII", n, 0, 0, 1, at, len(data)))
            at += len(data)
        if shape:
            places.append(struct.pack(">HHHHII", main, 1, 0, 1, 0, len(grid)))
        return full(
            b"meta",
            full(b"hdlr", struct.pack(">I4s12sB", 0, b"pict", b"", 0)),
            full(b"pitm", struct.pack(">H", main)),
            full(b"iinf", struct.pack(">H", len(kinds)), *entries),
            full(b"iref", box(b"dimg", links)) if shape else b"",
            box(b"iprp", box(b"ipco", properties), full(b"ipma", ipma)),
            box(b"idat", grid),
            full(b"iloc", b"\x44\0", struct.pack(">H", len(places)), *places, version=1),
        )

    begin = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    data_at = len(begin) + len(meta(0)) + 8
    data = b"".join(one for _, one in items)
    path.write_bytes(begin + meta(data_at) + box(b"mdat", data))
    return path
