"""3D people over time: from the views of a rig to bodies that keep their identity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.geometry.camera import Rig
from calibration.geometry.linear_triangulation import GATE_SIGMAS, SPACE_DIMENSIONS, Expected
from calibration.geometry.triangulation import triangulate_undistorted
from engines.types.arrays import Doubles, Floats, Indices, Mask
from engines.types.skeleton import Skeleton
from realtime.multiview import kalman
from realtime.multiview.association import (
    MIN_COMMON_KEYPOINTS,
    Association,
    Sightings,
    middles,
)
from realtime.multiview.bone_lengths import BoneLengths
from realtime.multiview.bone_refinement import BoneRefinement
from realtime.multiview.left_right_3d import HEAD_VARIANCE, HeadSides, LeftRightConsistency
from realtime.multiview.reliability import (
    FilterVarianceRatio,
    trust_judged,
    trust_later,
    trusted,
)
from realtime.multiview.time_offsets import TimeOffsets
from realtime.multiview.track_table_3d import Bodies, Measured, TrackTable3D
from realtime.types.results import Poses3D, View

FIRST_INTERVAL_S = 1 / 30  # between frames, until the first step is known
FIRST_DEPTH_M = 3.0  # of new people from a camera, until their first triangulation
MAX_INTERVAL_S = 1.0  # between frames, beyond which nobody can be tracked by their motion
MAX_CARRIED_S = 0.5  # for which a person, or a keypoint, is predicted without being seen
MAX_LOST_S = 3.0  # after which a lost track is deleted
WALKING_SPEED = 2.0  # metres / second, bounds how far a lost person may have walked
RELIABLE_VIEWS = 3  # confirm a track at once: two may agree on what is wrong,
CONFIRMING_FRAMES = 3  # and with two it takes so many frames
LEARNING_INTERVAL_S = 0.06  # between instants of which bone lengths learn: the next tells the same
# Standard deviations past which no bone moves a keypoint on which so many views agree: 5 %.
MAX_BONE_SIGMAS = 2.0
# Share of a keypoint's assumed variance that stays where innovations are small: what networks miss
# by alike in many frames, no innovation shows.
MIN_STEADY_SHARE = 0.5
TWO_VIEWS_VARIANCE = 10.0  # by which two views count less for the length of a bone
# Cosine of the angle between ears and shoulders: a head that was followed may have turned far, but
# not beyond that; of one that is new, two views may have exchanged the ears.
MIN_HEAD_COSINE, MIN_NEW_HEAD_COSINE = -0.3, 0.5
BONE_LENGTH_SIGMA = 0.03  # of a rigid bone, by which the keypoints at its ends wander along it


class MultiViewReconstructor:
    """Follows the people of one rig by their bodies. The views come in the order of its cameras."""

    def __init__(self, rig: Rig, skeleton: Skeleton) -> None:
        self._rig = rig
        self._skeleton = skeleton
        self._pixels = 1 / rig.focals.mean(1)[:, None, None]  # (V, 1, 1), one, undistorted
        self._association = Association(rig, skeleton)
        self._body = self._association.body
        self._bones = BoneLengths(skeleton)
        self._refinement = BoneRefinement(self._bones)
        self._heads = HeadSides(skeleton)
        self._consistency = LeftRightConsistency(rig, self._bones)
        self._people = self._nobody(0)
        self._next, self._now = 0, 0.0
        self._time: float | None = None
        self._step, self._learnt = FIRST_INTERVAL_S, -np.inf
        self._variances = FilterVarianceRatio(skeleton.sigmas)
        self.timing = TimeOffsets(rig, self._deviations)

    def update(
        self, time: float, views: Sequence[View | None], deadline: float = np.inf
    ) -> Poses3D:
        """The people at the next instant, seconds.

        deadline: seconds on the monotonic clock, after which nothing is refined any more.
        """
        self._deadline, self._refined = deadline, True
        seconds = self._pass_time(time)
        seen = Sightings.of(self._rig, views, self._skeleton)
        people = self._people
        if seconds > 0:
            people.state, people.covariance = kalman.predicted(
                people.state, people.covariance, seconds
            )
            people.trust = trust_later(people.trust, seconds)
            xyz, turned = self._heads.put_right(people.state[..., :3], MIN_HEAD_COSINE)
            if turned.any():
                people.state[turned], people.covariance[turned] = kalman.fresh(
                    xyz[turned], HEAD_VARIANCE
                )
        expected = self._expected()
        there = self._association.project_undistorted(expected)
        deviations = self._deviations(expected)
        chosen = self._association.follow(there, deviations, people.memory, seen)
        deviations *= self._variances.share
        bodies = self._gathered(seen, chosen)
        prior = Expected.of(expected, people.covariance[..., :3, :3])
        bodies = self._consistency.corrected(there, bodies, deviations, prior, deadline)
        plain, bodies = bodies, trusted(bodies, people.trust)
        measured = self._measure(bodies, deviations, prior)
        views_used, error = self._correct(measured, bodies, seconds)
        there = self._association.project_undistorted(people.state[..., :3])
        used = measured.used & (people.measured_at == self._now)
        people.trust = trust_judged(people.trust, plain, there, deviations, used)
        self._remember(chosen, seen, measured)
        self._time_views(time, views, bodies)
        chosen, views_used, error = self._welcome(seen, chosen, views_used, error)
        self._learn(views_used)
        return self._leave(chosen, views_used, error)

    def _nobody(self, people: int) -> TrackTable3D:
        keypoints = len(self._skeleton.keypoints)
        nobody = TrackTable3D.none(people, keypoints, len(self._rig), len(self._bones.limbs))
        nobody.believed, nobody.deviation = self._bones.believed(nobody.lengths, nobody.evidence)
        return nobody

    def _pass_time(self, time: float) -> float:
        """Seconds since the instant before; as usual where time stands or jumps back."""
        seconds = 0.0 if self._time is None else time - self._time
        if self._time is not None and not 0 < seconds < np.inf:
            seconds = self._step
        elif 0 < seconds < MAX_INTERVAL_S:
            self._step = seconds
        self._time = time
        self._now += seconds
        return seconds

    def _expected(self) -> Doubles:
        """(P, K, 3) where keypoints are thought to be, NaN = not known any more."""
        fresh = self._now - self._people.measured_at <= MAX_LOST_S
        where: Doubles = np.where(fresh[..., None], self._people.state[..., :3], np.nan)
        return where

    def _deviations(self, xyz: Doubles) -> Doubles:
        """(V, P, K) by which sightings of bodies (P, K, 3) are off as a rule, undistorted."""
        return self._association.deviations(self._association.depths(xyz))

    def _gathered(self, seen: Sightings, chosen: Indices) -> Bodies:
        """The bodies of which the detections (P, V) are."""
        views, most, keypoints = seen.score.shape
        if not most:
            shape = views, len(chosen), keypoints
            return Bodies(np.full((2, *shape), np.nan), np.zeros(shape))
        there = (chosen.T >= 0)[..., None]
        place = chosen.T + most * np.arange(views)[:, None]
        undistorted = seen.undistorted.reshape(2, -1, keypoints).take(place, 1)
        score = seen.score.reshape(-1, keypoints).take(place, 0)
        return Bodies(np.where(there, undistorted, np.nan), np.where(there, score, 0.0))

    def _measure(
        self, bodies: Bodies, deviations: Doubles, prior: Expected | None = None
    ) -> Measured:
        """Bodies triangulated, whose sightings are off by (V, P, K) deviations."""
        views, people, keypoints = bodies.score.shape
        scale = self._pixels / deviations
        found = triangulate_undistorted(
            self._rig,
            bodies.undistorted.reshape(2, views, people * keypoints),
            bodies.score.reshape(views, people * keypoints),
            scale.reshape(views, people * keypoints),
            expected=prior,
            deadline=self._deadline,
        )
        self._refined &= found.refined
        shape = people, keypoints
        return Measured(
            found.xyz.reshape(*shape, 3),
            found.covariance.reshape(*shape, 3, 3),
            found.views.reshape(shape),
            found.error.reshape(shape),
            found.misfit.reshape(shape),
            found.used.reshape(views, *shape),
        )

    def _correct(
        self, measured: Measured, bodies: Bodies, seconds: float
    ) -> tuple[Indices, Doubles]:
        """Everybody meets what was measured, seconds after the instant before; (P, K) views that
        agreed, and their error.
        """
        people = self._people
        known = np.isfinite(people.state[..., 0]) & (self._now - people.measured_at <= MAX_LOST_S)
        agreed = measured.views >= 2
        place, noise = measured.xyz, measured.covariance
        off, gain = kalman.compared(people.state, people.covariance, place, noise)
        near = known & agreed & (off < GATE_SIGMAS**2)
        sure = measured.views >= min(RELIABLE_VIEWS, len(self._rig))
        self._variances.add(
            np.where(near & sure, off / SPACE_DIMENSIONS, np.nan), gain, measured.misfit
        )
        anew = measured.begins & ~near & (~known | (measured.views >= RELIABLE_VIEWS))
        state, covariance = people.state.reshape(-1, 6), people.covariance.reshape(-1, 6, 6)
        xyz, noise = place.reshape(-1, 3), noise.reshape(-1, 3, 3)
        met = near | anew
        people.measured_at[met] = self._now
        people.measured = np.where(met[..., None], measured.xyz, np.nan)
        views = np.where(met, measured.views, 0)
        error = np.where(met, measured.error, np.nan)
        others = np.flatnonzero(known & ~met & (bodies.score > 0).any(0))
        rows = np.flatnonzero(near)
        before, place, sigma = covariance.take(rows, 0), xyz.take(rows, 0), noise.take(rows, 0)
        # Two views alone may agree on what is wrong.
        before = kalman.widened(before, np.where(sure, off, 0.0).take(rows), seconds)
        if len(others):
            guided, spread, views.flat[others] = self._guided(others, bodies)
            rows, before = np.append(rows, others), np.append(before, covariance[others], 0)
            place, sigma = np.concatenate([place, guided]), np.concatenate([sigma, spread])
        state[rows], covariance[rows] = kalman.updated(state.take(rows, 0), before, place, sigma)
        rows = np.flatnonzero(anew)
        if len(rows):
            state[rows], covariance[rows] = kalman.fresh(xyz[rows], noise[rows])
        return views, error

    def _guided(self, rows: Indices, bodies: Bodies) -> tuple[Doubles, Doubles, Indices]:
        """Keypoints on which no two views agree, places (M,) of all, by views that fit what their
        filters expect: (M, 3) where these have them, covariances, and how many they count as.
        """
        views, _, keypoints = bodies.score.shape
        state = self._people.state.reshape(-1, 6).take(rows, 0)
        prior = self._people.covariance.reshape(-1, 6, 6).take(rows, 0)
        score = bodies.score.reshape(views, -1).take(rows, 1)
        there, slope = self._rig.linearised(state[:, :3].T)
        depth = self._rig.rotations[:, 2] @ state[:, :3].T + self._rig.translations[:, 2:]
        sigma = self._association.deviations_of(depth, rows % keypoints)
        off = bodies.undistorted.reshape(2, views, -1).take(rows, 2) - there  # NaN = not seen
        variance = (sigma * self._variances.share[rows % keypoints]) ** 2 / np.maximum(score, 1e-3)
        place, noise, on = kalman.guided(state, prior, off, slope, variance, GATE_SIGMAS)
        return place, noise, np.asarray(on.any(0), np.int64)

    def _remember(self, chosen: Indices, seen: Sightings, measured: Measured) -> None:
        people = self._people
        if seen.id.shape[1]:
            own = seen.id[np.arange(len(self._rig)), chosen]
            people.memory = np.where(chosen >= 0, own, people.memory)
        views = measured.views.take(self._body, 1)
        met = (views >= 2).sum(1) >= MIN_COMMON_KEYPOINTS
        people.seen_at[met] = self._now
        people.sightings[met] += 1
        most = np.where(met, views.max(1, initial=0), 0)
        people.confirmed |= (people.sightings >= CONFIRMING_FRAMES) | (most >= RELIABLE_VIEWS)

    def _welcome(
        self, seen: Sightings, chosen: Indices, views: Indices, error: Doubles
    ) -> tuple[Indices, Indices, Doubles]:
        """New people of the detections that are left, or those who were lost."""
        free = np.add.reduce(seen.score.take(self._body, 2) > 0, 2) >= MIN_COMMON_KEYPOINTS
        person, view = np.nonzero(chosen >= 0)
        free[view, chosen[person, view]] = False
        clusters = self._association.cluster(seen, free)
        if not len(clusters):
            return chosen, views, error
        bodies = self._gathered(seen, clusters)
        deviations = self._association.deviations(np.full(bodies.score.shape[:2], FIRST_DEPTH_M))
        rough = self._measure(bodies, deviations)
        deviations = self._deviations(rough.xyz)
        xyz, turned = self._heads.put_right(rough.xyz, MIN_NEW_HEAD_COSINE)
        spread = np.where(turned[..., None, None], HEAD_VARIANCE, np.nan)
        there, prior = self._association.project_undistorted(xyz), Expected.of(xyz, spread)
        bodies = self._consistency.corrected(there, bodies, deviations, prior, self._deadline)
        measured = self._measure(bodies, deviations).beginning()
        limbs = self._bones.measured(measured.xyz)[:, self._bones.body]
        good = (measured.views[:, self._body] >= 2).sum(1) >= MIN_COMMON_KEYPOINTS
        good &= (limbs > self._bones.longest).sum(1) <= 0.25 * np.isfinite(limbs).sum(1)
        good &= ~self._is_there(measured.xyz)
        for n in np.flatnonzero(good):
            one = measured.at(slice(n, n + 1))
            row = self._returned(one.xyz[0])
            if row is None:
                self._people = self._people.and_(self._nobody(1))
                row = len(self._people) - 1
                self._people.id[row] = self._next
                self._next += 1
                chosen = np.concatenate([chosen, clusters[n : n + 1]])
                views = np.concatenate([views, one.views])
                error = np.concatenate([error, one.error])
            else:
                chosen[row], views[row], error[row] = clusters[n], one.views[0], one.error[0]
            self._begin(row, one, clusters[n], seen)
        return chosen, views, error

    def _begin(self, row: int, one: Measured, cluster: Indices, seen: Sightings) -> None:
        people = self._people
        on = one.views[0] >= 2
        people.state[row, on], people.covariance[row, on] = kalman.fresh(
            one.xyz[0, on], one.covariance[0, on]
        )
        people.measured_at[row] = np.where(on, self._now, -np.inf)
        people.seen_at[row] = self._now
        people.sightings[row] += 1
        people.confirmed[row] |= one.views[:, self._body].max() >= RELIABLE_VIEWS
        for v in np.flatnonzero(cluster >= 0):
            people.memory[row, v] = seen.id[v, cluster[v]]

    def _is_there(self, xyz: Doubles) -> Mask:
        """(C,) whether a body is somebody who is tracked and was just seen."""
        there = self._expected()[self._now - self._people.seen_at <= MAX_CARRIED_S]
        one, other = np.indices((len(xyz), len(there))).reshape(2, -1)
        alike = self._association.alike(xyz[one], there[other]).reshape(len(xyz), -1)
        return np.asarray(alike.max(1, initial=0) > 0.3, bool)

    def _returned(self, xyz: Doubles) -> int | None:
        """The row of the person, lost a while ago, who most likely is this body."""
        people = self._people
        away = self._now - people.seen_at
        middle = middles(xyz[None, self._body])[0]
        expected = people.state[:, self._body, :3]
        best: tuple[float, int] | None = None
        for row in np.flatnonzero((away > 0) & (away <= MAX_LOST_S)):
            if not np.isfinite(expected[row]).any():
                continue
            gap = float(np.linalg.norm(middles(expected[[row]])[0] - middle))
            if gap < 0.3 + WALKING_SPEED * away[row] and (best is None or gap < best[0]):
                best = gap, int(row)
        return best[1] if best else None

    def _learn(self, views: Indices) -> None:
        """Bone lengths are learnt where both ends are reliable, and imposed where one is not."""
        people = self._people
        if self._now >= self._learnt + LEARNING_INTERVAL_S:
            self._learn_lengths(views)
        xyz, weak = people.state[..., :3], views < RELIABLE_VIEWS
        people.state[..., :3] = self._bones.fitted(xyz, people.believed, weak)

    def _learn_lengths(self, views: Indices) -> None:
        people, self._learnt = self._people, self._now
        enough = RELIABLE_VIEWS if views.max(initial=0) >= RELIABLE_VIEWS else 2
        reliable = np.where((views >= enough)[..., None], people.state[..., :3], np.nan)
        # Two views may agree on what is wrong, frame after frame.
        trust = np.where(views >= RELIABLE_VIEWS, 1.0, TWO_VIEWS_VARIANCE)
        noise = people.covariance[..., :3, :3] * trust[..., None, None]
        people.lengths, people.evidence = self._bones.learn(
            *(people.lengths, people.evidence, reliable, noise),
            believed=(people.believed, people.deviation),
        )
        people.believed, people.deviation = self._bones.believed(people.lengths, people.evidence)

    def _whole(self, views: Indices) -> Doubles:
        """(P, K, 3) people as their filters, views (P, K) and rigid bones together have them.

        The filters themselves stay as they are: what bones say is the same at all times, and would
        count again and again.
        """
        people, held = self._people, self._bones.held
        lengths = np.where(held, people.believed, np.nan)
        steady = np.clip(self._variances.ratio, MIN_STEADY_SHARE, 1.0)
        covariance = people.covariance[..., :3, :3] * steady[:, None, None]
        xyz, done = self._refinement.refined(
            *(people.state[..., :3], covariance, lengths),
            np.hypot(BONE_LENGTH_SIGMA * lengths, people.deviation),
            np.where(views >= RELIABLE_VIEWS, MAX_BONE_SIGMAS, np.inf),
            deadline=self._deadline,
        )
        self._refined &= done
        # What few views say of a keypoint never stretches a bone beyond belief.
        weak = views < RELIABLE_VIEWS
        return self._bones.fitted(xyz, lengths, weak, 2 * BONE_LENGTH_SIGMA)

    def _time_views(self, time: float, views: Sequence[View | None], bodies: Bodies) -> None:
        """How far each view's sightings are from their time shows in people who move."""
        late = np.array([0.0 if view is None else view.frame.time - time for view in views])
        self.timing.add(self._now, late, self._people.id, self._people.state[..., :3], bodies)

    def _leave(self, chosen: Indices, views: Indices, error: Doubles) -> Poses3D:
        """Delete tracks that were lost for too long; return the confirmed ones."""
        people, away = self._people, self._now - self._people.seen_at
        keep = away <= np.where(people.confirmed, MAX_LOST_S, MAX_CARRIED_S)
        keep &= ~self._association.duplicates(self._expected())
        if not keep.all():
            self._people = people = people.only(keep)
            chosen, views, error, away = chosen[keep], views[keep], error[keep], away[keep]
        shown = people.confirmed & ((away <= MAX_CARRIED_S) | (chosen >= 0).any(1))
        stale = self._now - people.measured_at > MAX_CARRIED_S
        xyz = np.where(stale[..., None], np.nan, self._whole(views))
        shown &= np.isfinite(xyz[:, self._body, 0]).sum(1) >= MIN_COMMON_KEYPOINTS
        rows = np.flatnonzero(shown)
        return Poses3D(
            self._skeleton,
            people.id.take(rows),
            xyz.take(rows, 0).astype(np.float32),
            error.take(rows, 0).astype(np.float32),
            views.take(rows, 0),
            ((views < 2) & ~stale).take(rows, 0),
            chosen.take(rows, 0),
            self._refined,
            covariance=self._uncertainty(xyz).take(rows, 0),
            measured=people.measured.take(rows, 0).astype(np.float32),
        )

    def _uncertainty(self, xyz: Doubles) -> Floats:
        """(P, K, 3, 3) covariances of keypoints, as residuals show them; NaN = not known."""
        covariance = self._people.covariance[..., :3, :3] * self._variances.ratio[:, None, None]
        covariance[np.isnan(xyz[..., 0])] = np.nan
        return covariance.astype(np.float32)
