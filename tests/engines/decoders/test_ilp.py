"""Candidates parted among people by an integer linear program."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from engines.decoders.assembly import assemble
from engines.decoders.partition import ilp
from engines.decoders.partition.ilp import (
    Problem,
    assemble_all_at_once,
    gain_of,
    people_of,
    problem_of,
)
from engines.models.card import load_card
from engines.opening import with_thresholds
from engines.types.errors import CardError
from engines.types.poses import Candidates
from engines.types.skeleton import parse_skeleton
from realtime.settings.model import ModelSettings
from tests.synth import SKELETON

pytest.importorskip("scipy", reason="for --assemble ilp: pip install 'posestream[ilp]'")
POINT = {"sigma": 0.05, "colour": [255, 0, 0]}
TINY = parse_skeleton(
    "tiny",
    {
        "keypoints": [{"name": name, **POINT} for name in ("head", "hip", "foot")],
        "limbs": [["head", "hip"], ["hip", "foot"]],
        "redundant": [["head", "foot"]],
    },
)


def candidates(peaks: list[tuple[int, float]], *pairs: tuple[int, int, int, float]) -> Candidates:
    """Peaks of a keypoint and a confidence, in a row; pairs of limb, ends and field score."""
    rows = [(kind, 10.0 * n, 5.0, score) for n, (kind, score) in enumerate(peaks)]
    limbs = np.array(pairs, np.float32).reshape(-1, 4)
    return Candidates(np.array(rows, np.float32), limbs)


def partitions(kinds: list[int], start: int = 0) -> Iterator[list[list[int]]]:
    """All ways to part some of the candidates among people, who have one of each kind at most."""
    if start == len(kinds):
        yield []
        return
    for rest in partitions(kinds, start + 1):
        yield rest
        yield [[start], *rest]
        for n, members in enumerate(rest):
            if kinds[start] not in [kinds[one] for one in members]:
                yield [*rest[:n], [start, *members], *rest[n + 1 :]]


@pytest.mark.parametrize("seed", range(12))
def test_no_other_people_are_worth_more(seed: int) -> None:
    """Against every way to part seven candidates, of three and four kinds, with any gains."""
    rng = np.random.default_rng(seed)
    kind = np.sort(rng.integers(0, 3 + seed % 2, 7))
    ends = [(a, b) for a in range(7) for b in range(a + 1, 7) if kind[a] != kind[b]]
    ends = [pair for pair in ends if rng.random() < 0.8]
    pair = rng.normal(0.2, 1.5, len(ends))
    problem = Problem(rng.normal(0, 1, 7), kind, np.array(ends, np.intp).reshape(-1, 2), pair)
    people = people_of(problem)
    assert len({one for members in people for one in members}) == sum(map(len, people))
    assert all(len(set(kind[members])) == len(members) for members in people)
    best = max(gain_of(problem, some) for some in partitions(kind.tolist()))
    assert gain_of(problem, people) == pytest.approx(best, abs=1e-6)


def test_people_are_told_apart_where_the_strongest_limb_misleads() -> None:
    """Two people; greedily the strongest limb joins one's head to the other's hip."""
    seen = candidates(
        [(0, 0.8), (0, 0.8), (1, 0.8), (1, 0.8), (2, 0.8), (2, 0.8)],
        *((0, 0, 2, 0.60), (0, 1, 3, 0.60), (0, 0, 3, 0.65)),
        *((1, 2, 4, 0.6), (1, 3, 5, 0.6), (2, 0, 4, 0.5), (2, 1, 5, 0.5)),
    )
    xy, score, limbs = assemble_all_at_once(seen, TINY)
    order = np.argsort(xy[:, 0, 0])
    np.testing.assert_array_equal(xy[order, :, 0], [[0, 20, 40], [10, 30, 50]])
    np.testing.assert_allclose(score, 0.8)
    np.testing.assert_allclose(limbs, 1.7)
    greedy, *_ = assemble(seen, TINY, 0.1)
    joined = sorted(np.nan_to_num(greedy[..., 0], nan=-1).tolist())
    assert joined != [[0, 20, 40], [10, 30, 50]]


def test_what_is_no_keypoint_is_left_out() -> None:
    """A weak candidate alone, a pair that the fields deny, and nobody."""
    weak = candidates([(0, 0.8), (0, 0.02), (1, 0.8)], (0, 0, 2, 0.7), (0, 1, 2, 0.21))
    xy, _, _ = assemble_all_at_once(weak, TINY)
    np.testing.assert_array_equal(xy[:, :2, 0], [[0, 20]])
    assert len(assemble_all_at_once(candidates([(0, 0.9), (1, 0.9)]), TINY)[0]) == 0
    nobody = Candidates(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32))
    assert assemble_all_at_once(nobody, TINY)[0].shape == (0, 3, 2)


def test_out_of_time_people_still_have_one_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The solver is not asked twice: contradictions are mended, the strongest pairs first."""
    monkeypatch.setattr(ilp, "TIME_LIMIT_S", 0.0)
    kind = np.array([0, 0, 1, 1])
    ends = np.array([[0, 2], [1, 2], [1, 3]])
    problem = Problem(np.ones(4), kind, ends, np.array([2.0, 3.0, 1.0]))
    assert sorted(sorted(one) for one in people_of(problem)) == [[0], [1, 2], [3]]


def test_models_with_fields_alone_take_the_option() -> None:
    wanted = ModelSettings(assemble="ilp")
    decoder = with_thresholds(load_card("pafnet"), wanted).decoder
    assert decoder.settings.assemble == "ilp"
    with pytest.raises(CardError, match="people directly and has no --assemble"):
        with_thresholds(load_card("movenet-multipose"), wanted)


def test_a_hundred_and_fifty_candidates_are_parted() -> None:
    """Eight people whose limbs are also seen, less, between neighbours; each is found whole."""
    rng = np.random.default_rng(0)
    kinds, people = len(SKELETON.keypoints), 8
    peaks = [(kind, rng.uniform(0.5, 0.9)) for kind in range(kinds) for _ in range(people)]
    pairs = []
    for limb, (a, b) in enumerate(SKELETON.limbs):
        for one in range(people):
            pairs.append((limb, people * a + one, people * b + one, rng.uniform(0.5, 0.8)))
            other = (one + 1) % people
            pairs.append((limb, people * a + one, people * b + other, rng.uniform(0.2, 0.55)))
    seen = candidates(peaks, *pairs)
    assert len(peaks) == 144
    found = people_of(problem_of(seen, SKELETON))
    assert sorted(sorted(one) for one in found) == [
        [people * kind + n for kind in range(kinds)] for n in range(people)
    ]
