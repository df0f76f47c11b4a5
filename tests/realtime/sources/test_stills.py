"""Files of several pictures, of deep or transparent pixels, and what libraries say of them."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.images import read_image
from realtime.sources.opencv_log import libpng_hushed
from realtime.sources.stills.tiff_tags import pages
from realtime.types.errors import SourceError


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((40, 60, 3), 40 * n, np.uint8) for n in range(count)]


def animation(path: Path, count: int) -> Path:
    """By OpenCV's own writers; a sequence of AVIF by FFmpeg's muxer."""
    if path.suffix == ".tif":
        assert cv2.imwritemulti(str(path), pictures(count))
    elif count == 1:
        assert cv2.imwrite(str(path), pictures(1)[0])
    else:
        moving = cv2.Animation()
        moving.frames, moving.durations = pictures(count), [100] * count
        assert cv2.imwriteanimation(str(path), moving)
    return path


@pytest.mark.parametrize("ending", [".png", ".webp", ".tif", ".avif"])
def test_files_of_several_pictures_are_a_sentence(ending: str, tmp_path: Path) -> None:
    """All but the first were left out in silence."""
    moving = animation(tmp_path / f"several{ending}", 4)
    with pytest.raises(
        SourceError, match=rf"several{ending} contains 4 pictures, .*convert it to a video"
    ):
        read_image(str(moving))
    assert read_image(str(animation(tmp_path / f"one{ending}", 1))).shape == (40, 60, 3)
    with open_source(SourceSettings((str(tmp_path),))) as source:
        assert [frame.name for frame in source] == ["one"]
    assert f"Skipped 1 of 2 images: several{ending} contains 4 pictures" in source.notes[0]


def test_a_thumbnail_is_no_page(tmp_path: Path) -> None:
    """As cameras and scanners put one behind the picture: NewSubfileType 1."""
    path = animation(tmp_path / "a.tif", 2)
    data = bytearray(path.read_bytes())
    order = "<" if data[:2] == b"II" else ">"
    first = struct.unpack_from(f"{order}I", data, 4)[0]
    entries = struct.unpack_from(f"{order}H", data, first)[0]
    second = struct.unpack_from(f"{order}I", data, first + 2 + 12 * entries)[0]
    assert len(pages(bytes(data))) == 2
    # Its first tag (all are in order) becomes the lowest there is.
    struct.pack_into(f"{order}HHIHH", data, second + 2, 254, 3, 1, 1, 0)
    assert len(pages(bytes(data))) == 1


def test_a_tiff_that_leads_in_circles_ends(tmp_path: Path) -> None:
    data = bytearray(animation(tmp_path / "a.tif", 1).read_bytes())
    order = "<" if data[:2] == b"II" else ">"
    first = struct.unpack_from(f"{order}I", data, 4)[0]
    entries = struct.unpack_from(f"{order}H", data, first)[0]
    struct.pack_into(f"{order}I", data, first + 2 + 12 * entries, first)
    assert len(pages(bytes(data))) == 1
    for cut in range(0, len(data), 7):
        assert len(pages(bytes(data[:cut]))) <= 1


def rgba(path: Path, orientation: int = 1) -> Path:
    """An uncompressed TIFF, 2x3, of unassociated alpha: the left column is transparent."""
    pixels = bytes(v for _ in range(3) for v in (200, 100, 50, 0, 200, 100, 50, 128))
    bits = 8 + 2 + 12 * 11 + 4
    entries = [
        *((256, 4, 1, 2), (257, 4, 1, 3), (258, 3, 4, bits), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 1, bits + 8), (274, 3, 1, orientation), (277, 3, 1, 4), (278, 4, 1, 3)),
        *((279, 4, 1, len(pixels)), (338, 3, 1, 2)),
    ]
    data = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    data += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    path.write_bytes(data + struct.pack("<4H", 8, 8, 8, 8) + pixels)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_transparent_tiffs_keep_their_colours(orientation: int, tmp_path: Path) -> None:
    """As those of PNG do; OpenCV multiplies transparency into them."""
    image = read_image(str(rgba(tmp_path / "a.tif", orientation)))
    assert image.shape == ((3, 2, 3) if orientation < 5 else (2, 3, 3))
    assert (image == (50, 100, 200)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_transparent_tiffs_are_turned_as_opaque_ones(orientation: int, tmp_path: Path) -> None:
    """The same pixels without the alpha, by OpenCV, which knows orientation."""
    data = bytearray(rgba(tmp_path / "a.tif", orientation).read_bytes())
    values = np.arange(6, dtype=np.uint8).reshape(3, 2) * 40
    stored = np.repeat(values[..., None], 4, axis=-1)
    stored[..., 3] = 255
    data[-24:] = stored.tobytes()
    (tmp_path / "a.tif").write_bytes(data)
    ours = read_image(str(tmp_path / "a.tif"))[..., 0]
    theirs = cv2.imdecode(np.frombuffer(bytes(data), np.uint8), cv2.IMREAD_COLOR)[..., 0]
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("ending", [".png", ".tif", ".pgm", ".jp2"])
def test_twelve_bits_in_files_of_sixteen_are_told(ending: str, tmp_path: Path) -> None:
    ramp = np.linspace(0, 4095, 64 * 48).reshape(48, 64).astype(np.uint16)
    for name, values in (("dark", ramp), ("bright", ramp * 16), ("eight", (ramp >> 4))):
        kind = np.uint8 if name == "eight" else np.uint16
        assert cv2.imwrite(str(tmp_path / f"{name}{ending}"), values.astype(kind))
    with open_source(SourceSettings((str(tmp_path),))) as source:
        assert len(list(source)) == 3
    (note,) = source.notes
    assert note.startswith(f"dark{ending} uses at most 12 of 16 bits, so that they look nearly bl")
    assert "multiply the values by 16" in note


def damaged_png(warned: bool) -> bytes:
    """A colour profile that libpng warns of, or pixels whose checksum is wrong."""
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    data = bytearray(cv2.imencode(".png", picture)[1].tobytes())
    if warned:
        profile = b"iCCPprofile\0\0" + zlib.compress(b"no profile at all")
        crc = struct.pack(">I", zlib.crc32(profile))
        data[33:33] = struct.pack(">I", len(profile) - 4) + profile + crc
    else:
        data[60] ^= 255
    return bytes(data)


@pytest.mark.parametrize("warned", [True, False])
def test_libpng_has_nothing_to_say_beside_us(
    warned: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = damaged_png(warned)
    (tmp_path / "a.png").write_bytes(data)
    cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert "libpng" in capfd.readouterr().err  # or this test shows nothing
    if warned:
        assert read_image(str(tmp_path / "a.png")).shape == (64, 64, 3)
    else:
        with pytest.raises(SourceError, match=r"a.png cannot be read: it is damaged"):
            read_image(str(tmp_path / "a.png"))
    assert capfd.readouterr().err == ""


def test_what_others_say_meanwhile_is_heard(capfd: pytest.CaptureFixture[str]) -> None:
    with libpng_hushed():
        os.write(2, b"libpng warning: iCCP\nours\n")
    assert capfd.readouterr().err == "ours\n"


def test_what_a_file_says_of_itself_need_not_be_utf8(tmp_path: Path) -> None:
    """Found by the fuzzer: an item of an AVIF has a name, which libavif gives as Color."""
    path = animation(tmp_path / "a.avif", 1)
    data = path.read_bytes()
    assert data.count(b"Color") == 1
    path.write_bytes(data.replace(b"Color", b"Col\xd3\xff"))
    assert read_image(str(path)).shape == (40, 60, 3)
