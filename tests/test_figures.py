"""What is said of accuracy and time comes from engines/measured.toml alone."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from defusedxml.ElementTree import fromstring

from engines.models.card import load_card
from engines.models.measured import Measured, aligned, measured, rows_of, size_of
from tests.conftest import ROOT

AGAIN = "run python -m tests.bench.curve"


def test_everything_measured_is_a_combination_of_models_that_there_are() -> None:
    every = measured()
    assert len({one.key for one in every}) == len(every) > 10
    for one in every:
        first = load_card(one.model)
        assert any(one.precision in form.precision for form in first.weights)
        if one.refine:
            assert load_card(one.refine).crop is not None
        assert 0 < one.ap < one.ap50 < 1
        assert 0 < one.ar < 1
        assert one.ms(2) > one.picture_ms * (1 if one.refine else 0.99)


def test_a_second_look_is_worth_its_name() -> None:
    """Of every model, precision and height: each crop network that takes longer finds more."""
    by_first: dict[tuple[str, str, int], dict[str, Measured]] = {}
    for one in measured():
        by_first.setdefault((one.model, one.precision, one.height), {})[one.refine] = one
    for each in by_first.values():
        ways = [each[n] for n in ("", "cropnet", "movenet-lightning", "movenet-thunder")]
        for lesser, better in pairwise(ways):
            assert lesser.ap < better.ap
            assert lesser.ms(1) < better.ms(1)


def test_readme_and_docs_have_the_tables_and_the_chart_of_these_figures() -> None:
    curve = pytest.importorskip("tests.bench.curve")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "\n".join(curve.headline()) in readme, AGAIN
    assert "\n".join(curve.table()) in page, AGAIN
    assert "(accuracy.svg)" in page
    assert curve.FILE.read_text(encoding="utf-8") == curve.chart(), AGAIN
    drawing = fromstring(curve.chart())
    words = [one.text for one in drawing.iter() if one.tag.endswith("text")]
    assert {"fast", "balanced", "best"} <= set(words)


def test_a_row_says_ap_time_licence_and_size() -> None:
    one = Measured("pafnet", "int8", 0, "movenet-thunder", 0.4, 0.5, 0.45, 0.8, 0.6, 12.3, 17.2)
    head, row = rows_of([one])
    pairs = dict(zip(head, row, strict=True))
    assert pairs["AP"] == "0.400"
    assert pairs["ms, with 1, 4 people"] == "12, 30, 81"
    assert pairs["licence"] == "Apache-2.0"
    sizes = [size_of(load_card(name), "int8") for name in ("pafnet", "movenet-thunder")]
    assert pairs["size"] == f"{sum(sizes) / 1e6:.1f} MB"
    untimed = Measured("pafnet", "int8", 256, "", 0.2, 0.4, 0.3, 0.7, 0.8)
    assert rows_of([untimed])[1][5] == "?"
    lines = aligned([head, row], indent=2)
    assert lines[0].index("AP") == lines[1].index("0.400")


def test_joints_by_hand_are_scored_in_torsos() -> None:
    """A tenth of the torso's length is right, a joint that is not found is wrong."""
    bench = pytest.importorskip("tests.bench.webcam")
    labels = {"0": {f"{side}_{part}": [x, y, seen] for side, x in (("left", 60), ("right", 20))
                    for part, y, seen in (("shoulder", 100, 2), ("hip", 300, 1))}}  # fmt: skip
    labels["0"]["nose"] = [40, 50, 2]
    found = [{"nose": [40.0, 69.0], "left_shoulder": [60.0, 121.0]}]
    off = bench.errors(found, labels)
    assert off == {
        "left_shoulder": [pytest.approx(0.105)],
        "right_shoulder": [float("inf")],
        "nose": [pytest.approx(0.095)],
    }
    assert bench.pck(off, hips=True).startswith("0.333 (1 of 3), median 0.105")
    clips = json.loads(bench.LABELS.read_text())["clips"]
    joints = [
        joint for frames in clips.values() for frame in frames.values() for joint in frame.values()
    ]
    assert [len(frames) for frames in clips.values()] == [20, 20]
    assert all(0 <= x < 640 and 0 <= y < 480 for x, y, _ in joints)
