"""Lens distortion on normalised coordinates (x / z, y / z), in OpenCV's models.

Everything broadcasts: `xy` is (..., 2), coefficients are (..., 14) for lenses and (..., 4) for
fisheyes, so that many cameras go in one call.
"""

from __future__ import annotations

import numpy as np

from calibration.geometry.arrays import Doubles

MAX_NEWTON_STEPS = 30  # of Newton's method; a usable lens needs about five
# Of a normalised coordinate: a step that short leaves about its square, which is nothing.
NEWTON_TOLERANCE = 1e-5


def distort(xy: Doubles, k: Doubles) -> tuple[Doubles, Doubles]:
    """Where an ideal point lands, (..., 2), and the derivative of that, (..., 2, 2).

    k: k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 tx ty (radial, tangential, rational, thin prism, tilt),
    as OpenCV's "Camera Calibration and 3D Reconstruction" defines them.
    """
    if not k[..., 5:].any():
        return _distort_plainly(xy, k)
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, tx, ty = (k[..., n] for n in range(14))
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    above = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    below = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    radial = above / below
    # The derivative of `radial` by r2.
    slope = (k1 + r2 * (2 * k2 + r2 * 3 * k3) - radial * (k4 + r2 * (2 * k5 + r2 * 3 * k6))) / below
    out = np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + r2 * s2),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (s3 + r2 * s4),
        ],
        axis=-1,
    )
    prism_x, prism_y = 2 * (s1 + 2 * r2 * s2), 2 * (s3 + 2 * r2 * s4)
    cross = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
    rows = [
        radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x + prism_x * x,
        cross + prism_x * y,
        cross + prism_y * x,
        radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x + prism_y * y,
    ]
    jacobian = np.stack(rows, axis=-1).reshape(*out.shape, 2)
    if np.any(tx) or np.any(ty):
        out, tilt = _tilted(out, tx, ty)
        jacobian = tilt @ jacobian
    return out, jacobian


def _distort_plainly(xy: Doubles, k: Doubles) -> tuple[Doubles, Doubles]:
    """`distort` of common lenses, the first five coefficients alone, in a third of the time."""
    jacobian = np.empty((*np.broadcast_shapes(xy.shape[:-1], k.shape[:-1]), 2, 2))
    if not k.any():
        jacobian[:] = np.eye(2)
        return np.broadcast_to(xy, jacobian.shape[:-1]).copy(), jacobian
    u, v, a, b, d = _plain(xy[..., 0], xy[..., 1], k)
    jacobian[..., 0, 0], jacobian[..., 1, 1] = a, d
    jacobian[..., 0, 1] = jacobian[..., 1, 0] = b
    return np.stack([u, v], axis=-1), jacobian


def _plain(x: Doubles, y: Doubles, k: Doubles) -> tuple[Doubles, ...]:
    """Where x and y land, and the derivative, which is symmetric: by x of x, by y of x, by y of
    y.
    """
    k1, k2, p1, p2, k3 = (k[..., n] for n in range(5))
    xx, yy = x * x, y * y
    r2 = xx + yy
    cubic = r2 * k3
    grown = r2 * (k1 + r2 * (k2 + cubic))
    grown += 1
    slope = 2 * k1 + r2 * (4 * k2 + 6 * cubic)
    across, along = (2 * p2) * x, (2 * p1) * y
    grown += across
    grown += along
    one, other, both = xx * slope, yy * slope, x * y
    one += grown
    one += 2 * across
    other += grown
    other += 2 * along
    both *= slope
    both += (2 * p1) * x
    both += (2 * p2) * y
    return x * grown + p2 * r2, y * grown + p1 * r2, one, both, other


def _tilted(xy: Doubles, tx: Doubles, ty: Doubles) -> tuple[Doubles, Doubles]:
    """A sensor that does not stand upright to the lens (Scheimpflug), and the derivative."""
    cx, sx, cy, sy = np.cos(tx), np.sin(tx), np.cos(ty), np.sin(ty)
    zero, one = np.zeros_like(cx), np.ones_like(cx)
    turn = np.stack([cy, sy * sx, -sy * cx, zero, cx, sx, sy, -cy * sx, cy * cx], axis=-1)
    turn = turn.reshape(*cx.shape, 3, 3)
    a, b, c = turn[..., 2, 2], turn[..., 0, 2], turn[..., 1, 2]
    onto = np.stack([a, zero, -b, zero, a, -c, zero, zero, one], axis=-1).reshape(*cx.shape, 3, 3)
    matrix = onto @ turn
    ahead = (matrix @ np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)[..., None])[..., 0]
    out = ahead[..., :2] / ahead[..., 2:]
    slope = (matrix[..., :2, :2] - out[..., None] * matrix[..., 2:, :2]) / ahead[..., 2:, None]
    return out, slope


