"""Where the floor is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.geometry.camera import Rig
from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton, named_skeleton
from realtime.multiview.floor import Ground
from realtime.multiview.stage import RigStage
from realtime.types.results import Poses3D
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring

RIG = ring(4, radius=5)
UP = np.array([0.0, 0.0, 1.0])
FEET = [
    f"{side}_{part}"
    for side in ("left", "right")
    for part in ("ankle", "heel", "big_toe", "small_toe")
]


def poses(people: list[Doubles], skeleton: Skeleton = BODY25) -> Poses3D:
    xyz = np.array(people, np.float32)
    shape = xyz.shape[:2]
    return Poses3D(
        skeleton,
        np.arange(len(xyz)),
        xyz,
        np.zeros(shape, np.float32),
        np.full(shape, 4),
        np.isnan(xyz[..., 0]),
        np.zeros((len(xyz), 4), np.int64),
    )


def walked(ground: Ground, high: float) -> float | None:
    """Two people who walk on a floor that high, one of whom jumps now and then."""
    found = None
    for n in range(60):
        people = [body((n / 60, 0.0), phase=n / 3), body((0.0, 1.0), phase=n / 4)]
        jump = 0.4 * (n % 10 < 3)
        moved = [one + (high + more) * UP for one, more in zip(people, (0, jump), strict=True)]
        moved[1][:12] = np.nan if n % 7 == 0 else moved[1][:12]
        found = ground.update(poses(moved))
    return found


@pytest.mark.parametrize("high", [0.05, -0.9, 0.8])
def test_the_floor_is_where_people_stand(high: float) -> None:
    near = 0.0 if high == 0.05 else high
    assert walked(Ground(RIG, BODY25), high) == pytest.approx(near, abs=0.06)


def test_the_floor_of_the_rig_or_none() -> None:
    assert walked(Ground(RIG, BODY25, "rig"), 0.8) == 0
    assert walked(Ground(RIG, BODY25, "off"), 0.8) is None


def test_a_world_upside_down() -> None:
    """As some motion capture has it: Z runs into the floor."""
    turn = np.diag([1.0, -1.0, -1.0])
    cameras = tuple(replace(one, rotation=one.rotation @ turn) for one in RIG.cameras)
    ground = Ground(Rig(cameras), BODY25)
    for _ in range(20):
        found = ground.update(poses([(body((0.0, 0.0)) + 0.5 * UP) @ turn]))
    assert found == pytest.approx(0.5, abs=0.06)


def test_space_tells_the_floor() -> None:
    space = RigStage(RIG, BODY25)
    for n in range(20):
        people = [body((0.0, 0.0)) + 0.5 * UP]
        found = space.update(n / 30, sightings(RIG, people, n / 30))
    assert found.ground == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("name", ["car12", "hand21"])
def test_what_has_no_feet_stands_on_the_floor_of_the_rig(name: str) -> None:
    skeleton = named_skeleton(name)
    ground = Ground(RIG, skeleton)
    for n in range(20):
        xyz = np.random.default_rng(n).normal(size=(len(skeleton.keypoints), 3))
        assert ground.update(poses([xyz, np.full_like(xyz, np.nan)], skeleton)) == 0


def test_people_whose_feet_are_unseen_say_nothing_of_the_floor() -> None:
    ground, legs = Ground(RIG, BODY25), [BODY25.keypoints.index(one) for one in FEET]
    for _ in range(20):
        unseen = body((1.0, 0.0)) - 3 * UP
        unseen[legs] = np.nan
        found = ground.update(poses([body((0.0, 0.0)) + 0.5 * UP, unseen]))
    assert found == pytest.approx(0.5, abs=0.06)
    assert Ground(RIG, BODY25).update(poses([unseen])) == 0
