"""Who in one camera is who in the others, and what all of them saw of each person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.geometry.bundle_scene import Sights
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.triangulation import Triangulation, triangulate
from calibration.people.observations import Couples, Crowd, couples
from calibration.people.relative_pose import judge, windows


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """G people in V views. xy: (V, G, K, 2) pixels, NaN = not seen. score, sigma: (V, G, K)."""

    xy: Doubles
    score: Doubles
    sigma: Doubles

    def triangulated(self, rig: Rig, wide: float = 1.0) -> Triangulation:
        """Of all G * K keypoints, which may be so many times as far off as usual."""
        views = len(rig)
        return triangulate(
            rig,
            self.xy.reshape(views, -1, 2),
            self.score.reshape(views, -1),
            sigma=wide * self.sigma.reshape(views, -1),
        )

    def sights(self, which: Mask) -> tuple[Sights, Ints]:
        """Those of (V, G * K) that are chosen, and which point each of their targets is."""
        views = len(self.xy)
        camera, point = np.nonzero(which)
        own, target = np.unique(point, return_inverse=True)
        score, sigma = (one.reshape(views, -1)[camera, point] for one in (self.score, self.sigma))
        sights = Sights(
            camera,
            target,
            np.zeros((len(camera), 3)),
            self.xy.reshape(views, -1, 2)[camera, point],
            np.sqrt(np.minimum(score, 1)) / sigma,
        )
        return sights, own


def all_couples(
    cameras: Sequence[Camera], crowds: Sequence[Crowd]
) -> dict[tuple[int, int], Couples]:
    return {
        (a, b): couples((cameras[a], cameras[b]), (crowds[a], crowds[b]))
        for a, b in combinations(range(len(cameras)), 2)
    }


def gather(
    cameras: Sequence[Camera],
    crowds: Sequence[Crowd],
    pairs: Mapping[tuple[int, int], Couples],
) -> Ints:
    """(G, V) rows of the crowds that are one person at one instant, -1 = not seen; in the order of
    time. The most certain couples come first.
    """
    links: list[tuple[float, tuple[int, int], tuple[int, int]]] = []
    for (a, b), own in pairs.items():
        turn = cameras[b].rotation @ cameras[a].rotation.T
        shift = cameras[b].translation - turn @ cameras[a].translation
        length = float(np.linalg.norm(shift))
        if not len(own) or length < 1e-9:
            continue
        gain = judge((turn, shift / length), own, windows(own, (crowds[a], crowds[b])))[0]
        links += [
            (float(gain[n]), (a, int(own.one[n])), (b, int(own.other[n])))
            for n in np.flatnonzero(gain)
        ]
    people: dict[tuple[int, int], dict[int, int]] = {}
    for _, one, other in sorted(links, reverse=True):
        mine, theirs = (people.get(end, {end[0]: end[1]}) for end in (one, other))
        if mine.keys() & theirs.keys():
            continue  # one camera has two of them
        both = mine | theirs
        people.update(dict.fromkeys(both.items(), both))
    found = list({id(own): own for own in people.values()}.values())
    rows = np.full((len(found), len(cameras)), -1, np.int64)
    instant = np.zeros(len(found), np.int64)
    for n, person in enumerate(found):
        for view, row in person.items():
            rows[n, view] = row
            instant[n] = crowds[view].instant[row]
    order = np.argsort(instant, kind="stable")
    return rows[order]


def observed(crowds: Sequence[Crowd], rows: Ints) -> Observed:
    """What was seen of people by their rows (G, V)."""
    parts = []
    for name, empty in (("xy", np.nan), ("score", 0.0), ("sigma", 1.0)):
        views = []
        for n, crowd in enumerate(crowds):
            array = getattr(crowd, name)
            there = rows[:, n] >= 0
            own = np.full((len(rows), *array.shape[1:]), empty)
            own[there] = array[rows[there, n]]
            views.append(own)
        parts.append(np.stack(views))
    return Observed(*parts)