def distort_fisheye(xy: Doubles, k: Doubles) -> tuple[Doubles, Doubles]:
    """The same for a fisheye (Kannala and Brandt 2006, as in OpenCV's fisheye module)."""
    k1, k2, k3, k4 = (k[..., n] for n in range(4))
    r2 = (xy * xy).sum(-1)
    r = np.sqrt(r2)
    t = np.arctan(r)
    t2 = t * t
    bent = t * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    steep = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    far = r > 1e-8  # in the very centre the picture is as it should be
    safe = np.where(far, r, 1)
    scale = np.where(far, bent / safe, 1)
    slope = np.where(far, (steep / (1 + r2) - scale) / np.where(far, r2, 1), 0)
    jacobian = scale[..., None, None] * np.eye(2)
    jacobian = jacobian + slope[..., None, None] * xy[..., :, None] * xy[..., None, :]
    return xy * scale[..., None], jacobian


def by_coefficients(xy: Doubles, k: Doubles, *, fisheye: bool = False) -> Doubles:
    """The derivative of where ideal points (N, 2) land by the lens's own (C,) coefficients,
    (N, 2, C): of `distort` by up to eight, of `distort_fisheye` by its four.
    """
    r2 = (xy * xy).sum(-1)
    if fisheye:
        r = np.sqrt(r2)
        t = np.arctan(r)
        shrink = np.where(r > 1e-8, t / np.where(r > 1e-8, r, 1), 1)
        powers = np.stack([t ** (2 * n) for n in range(1, 5)], axis=-1)
        return np.asarray(xy[..., None] * (shrink[..., None] * powers)[..., None, :], np.float64)
    full = np.concatenate([k, np.zeros(14 - len(k))])
    below = 1 + r2 * (full[5] + r2 * (full[6] + r2 * full[7]))
    radial = (1 + r2 * (full[0] + r2 * (full[1] + r2 * full[4]))) / below
    x, y = xy[..., 0], xy[..., 1]
    rows = np.zeros((*xy.shape, 8))
    for place, power in ((0, 1), (1, 2), (4, 3)):
        rows[..., place] = xy * (r2**power / below)[..., None]
    for place, power in ((5, 1), (6, 2), (7, 3)):
        rows[..., place] = -xy * (radial * r2**power / below)[..., None]
    rows[..., 2] = np.stack([2 * x * y, r2 + 2 * y * y], axis=-1)
    rows[..., 3] = np.stack([r2 + 2 * x * x, 2 * x * y], axis=-1)
    return rows[..., : len(k)]


def undistort(xy: Doubles, k: Doubles, *, fisheye: bool = False) -> Doubles:
    """The ideal points behind the distorted ones; NaN where the lens shows no such point.

    Newton's method on `distort`, which doubles its digits with every step where OpenCV's fixed
    point needs many and stops short near the edge of a wide lens.
    """
    if not fisheye and not k[..., 5:].any():
        return _undistort_plainly(xy, k)
    model = distort_fisheye if fisheye else distort
    guess = xy.copy()
    if fisheye:
        # Most of the way is known: the radius is the tangent of an angle that is near `bent`.
        r = np.sqrt((xy * xy).sum(-1, keepdims=True))
        guess = xy * np.where(r > 1e-8, np.tan(np.minimum(r, 1.5)) / np.maximum(r, 1e-8), 1)
    with np.errstate(all="ignore"):
        for _ in range(MAX_NEWTON_STEPS):
            now, jacobian = model(guess, k)
            missing = xy - now
            (a, b), (c, d) = np.moveaxis(jacobian, (-2, -1), (0, 1))
            u, v = missing[..., 0], missing[..., 1]
            step = np.stack([d * u - b * v, a * v - c * u], axis=-1) / (a * d - b * c)[..., None]
            guess = guess + step
            if not np.any(np.abs(step) > NEWTON_TOLERANCE):
                break
        # A solution beyond the fold of the polynomial is none of this lens.
        now, jacobian = model(guess, k)
        (a, b), (c, d) = np.moveaxis(jacobian, (-2, -1), (0, 1))
        wrong = ~(np.abs(now - xy).max(-1) < 1e-9) | ~(a * d - b * c > 0)
    guess[wrong] = np.nan
    return guess


def _undistort_plainly(xy: Doubles, k: Doubles) -> Doubles:
    """`undistort` of common lenses, with x and y apart, in a third of the time."""
    wide, high = np.ascontiguousarray(xy[..., 0]), np.ascontiguousarray(xy[..., 1])
    x, y = wide, high
    with np.errstate(all="ignore"):
        for _ in range(MAX_NEWTON_STEPS):
            u, v, a, b, d = _plain(x, y, k)
            u -= wide
            v -= high
            determinant = a * d - b * b
            right, down = (d * u - b * v) / determinant, (a * v - b * u) / determinant
            x, y = x - right, y - down
            moved = np.maximum(np.abs(right, out=right), np.abs(down, out=down))
            if not (moved > NEWTON_TOLERANCE).any():
                break
    out = np.stack([x, y], axis=-1)
    # A solution beyond the fold of the polynomial is none of this lens.
    out[~((moved <= NEWTON_TOLERANCE) & (determinant > 0))] = np.nan
    return out
