"""Assembly of people from candidates made by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.decoders.assembly import assemble
from engines.types.poses import Candidates
from engines.types.skeleton import Skeleton, parse_skeleton

NAMES = "abcde"
TREE = ["ab", "cd", "bc", "de"]  # the halves of a chain before what joins them


def skeleton(*redundant: str) -> Skeleton:
    points = [{"name": name, "sigma": 0.1, "colour": [0, 0, 0]} for name in NAMES]
    table = {
        "keypoints": points,
        "limbs": [list(limb) for limb in TREE],
        "redundant": [list(limb) for limb in redundant],
    }
    return parse_skeleton("chain", table)


def candidates(peaks: str, pairs: dict[str, float], kind: Skeleton | None = None) -> Candidates:
    """Peaks as "a0 a1 b0", pairs as {"a0 b1": score}; a peak's x is its type, its y its number."""
    kind = kind or skeleton()
    names = sorted(peaks.split())
    rows = [(NAMES.index(name[0]), NAMES.index(name[0]), int(name[1]), 0.5) for name in names]
    ends = []
    for pair, score in pairs.items():
        first, second = pair.split()
        limb = kind.limbs.index((NAMES.index(first[0]), NAMES.index(second[0])))
        ends.append((limb, names.index(first), names.index(second), score))
    return Candidates(
        np.array(rows, np.float32).reshape(-1, 4), np.array(ends, np.float32).reshape(-1, 4)
    )


def people(evidence: Candidates, kind: Skeleton | None = None, weight: float = 0.1) -> list[str]:
    """The people as "a0 b0 c1", sorted."""
    xy, score, _ = assemble(evidence, kind or skeleton(), weight)
    assert (np.isnan(xy).all(axis=2) == (score == 0)).all()
    assert (np.isnan(xy).any(axis=2) == np.isnan(xy).all(axis=2)).all()
    return sorted(
        " ".join(f"{NAMES[int(x)]}{int(y)}" for x, y in person if not np.isnan(x)) for person in xy
    )


def test_limbs_that_share_a_keypoint_make_one_person() -> None:
    every = {"a0 b0": 0.9, "b0 c0": 0.8, "c0 d0": 0.7, "d0 e0": 0.6}
    evidence = candidates("a0 b0 c0 d0 e0", every)
    assert people(evidence) == ["a0 b0 c0 d0 e0"]
    xy, score, limb_sum = assemble(evidence, skeleton(), 0.1)
    assert xy.dtype == score.dtype == limb_sum.dtype == np.float32
    assert limb_sum.tolist() == pytest.approx([3.0])
    assert score.tolist() == [[0.5] * 5]


def test_people_who_share_nothing_stay_apart() -> None:
    pairs = {"a0 b0": 0.9, "b0 c0": 0.9, "a1 b1": 0.9, "b1 c1": 0.9, "d2 e2": 0.9}
    evidence = candidates("a0 b0 c0 a1 b1 c1 d2 e2", pairs)
    assert people(evidence) == ["a0 b0 c0", "a1 b1 c1", "d2 e2"]


def test_the_best_pairs_are_taken_and_each_keypoint_once() -> None:
    pairs = {"a0 b0": 0.7, "a0 b1": 0.9, "a1 b0": 0.6, "a1 b1": 0.8}
    # Greedy: a0-b1 comes first and leaves a1-b0, though the other two are better in sum.
    assert people(candidates("a0 a1 b0 b1", pairs)) == ["a0 b1", "a1 b0"]


def test_the_confidence_of_the_ends_adds_to_the_rank() -> None:
    evidence = candidates("a0 b0 b1", {"a0 b0": 0.70, "a0 b1": 0.72})
    evidence.peaks[1, 3] = 0.9  # b0
    assert people(evidence, weight=0) == ["a0 b1"]
    assert people(evidence, weight=0.1) == ["a0 b0"]
    # The rank decides, the field's own score counts.
    assert assemble(evidence, skeleton(), 0.1)[2].tolist() == pytest.approx([0.70])


