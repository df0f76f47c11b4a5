"""Photos of phones: tiles, rotations, other pictures beside the main one, and what is not read."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Sequence
from pathlib import Path

import cv2  # before av
import numpy as np
import pytest

import av  # isort: skip
from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.images import read_image
from realtime.types.errors import SourceError

TILE = 64
IROT = [struct.pack(">B", turns) for turns in range(4)]


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


@pytest.fixture(scope="module")
def picture() -> Image:
    """Of which no turn looks like another."""
    image = np.zeros((100, 150, 3), np.uint8)
    image[:] = 60, 120, 180
    image[:40, :50] = 20, 20, 200
    image[60:, 90:] = 200, 40, 40
    image[:30, 110:] = 60, 200, 60
    return image


def same(got: Image, wanted: Image) -> bool:
    """But for the colours, which have half the size, at edges."""
    return got.shape == wanted.shape and float(np.abs(got.astype(int) - wanted).mean()) < 2


@pytest.mark.parametrize("thumbnail", [False, True])
@pytest.mark.parametrize("shape", [None, (2, 3)])
def test_the_main_picture_is_put_together(
    shape: tuple[int, int] | None, thumbnail: bool, picture: Image, tmp_path: Path
) -> None:
    path = photo(tmp_path / "a.HEIC", picture, shape=shape, thumbnail=thumbnail)
    assert same(read_image(str(path)), picture)
    with open_source(SourceSettings((str(path),))) as source:
        assert [frame.size for frame in source] == [(150, 100)]


@pytest.mark.parametrize(
    ("shape", "thumbnail"), [(None, False), (None, True), ((2, 3), False), ((2, 3), True)]
)
@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [None, 0, 1])
def test_it_stands_upright(
    shape: tuple[int, int] | None,
    thumbnail: bool,
    quarters: int,
    mirrored: int | None,
    picture: Image,
    tmp_path: Path,
) -> None:
    """irot turns anticlockwise; then imir exchanges top and bottom (0), or left and right (1).

    FFmpeg itself turns what is alone in its file.
    """
    turns = [box(b"irot", IROT[quarters])]
    wanted = np.rot90(picture, quarters)
    if mirrored is not None:
        turns.append(box(b"imir", bytes([mirrored])))
        wanted = np.flip(wanted, mirrored)
    path = photo(tmp_path / "a.heic", picture, shape=shape, turns=turns, thumbnail=thumbnail)
    assert same(read_image(str(path)), wanted)


def test_a_photo_that_libheif_has_decoded(data: Path) -> None:
    folder = data / "reports" / "heic-grid"
    right = cv2.imread(str(folder / "right.png"))
    assert right is not None
    got = read_image(str(folder / "grid.heic"))
    assert got.shape == right.shape
    assert np.abs(got.astype(int) - right).max() <= 3


def test_the_name_does_not_matter_where_it_is_a_photos(picture: Image, tmp_path: Path) -> None:
    path = photo(tmp_path / "a.heic", picture, shape=(2, 3))
    shutil.copy(path, tmp_path / "b.jpg")
    assert same(read_image(str(tmp_path / "b.jpg")), picture)
    shutil.copy(path, tmp_path / "c")
    with (
        pytest.raises(SourceError, match=r"is a HEIC photo; give it a name that ends in \.heic"),
        open_source(SourceSettings((str(tmp_path / "c"),))),
    ):
        pass


def test_what_is_not_read_is_a_sentence(picture: Image, tmp_path: Path) -> None:
    clap = box(b"clap", struct.pack(">8I", *[10, 1] * 4))
    path = photo(tmp_path / "a.heic", picture, shape=(2, 3), turns=[clap])
    with pytest.raises(SourceError, match=r"a.heic is cropped, which is not supported"):
        read_image(str(path))
    path = photo(tmp_path / "b.heic", picture, shape=(2, 3), kind=b"iovl")
    with pytest.raises(SourceError, match=r"b.heic is stored as iovl, which is not"):
        read_image(str(path))


def test_damage_is_a_sentence(picture: Image, tmp_path: Path) -> None:
    """Cut anywhere, or with one byte changed in the boxes."""
    whole = photo(tmp_path / "a.heic", picture, shape=(2, 3)).read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / "b.heic"
    boxes = whole.index(b"mdat")
    told = []
    for n in range(60):
        data = bytearray(whole)
        if n % 3 == 0:
            data = data[: rng.integers(12, len(data))]
        else:
            data[rng.integers(12, boxes)] = rng.integers(256)
        path.write_bytes(data)
        try:
            assert read_image(str(path)).ndim == 3
        except SourceError as error:
            told.append(str(error))
    assert len(told) > 20
    assert all("b.heic" in sentence for sentence in told)
