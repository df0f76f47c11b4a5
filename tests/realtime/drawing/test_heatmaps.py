"""Maps over a picture: each where it belongs, fields in the colour of their direction."""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np
import pytest

from engines.types.arrays import Image
from engines.types.letterbox import Letterbox
from engines.types.poses import Candidates, Maps
from engines.types.skeleton_groups import with_groups
from realtime.drawing.heatmaps import draw_maps, draw_view
from realtime.drawing.overlay import Overlay
from realtime.drawing.skeletons import draw
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from realtime.types.view_mode import Shown, Style, ViewMode
from tests.realtime.results import grey, keypoints, tracks
from tests.synth import CHANNELS, SKELETON, STRIDE, Points, person, render

NOSE, WRIST = (SKELETON.keypoints.index(name) for name in ("nose", "left_wrist"))


def maps_of(people: list[Points], size: tuple[int, int] = (320, 256)) -> Maps:
    """What the network gives for people in a picture of its own size."""
    return Maps(*render(people, size), CHANNELS, STRIDE, size)


def changed(before: Image, after: Image) -> tuple[float, float]:
    """Centre of what a view painted, weighted by how much."""
    difference = np.abs(after.astype(float) - before).sum(axis=2)
    y, x = np.indices(difference.shape)
    return (difference * x).sum() / difference.sum(), (difference * y).sum() / difference.sum()


@pytest.mark.parametrize("size", [(1280, 720), (640, 720), (97, 131)])
def test_heat_lies_over_its_keypoint_in_a_picture_of_any_size(size: tuple[int, int]) -> None:
    """Scaled and padded as the network got it, drawn back over the picture."""
    box = Letterbox.fit(size, 256, STRIDE, 4 * STRIDE)
    at = np.array([size[0] * 0.7, size[1] * 0.4], np.float32)
    there = keypoints(nose=tuple(box.to_network(at).tolist()))
    heat, pafs = render([there], box.network)
    image = grey(*size)
    seen = draw_maps(
        image, Maps(heat, pafs, CHANNELS, STRIDE, box.scaled), ViewMode("heatmaps"), SKELETON
    )
    assert seen.shape == image.shape
    # A cell is several pixels of the picture wide.
    np.testing.assert_allclose(changed(image, seen), at, atol=0.6 / box.scale[0])
    far = np.abs(np.indices(size[::-1]) - at[::-1, None, None]).max(axis=0) > 60 / box.scale[0]
    assert (seen[far] == 100).all()
    assert (image == 100).all()


def test_a_keypoints_view_shows_that_one_alone() -> None:
    one = keypoints(nose=(80, 60), left_wrist=(240, 200))
    image = grey(320, 256)
    for part, at in ((NOSE, (80, 60)), (WRIST, (240, 200))):
        seen = draw_maps(image, maps_of([one]), ViewMode("part", part), SKELETON)
        np.testing.assert_allclose(changed(image, seen), at, atol=0.6)


def test_hotter_is_redder() -> None:
    maps = maps_of([keypoints(nose=(163.5, 123.5))])
    seen = draw_maps(grey(320, 256), maps, ViewMode("heatmaps"), SKELETON)
    blue, _, red = seen[123, 163].astype(int).tolist()
    assert red > blue + 60
    blue, _, red = seen[123, 163 + 13].astype(int).tolist()  # exp(-13²/2·7²) = 0.18
    assert blue > red + 60


@pytest.mark.parametrize(
    ("towards", "hue"), [((1, 0), 0), ((0, 1), 90), ((-1, 0), 180), ((0, -1), 270)]
)
def test_the_hue_of_a_field_is_its_direction(towards: tuple[int, int], hue: int) -> None:
    x, y = towards
    one = keypoints(neck=(160, 128), right_shoulder=(160 + 80 * x, 128 + 80 * y))
    seen = draw_maps(grey(320, 256, 0), maps_of([one]), ViewMode("pafs"), SKELETON)
    blue, green, red = (seen[128 + 40 * y, 160 + 40 * x] / 255).tolist()
    found = colorsys.rgb_to_hsv(red, green, blue)
    assert abs((found[0] * 360 - hue + 180) % 360 - 180) < 5
    assert found[1] > 0.95
    assert found[2] == pytest.approx(0.8, abs=0.02)
    assert seen[10, 10].tolist() == [0, 0, 0]


def test_the_background_is_hot_where_nobody_is() -> None:
    maps = maps_of([keypoints(nose=(163.5, 123.5))])
    lacking = replace(maps, heatmaps=maps.heatmaps[:-1])
    for one in (maps, lacking):  # what a network does not give follows from the keypoints
        seen = draw_maps(grey(320, 256), one, ViewMode("background"), SKELETON)
        assert seen[20, 20, 2] > seen[20, 20, 0] + 60
        assert np.abs(seen[123, 163].astype(int) - 100).max() < 40


