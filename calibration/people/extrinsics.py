"""Where the cameras of a rig stand, from people who walk about before them: no board needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from calibration.board.extrinsics import MAD
from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.geometry.bundle_adjustment import Adjusted, adjust
from calibration.geometry.bundle_scene import Scene, Sights, held
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from calibration.geometry.triangulation import Triangulation, triangulate
from calibration.people.degeneracy import (
    LEAST,
    check_different,
    check_matched,
    check_places,
    check_shared,
    matched,
    why_apart,
)
from calibration.people.observations import Couples, Crowd, couples, thinned
from calibration.people.relative_pose import (
    SAMPLES,
    TwoView,
    depths,
    judge,
    relative_poses,
    windows,
)
from calibration.people.self_calibration import STARTS, Doubt, check_known, doubt, guess, unknown
from calibration.people.shift_test import stands

MOST = 1000  # instants, of longer footage
SEARCHED, SKETCHED = 80, 120  # of them, and samples of each pair, to look for focal lengths
LOOP = 15.0  # degrees that three pairs' turns may miss each other by
ENOUGH = 60, 120, 240  # people, each at one instant, that each round adjusts the rig to
SETTLED = 1e-4  # of the cost, by which a step of the adjustment must lower it
HUBER = 2.0  # deviations
WIDER = 1.5  # than most keypoints are off: some people are seen worse than others
WIDTHS = 0.3, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """What two cameras share: couples of poses that are one person; pose of the second."""

    first: int
    second: int
    view: TwoView
    tracks: Ints  # (P, 2) tracks of both that are one person


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """G people in V views. xy: (V, G, K, 2) pixels, NaN = not seen. score, spread: (V, G, K)."""

    xy: Doubles
    score: Doubles
    spread: Doubles

    def triangulated(self, rig: Rig, wide: float = 1.0) -> Triangulation:
        """Of all G * K keypoints, which may be so many times as far off as usual."""
        views = len(rig)
        return triangulate(
            rig,
            self.xy.reshape(views, -1, 2),
            self.score.reshape(views, -1),
            sigma=wide * self.spread.reshape(views, -1),
        )

    def sights(self, which: Mask) -> tuple[Sights, Ints]:
        """Those of (V, G * K) that are chosen, and which point each of their targets is."""
        views = len(self.xy)
        camera, point = np.nonzero(which)
        own, target = np.unique(point, return_inverse=True)
        score, spread = (one.reshape(views, -1)[camera, point] for one in (self.score, self.spread))
        sights = Sights(
            camera,
            target,
            np.zeros((len(camera), 3)),
            self.xy.reshape(views, -1, 2)[camera, point],
            np.sqrt(np.minimum(score, 1)) / spread,
        )
        return sights, own


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A rig of unknown scale in a frame of its own.

    tree: pairs that it began with. xyz: (G, K, 3) people that it was adjusted to, NaN = not known.
    error: (V, G, K) pixels between keypoints and where they were seen, NaN = not seen; used: which
    of them fit. turns: (V,) radians, standard deviations of the cameras' directions. shared:
    (V, V) people whom two cameras have in common, each at one instant. gathered: all of those.
    matched: (V,) shares of the people whom each camera saw while others saw some, who were found
    there. doubt: where lenses were guessed.
    """

    rig: Rig
    tree: list[Link]
    xyz: Doubles
    error: Doubles
    used: Mask
    turns: Doubles
    shared: Ints
    gathered: int
    matched: Doubles
    doubt: Doubt | None = None

    @property
    def rms(self) -> float:
        """Pixels, over the keypoints that fit."""
        return float(np.sqrt((self.error[self.used] ** 2).mean()))


