"""The overlay: what changes in the picture, where, and in which colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.types.arrays import Image
from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_groups import with_groups
from realtime.drawing.skeletons import draw, id_colour
from realtime.types.results import Tracks
from tests.realtime.results import grey, keypoints, tracks
from tests.synth import SKELETON, crowd, person


def colour(name: str) -> tuple[int, int, int]:
    return SKELETON.colours[SKELETON.keypoints.index(name)]


def changed(before: Image, after: Image) -> np.ndarray:
    """(H, W) whether a pixel is another one now."""
    return (before != after).any(axis=2)


def test_a_limb_takes_the_second_keypoints_colour_at_sixty_per_cent() -> None:
    image = grey()
    out = draw(image, tracks([keypoints(neck=(100, 120), right_shoulder=(220, 120))]))
    expected = 0.6 * np.array(colour("right_shoulder")) + 0.4 * 100
    np.testing.assert_allclose(out[120, 160], expected, atol=1)


def test_a_dot_has_its_keypoints_own_colour() -> None:
    out = draw(grey(), tracks([keypoints(neck=(100, 120), right_shoulder=(220, 120))]))
    assert tuple(out[120, 100]) == colour("neck")
    assert tuple(out[120, 220]) == colour("right_shoulder")


def test_the_picture_given_stays_as_it_is_and_so_does_what_nobody_covers() -> None:
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    before = image.copy()
    image.flags.writeable = False
    points = person((80, 120), 160, "walking")
    out = draw(image, tracks([points], ids=[3]))
    np.testing.assert_array_equal(image, before)
    touched = changed(before, out)
    assert touched.any()
    rows, columns = np.nonzero(touched)
    low, high = np.nanmin(points, axis=0) - 40, np.nanmax(points, axis=0) + 10
    assert columns.min() > low[0]
    assert columns.max() < high[0]
    assert rows.min() > low[1]
    assert rows.max() < high[1]


def test_redundant_limbs_are_not_drawn() -> None:
    out = draw(grey(), tracks([keypoints(right_shoulder=(100, 200), right_ear=(100, 40))]))
    assert not changed(grey(), out)[60:180].any()
    assert tuple(out[40, 100]) == colour("right_ear")


@pytest.mark.parametrize("people", [[], [keypoints()]])
def test_nobody_to_draw_gives_an_equal_new_picture(people: list[np.ndarray]) -> None:
    image = grey()
    out = draw(image, tracks(people, ids=[5] * len(people)))
    assert out is not image
    np.testing.assert_array_equal(out, image)


@pytest.mark.parametrize("far", [1e4, 1e9, 3e38, -3e38, np.inf, -np.inf])
def test_coordinates_far_outside_do_no_harm(far: float) -> None:
    points = person((160, 120), 160)
    gone = np.full_like(points, far)
    points[4] = far, 100
    points[10] = 100, far
    out = draw(grey(), tracks([points, gone], ids=[1, 2]))
    assert out.shape == (240, 320, 3)
    assert tuple(out[round(points[1, 1]), round(points[1, 0])]) == colour("neck")


@pytest.mark.parametrize("size", [(1, 1), (2, 500), (500, 2), (31, 17)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    people = crowd(3, (100, 100), np.random.default_rng(0))
    out = draw(grey(*size), tracks(people, ids=[1, 22, 333333]))
    assert out.shape == (size[1], size[0], 3)


def test_a_mirrored_view_of_memory_is_drawn_like_its_copy() -> None:
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)[:, ::-1]
    seen = tracks([person((160, 120), 200)])
    np.testing.assert_array_equal(draw(image, seen), draw(image.copy(), seen))


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 0.75])
def test_keypoints_are_drawn_between_pixels(shift: float) -> None:
    out = draw(grey(value=0), tracks([keypoints(left_ankle=(100 + shift, 50 + shift))]))
    weight = out[..., 2 - int(np.argmax(colour("left_ankle")[::-1]))].astype(float)
    rows, columns = np.mgrid[:240, :320]
    assert (weight * columns).sum() / weight.sum() == pytest.approx(100 + shift, abs=0.1)
    assert (weight * rows).sum() / weight.sum() == pytest.approx(50 + shift, abs=0.1)


def test_small_people_get_thin_lines_and_nobody_gets_fat_ones() -> None:
    def width(length: float) -> int:
        """Rows that a limb along a row covers at its middle."""
        points = keypoints(neck=(160 - length / 2, 120), right_shoulder=(160 + length / 2, 120))
        return int(changed(grey(), draw(grey(), tracks([points])))[:, 160].sum())

    assert width(20) <= 5
    assert width(20) < width(100)
    assert width(300) <= 240 / 30


def test_keypoints_carried_over_are_rings() -> None:
    points = keypoints(neck=(100, 400), right_shoulder=(600, 400))
    neck = SKELETON.keypoints.index("neck")
    seen = draw(grey(800, 800), tracks([points]))
    filled = draw(grey(800, 800), tracks([points], filled=[(0, neck)]))
    assert tuple(seen[400, 100]) == colour("neck")
    assert changed(seen, filled)[399:402, 99:102].all()
    edge = np.flatnonzero((seen[400, :100] == colour("neck")).all(axis=1))[0]
    assert tuple(filled[400, edge + 1]) == colour("neck")


def test_ids_are_labels_above_the_head_in_a_colour_each() -> None:
    people = [person((80, 140), 150), person((240, 140), 150)]
    out = draw(grey(), tracks(people, ids=[7, -1]))
    plate = (out == id_colour(7)).all(axis=2)
    rows, columns = np.nonzero(plate)
    assert plate.sum() > 30
    assert rows.max() < people[0][:, 1].min()
    assert columns.mean() == pytest.approx(80, abs=8)
    # The ink is black and inside the plate: readable on any picture.
    inside = out[rows.min() : rows.max(), columns.min() : columns.max()]
    assert (inside.max(axis=2) < 60).sum() > 5
    assert len({id_colour(n) for n in range(100)}) == 100


@pytest.mark.parametrize("where", [(20, 10), (300, 10), (160, -60), (160, 400)])
def test_labels_stay_whole_within_the_picture(where: tuple[float, float]) -> None:
    def plate(centre: tuple[float, float]) -> int:
        out = draw(grey(), tracks([person(centre, 150)], ids=[8]))
        return int((out == id_colour(8)).all(axis=2).sum())

    assert plate(where) >= 0.7 * plate((160, 140))


def test_a_skeleton_without_limbs_is_dots() -> None:
    loose = Skeleton("loose", ("a",), (), frozenset(), (0.1,), ((9, 8, 7),))
    out = draw(grey(), tracks([np.array([[50.0, 60.0]])], skeleton=loose))
    assert tuple(out[60, 50]) == (9, 8, 7)


def test_a_crowd_on_a_photo(data: Path) -> None:
    image = cv2.imread(str(data / "coco-dev" / "images" / "000000001000.jpg"))
    height, width = image.shape[:2]
    people = crowd(20, (width, height), np.random.default_rng(0))
    out = draw(image, tracks(people))
    for points in people:
        for x, y in points[[4, 7, 10, 13]][~np.isnan(points[[4, 7, 10, 13], 0])]:
            assert (out[round(y), round(x)] != image[round(y), round(x)]).any()


def with_hand(side: float) -> Tracks:
    """A forearm of 100 px with a hand of so many pixels below it."""
    skeleton = with_groups(named_skeleton("coco18"), ("left_hand", "face"))
    xy = np.full((len(skeleton.keypoints), 2), np.nan)
    xy[skeleton.keypoints.index("left_elbow")] = (100, 20)
    xy[skeleton.keypoints.index("left_wrist")] = (100, 120)
    hand = np.array([(n % 5 - 2, n // 5) for n in range(21)])
    xy[list(skeleton.left_hand)] = (100, 122) + side / 4 * hand
    return tracks([xy], skeleton=skeleton)


def test_a_hand_is_drawn_thinner_than_its_arm() -> None:
    image = draw(grey(), with_hand(80))
    arm = np.flatnonzero((image[70] != 100).any(axis=1))
    assert len(arm) >= 4
    hand = (image[126:, 60:140] != 100).any(axis=2)
    assert 0 < hand.mean() < 0.3  # its lines and dots are few of the pixels that it spans


def test_a_small_hand_is_not_drawn() -> None:
    below = draw(grey(), with_hand(14))[126:]
    assert (below == 100).all()
    assert not (draw(grey(), with_hand(18))[126:] == 100).all()


def test_ids_of_people_before_each_other_stand_above_each_other() -> None:
    """Each plate is whole: none covers another, and all lie in the picture."""
    body = person((160, 150), 130)
    people = [body, body + 3, body + np.array([-4, 2])]
    out = draw(grey(320, 240, 255), tracks(people, ids=[1, 2, 3]))
    alone = draw(grey(320, 240, 255), tracks(people[:1], ids=[1]))
    area = (alone == id_colour(1)).all(-1).sum()
    for track in (1, 2, 3):
        assert (out == id_colour(track)).all(-1).sum() > 0.8 * area
