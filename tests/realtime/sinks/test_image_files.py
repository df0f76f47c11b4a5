"""Pictures with the poses drawn, as files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.drawing.overlay import Overlay
from realtime.drawing.skeletons import draw
from realtime.sinks.files.image_files import ImageSink, ImagesSink
from realtime.types.errors import OutputError
from tests.realtime.results import Origin, files_at_most, grey, result, tracks
from tests.synth import person

SEEN = tracks([person((160, 120), 200)])


def test_a_picture_a_frame_under_its_name(tmp_path: Path) -> None:
    with ImagesSink(tmp_path / "new", [], Overlay()) as sink:
        for name in ("b", "a é"):
            sink.write(result(SEEN, name=name))
    assert {file.name for file in (tmp_path / "new").iterdir()} == {"b.jpg", "a é.jpg"}
    picture = cv2.imread(str(tmp_path / "new" / "b.jpg"))
    assert np.abs(picture.astype(int) - draw(grey(), SEEN)).mean() < 2


def test_pictures_without_loss_where_png_is_asked_for(tmp_path: Path) -> None:
    with ImagesSink(tmp_path, [tmp_path / "a.jpg"], Overlay(), ".png") as sink:
        sink.write(result(SEEN, name="a"))
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png")), draw(grey(), SEEN))
    with pytest.raises(OutputError, match=r"would overwrite a\.png of the source"):
        ImagesSink(tmp_path, [tmp_path / "a.png"], Overlay(), ".png")


@pytest.mark.parametrize("name", ["one.png", "one.bmp", "new/one.JPG", "one.webp"])
def test_a_single_picture_in_the_form_of_its_ending(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with ImageSink(path, Origin(total=1), [], Overlay()) as sink:
        sink.write(result(SEEN))
    drawn = draw(grey(), SEEN)
    difference = np.abs(cv2.imread(str(path)).astype(int) - drawn)
    assert difference.mean() < 3
    if path.suffix in (".png", ".bmp"):
        assert difference.max() == 0
    assert path.read_bytes()[:4] in (b"\x89PNG", b"RIFF", b"\xff\xd8\xff\xe0") or (
        path.read_bytes()[:2] == b"BM"
    )


def test_a_single_picture_needs_a_source_of_one(tmp_path: Path) -> None:
    for source in (Origin(total=2), Origin(), Origin(total=1, live=True)):
        with pytest.raises(OutputError, match=r"single picture, but clip has more"):
            ImageSink(tmp_path / "one.png", source, [], Overlay())


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    photos = [(tmp_path / name).resolve() for name in ("a.png", "b.jpg")]
    for photo in photos:
        photo.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"would overwrite b\.jpg of the source"):
        ImagesSink(tmp_path, photos, Overlay())
    with pytest.raises(OutputError, match=r"is the source itself"):
        ImageSink(tmp_path / "x" / ".." / "a.png", Origin(total=1), photos, Overlay())
    ImagesSink(tmp_path, photos[:1], Overlay())  # a.jpg is another file
    ImagesSink(tmp_path / "drawn", photos, Overlay())
    assert all(photo.read_bytes() == b"precious" for photo in photos)


def test_a_full_disk_leaves_the_pictures_before_and_no_half_one(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    with ImagesSink(tmp_path, [], Overlay()) as sink, files_at_most(30_000):
        sink.write(result(name="a"))
        with pytest.raises(OutputError, match=r"b\.jpg cannot be written: file too large"):
            sink.write(result(name="b", image=noise))
    assert [file.name for file in tmp_path.iterdir()] == ["a.jpg"]
    assert cv2.imread(str(tmp_path / "a.jpg")).shape == (240, 320, 3)


def test_the_overlay_is_drawn_once_and_shared() -> None:
    overlay, first, second = Overlay(), result(SEEN), result(SEEN)
    (picture,) = (one.image for one in overlay.pictures(first))
    assert overlay.pictures(first)[0].camera == first.views[0].frame.camera
    assert overlay.pictures(first)[0].image is picture
    assert overlay.pictures(second)[0].image is not picture
    with pytest.raises(ValueError, match="read-only"):
        picture[0, 0] = 0
