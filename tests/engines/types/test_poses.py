"""The data that flows: shapes are checked where it is made."""

import numpy as np
import pytest

from engines.types.poses import Candidates, Poses, check_shape
from engines.types.skeleton import named_skeleton

COCO18 = named_skeleton("coco18")


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def test_poses_know_who_was_found() -> None:
    xy, score = zeros(2, 18, 2), zeros(2, 18)
    xy[0, 3] = xy[1] = np.nan
    poses = Poses(COCO18, xy, score, zeros(2))
    assert len(poses) == 2
    assert poses.found.sum(axis=1).tolist() == [17, 0]


def test_nobody_is_a_shape_too() -> None:
    poses = Poses(COCO18, zeros(0, 18, 2), zeros(0, 18), zeros(0))
    assert len(poses) == 0
    assert poses.found.shape == (0, 18)
    assert len(Candidates(zeros(0, 4), zeros(0, 4)).peaks) == 0


@pytest.mark.parametrize(
    ("xy", "score", "person_score", "field", "expected"),
    [
        ((2, 17, 2), (2, 18), (2,), "xy", "(2, 18, 2)"),
        ((2, 18, 3), (2, 18), (2,), "xy", "(2, 18, 2)"),
        ((18, 2), (2, 18), (2,), "xy", "(18, 18, 2)"),
        ((2, 18, 2), (3, 18), (2,), "score", "(2, 18)"),
        ((2, 18, 2), (2, 18, 1), (2,), "score", "(2, 18)"),
        ((2, 18, 2), (2, 18), (1,), "person_score", "(2)"),
        ((2, 18, 2), (2, 18), (), "person_score", "(2)"),
    ],
)
def test_a_wrong_shape_is_named_with_the_right_one(
    xy: tuple[int, ...],
    score: tuple[int, ...],
    person_score: tuple[int, ...],
    field: str,
    expected: str,
) -> None:
    arrays = {"xy": zeros(*xy), "score": zeros(*score), "person_score": zeros(*person_score)}
    with pytest.raises(ValueError, match=rf"^Poses\.{field} has shape") as caught:
        Poses(COCO18, **arrays)
    assert str(arrays[field].shape) in str(caught.value)
    assert str(caught.value).endswith(f"expected {expected}")


@pytest.mark.parametrize(
    ("peaks", "pairs", "field"),
    [((3, 3), (0, 4), "peaks"), ((3, 4), (4,), "pairs"), ((3, 4), (2, 5), "pairs")],
)
def test_candidates_have_four_columns(
    peaks: tuple[int, ...], pairs: tuple[int, ...], field: str
) -> None:
    with pytest.raises(ValueError, match=rf"^Candidates\.{field} .* expected \(any, 4\)$"):
        Candidates(zeros(*peaks), zeros(*pairs))


def test_any_length_is_any_length() -> None:
    check_shape("Owner", "field", zeros(5, 0, 3), None, 0, 3)
    with pytest.raises(ValueError, match=r"^Owner\.field has shape \(5, 3\), expected \(any, 2\)$"):
        check_shape("Owner", "field", zeros(5, 3), None, 2)
