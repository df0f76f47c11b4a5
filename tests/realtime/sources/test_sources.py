"""What holds for every source: turning, names, and what cannot be opened at all."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.listing.file_names import file_name, natural, unique_names
from realtime.sources.orientation import matrix_of, turn
from realtime.types.errors import SettingsError, SourceError
from realtime.types.frames import Frame


@pytest.fixture
def photo(tmp_path: Path) -> tuple[Path, Image]:
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    path = tmp_path / "photo.png"
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path, image


def only_frame(path: Path, **settings: object) -> Frame:
    with open_source(SourceSettings(str(path), **settings)) as source:
        (frame,) = source
    return frame


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [False, True])
def test_flip_mirrors_and_then_rotate_turns_clockwise(
    photo: tuple[Path, Image], flip: bool, rotate: int
) -> None:
    path, image = photo
    frame = only_frame(path, flip=flip, rotate=rotate)
    expected = np.rot90(np.fliplr(image) if flip else image, -rotate // 90)
    assert np.array_equal(frame.image, expected)
    assert not frame.image.flags.writeable
    assert (frame.index, frame.name, frame.time) == (0, "photo", 0.0)


def test_a_turned_source_is_otherwise_the_same(photo: tuple[Path, Image]) -> None:
    (photo[0].parent / "broken.png").write_bytes(b"")
    plain = open_source(SourceSettings(str(photo[0].parent)))
    turned = open_source(SourceSettings(str(photo[0].parent), rotate=90))
    with plain, turned:
        assert (turned.name, turned.live) == (plain.name, plain.live)
        assert (turned.total, turned.rate) == (plain.total, plain.rate) == (2, 1.0)
        assert len(list(turned)) == len(list(plain)) == 1
    assert list(turned.notes) == list(plain.notes) != []


def test_a_picture_that_stays_as_it_is_is_not_copied(photo: tuple[Path, Image]) -> None:
    assert turn(photo[1], matrix_of(flip=False, rotate=0)) is photo[1]


@given(
    flips=st.lists(st.tuples(st.booleans(), st.sampled_from([0, 90, 180, 270])), max_size=4),
    scale=st.integers(1, 65536),
)
def test_one_turn_does_what_several_do(flips: list[tuple[bool, int]], scale: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    whole, step = np.eye(2, dtype=int), image
    for flip, rotate in flips:
        step = turn(step, matrix_of(flip, rotate))
        whole = whole @ matrix_of(flip, rotate)
    assert np.array_equal(turn(image, whole * scale), step)


@pytest.mark.parametrize(
    "address", ["ftp://user:secret@host/x", "rtsp://", "http://user:secret@host:port/", "rtsp:///x"]
)
def test_addresses_that_are_no_camera_s(address: str) -> None:
    with pytest.raises(SourceError, match="not the address of a network camera") as caught:
        open_source(SourceSettings(address))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "nothing here.mp4", "a" * 5000, "nul\0byte", "~nobody/x.mp4"])
def test_names_of_nothing(name: str) -> None:
    with pytest.raises(SourceError, match="There is no file or folder"):
        open_source(SourceSettings(name))


def test_a_bare_number_is_taken_for_a_camera_s() -> None:
    with pytest.raises(SourceError, match="webcam:0"):
        open_source(SourceSettings("0"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_what_is_neither_file_nor_folder_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(SourceError, match="neither a file nor a folder"):
        open_source(SourceSettings(str(tmp_path / "pipe.mp4")))


def test_a_folder_is_called_by_its_own_name(
    photo: tuple[Path, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photo[0].parent / "week 12"
    folder.mkdir()
    photo[0].rename(folder / "photo.png")
    monkeypatch.chdir(folder)
    for way in (".", str(folder), f"{folder}{os.sep}", "*.png"):
        assert open_source(SourceSettings(way)).name == "week 12"


@pytest.mark.parametrize("source", ["a\0b", "a\0b/*.png", "a\0b/c.mp4"])
def test_a_name_with_nul_is_no_source(source: str) -> None:
    with pytest.raises(SourceError, match="NUL"):
        open_source(SourceSettings(source))


@pytest.mark.parametrize("size", ["99999x99999", f"{'9' * 5000}x1", "٣x٣", "0x5", "640x480 "])
def test_a_camera_has_a_size_that_pictures_can_have(size: str) -> None:
    with pytest.raises(SettingsError, match="WIDTHxHEIGHT"):
        SourceSettings("webcam", camera_size=size)


@pytest.mark.parametrize("rate", [0.0, -1.0, 1e-320, 1e39, float("inf"), float("nan")])
def test_a_camera_has_a_rate_that_makes_times(rate: float) -> None:
    with pytest.raises(SettingsError, match="--camera-fps must be"):
        SourceSettings("webcam", camera_fps=rate)


@given(st.text())
def test_any_text_becomes_a_name_that_every_system_takes(text: str) -> None:
    name = file_name(text)
    assert name == name.strip(" .") != ""
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert name.encode()  # no lone surrogates


@given(st.lists(st.sampled_from(["a.jpg", "a.png", "A.jpg", "2_a.jpg", "b/a.jpg", "3_a.bmp"])))
def test_names_are_unique_whatever_the_letter_case(paths: list[str]) -> None:
    names = unique_names(paths)
    assert len({name.casefold() for name in names}) == len(paths)
    assert names == unique_names(paths)


@given(st.text(alphabet="img_-", min_size=1), st.sets(st.integers(0, 10**12)))
def test_natural_order_counts(stem: str, numbers: set[int]) -> None:
    names = [f"{stem}{number}.jpg" for number in numbers]
    assert sorted(names, key=natural) == [f"{stem}{number}.jpg" for number in sorted(numbers)]


@given(st.lists(st.text(alphabet="aB01९²-", max_size=8)))
def test_natural_order_does_not_depend_on_how_files_come(texts: list[str]) -> None:
    backwards = texts[::-1]
    assert sorted(backwards, key=natural) == sorted(texts, key=natural)
