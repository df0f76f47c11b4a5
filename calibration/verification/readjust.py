"""A rig put right by people: all cameras a little, so that they agree on whom they see.

A rig that was measured by other means, or before cameras sank on their tripods, misses its pictures
by some pixels, the same ones in all frames; people who walk about show by how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.geometry.arrays import Doubles, Ints
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import FOCAL, Scene, free_poses
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from calibration.people.cross_view_matching import Observed, observed
from calibration.people.degeneracy import MIN_SHARED_INSTANTS, check_places, why_apart
from calibration.people.observations import Crowd, thinned
from calibration.verification.check import gathered, in_common

MAX_INSTANTS = 300  # of longer footage: bounds the time of putting people together
# People, each at one instant, that the rig is adjusted to: bounds the time of an adjustment.
MAX_PEOPLE = 120
# Prior around the rig as it is: cameras are off by about a degree,
ROTATION_SIGMA = np.radians(1.0)
TRANSLATION_SIGMA = 0.05  # and 5 cm (rule of thumb)
# Times as far off as usual that keypoints may be, round after round: wide while the rig is off.
SIGMA_SCALES = 2.0, 1.0, 1.0
# Bounds how much more, or less, than usual a keypoint may be off, of which few sightings tell.
KINDS = 0.25, 4.0
HUBER_SIGMAS = 2.0  # deviations beyond which residuals count linearly: 13 % of Gaussian ones
TOLERANCE = 1e-5  # share of the cost by which a step must be expected to lower it


@dataclass(frozen=True, slots=True, eq=False)
class Readjusted:
    """before, after: (V,) median pixels between keypoints and where all views together say that
    they are, of people whom the rig was not adjusted to. degrees, metres: (V,) by how much cameras
    were turned and moved.
    """

    rig: Rig
    before: Doubles
    after: Doubles
    degrees: Doubles
    metres: Doubles


def readjust(rig: Rig, crowds: Sequence[Crowd]) -> Readjusted:
    """The rig that explains best what its cameras saw of people at the same instants.

    Cameras stay about where they are: the frame and the scale are those of the rig. Lenses stay.
    CalibrationError where a camera has too few people in common with others.
    """
    crowds = thinned(crowds, MAX_INSTANTS)
    cameras, kinds = rig.cameras, np.ones(crowds[0].score.shape[1])
    for loose in SIGMA_SCALES:
        own, others = _halves(crowds, gathered(cameras, crowds, loose))
        lone = np.flatnonzero(in_common(own) < MIN_SHARED_INSTANTS).tolist()
        if lone:
            raise CalibrationError(why_apart(cameras, crowds, lone))
        seen = observed(crowds, own)
        cameras = _adjusted(rig, Rig(cameras), seen, kinds, loose)
        kinds = _kinds(Rig(cameras), seen)
    rest = observed(crowds, others)
    now = Rig(cameras)
    pairs = list(zip(rig.cameras, cameras, strict=True))
    turns = [np.clip((np.trace(a.rotation @ b.rotation.T) - 1) / 2, -1, 1) for a, b in pairs]
    return Readjusted(
        now,
        _misses(rig, rest),
        _misses(now, rest),
        np.degrees(np.arccos(turns)),
        np.array([float(np.linalg.norm(a.centre - b.centre)) for a, b in pairs]),
    )


def _halves(crowds: Sequence[Crowd], rows: Ints) -> tuple[Ints, Ints]:
    """People (G, V) to adjust a rig to, of whole instants, and those of every second instant that
    tell how well that did. By people in turns one of two who stay would be in one half alone.
    """
    seen = [
        np.where(own >= 0, one.instant[own], -1) for one, own in zip(crowds, rows.T, strict=True)
    ]
    instants, number = np.unique(np.max(seen, axis=0), return_inverse=True)
    own = np.arange(0, len(instants), 2)
    most = max(int(len(own) * 2 * MAX_PEOPLE / max(len(rows), 1)), 1)
    own = own[np.linspace(0, len(own) - 1, min(len(own), most)).astype(int)]
    return rows[np.isin(number, own)], rows[number % 2 == 1]


def _adjusted(
    rig: Rig, better: Rig, seen: Observed, kinds: Doubles, loose: float
) -> tuple[Camera, ...]:
    """Cameras that explain the people best, near where the rig has them; `better` tells what
    fits. kinds: (K,) as `_kinds` has them, by which keypoints count less.
    """
    found = seen.triangulated(better, loose)
    check_places(found.xyz.reshape(*seen.score.shape[1:], 3))
    sights, own = replace(seen, sigma=seen.sigma * kinds).sights(found.used)
    free = free_poses(rig.cameras, first=False)
    prior = np.full(free.shape, np.inf)
    prior[:, :3], prior[:, 3:FOCAL] = ROTATION_SIGMA, TRANSLATION_SIGMA
    scene = Scene(rig.cameras, found.xyz[own])
    done = adjust(
        scene, sights, free, huber=HUBER_SIGMAS, prior=prior, steps=30, tolerance=TOLERANCE
    )
    return done.scene.cameras


def _kinds(rig: Rig, seen: Observed) -> Doubles:
    """(K,) by how much more than the others each keypoint is off, in its deviations: these are what
    people differ by who label pictures, of whom eyes are most certain. A network that sees people
    from behind puts eyes farther off than knees, the same way in all frames.
    """
    off = (_off(rig, seen) / seen.sigma).reshape(-1, seen.score.shape[2]).T
    known = np.isfinite(off).sum(1) >= MIN_SHARED_INSTANTS
    if not known.any():
        return np.ones(len(off))
    middle = np.maximum(_medians(off), 1e-9)
    return np.where(known, np.clip(middle / np.median(middle[known]), *KINDS), 1.0)


def _misses(rig: Rig, seen: Observed) -> Doubles:
    """(V,) median pixels."""
    return _medians(_off(rig, seen).reshape(len(rig), -1))


def _off(rig: Rig, seen: Observed) -> Doubles:
    """(V, G, K) pixels by which views miss keypoints that fit in three (in two they always do); NaN
    of others.
    """
    found = seen.triangulated(rig, SIGMA_SCALES[0])
    off = np.linalg.norm(rig.project(found.xyz) - seen.xy.reshape(len(rig), -1, 2), axis=-1)
    fits = found.used & (found.views >= min(3, len(rig)))
    return np.where(fits, off, np.nan).reshape(seen.score.shape)


def _medians(rows: Doubles) -> Doubles:
    """(R,) of what is known in each row; NaN where nothing is."""
    known = [one[np.isfinite(one)] for one in rows]
    return np.array([np.median(one) if len(one) else np.nan for one in known])
