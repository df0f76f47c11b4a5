"""Views, heat maps and part candidates of the whole program, with a network of known maps."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.assembly import run, stream
from realtime.types.errors import OutputError, SettingsError
from realtime.types.view_mode import ViewMode
from tests.realtime.wanted import settings
from tests.synth import SKELETON, Points, person, scene, write_picture, write_tiny_network

SIZE = (320, 256)
PEOPLE: list[Points] = [person((90, 128), 190), person((230, 128), 190, "arms up")]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_network(tmp_path_factory.mktemp("tiny"), height=SIZE[1]))


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_picture(tmp_path_factory.mktemp("photo") / "two.png", scene(PEOPLE, SIZE)))


def test_the_written_picture_shows_the_view(card: str, photo: str, tmp_path: Path) -> None:
    """Where the right wrists are it is hot; nothing else changes."""
    out = tmp_path / "wrists.png"
    run(settings(photo, model=card, output=out, view="part:right_wrist"))
    before, after = cv2.imread(photo), cv2.imread(str(out))
    assert before is not None
    assert after is not None
    difference = np.abs(after.astype(int) - before).sum(axis=2)
    wrist = SKELETON.keypoints.index("right_wrist")
    y, x = np.indices(difference.shape)
    away = np.min([np.hypot(x - one[wrist, 0], y - one[wrist, 1]) for one in PEOPLE], axis=0)
    assert difference[away > 30].max() == 0
    assert difference[away < 6].mean() > 60


def test_maps_are_kept_for_a_view_of_them_alone(card: str, photo: str) -> None:
    for view, kept in (("skeleton", False), ("pafs", True)):
        [result] = stream(settings(photo, model=card, view=view))
        [seen] = filter(None, result.views)
        assert (seen.maps is not None) == kept
        assert seen.evidence is not None
        assert len(seen.tracks) == 2


def test_heat_maps_and_part_candidates_are_openposes(card: str, photo: str, tmp_path: Path) -> None:
    made = settings(
        photo,
        model=card,
        json=tmp_path / "json",
        part_candidates=True,
        heatmaps=tmp_path / "maps",
        heatmaps_format="float",
        heatmaps_pafs=False,
    )
    run(made)
    raw = np.fromfile(tmp_path / "maps" / "two_pose_heatmaps.float", np.float32)
    assert raw[:4].tolist() == [3, 19, SIZE[1], SIZE[0]]
    maps = raw[4:].reshape(19, SIZE[1], SIZE[0])
    data = json.loads((tmp_path / "json" / "two_keypoints.json").read_text())
    for n in range(18):
        found = np.array(data["part_candidates"][0][str(n)]).reshape(-1, 3)
        truth = np.array([one[n] for one in PEOPLE])
        assert len(found) == 2
        for one in truth:
            nearest = np.linalg.norm(found[:, :2] - one, axis=1).argmin()
            np.testing.assert_allclose(found[nearest, :2], one, atol=1.5)
            x, y = np.rint(one).astype(int)
            assert maps[n, y, x] > 0.6
    assert maps[18].mean() > 0.7


def test_keypoints_without_a_network_have_no_maps(card: str, photo: str, tmp_path: Path) -> None:
    run(settings(photo, model=card, json=tmp_path / "in"))
    for more in (
        {"view": "heatmaps"},
        {"heatmaps": tmp_path / "maps"},
        {"json": tmp_path / "out", "part_candidates": True},
    ):
        with pytest.raises(OutputError, match="the source contains keypoints"):
            run(settings(str(tmp_path / "in"), model=card, **more))


def test_settings_that_mean_nothing_are_refused(card: str, photo: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--part-candidates adds"):
        settings(photo, model=card, part_candidates=True)
    with pytest.raises(SettingsError, match="leave out --json-skeleton"):
        settings(photo, model=card, part_candidates=True, json=tmp_path, json_skeleton="body25")
    with pytest.raises(SettingsError, match="parts, background and PAFs"):
        settings(
            photo, model=card, heatmaps_parts=False, heatmaps_background=False, heatmaps_pafs=False
        )
    with pytest.raises(SettingsError, match="There is no view 'skull'"):
        run(settings(photo, model=card, view="skull"))
    assert ViewMode().of_maps is False


@pytest.mark.parametrize(("threshold", "drawn"), [(None, False), ("0", True)])
def test_keypoints_that_are_hardly_believed_are_not_drawn_but_written(
    threshold: str | None, drawn: bool, tmp_path: Path
) -> None:
    """OpenPose JSON of one person, one of whose ankles has a confidence of 0.1."""
    (tmp_path / "in").mkdir()
    points = person((160, 128), 180)
    scores = np.where(np.isnan(points[:, 0]), 0, 0.9)
    scores[10] = 0.1
    triples = np.column_stack([np.nan_to_num(points), scores]).ravel().tolist()
    text = json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": triples}]})
    (tmp_path / "in" / "a_000000000000_keypoints.json").write_text(text)
    options = {} if threshold is None else {"render_threshold": float(threshold)}
    outputs = {"output": tmp_path / "out.png", "json": tmp_path / "json"}
    run(settings(str(tmp_path / "in"), camera_size="320x256", **outputs, **options))
    picture = cv2.imread(str(tmp_path / "out.png"))
    assert picture is not None
    x, y = points[10].round().astype(int)
    assert bool(picture[y - 1 : y + 2, x - 1 : x + 2].any()) is drawn
    (file,) = (tmp_path / "json").iterdir()
    written = json.loads(file.read_text())["people"][0]["pose_keypoints_2d"]
    assert written[32] == pytest.approx(0.1)