def locate_people(
    cameras: Sequence[Camera],
    crowds: Sequence[Crowd],
    *,
    seed: int = 0,
    guessed: bool = False,
    rounds: Sequence[int] = ENOUGH,
    samples: int = SAMPLES,
) -> Located:
    """The rig of cameras with known lenses, from what each saw of people.

    guessed: the lenses are guesses and move too. CalibrationError where cameras are not connected,
    DegenerateError where nobody moves.
    """
    if len(cameras) < 2:
        raise CalibrationError("A rig needs two cameras at least: give --source for each.")
    alone = [replace(one, rotation=np.eye(3), translation=np.zeros(3)) for one in cameras]
    rng = np.random.default_rng(seed)
    crowds = thinned(crowds, MOST)
    check_different(alone, crowds)
    pairs = all_couples(alone, crowds)
    links: list[Link] = []
    for (a, b), both in pairs.items():
        if len(np.unique(crowds[a].instant[both.one])) >= LEAST:
            poses = relative_poses(both, (crowds[a], crowds[b]), rng, samples=samples)
            links += [_link(a, b, one, crowds) for one in poses if len(one.couples) >= LEAST]
    tree = _tree(alone, crowds, links)
    placed = _placed(alone, crowds, tree)
    wide = 1.0  # how far keypoints are off, of what their spreads say
    for count in rounds:
        own = [replace(crowd, spread=wide * crowd.spread) for crowd in crowds]
        if wide != 1:
            pairs = all_couples(placed, own)
        rows = gather(placed, own, pairs)
        shared = (rows >= 0).T.astype(np.int64) @ (rows >= 0)
        check_shared(alone, crowds, shared)
        check_matched(alone, matched(crowds, rows))
        some = rows[np.linspace(0, len(rows) - 1, min(len(rows), count)).astype(int)]
        seen = observed(own, some)
        done, sights, target = _adjusted(placed, seen, guessed=guessed)
        placed = done.scene.cameras
        off = np.linalg.norm(done.scene.residuals(sights), axis=1) * sights.weight
        wide = float(np.clip(WIDER * wide * np.median(off) / MAD, *WIDTHS))
    rig = Rig(placed)
    found = seen.triangulated(rig)
    xyz = found.xyz.reshape(*seen.score.shape[1:], 3)
    check_places(xyz)
    off = np.linalg.norm(rig.project(xyz) - seen.xy, axis=-1)
    error = np.where(np.isfinite(off), off, np.nan)
    used = found.used.reshape(off.shape)
    turns = done.deviations()[:, :3].max(1)
    turns[0] = 0
    unsure = None
    if guessed:
        unsure = doubt(done.scene, sights, stands(xyz)[target // xyz.shape[1]])
        turns = unsure.turns
    count = len(rows)
    return Located(rig, tree, xyz, error, used, turns, shared, count, matched(crowds, rows), unsure)


def locate_lenses(cameras: Sequence[Camera], crowds: Sequence[Crowd], *, seed: int = 0) -> Located:
    """The same of cameras of which nothing but the size of their pictures is known.

    From several focal lengths, the one from which people fit best; DegenerateError where people do
    not tell it.
    """
    some = thinned(crowds, SEARCHED)
    best: tuple[float, float] | None = None
    failure: CalibrationError | None = None
    for start in STARTS:
        lenses = [guess(one, start) for one in cameras]
        try:
            found = locate_people(
                lenses, some, seed=seed, guessed=True, rounds=ENOUGH[:1], samples=SKETCHED
            )
        except CalibrationError as error:
            failure = failure or error
            continue
        cost = found.rms / float(found.matched.mean())
        if best is None or cost < best[0]:
            shares = [one.matrix[0, 0] / max(one.size) for one in found.rig.cameras]
            best = cost, float(np.median(shares))
    if best is None:
        assert failure is not None
        raise failure
    lenses = [guess(one, best[1]) for one in cameras]
    found = locate_people(lenses, crowds, seed=seed, guessed=True)
    assert found.doubt is not None
    check_known(cameras, found.doubt)
    return found


def _link(first: int, second: int, view: TwoView, crowds: Sequence[Crowd]) -> Link:
    ends = [crowds[first].track[view.couples.one], crowds[second].track[view.couples.other]]
    return Link(first, second, view, np.unique(np.stack(ends, 1), axis=0))


def all_couples(
    cameras: Sequence[Camera], crowds: Sequence[Crowd]
) -> dict[tuple[int, int], Couples]:
    return {
        (a, b): couples((cameras[a], cameras[b]), (crowds[a], crowds[b]))
        for a, b in combinations(range(len(cameras)), 2)
    }


def _tree(cameras: Sequence[Camera], crowds: Sequence[Crowd], links: Sequence[Link]) -> list[Link]:
    """The links that join all cameras best: those that other pairs agree with come first."""
    turns: dict[tuple[int, int], list[tuple[Doubles, int]]] = {}
    for n, link in enumerate(links):
        turns.setdefault((link.first, link.second), []).append((link.view.rotation, n))
        turns.setdefault((link.second, link.first), []).append((link.view.rotation.T, n))
    cosine = 1 + 2 * np.cos(np.radians(LOOP))
    worth = []
    for link in links:
        total = link.view.score
        for third in set(range(len(cameras))) - {link.first, link.second}:
            total += max(
                (
                    min(links[m].view.score, links[n].view.score)
                    for one, m in turns.get((link.first, third), ())
                    for other, n in turns.get((third, link.second), ())
                    if np.trace((other @ one).T @ link.view.rotation) > cosine
                ),
                default=0.0,
            )
        worth.append(total)
    group = list(range(len(cameras)))
    tree = []
    for n in np.argsort(-np.array(worth), kind="stable"):
        a, b = group[links[n].first], group[links[n].second]
        if a != b:
            tree.append(links[n])
            group = [a if own == b else own for own in group]
    lone = [n for n in range(len(cameras)) if group[n] != group[0]]
    if lone:
        raise CalibrationError(why_apart(cameras, crowds, lone))
    return tree


def _placed(
    cameras: Sequence[Camera], crowds: Sequence[Crowd], tree: Sequence[Link]
) -> tuple[Camera, ...]:
    """All cameras in the first one's frame, along the tree; the first link is 1 long.

    How long another link is follows from people whom a camera sees through both: they are as far
    from it by one as by the other.
    """
    far = [_distances(link, crowds) for link in tree]
    known: dict[int, tuple[Doubles, Doubles]] = {}
    start = tree[0].first
    known[start] = np.eye(3), np.zeros(3)
    # By camera: distances of its rows, in the scale of the whole.
    seen = {n: np.full(len(own), np.nan) for n, own in enumerate(crowds)}
    left = list(range(len(tree)))
    body = np.nan
    while left:
        n = next(k for k in left if (tree[k].first in known) != (tree[k].second in known))
        left.remove(n)
        link = tree[n]
        old, new = (link.first, link.second) if link.first in known else (link.second, link.first)
        own = far[n][0 if old == link.first else 1]
        ratio = seen[old] / own
        ratio = ratio[np.isfinite(ratio)]
        if len(ratio) >= LEAST:
            length = float(np.median(ratio))
        elif np.isfinite(body):
            length = body / float(np.nanmedian(link.view.body))
        else:
            length = 1.0
        if not np.isfinite(body):
            body = length * float(np.nanmedian(link.view.body))
        turn, shift = link.view.rotation, length * link.view.translation
        if old == link.second:
            turn, shift = turn.T, -turn.T @ shift
        base = known[old]
        known[new] = turn @ base[0], turn @ base[1] + shift
        for camera, rows in zip((link.first, link.second), far[n], strict=True):
            seen[camera] = np.where(np.isnan(seen[camera]), length * rows, seen[camera])
    return tuple(
        replace(camera, rotation=known[n][0], translation=known[n][1])
        for n, camera in enumerate(cameras)
    )


def _distances(link: Link, crowds: Sequence[Crowd]) -> tuple[Doubles, Doubles]:
    """By row of both crowds: median depth of the body in baselines, NaN = not of this link."""
    view = link.view
    deep = depths((view.rotation, view.translation), view.couples)
    known = np.isfinite(deep[0]).any(1)
    out = []
    for own, crowd, rows in zip(
        deep,
        (crowds[link.first], crowds[link.second]),
        (view.couples.one, view.couples.other),
        strict=True,
    ):
        far = np.full(len(crowd), np.nan)
        far[rows[known]] = np.nanmedian(own[known], axis=1)
        out.append(np.where(far > 0, far, np.nan))
    return out[0], out[1]


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
    for name, empty in (("xy", np.nan), ("score", 0.0), ("spread", 1.0)):
        views = []
        for n, crowd in enumerate(crowds):
            array = getattr(crowd, name)
            there = rows[:, n] >= 0
            own = np.full((len(rows), *array.shape[1:]), empty)
            own[there] = array[rows[there, n]]
            views.append(own)
        parts.append(np.stack(views))
    return Observed(*parts)


def _adjusted(
    cameras: tuple[Camera, ...], seen: Observed, *, guessed: bool
) -> tuple[Adjusted, Sights, Ints]:
    """Cameras that explain the people best; and which points the targets are."""
    found = seen.triangulated(Rig(cameras))
    sights, own = seen.sights(found.used)
    free, prior, square = unknown(cameras) if guessed else (held(cameras), None, np.inf)
    done = adjust(
        Scene(cameras, found.xyz[own]),
        sights,
        free,
        huber=HUBER,
        prior=prior,
        square=square,
        steps=30,
        tolerance=SETTLED,
    )
    return done, sights, own
