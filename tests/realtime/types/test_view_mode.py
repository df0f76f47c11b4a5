"""The names of views, and what the keys make of them."""

from __future__ import annotations

import pytest

from realtime.types.errors import SettingsError
from realtime.types.view_mode import Shown, ViewMode, parse_view_mode, view_modes
from tests.synth import SKELETON

NAMES = SKELETON.keypoints


def test_every_view_is_found_by_its_name() -> None:
    known = view_modes(NAMES)
    assert len(set(known)) == 5 + 2 * len(NAMES)
    assert [parse_view_mode(mode.name(NAMES), NAMES) for mode in known] == known
    assert parse_view_mode("part:right_wrist", NAMES) == ViewMode(
        "part", NAMES.index("right_wrist")
    )
    assert parse_view_mode("paf:neck", NAMES) == ViewMode("paf", NAMES.index("neck"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("heat", r"no view 'heat'; choose skeleton, heatmaps, sum, background, pafs, or part:"),
        ("", r"no view ''"),
        ("part:wrist", r"no keypoint 'wrist' to view; choose part:.*right_wrist"),
        ("part:neck-right_shoulder", "no keypoint 'neck-right_shoulder'"),
        ("paf:wrist", r"no keypoint 'wrist' to view; choose paf:.*right_wrist"),
        ("paf", r"paf:NAME needs a keypoint: nose, neck"),
        ("part", r"part:NAME needs a keypoint: nose, neck"),
        ("part:", r"part:NAME needs a keypoint: nose, neck"),
        ("part:\x00" + "x" * 9999, r"part:NAME needs a keypoint"),
    ],
)
def test_an_unknown_view_is_a_sentence_that_names_those_there_are(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        parse_view_mode(text, NAMES)
    assert len(str(caught.value)) < 400


def test_the_next_view_comes_round_and_the_next_keypoint_too() -> None:
    shown = Shown(keypoints=("nose", "neck"))
    seen = []
    for _ in range(8):
        shown.next_view()
        seen.append(shown.name)
    kinds = ["heatmaps", "sum", "background", "pafs", "part:nose", "paf:nose", "skeleton"]
    assert seen == [*kinds, "heatmaps"]
    seen = []
    for _ in range(3):
        shown.next_part()
        seen.append(shown.name)
    assert seen == ["part:nose", "part:neck", "part:nose"]
    shown.mode = ViewMode("paf", 0)
    shown.next_part()
    assert shown.name == "paf:neck"


def test_the_threshold_stays_between_none_and_all() -> None:
    shown = Shown()
    shown.change_threshold(3)
    assert shown.threshold == 0.15
    shown.change_threshold(-4)
    assert shown.threshold == 0
    shown.change_threshold(99)
    assert shown.threshold == 1


def test_maps_are_wanted_for_a_view_of_them_or_while_somebody_asks() -> None:
    shown = Shown(keypoints=NAMES)
    assert not shown.wants_maps()
    shown.want_maps()
    shown.want_maps()
    shown.want_maps(more=False)
    assert shown.wants_maps()
    shown.want_maps(more=False)
    assert not shown.wants_maps()
    shown.next_view()
    assert shown.wants_maps()
