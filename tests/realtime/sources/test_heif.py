"""Photos of phones: tiles, rotations, other pictures beside the main one, and what is not read."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.images import read_image
from realtime.types.errors import SourceError
from tests.heic import box, photo


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
    turns = [box(b"irot", bytes([quarters]))]
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
