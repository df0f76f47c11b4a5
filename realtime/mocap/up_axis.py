"""The worlds of other programs: which way is up there."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Doubles


def turned_up(up: Doubles, target: int) -> Doubles:
    """(3, 3) rotation that takes the axis `up` to the axis x, y or z (0, 1, 2) of another world.

    A world that is upright there stays as it is; from the axis before or after, x, y, z change
    places in turn, so that z up becomes y up as y, z, x.
    """
    have = int(np.abs(up).argmax())
    turn = np.roll(np.eye(3), target - have, axis=0)
    if up[have] < 0:  # half a turn about the next axis
        turn = np.diag(np.where(np.arange(3) == (target + 1) % 3, 1.0, -1.0)) @ turn
    return turn
