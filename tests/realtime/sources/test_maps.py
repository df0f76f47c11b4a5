"""A folder of --heatmaps as a source gives the people that the network's maps gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.types.errors import CardError
from realtime.assembly import run, stream
from realtime.sources.maps.map_files import map_files, read_maps
from realtime.types.errors import SourceError
from tests.realtime.wanted import settings
from tests.synth import crowd, scene, write_tiny_network

SIZE = (312, 256)  # of the network as well; no whole number of the buckets of widths


@pytest.fixture
def card(tmp_path: Path) -> str:
    return str(write_tiny_network(tmp_path / "net"))


def photos(folder: Path, count: int = 2) -> Path:
    folder.mkdir()
    for n in range(count):
        people = crowd(2 + n, SIZE, np.random.default_rng(n))
        cv2.imwrite(str(folder / f"photo{n}.png"), scene(people, SIZE))
    return folder


def people_in(folder: Path) -> dict[str, np.ndarray]:
    return {
        path.name: np.array(
            [one["pose_keypoints_2d"] for one in json.loads(path.read_text())["people"]]
        )
        for path in sorted(folder.iterdir())
    }


@pytest.mark.parametrize(
    ("form", "background", "off_px", "off_score"),
    [("float", True, 1e-3, 1e-5), ("float", False, 1e-3, 1e-5), ("png", True, 0.25, 0.01)],
)
def test_the_same_people_come_of_the_maps(
    tmp_path: Path, card: str, form: str, background: bool, off_px: float, off_score: float
) -> None:
    pictures, maps = photos(tmp_path / "photos"), tmp_path / "maps"
    run(
        settings(
            str(pictures),
            model=card,
            json=tmp_path / "of pictures",
            heatmaps=maps,
            heatmaps_format=form,
            heatmaps_background=background,
        )
    )
    options: dict[str, Any] = {"camera_size": "312x256", "camera_fps": 1.0}  # photos are far apart
    run(settings(str(maps), model=card, json=tmp_path / "of maps", **options))
    expected, found = people_in(tmp_path / "of pictures"), people_in(tmp_path / "of maps")
    assert [*found] == [*expected] == ["photo0_keypoints.json", "photo1_keypoints.json"]
    for name, people in expected.items():
        assert len(people) >= 2
        one, other = (each.reshape(len(people), -1, 3) for each in (found[name], people))
        assert ((one[..., 2] > 0) == (other[..., 2] > 0)).all()
        assert np.abs(one[..., :2] - other[..., :2]).max() < off_px
        assert np.abs(one[..., 2] - other[..., 2]).max() < off_score


def test_thresholds_hold_for_maps_too(tmp_path: Path, card: str) -> None:
    pictures, maps = photos(tmp_path / "photos", 1), tmp_path / "maps"
    run(settings(str(pictures), model=card, heatmaps=maps, heatmaps_format="float"))
    options: dict[str, Any] = {"model": card, "camera_size": "312x256"}
    for minimum, count in ((None, 2), (19, 0)):
        (result,) = stream(settings(str(maps), min_keypoints=minimum, **options))
        (view,) = result.views
        assert view is not None
        assert len(view.tracks) == count


def test_the_size_of_the_pictures_must_be_known_and_fit(tmp_path: Path, card: str) -> None:
    pictures, maps = photos(tmp_path / "photos", 1), tmp_path / "maps"
    run(settings(str(pictures), model=card, heatmaps=maps, heatmaps_format="float"))
    for options, said in (
        ({}, r"maps has heat maps, .* give the size with --camera-size"),
        ({"camera_size": "640x480", "height": 128}, "maps of 312x256, but a picture of 640x480 is"),
        ({"camera_size": "1280x512"}, r"maps of 312x256, but .* is 640x256 to the network"),
    ):
        with pytest.raises(SourceError, match=said):
            list(stream(settings(str(maps), model=card, **options)))
    with pytest.raises(CardError, match="a folder of heat maps needs a model with a paf decoder"):
        list(stream(settings(str(maps), model="rtmo-s", camera_size="312x256")))


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([], "damaged or no file of heat maps"),
        ([3, 57, 8], "damaged or no file of heat maps"),
        ([3, 57, 8, 8, 0.5], "damaged or no file of heat maps"),
        ([3, 57, np.nan, 8], "damaged or no file of heat maps"),
        ([3, 1e9, 1e9, 1e9], "damaged or no file of heat maps"),
        ([3, 5, 8, 8, *[0] * 320], r"has 5 maps, but the model has 57, or 56 without the backgr"),
        ([3, 57, 4, 8, *[0] * 57 * 32], "maps of 8x4, but the model's cells are 8 pixels wide"),
    ],
)
def test_other_files_are_one_sentence(tmp_path: Path, numbers: list[float], said: str) -> None:
    path = tmp_path / "a_pose_heatmaps.float"
    np.array(numbers, "<f4").tofile(path)
    with pytest.raises(SourceError, match=said):
        read_maps(str(path), 18, 38, 8)


def test_strips_of_other_maps_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a_pose_heatmaps.png"
    path.write_bytes(b"no picture")
    with pytest.raises(SourceError, match="damaged or not an image"):
        read_maps(str(path), 18, 38, 8)
    cv2.imwrite(str(path), np.zeros((8, 19 * 8), np.uint8))
    with pytest.raises(
        SourceError, match=r"152 pixels wide, which is no whole number of the .* 57"
    ):
        read_maps(str(path), 18, 38, 8)


def test_a_folder_with_pictures_beside_is_one_of_pictures(tmp_path: Path) -> None:
    strip = tmp_path / "a_pose_heatmaps.png"
    cv2.imwrite(str(strip), np.zeros((8, 8), np.uint8))
    assert map_files(str(tmp_path)) == [str(strip)]
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((8, 8), np.uint8))
    assert map_files(str(tmp_path)) == []
