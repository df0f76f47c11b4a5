import os
import resource
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.types.errors import SourceError
from realtime.types.frames import Frame


def photo(level: int, wide: int = 40, high: int = 30) -> Image:
    """Blue level, green 2 x level, red a ramp."""
    image = np.empty((high, wide, 3), np.uint8)
    image[...] = (level, 2 * level, 0)
    image[..., 2] = np.linspace(0, 255, wide)
    return image


def save(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix.lower(), image)[1].tobytes())
    return path


def frames(source: Path | str, **settings: object) -> list[Frame]:
    with open_source(SourceSettings(str(source), **settings)) as opened:
        return list(opened)


def names(source: Path | str, **settings: object) -> list[str]:
    return [frame.name for frame in frames(source, **settings)]


def error(source: Path | str, **settings: object) -> str:
    with pytest.raises(SourceError) as caught:
        frames(source, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_one_image_is_itself(tmp_path: Path) -> None:
    path = save(tmp_path / "beach.png", photo(50))
    with open_source(SourceSettings(str(path)), clock=lambda: 7.5) as source:
        assert (source.name, source.live, source.total) == ("beach", False, 1)
        (frame,) = source
        assert source.notes == []
    assert (frame.camera, frame.name, frame.index) == ("beach", "beach", 0)
    assert (frame.time, frame.captured) == (0.0, 7.5)
    assert np.array_equal(frame.image, photo(50))
    assert not frame.image.flags.writeable


def test_a_folder_comes_in_natural_order_a_picture_a_second(tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    for number in (10, 2, 1, 100, 21):
        save(folder / f"img{number}.png", photo(number))
    save(folder / "IMG3.JPG", photo(3))
    save(folder / "inner" / "deeper.png", photo(9))
    save(folder / ".hidden.png", photo(9))
    (folder / "notes.txt").write_text("not an image")
    (folder / "folder.png").mkdir()

    with open_source(SourceSettings(str(folder))) as source:
        got = list(source)
        assert (source.name, source.total, source.rate) == ("holiday", 6, 1.0)
    assert [frame.name for frame in got] == ["img1", "img2", "IMG3", "img10", "img21", "img100"]
    assert [frame.index for frame in got] == list(range(6))
    assert [frame.time for frame in got] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert [int(frame.image[0, 0, 0]) for frame in got] == pytest.approx(
        [1, 2, 3, 10, 21, 100], abs=3
    )
    assert {frame.camera for frame in got} == {"holiday"}


def test_start_end_and_step_keep_the_places(tmp_path: Path) -> None:
    for number in range(10):
        save(tmp_path / f"{number}.png", photo(number))
    with open_source(SourceSettings(str(tmp_path), start=2, end=9, step=3)) as source:
        assert source.total == 3
        got = list(source)
    assert [(frame.index, frame.name, frame.time) for frame in got] == [
        (2, "2", 2.0),
        (5, "5", 5.0),
        (8, "8", 8.0),
    ]
    assert names(tmp_path, start=8, end=50) == ["8", "9"]
    assert "10 images" in error(tmp_path, start=10)


def test_a_pattern_reaches_into_folders(tmp_path: Path) -> None:
    for camera in ("left", "right"):
        for number in (9, 10):
            save(tmp_path / camera / f"{number}.png", photo(number))
    save(tmp_path / "left" / "x.png", photo(1))
    assert names(tmp_path / "left" / "[0-9]*.png") == ["9", "10"]
    assert names(tmp_path / "*" / "10.png") == ["10", "2_10"]
    assert len(names(tmp_path / "**" / "*.png")) == 5
    with open_source(SourceSettings(str(tmp_path / "left" / "*.png"))) as source:
        assert source.name == "left"
    assert "No image matches" in error(tmp_path / "*.png")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    save(tmp_path / "a[1].png", photo(11))
    save(tmp_path / "a1.png", photo(99))
    (frame,) = frames(tmp_path / "a[1].png")
    assert int(frame.image[0, 0, 0]) == 11


def test_names_that_collide_are_counted_in_front(tmp_path: Path) -> None:
    """A count at the end would change the number that COCO results take for the photo's id."""
    for ending in ("png", "jpg", "bmp"):
        save(tmp_path / f"photo_000123.{ending}", photo(1))
    save(tmp_path / "Photo_000123.webp", photo(1))
    got = names(tmp_path)
    assert got == [
        "photo_000123",
        "2_photo_000123",
        "3_photo_000123",
        "4_Photo_000123",
    ]
    assert len({name.casefold() for name in got}) == 4


@pytest.mark.parametrize("ending", [".jpg", ".JPEG", ".bmp", ".webp", ".tiff", ".jp2", ".ppm"])
def test_usual_kinds_of_file(tmp_path: Path, ending: str) -> None:
    image = photo(50, 160, 128)
    (frame,) = frames(save(tmp_path / f"a{ending}", image))
    assert np.abs(frame.image.astype(int) - image).mean() < 4


def test_grey_deep_and_transparent_images_become_bgr(tmp_path: Path) -> None:
    plain = photo(50)
    clear = np.dstack([plain, np.zeros(plain.shape[:2], np.uint8)])
    deep = plain.astype(np.uint16) * 257
    assert np.array_equal(frames(save(tmp_path / "clear.png", clear))[0].image, plain)
    assert np.array_equal(frames(save(tmp_path / "deep.png", deep))[0].image, plain)
    assert np.array_equal(frames(save(tmp_path / "deep.tiff", deep))[0].image, plain)
    grey = frames(save(tmp_path / "grey.png", plain[..., 2]))[0].image
    assert np.array_equal(grey, np.repeat(plain[..., 2:], 3, axis=2))
    grey16 = frames(save(tmp_path / "grey16.png", deep[..., 2]))[0].image
    assert np.array_equal(grey16, grey)


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda i: i),
        (2, np.fliplr),
        (3, lambda i: np.rot90(i, 2)),
        (6, lambda i: np.rot90(i, -1)),
    ],
)
def test_exif_orientation_is_carried_out(tmp_path: Path, orientation: int, turned: object) -> None:
    """Tag 0x0112: 6 = the camera was held so that the picture must be turned clockwise."""
    jpeg = cv2.imencode(".jpg", photo(50), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    path = tmp_path / "phone.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    (frame,) = frames(path)
    expected = turned(photo(50))  # type: ignore[operator]
    assert frame.image.shape == expected.shape
    assert np.abs(frame.image.astype(int) - expected).mean() < 4


def test_names_beyond_ascii_and_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "Größe 電影.png", photo(5))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert names("~/Größe 電影.png") == ["Größe 電影"]
    assert names("~") == ["Größe 電影"]


