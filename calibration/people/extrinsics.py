"""Where the cameras of a rig stand, from people who walk about before them: no board needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.geometry.bundle_adjustment import Adjusted, adjust
from calibration.geometry.bundle_scene import RAYLEIGH_MEDIAN, Scene, Sights, free_poses
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from calibration.people.camera_links import Link, joining_links, link_of, place_cameras
from calibration.people.cross_view_matching import Observed, all_couples, gather, observed
from calibration.people.degeneracy import (
    MIN_SHARED_INSTANTS,
    check_different,
    check_matched,
    check_places,
    check_shared,
    matched,
)
from calibration.people.observations import Crowd, thinned
from calibration.people.relative_pose import MINIMAL_SAMPLES, relative_poses
from calibration.people.self_calibration import (
    START_FOCALS,
    RigUncertainty,
    check_known,
    guess,
    rig_uncertainty,
    unknown,
)
from calibration.people.shift_statistic import stands

MAX_INSTANTS = 1000  # of longer footage: bounds the time of putting people together
# Instants, and samples of each pair, while focal lengths are searched: bounds the time of that.
SEARCH_INSTANTS, SEARCH_SAMPLES = 80, 120
# People, each at one instant, that each round adjusts the rig to: few while matches are still
# wrong.
ROUND_PEOPLE = 60, 120, 240
TOLERANCE = 1e-5  # share of the cost by which a step must be expected to lower it
HUBER_SIGMAS = 2.0  # deviations beyond which residuals count linearly: 13 % of Gaussian ones
SIGMA_MARGIN = 1.5  # on the median residual: some people are seen worse than others
# Of the keypoints' deviations by COCO's sigmas, outside of which an estimate is not believed.
SIGMA_SCALE_RANGE = 0.3, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class PeopleExtrinsics:
    """A rig of unknown scale in a frame of its own.

    tree: pairs that it began with. xyz: (G, K, 3) people that it was adjusted to, NaN = not known.
    error: (V, G, K) pixels between keypoints and where they were seen, NaN = not seen; used: which
    of them fit. turns: (V,) radians, standard deviations of the cameras' directions. shared:
    (V, V) people whom two cameras have in common, each at one instant. gathered: all of those.
    matched: (V,) shares of the people whom each camera saw while others saw some, who were found
    there. uncertainty: where lenses were estimated too.
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
    uncertainty: RigUncertainty | None = None

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
    rounds: Sequence[int] = ROUND_PEOPLE,
    samples: int = MINIMAL_SAMPLES,
) -> PeopleExtrinsics:
    """The rig of cameras with known lenses, from what each saw of people.

    guessed: the lenses are guesses and move too. CalibrationError where cameras are not connected,
    DegenerateError where nobody moves.
    """
    if len(cameras) < 2:
        raise CalibrationError("A rig needs at least two cameras; give one --source per camera.")
    alone = [replace(one, rotation=np.eye(3), translation=np.zeros(3)) for one in cameras]
    rng = np.random.default_rng(seed)
    crowds = thinned(crowds, MAX_INSTANTS)
    check_different(alone, crowds)
    pairs = all_couples(alone, crowds)
    links: list[Link] = []
    for (a, b), both in pairs.items():
        if len(np.unique(crowds[a].instant[both.one])) >= MIN_SHARED_INSTANTS:
            poses = relative_poses(both, (crowds[a], crowds[b]), rng, samples=samples)
            links += [
                link_of(a, b, one, crowds)
                for one in poses
                if len(one.couples) >= MIN_SHARED_INSTANTS
            ]
    tree = joining_links(alone, crowds, links)
    placed = place_cameras(alone, crowds, tree)
    wide = 1.0  # how far keypoints are off, in their standard deviations
    for count in rounds:
        own = [replace(crowd, sigma=wide * crowd.sigma) for crowd in crowds]
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
        wide = float(
            np.clip(SIGMA_MARGIN * wide * np.median(off) / RAYLEIGH_MEDIAN, *SIGMA_SCALE_RANGE)
        )
    rig = Rig(placed)
    found = seen.triangulated(rig)
    xyz = found.xyz.reshape(*seen.score.shape[1:], 3)
    check_places(xyz)
    off = np.linalg.norm(rig.project(xyz) - seen.xy, axis=-1)
    error = np.where(np.isfinite(off), off, np.nan)
    used = found.used.reshape(off.shape)
    turns = done.deviations()[:, :3].max(1)
    turns[0] = 0
    uncertainty = None
    if guessed:
        uncertainty = rig_uncertainty(done.scene, sights, stands(xyz)[target // xyz.shape[1]])
        turns = uncertainty.turns
    count = len(rows)
    return PeopleExtrinsics(
        rig, tree, xyz, error, used, turns, shared, count, matched(crowds, rows), uncertainty
    )


def locate_lenses(
    cameras: Sequence[Camera], crowds: Sequence[Crowd], *, seed: int = 0
) -> PeopleExtrinsics:
    """The same of cameras of which nothing but the size of their pictures is known.

    From several focal lengths, the one from which people fit best; DegenerateError where people do
    not tell it.
    """
    some = thinned(crowds, SEARCH_INSTANTS)
    best: tuple[float, float] | None = None
    failure: CalibrationError | None = None
    for start in START_FOCALS:
        lenses = [guess(one, start) for one in cameras]
        try:
            found = locate_people(
                lenses,
                some,
                seed=seed,
                guessed=True,
                rounds=ROUND_PEOPLE[:1],
                samples=SEARCH_SAMPLES,
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
    assert found.uncertainty is not None
    check_known(cameras, found.uncertainty)
    return found


def _adjusted(
    cameras: tuple[Camera, ...], seen: Observed, *, guessed: bool
) -> tuple[Adjusted, Sights, Ints]:
    """Cameras that explain the people best; and which points the targets are."""
    found = seen.triangulated(Rig(cameras))
    sights, own = seen.sights(found.used)
    free, prior, square = unknown(cameras) if guessed else (free_poses(cameras), None, np.inf)
    done = adjust(
        Scene(cameras, found.xyz[own]),
        sights,
        free,
        huber=HUBER_SIGMAS,
        prior=prior,
        square=square,
        steps=30,
        tolerance=TOLERANCE,
    )
    return done, sights, own