def test_the_sum_is_higher_where_keypoints_are_close() -> None:
    maps = maps_of([keypoints(nose=(100, 100), neck=(100, 100), left_wrist=(240, 200))])
    highest, total = (
        draw_maps(grey(320, 256), maps, ViewMode(kind), SKELETON).astype(int)
        for kind in ("heatmaps", "sum")
    )
    np.testing.assert_array_equal(highest[180:220, 200:280], total[180:220, 200:280])
    painted, more = (np.abs(one[100, 84] - 100).sum() for one in (highest, total))
    assert more > 1.5 * painted > 0


def test_a_keypoints_fields_are_those_of_its_limbs() -> None:
    one = person((160, 128), 220)
    maps = maps_of([one])
    elbow, wrist, shoulder = (
        SKELETON.keypoints.index(f"right_{name}") for name in ("elbow", "wrist", "shoulder")
    )
    image = grey(320, 256, 0)
    seen = draw_maps(image, maps, ViewMode("paf", elbow), SKELETON)
    for other in (wrist, shoulder):
        x, y = np.rint((one[elbow] + one[other]) / 2).astype(int)
        assert seen[y, x].any()
    knee, ankle = (SKELETON.keypoints.index(f"left_{name}") for name in ("knee", "ankle"))
    x, y = np.rint((one[knee] + one[ankle]) / 2).astype(int)
    assert not seen[y, x].any()
    assert draw_maps(image, maps, ViewMode("pafs"), SKELETON)[y, x].any()


def test_hands_that_others_find_have_no_maps() -> None:
    """Nor is the background taken for one of theirs."""
    whole = with_groups(SKELETON, ("left_hand",))
    maps = maps_of([keypoints(nose=(100, 100))])
    image = grey(320, 256)
    expected = draw_maps(image, maps, ViewMode("heatmaps"), SKELETON)
    np.testing.assert_array_equal(draw_maps(image, maps, ViewMode("heatmaps"), whole), expected)
    thumb = ViewMode("part", whole.left_hand[1])
    np.testing.assert_array_equal(draw_maps(image, maps, thumb, whole), image)


def test_opacity_is_how_much_covers_the_picture() -> None:
    maps = maps_of([keypoints(nose=(163.5, 123.5))])
    image = grey(320, 256)
    seen = [
        draw_maps(image, maps, ViewMode("heatmaps"), SKELETON, Style(opacity))[123, 163].astype(int)
        for opacity in (0.0, 0.5, 1.0)
    ]
    assert (seen[0] == 100).all()
    np.testing.assert_allclose(seen[1], (seen[0] + seen[2]) / 2, atol=1)
    assert (np.abs(seen[2] - 100) > 60).any()


def test_limbs_are_bright_on_black() -> None:
    one = person((160, 120), 180)
    seen = tracks([one])
    start, end = (SKELETON.keypoints.index(f"right_{name}") for name in ("hip", "knee"))
    x, y = np.rint((one[start] + one[end]) / 2).astype(int)
    black = draw_view(grey(), seen, None, ViewMode(), style=Style(backdrop="black"))
    assert tuple(black[y, x]) == SKELETON.colours[end]
    assert not black[5, 5].any()
    faint = draw_view(grey(), seen, None, ViewMode(), style=Style(0.2, "black"))
    np.testing.assert_allclose(faint[y, x], 0.2 * np.array(SKELETON.colours[end]), atol=1)


def test_without_maps_the_people_are_drawn() -> None:
    seen = tracks([person((160, 120), 180)])
    image = grey()
    for mode in (ViewMode("heatmaps"), ViewMode("pafs"), ViewMode("part", 3), ViewMode()):
        np.testing.assert_array_equal(draw_view(image, seen, None, mode), draw(image, seen))


def test_the_threshold_hides_keypoints_of_less_confidence() -> None:
    seen = tracks([person((160, 120), 180)])  # every score is 0.5
    image = grey()
    whole = draw(image, seen)
    np.testing.assert_array_equal(draw_view(image, seen, None, ViewMode(), 0.5), whole)
    np.testing.assert_array_equal(draw_view(image, seen, None, ViewMode(), 0.55), image)
    assert not np.isnan(seen.poses.xy).any()


def test_the_overlay_follows_what_is_shown_and_draws_once() -> None:
    maps = maps_of([person((160, 128), 200)])
    none = np.zeros((0, 4), np.float32)
    frame = Frame("clip", 0, "clip_0", 0, 0, grey(320, 256))
    view = View(frame, tracks([person((160, 128), 200)]), Candidates(none, none, maps))
    result = Result(0, (view,), {})
    shown = Shown(keypoints=SKELETON.keypoints)
    overlay = Overlay(shown)
    seen = []
    for _ in range(7):
        [picture] = [one.image for one in overlay.pictures(result)]
        assert overlay.pictures(result)[0].image is picture
        seen.append(picture)
        shown.next_view()
    assert all((seen[a] != seen[b]).any() for a in range(7) for b in range(a))
    shown.change_threshold(20)
    np.testing.assert_array_equal(overlay.pictures(result)[0].image, frame.image)
