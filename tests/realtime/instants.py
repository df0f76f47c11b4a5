"""Instants with 3D people, to try outputs with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.types.results import Poses3D, Result
from tests.bodies import BODY25
from tests.realtime.results import result


def instant(
    people: Sequence[Doubles],
    ids: Sequence[int],
    time: float = 0.0,
    *,
    filled: Sequence[tuple[int, int]] = (),
    skeleton: Skeleton = BODY25,
) -> Result:
    """People of whom every known keypoint is 2.5 px off in 3 views; filled: in none."""
    xyz = np.array(people, float).reshape(-1, len(skeleton.keypoints), 3)
    known = ~np.isnan(xyz[..., 0])
    error = np.where(known, 2.5, np.nan)
    views = np.where(known, 3, 0)
    carried = np.zeros(known.shape, bool)
    for place in filled:
        carried[place], views[place], error[place] = True, 0, np.nan
    poses = Poses3D(
        *(skeleton, np.array(ids, np.int64), xyz.astype(np.float32), error.astype(np.float32)),
        *(views, carried, np.zeros((len(xyz), 1), np.int64)),
    )
    one = result(time=time)
    return Result(time, one.views, {}, poses3d=poses)