def test_a_limb_joins_two_halves() -> None:
    halves = {"a0 b0": 0.9, "c0 d0": 0.9}
    assert people(candidates("a0 b0 c0 d0", halves)) == ["a0 b0", "c0 d0"]
    assert people(candidates("a0 b0 c0 d0", {**halves, "b0 c0": 0.1})) == ["a0 b0 c0 d0"]


def test_two_people_with_a_keypoint_in_common_are_not_joined() -> None:
    kind = skeleton("ad")
    whole = {"a0 b0": 0.9, "b0 c0": 0.9}
    # The redundant limb would join someone with a, b, c to someone with c, d.
    evidence = candidates("a0 b0 c0 c1 d1", {**whole, "c1 d1": 0.9, "a0 d1": 0.9}, kind)
    assert people(evidence, kind) == ["a0 b0 c0", "c1 d1"]


def test_somebody_who_has_an_elbow_is_given_no_other() -> None:
    kind = skeleton("ac")
    evidence = candidates("a0 b0 c0 c1", {"a0 b0": 0.9, "b0 c0": 0.9, "a0 c1": 0.9}, kind)
    assert people(evidence, kind) == ["a0 b0 c0"]


def test_redundant_limbs_join_and_extend_but_start_nobody() -> None:
    kind = skeleton("ad", "ae")
    assert people(candidates("a0 d0", {"a0 d0": 0.9}, kind), kind) == []
    joins = candidates("a0 b0 c0 d0", {"a0 b0": 0.9, "c0 d0": 0.9, "a0 d0": 0.9}, kind)
    assert people(joins, kind) == ["a0 b0 c0 d0"]
    extends = candidates("a0 b0 e0", {"a0 b0": 0.9, "a0 e0": 0.9}, kind)
    assert people(extends, kind) == ["a0 b0 e0"]


def test_a_limb_inside_one_person_adds_its_score_alone() -> None:
    kind = skeleton("ac")
    pairs = {"a0 b0": 0.9, "b0 c0": 0.8, "a0 c0": 0.5}
    evidence = candidates("a0 b0 c0", pairs, kind)
    assert people(evidence, kind) == ["a0 b0 c0"]
    assert assemble(evidence, kind, 0.1)[2].tolist() == pytest.approx([2.2])


@pytest.mark.parametrize("peaks", ["", "a0", "a0 b0 c0"])
def test_without_limbs_there_is_nobody(peaks: str) -> None:
    xy, score, limb_sum = assemble(candidates(peaks, {}), skeleton(), 0.1)
    assert xy.shape == (0, 5, 2)
    assert score.shape == (0, 5)
    assert limb_sum.shape == (0,)


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(0, 4), min_size=5, max_size=5),
    share=st.floats(0, 1),
    seed=st.integers(0, 10**6),
)
def test_whatever_the_evidence_nobody_shares_a_keypoint(
    counts: list[int], share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kind = skeleton("ac", "be")
    names = [f"{name}{n}" for name, count in zip(NAMES, counts, strict=True) for n in range(count)]
    ends = [(NAMES[a], NAMES[b]) for a, b in kind.limbs]
    pairs = {
        f"{first} {second}": rng.random()
        for first in names
        for second in names
        if (first[0], second[0]) in ends and rng.random() < share
    }
    evidence = candidates(" ".join(names), pairs, kind)
    found = people(evidence, kind)
    used = [name for person in found for name in person.split()]
    assert len(used) == len(set(used))
    assert set(used) <= set(names)
    for person in found:
        types = [name[0] for name in person.split()]
        assert len(types) == len(set(types)) >= 2
    # Their limbs hold everyone together: what has no pair belongs to nobody.
    paired = {name for pair in pairs for name in pair.split()}
    assert set(used) <= paired
    # The order in which the pairs are listed says nothing.
    evidence.pairs[:] = rng.permutation(evidence.pairs)
    assert people(evidence, kind) == found
