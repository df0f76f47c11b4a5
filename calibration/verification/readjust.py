"""A rig put right by people: all cameras a little, so that they agree on whom they see.

A rig that was measured by other means, or before cameras sank on their tripods, misses its pictures
by some pixels, the same ones in all frames; people who walk about show by how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import FOCAL, Scene, held
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from calibration.people.degeneracy import LEAST, check_places, why_apart
from calibration.people.extrinsics import Observed, observed
from calibration.people.observations import Crowd, thinned
from calibration.verification.check import gathered, in_common

MOST = 300  # instants, of longer footage
ENOUGH = 120  # people, each at one instant, that the rig is adjusted to
TURN = np.radians(1.0)  # by which cameras are off as a rule, standard deviation,
SHIFT = 0.05  # and metres
ROUNDS = 2.0, 1.0, 1.0  # times as far as usual may keypoints be off
HUBER = 2.0  # deviations
SETTLED = 1e-4  # of the cost, by which a step of the adjustment must lower it


@dataclass(frozen=True, slots=True, eq=False)
class Mended:
    """before, after: (V,) median pixels between keypoints and where all views together say that
    they are, of people whom the rig was not adjusted to. degrees, metres: (V,) by how much cameras
    were turned and moved.
    """

    rig: Rig
    before: Doubles
    after: Doubles
    degrees: Doubles
    metres: Doubles


def mended(rig: Rig, crowds: Sequence[Crowd]) -> Mended:
    """The rig that explains best what its cameras saw of people at the same instants.

    Cameras stay about where they are: the frame and the scale are those of the rig. Lenses stay.
    CalibrationError where a camera has too few people in common with others.
    """
    crowds = thinned(crowds, MOST)
    cameras = rig.cameras
    for loose in ROUNDS:
        rows = gathered(cameras, crowds, loose)
        lone = np.flatnonzero(in_common(rows[::2]) < LEAST).tolist()
        if lone:
            raise CalibrationError(why_apart(cameras, crowds, lone))
        own = rows[::2]
        own = own[np.linspace(0, len(own) - 1, min(len(own), ENOUGH)).astype(int)]
        cameras = _adjusted(rig, Rig(cameras), observed(crowds, own), loose)
    rest = observed(crowds, rows[1::2])
    now = Rig(cameras)
    pairs = list(zip(rig.cameras, cameras, strict=True))
    turns = [np.clip((np.trace(a.rotation @ b.rotation.T) - 1) / 2, -1, 1) for a, b in pairs]
    return Mended(
        now,
        _misses(rig, rest),
        _misses(now, rest),
        np.degrees(np.arccos(turns)),
        np.array([float(np.linalg.norm(a.centre - b.centre)) for a, b in pairs]),
    )


def _adjusted(rig: Rig, better: Rig, seen: Observed, loose: float) -> tuple[Camera, ...]:
    """Cameras that explain the people best, near where the rig has them; `better` tells what
    fits.
    """
    found = seen.triangulated(better, loose)
    check_places(found.xyz.reshape(*seen.score.shape[1:], 3))
    sights, own = seen.sights(found.used)
    free = held(rig.cameras, first=False)
    prior = np.full(free.shape, np.inf)
    prior[:, :3], prior[:, 3:FOCAL] = TURN, SHIFT
    scene = Scene(rig.cameras, found.xyz[own])
    done = adjust(scene, sights, free, huber=HUBER, prior=prior, steps=30, tolerance=SETTLED)
    return done.scene.cameras


def _misses(rig: Rig, seen: Observed) -> Doubles:
    """(V,) median pixels, of keypoints that fit in three views (in two they always do)."""
    found = seen.triangulated(rig, ROUNDS[0])
    off = np.linalg.norm(rig.project(found.xyz) - seen.xy.reshape(len(rig), -1, 2), axis=-1)
    least = min(3, len(rig))
    off = np.where(found.used & (found.views >= least), off, np.nan)
    with np.errstate(all="ignore"):
        return np.array([np.median(one[np.isfinite(one)]) for one in off])
