"""Inverses of many small symmetric matrices, against numpy's."""

from __future__ import annotations

import numpy as np

from calibration.geometry.small_matrices import (
    normal_equations,
    packed,
    summed_equations,
    symmetric_inverse,
    symmetric_solved,
    unpacked,
)


def test_inverses_and_solutions_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 50, 3, 3)) * 10 ** rng.uniform(-4, 4, (4, 50, 1, 1))
    matrix, right = root @ root.swapaxes(-1, -2), rng.normal(size=(4, 50, 3))
    inverse = symmetric_inverse(matrix)
    unit = matrix @ inverse
    np.testing.assert_allclose(unit, np.broadcast_to(np.eye(3), unit.shape), atol=1e-5)
    np.testing.assert_array_equal(inverse, inverse.swapaxes(-1, -2))
    solved = np.linalg.solve(matrix, right[..., None])[..., 0]
    np.testing.assert_allclose(symmetric_solved(matrix, right), solved, rtol=1e-4)


def test_a_single_matrix_has_an_inverse_and_a_flat_one_has_none() -> None:
    one = np.array([[4.0, 1, 0], [1, 3, 1], [0, 1, 2]])
    np.testing.assert_allclose(symmetric_inverse(one), np.linalg.inv(one), rtol=1e-12)
    flat = np.outer([1.0, 2, 3], [1.0, 2, 3])
    assert np.isnan(symmetric_inverse(np.stack([one, flat]))[1]).all()
    assert np.isfinite(symmetric_inverse(np.stack([one, flat]))[0]).all()


def test_normal_equations_are_products_of_rows() -> None:
    """Three views of seven points: two equations each, with weights."""
    rng = np.random.default_rng(1)
    rows, weight = rng.normal(size=(4, 2, 3, 7)), rng.uniform(size=(3, 7))
    left, right = rows[:3], rows[3]
    matrix = np.einsum("icvn,jcvn->vnij", left, left)
    vector = np.einsum("icvn,cvn->vni", left, right)
    equations = normal_equations(rows)
    np.testing.assert_allclose(unpacked(equations[:6]), matrix)
    np.testing.assert_allclose(np.moveaxis(equations[6:], 0, -1), vector)
    np.testing.assert_allclose(summed_equations(rows), equations.sum(1))
    np.testing.assert_allclose(
        summed_equations(rows, weight), (equations * weight).sum(1), atol=1e-12
    )
    np.testing.assert_array_equal(unpacked(packed(matrix)), matrix)