# --- bad input -------------------------------------------------------------------------------


def png(wide: int, high: int) -> bytes:
    """A file of a few bytes that promises a picture of any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_broken_images_among_good_ones_are_passed_over_and_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good = [save(tmp_path / f"{number}.tif", photo(50)) for number in (1, 3, 5)]
    (tmp_path / "2.tif").write_bytes(good[0].read_bytes()[:-40])
    (tmp_path / "4.jpg").write_bytes(b"")
    with open_source(SourceSettings(str(tmp_path))) as source:
        got = list(source)
    assert [(frame.index, frame.name) for frame in got] == [(0, "1"), (2, "3"), (4, "5")]
    (note,) = source.notes
    assert "2 of 5 images" in note
    assert "2.tif" in note
    assert "4.jpg" in note
    assert capfd.readouterr() == ("", "")  # OpenCV's own warnings stay away


def test_of_many_broken_images_a_few_are_named(tmp_path: Path) -> None:
    save(tmp_path / "good.png", photo(1))
    for number in range(20):
        (tmp_path / f"bad{number}.png").write_bytes(b"no image")
    with open_source(SourceSettings(str(tmp_path))) as source:
        assert len(list(source)) == 1
    (note,) = source.notes
    assert "20 of 21" in note
    assert "17 more" in note
    assert len(note) < 400


def test_a_picture_of_monstrous_size_is_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "a.png", photo(1))
    (tmp_path / "bomb.png").write_bytes(png(100_000, 100_000))
    (tmp_path / "wide.png").write_bytes(png(2_000_000_000, 1))
    with open_source(SourceSettings(str(tmp_path))) as source:
        assert [frame.name for frame in source] == ["a"]
    assert "2 of 3" in source.notes[0]
    assert (
        "bomb.png cannot be read: it is damaged or has more than 250 million pixels"
        in source.notes[0]
    )


def test_a_png_whose_chunk_says_4_gb_is_refused_before_they_are_filled(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", photo(10))
    content = bytearray(path.read_bytes())
    content[33:37] = b"\xff\0\0\0"  # the length of what follows the header
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB
    assert "damaged" in error(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_nothing_but_broken_images_is_an_error(tmp_path: Path) -> None:
    lone = tmp_path / "broken.png"
    lone.write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    assert error(lone).startswith("broken.png")
    (tmp_path / "other.png").write_bytes(b"rubbish")
    assert "2 of 2" in error(tmp_path)


def test_folders_without_images(tmp_path: Path) -> None:
    assert "no images" in error(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"")
    assert "no images" in error(tmp_path)


def test_an_image_that_vanishes_while_the_folder_is_read(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", photo(number))
    with open_source(SourceSettings(str(tmp_path))) as source:
        (tmp_path / "1.png").unlink()
        assert [frame.name for frame in source] == ["0", "2"]
    assert "1.png cannot be read: No such file" in source.notes[0]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = save(tmp_path / "secret.png", photo(1))
    path.chmod(0)
    assert "Permission denied" in error(path)


def test_real_photos_keep_their_names_and_order(data: Path) -> None:
    folder = data / "coco-dev" / "images"
    got = names(folder, step=20)
    expected = sorted((path.stem for path in folder.iterdir()), key=int)[::20]
    assert got == expected


def test_pictures_of_a_video_come_at_the_rate_that_is_given(tmp_path: Path) -> None:
    for n in range(3):
        save(tmp_path / f"{n}.png", photo(n))
    assert [frame.time for frame in frames(tmp_path, camera_fps=25)] == [0, 0.04, 0.08]


@pytest.mark.parametrize("orientation", [1, 2, 6])
def test_avif_is_turned_as_the_file_says(data: Path, orientation: int) -> None:
    """By irot and imir, in all the same picture."""
    folder = data / "reports" / "avif-orientation"
    upright = frames(folder / "exif1.avif")[0].image
    got = frames(folder / f"exif{orientation}.avif")[0].image
    assert got.shape == upright.shape == (480, 640, 3)
    assert np.abs(got.astype(int) - upright).mean() < 6


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("left*.png", "left"),
        ("*_right.png", "right"),
        ("cam[12]_?.png", "cam"),
        ("*.png", "photos"),
        ("[0-9]*.png", "photos"),
    ],
)
def test_two_cameras_in_one_folder_have_names_of_their_own(
    tmp_path: Path, pattern: str, name: str
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for one in ("left1", "left2", "a_right", "b_right", "cam1_a", "cam2_a", "7", "8"):
        save(folder / f"{one}.png", photo(9))
    assert open_source(SourceSettings((str(folder / pattern),))).name == name


def test_a_pattern_for_a_whole_folder_is_called_as_the_folder(tmp_path: Path) -> None:
    for folder in ("cam1", "cam2"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / "img1.png", photo(9))
        (tmp_path / folder / "notes.txt").touch()
        source = open_source(SourceSettings((str(tmp_path / folder / "img*.png"),)))
        assert source.name == folder
