"""Many symmetric 3x3 matrices at once, by cofactors: a few array operations where LAPACK is called
for each.
"""

from __future__ import annotations

import numpy as np

from calibration.geometry.arrays import Doubles

MIN_DETERMINANT = 1e-14  # relative to the cube of the trace, below which a matrix is singular


def symmetric_inverse(matrix: Doubles) -> Doubles:
    """(..., 3, 3) inverses; NaN where there is none."""
    a, b, c = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 0, 2]
    d, e, f = matrix[..., 1, 1], matrix[..., 1, 2], matrix[..., 2, 2]
    inverse = np.empty(matrix.shape)
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    determinant = a * aa + b * ab + c * ac
    regular = determinant > MIN_DETERMINANT * (a + d + f) ** 3
    scale = 1 / np.where(regular, determinant, np.nan)
    inverse[..., 0, 0] = aa * scale
    inverse[..., 0, 1] = inverse[..., 1, 0] = ab * scale
    inverse[..., 0, 2] = inverse[..., 2, 0] = ac * scale
    inverse[..., 1, 1] = (a * f - c * c) * scale
    inverse[..., 1, 2] = inverse[..., 2, 1] = (b * c - a * e) * scale
    inverse[..., 2, 2] = (a * d - b * b) * scale
    return inverse


def symmetric_solved(matrix: Doubles, right: Doubles) -> Doubles:
    """(..., 3) solutions of matrices (..., 3, 3) and right sides (..., 3); NaN where none."""
    return (symmetric_inverse(matrix) @ right[..., None])[..., 0]
