"""Rotation matrices of many moments at once, (T, 3, 3), and their angles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles

AXES = "XYZ"
LEVI_CIVITA = np.array(
    [[0, 0, 0, 0, 0, -1, 0, 1, 0], [0, 0, 1, 0, 0, 0, -1, 0, 0], [0, -1, 0, 1, 0, 0, 0, 0, 0]],
    float,
)


def unit(vectors: Doubles) -> Doubles:
    """(..., 3) of length 1; NaN where they have none."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Doubles = vectors / np.where(length > 1e-9, length, np.nan)
    return scaled


def swing(rest: Doubles, aim: Doubles) -> Doubles:
    """The least rotations that take (3,) rest to unit vectors (T, 3), without any twist."""
    skew, cos = _skew(cross(rest, aim)), aim @ rest
    with np.errstate(divide="ignore", invalid="ignore"):
        turn: Doubles = np.eye(3) + skew + skew @ skew / (1 + cos)[:, None, None]
    other = np.eye(3)[np.abs(rest).argmin()]
    around = unit(cross(rest, other))  # half a turn about any axis across
    turn[cos < -1 + 1e-9] = 2 * np.outer(around, around) - np.eye(3)
    return turn


def about(axis: Doubles, angles: Doubles) -> Doubles:
    """Rotations about the unit vector (3,) by (T,) radians."""
    skew = _skew(axis)
    sin, cos = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    turn: Doubles = np.eye(3) + sin * skew + (1 - cos) * (skew @ skew)
    return turn


def frames(first: Doubles, second: Doubles, axes: str) -> Doubles:
    """Worlds whose first axis of `axes` points along `first` (T, 3), the second near `second`."""
    one = unit(first)
    other = unit(second - (second * one).sum(-1, keepdims=True) * one)
    at, beside = AXES.index(axes[0]), AXES.index(axes[1])
    sign = 1 if (beside - at) % 3 == 1 else -1
    turn = np.empty((*one.shape, 3))
    turn[..., at], turn[..., beside] = one, other
    turn[..., 3 - at - beside] = sign * cross(one, other)
    return turn


class Euler:
    """(T, 3) degrees about the moving axes in this order ("ZXY": first Z), without jumps, piece
    after piece.

    Of the two triples that mean the same rotation each is the one nearer to that before.
    """

    def __init__(self, order: str) -> None:
        self._axes = [AXES.index(axis) for axis in order]
        self._last: tuple[Doubles, bool, Doubles] | None = None

    def degrees(self, turn: Doubles) -> Doubles:
        """Of the next rotations (T, 3, 3)."""
        i, j, k = self._axes
        sign = 1 if (j - i) % 3 == 1 else -1
        middle = np.arcsin((sign * turn[:, i, k]).clip(-1, 1))
        first = np.arctan2(-sign * turn[:, j, k], turn[:, k, k])
        last = np.arctan2(-sign * turn[:, i, j], turn[:, i, i])
        one = np.stack([first, middle, last], axis=1)
        other = np.stack([first + np.pi, np.pi - middle, last + np.pi], axis=1)
        before, changed, angles = self._last or (one[0], False, one[0])
        # From one to the other is as far as back, so that steps are known before what they lead to.
        past = np.concatenate([before[None], one[:-1]])
        steps = [np.abs(_short(now - past)).sum(1) for now in (one, other)]
        others = (changed + (steps[1] < steps[0]).cumsum()) % 2 == 1
        nearest = np.where(others[:, None], other, one)
        even = np.unwrap(np.concatenate([angles[None], nearest]), axis=0)[1:]
        self._last = one[-1], bool(others[-1]), even[-1]
        return np.degrees(even)


def _short(angles: Doubles) -> Doubles:
    """Radians of the same turns from -pi to pi."""
    short: Doubles = (angles + np.pi) % (2 * np.pi) - np.pi
    return short


def quaternions(turn: Doubles, before: Doubles | None = None) -> Doubles:
    """(T, 4) x, y, z, w of unit length; of the two that mean the same rotation, each is the one
    nearer to that before, (4,) for the first.
    """
    m = np.moveaxis(turn, 0, -1)
    x, y, z = m[0, 0], m[1, 1], m[2, 2]
    # 4 q q', any of whose rows is q but for its length; the longest is the most exact.
    rows = np.array(
        [
            [1 + x - y - z, m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
            [m[0, 1] + m[1, 0], 1 - x + y - z, m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 - x - y + z, m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + x + y + z],
        ]
    )
    longest = np.array([rows[n, n] for n in range(4)]).argmax(0)
    q = unit(rows[longest, :, np.arange(len(turn))])
    first = np.array([0, 0, 0, 1.0]) if before is None else before
    past = np.concatenate([first[None], q[:-1]])
    signed: Doubles = q * np.where((q * past).sum(-1) < 0, -1.0, 1.0).cumprod()[:, None]
    return signed


def last_known(values: Doubles, known: NDArray[np.bool_], before: Doubles | None) -> Doubles:
    """(T, ...): what is not known (T,) as it was last, before the first as it was before these, or
    where that is not known either, as it is then.
    """
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    kept: Doubles = values[np.where(last < 0, known.argmax(), last)]
    if before is not None:
        kept[last < 0] = before
    return kept


def cross(one: Doubles, other: Doubles) -> Doubles:
    """(..., 3) as np.cross, which takes ten times as long for a few vectors."""
    product: Doubles = (_skew(one) @ other[..., None])[..., 0]
    return product


def _skew(vectors: Doubles) -> Doubles:
    """(..., 3, 3) matrices of the cross product with (..., 3)."""
    skew: Doubles = (vectors @ LEVI_CIVITA).reshape(*vectors.shape, 3)
    return skew
