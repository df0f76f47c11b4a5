"""Many symmetric 3x3 matrices at once, by cofactors: a few array operations where LAPACK is called
for each.

Components come first: a matrix is its six elements on and above the diagonal, (6, ...), in the
order of ROWS and COLUMNS, so that each element is one long array and numpy is quick.
"""

from __future__ import annotations

import numpy as np

from calibration.geometry.arrays import Doubles

MIN_DETERMINANT = 1e-14  # relative to the cube of the trace, below which a matrix is singular
ROWS, COLUMNS = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2])
DIAGONAL = np.array([0, 3, 5])
IDENTITY = np.array([1.0, 0, 0, 1, 0, 1])[:, None]
_UPPER = 3 * ROWS + COLUMNS
_WHOLE = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])  # where each element of a whole matrix is
# Each cofactor is the product of the first two elements less that of the other two.
_COFACTORS = np.array(
    [[3, 2, 1, 0, 1, 0], [5, 4, 4, 5, 2, 3], [4, 1, 2, 2, 0, 1], [4, 5, 3, 2, 4, 1]]
)

# Of rows (4, ...), three coefficients and the right side, the products that make up normal
# equations: a packed matrix, then the right side.
_LEFT, _BY = np.append(ROWS, [0, 1, 2]), np.append(COLUMNS, [3, 3, 3])
_PRODUCTS = 4 * _LEFT + _BY  # where these are among all products of two rows


def normal_equations(rows: Doubles) -> Doubles:
    """(9, ...) normal equations, a packed matrix and the right side, of equations (4, 2, ...), two
    a sighting: three coefficients and the right side.
    """
    one, other = rows.take(_LEFT, 0), rows.take(_BY, 0)
    one *= other
    return np.asarray(one[:, 0] + one[:, 1], np.float64)


def summed_equations(rows: Doubles, weight: Doubles | None = None) -> Doubles:
    """(9, N) sums over views of the normal equations of (4, 2, V, N), by weights (V, N)."""
    _, two, views, count = rows.shape
    left = (rows[:3] if weight is None else rows[:3] * weight).reshape(3, two * views, count)
    products: Doubles = np.einsum("ivn,jvn->ijn", left, rows.reshape(4, two * views, count))
    return np.asarray(products.reshape(12, count).take(_PRODUCTS, 0), np.float64)


def packed(matrix: Doubles) -> Doubles:
    """(6, ...) elements of symmetric matrices (..., 3, 3)."""
    shape = matrix.shape[:-2]
    upper = matrix.reshape(-1, 9).take(_UPPER, 1)
    return np.ascontiguousarray(upper.T).reshape(6, *shape)


def unpacked(elements: Doubles) -> Doubles:
    """(..., 3, 3) matrices of elements (6, ...)."""
    shape = elements.shape[1:]
    return elements.reshape(6, -1).T.take(_WHOLE.ravel(), 1).reshape(*shape, 3, 3)


def inverse(elements: Doubles) -> Doubles:
    """(6, ...) of the inverses; NaN where there is none."""
    cofactors, other, less, by = elements.take(_COFACTORS, 0)
    cofactors *= other
    less *= by
    cofactors -= less
    determinant = np.add.reduce(elements[:3] * cofactors[:3], 0)
    least = np.add.reduce(elements.take(DIAGONAL, 0), 0)  # the trace, then its cube
    least *= MIN_DETERMINANT * least * least
    cofactors /= np.where(determinant > least, determinant, np.nan)
    return np.asarray(cofactors, np.float64)


def solved(elements: Doubles, right: Doubles) -> Doubles:
    """(3, ...) solutions of matrices (6, ...) and right sides (3, ...); NaN where there is none."""
    return times(inverse(elements), right)


def times(elements: Doubles, vector: Doubles) -> Doubles:
    """(3, ...) products of matrices (6, ...) and vectors (3, ...)."""
    product: Doubles = np.einsum("ij...,j...->i...", elements.take(_WHOLE, 0), vector)
    return product


def symmetric_inverse(matrix: Doubles) -> Doubles:
    """(..., 3, 3) inverses; NaN where there is none."""
    return unpacked(inverse(packed(matrix)))


def symmetric_solved(matrix: Doubles, right: Doubles) -> Doubles:
    """(..., 3) solutions of matrices (..., 3, 3) and right sides (..., 3); NaN where none."""
    return np.moveaxis(solved(packed(matrix), np.moveaxis(right, -1, 0)), 0, -1)
