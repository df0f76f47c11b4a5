"""Who in one view is who in another.

People who are tracked already are projected into every view and meet its detections there, as in
"Cross-View Tracking for Multi-Human 3D Pose Estimation at over 100 FPS" (Chen et al., CVPR'20);
detections that are left become new people where they agree on one body in 3D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import lap
import numpy as np

from calibration.geometry.camera import Rig
from calibration.geometry.linear_triangulation import Lines, cross
from engines.types.arrays import Doubles, Indices, Mask
from engines.types.skeleton import Skeleton
from realtime.types.results import View

# s of COCO's OKS, the square root of a person's area: an upright adult's 1.7 m by 0.3 m.
PERSON_SCALE_M = 0.7
NETWORK_RASTER = 0.004  # picture heights, the standard deviation that a network's raster adds
PART_RASTER = 0.001  # the same of hands and faces, which are seen in crops of their own
MIN_DEPTH_M = 0.3  # bounds the angle that a keypoint may be off by when somebody is very near
MIN_COMMON_KEYPOINTS = 4  # bounds chance matches: two bodies with fewer in common are not compared
# OKS from which a detection may be a tracked person, from which detections may be a new one, and
# what is added where a 2D track was that person before: low, since sides and depths may be wrong.
MIN_MATCH_OKS = 0.25
MIN_CLUSTER_OKS = 0.35
SAME_TRACK_BONUS = 0.15
MIN_DUPLICATE_OKS = 0.6  # from which on two tracks are the same person
NOBODY = -1


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """The detections of all views, padded to D a view.

    undistorted: (2, V, D, K) normalised coordinates, components first, NaN = not found. score:
    (V, D, K), 0 = not found. id: (V, D) of 2D tracks, -1 = none.
    """

    undistorted: Doubles
    score: Doubles
    id: Indices

    @classmethod
    def of(cls, rig: Rig, views: Sequence[View | None], skeleton: Skeleton) -> Sightings:
        """What the views saw, by cameras in the order of the rig.

        Pictures of another size than the camera's are scaled; carried keypoints are no sightings.
        """
        counts = [0 if view is None else len(view.tracks) for view in views]
        shape = len(rig), max(counts, default=0), len(skeleton.keypoints)
        xy, score = np.full((*shape, 2), np.nan), np.zeros(shape)
        ids = np.full(shape[:2], NOBODY, np.int64)
        for v, (view, count) in enumerate(zip(views, counts, strict=True)):
            if view is None or not count:
                continue
            poses, camera = view.tracks.poses, rig.cameras[v]
            xy[v, :count] = camera.from_picture(poses.xy.astype(np.float64), view.frame.size)
            score[v, :count] = np.where(view.tracks.filled, 0.0, poses.score)
            ids[v, :count] = view.tracks.id
        undistorted = np.ascontiguousarray(rig.normalise(xy).transpose(3, 0, 1, 2))
        score = np.where(np.isfinite(undistorted[0]), np.maximum(score, 0.0), 0.0)
        undistorted = np.where(score > 0, undistorted, np.nan)
        return cls(undistorted, score, ids)


class Association:
    """Compares 3D people with detections by their bodies, for one rig and skeleton.

    body: (B,) the keypoints that count.
    """

    def __init__(self, rig: Rig, skeleton: Skeleton) -> None:
        self._rig = rig
        self.body = np.array(skeleton.body)
        self._ones = np.ones(len(self.body), np.float32)
        self._sigmas = np.array(skeleton.sigmas)
        self._annotators = (PERSON_SCALE_M * self._sigmas) ** 2  # square metres
        heights = np.array([camera.size[1] for camera in rig.cameras])
        parts = {*skeleton.left_hand, *skeleton.right_hand, *skeleton.face} - {*skeleton.body}
        rasters = np.full(len(skeleton.keypoints), NETWORK_RASTER)
        rasters[list(parts)] = PART_RASTER
        self._raster = (heights / rig.focals.mean(1))[:, None] * rasters  # (V, K), undistorted
        self._squared_raster = self._raster**2

    def deviations(self, depth: Doubles) -> Doubles:
        """(V, ..., K) standard deviations of sightings, in undistorted coordinates, at depths
        (V, ...), metres: what COCO's annotators differ by, and the network's raster.
        """
        views, keypoints = self._raster.shape
        raster = self._squared_raster.reshape(views, *[1] * (depth.ndim - 1), keypoints)
        nearer = np.maximum(depth, MIN_DEPTH_M) ** -2
        variances = nearer[..., None] * self._annotators
        variances += raster
        return np.sqrt(variances, out=variances)

    def deviations_of(self, depth: Doubles, keypoint: Indices) -> Doubles:
        """(V, M) the same of single keypoints (M,) at depths (V, M)."""
        wide = self._annotators[keypoint] / np.maximum(depth, MIN_DEPTH_M) ** 2
        return np.asarray(np.sqrt(wide + self._squared_raster[:, keypoint]), np.float64)

    def depths(self, xyz: Doubles) -> Doubles:
        """(P, K, 3) bodies to (V, P) depths of their middles."""
        middle = middles(xyz[:, self.body])
        depth: Doubles = self._rig.rotations[:, 2] @ middle.T + self._rig.translations[:, 2:]
        return depth

    def similarity(self, there: Doubles, deviations: Doubles, seen: Sightings) -> Doubles:
        """(V, P, D) OKS of people and detections; 0 with too little in common.

        there: (2, V, P, K) undistorted, where they would be seen. deviations: (V, P, K) of that.
        """
        # Single precision tells as much of likeness, in half of the time.
        ours, theirs = (
            array.take(self.body, 3).astype(np.float32) for array in (there, seen.undistorted)
        )
        off = ours[:, :, :, None] - theirs[:, :, None]
        width = 2 * deviations.take(self.body, 2)
        with np.errstate(over="ignore"):  # of what is all but beside a camera
            off *= off
            square = off[0] + off[1]
            square *= (-0.5 / width**2).astype(np.float32)[:, :, None]
        fits = np.exp(square)
        known = np.isfinite(fits)
        # Sums over keypoints, as products with ones.
        common, alike = known @ self._ones, np.where(known, fits, np.float32(0)) @ self._ones
        few = common < MIN_COMMON_KEYPOINTS
        return np.where(few, 0.0, alike / np.maximum(common, 1)).astype(np.float64)

    def project_undistorted(self, xyz: Doubles) -> Doubles:
        """(P, K, 3) world points to (2, V, P, K) undistorted (normalised) coordinates.

        NaN behind a camera.
        """
        return self._rig.ideal(xyz.reshape(-1, 3).T).reshape(2, len(self._rig), *xyz.shape[:2])

    def alike(self, one: Doubles, other: Doubles) -> Doubles:
        """(N,) OKS in 3D of N pairs of bodies (N, K, 3)."""
        off = one.take(self.body, 1) - other.take(self.body, 1)
        square = np.vecdot(off, off)
        known = np.isfinite(square)
        wide = 4 * self._annotators[self.body]
        fits = np.where(known, np.exp(-0.5 * square / wide), 0.0)
        common = np.add.reduce(known, 1)
        return np.where(
            common >= MIN_COMMON_KEYPOINTS, np.add.reduce(fits, 1) / np.maximum(common, 1), 0.0
        )

    def duplicates(self, xyz: Doubles) -> Mask:
        """(P,) which of the bodies (P, K, 3) are an earlier one again."""
        newer, older = _pairs_of(len(xyz))
        again = np.zeros(len(xyz), bool)
        alike = self.alike(xyz.take(newer, 0), xyz.take(older, 0))
        again[newer[alike > MIN_DUPLICATE_OKS]] = True
        return again

    def follow(
        self, there: Doubles, deviations: Doubles, memory: Indices, seen: Sightings
    ) -> Indices:
        """(P, V) the detection of each person in each view, -1 = none.

        there: (2, V, P, K) undistorted, where they are expected. deviations: (V, P, K) of that.
        memory: (P, V) 2D ids that they had last.
        """
        chosen = np.full(memory.shape, NOBODY, np.int64)
        if not len(chosen) or not seen.score.shape[1]:
            return chosen
        alike = self.similarity(there, deviations, seen)
        known = (memory.T[:, :, None] == seen.id[:, None]) & (seen.id >= 0)[:, None]
        alike = np.where(alike > 0, alike + SAME_TRACK_BONUS * known, 0)
        best = np.where(alike.max(2) >= MIN_MATCH_OKS, alike.argmax(2), NOBODY)
        chosen[:] = best.T
        for view, own in enumerate(best.tolist()):
            taken = [detection for detection in own if detection >= 0]
            if len(set(taken)) == len(taken):  # nobody is in the way of anybody
                continue
            chosen[:, view] = NOBODY
            for person, detection in _assigned(alike[view], MIN_MATCH_OKS):
                chosen[person, view] = detection
        return chosen

    def cluster(self, seen: Sightings, free: Mask) -> Indices:
        """(C, V) detections of people who are new, -1 = not in that view.

        free: (V, D) detections that may be used. A pair of detections whose rays meet is a body;
        the body that most views agree upon comes first, and takes its detections.
        """
        clusters: list[Indices] = []
        left = free.copy()
        if free.any(1).sum() < 2:
            return np.empty((0, len(self._rig)), np.int64)
        alike = self._meeting(seen, free)
        while len(pairs := _pairs(alike, left)):
            support = self._support(seen, pairs, left)
            before = len(clusters)
            while (total := support.max(2).sum(0)).max() >= 2 * MIN_CLUSTER_OKS:
                # People on whom views agree alike come as they were seen, not as sums are rounded.
                best = int(total.round(4).argmax())
                row = np.where(support[:, best].max(1) > 0, support[:, best].argmax(1), NOBODY)
                clusters.append(row)
                views = np.flatnonzero(row >= 0)
                left[views, row[views]] = False
                taken = ~(left[pairs[:, 0], pairs[:, 1]] & left[pairs[:, 2], pairs[:, 3]])
                support[:, taken] = 0
                support *= left[:, None]
            if len(clusters) == before:
                break
        return np.array(clusters, np.int64).reshape(-1, len(self._rig))

    def _support(self, seen: Sightings, pairs: Indices, free: Mask) -> Doubles:
        """(V, H, D) how much each detection is the body of a pair, 0 = it is not."""
        bodies = self._bodies(seen, pairs)
        deviations = self.deviations(self.depths(bodies))
        alike = self.similarity(self.project_undistorted(bodies), deviations, seen)
        alike *= free[:, None]
        rows, columns = np.arange(len(pairs)), np.arange(alike.shape[2])
        for view, place in ((0, 1), (2, 3)):  # a pair holds to its own two detections
            alike[pairs[:, view], rows] *= columns == pairs[:, place, None]
        alike[alike < MIN_CLUSTER_OKS] = 0
        both = (alike > 0).any(2).sum(0) >= 2
        return np.where(both[:, None], alike, 0)

    def _meeting(self, seen: Sightings, free: Mask) -> Doubles:
        """(V, D, V, D) OKS of detections by the gaps between their rays; low ones are 0."""
        view, place = np.nonzero(free)
        one, other = np.nonzero(view[:, None] < view[None])
        undistorted = seen.undistorted[:, view, place][..., self.body]
        ahead = np.stack([*undistorted, np.ones_like(undistorted[0])], -1)
        rays = ahead @ self._rig.rotations[view]
        base = (self._rig.centres[view[other]] - self._rig.centres[view[one]])[:, None]
        a, b = rays[one], rays[other]
        normal = cross(a, b)
        size = (normal**2).sum(-1)
        with np.errstate(all="ignore"):
            # Depths along both rays of where they come closest, and the gap there.
            depth = (cross(base, b) * normal).sum(-1) / size
            beyond = (cross(base, a) * normal).sum(-1) / size
            gap = (base * normal).sum(-1) ** 2 / size
            annotators = 2 * PERSON_SCALE_M * self._sigmas[self.body] * np.sqrt(2)
            width = annotators + self._raster.max() * np.abs(depth)
            fits = np.where((depth > 0) & (beyond > 0), np.exp(-0.5 * gap / width**2), 0)
        known = np.isfinite(gap)
        common = known.sum(-1)
        mean = np.where(known, fits, 0).sum(-1) / np.maximum(common, 1)
        mean[(common < MIN_COMMON_KEYPOINTS) | (mean < MIN_CLUSTER_OKS)] = 0
        alike = np.zeros((*free.shape, *free.shape))
        alike[view[one], place[one], view[other], place[other]] = mean
        alike[view[other], place[other], view[one], place[one]] = mean
        return alike

    def _bodies(self, seen: Sightings, pairs: Indices) -> Doubles:
        """(H, K, 3) what each pair alone sees of the body."""
        count, keypoints = len(pairs), seen.score.shape[2]
        undistorted = np.full((2, len(self._rig), count, len(self.body)), np.nan)
        rows = np.arange(count)
        for view, place in ((0, 1), (2, 3)):
            both = seen.undistorted[:, pairs[:, view], pairs[:, place]]
            undistorted[:, pairs[:, view], rows] = both[..., self.body]
        rays = undistorted.reshape(2, len(self._rig), -1)
        found = np.isfinite(rays[0])
        xyz = Lines(self._rig, rays, found.astype(float), 1.0).solve(found).T
        xyz[found.sum(0) < 2] = np.nan
        whole = np.full((count, keypoints, 3), np.nan)
        whole[:, self.body] = xyz.reshape(count, -1, 3)
        return whole


def _pairs(alike: Doubles, free: Mask) -> Indices:
    """(H, 4) view, detection, view, detection: the best partner of each detection.

    Partners are the better the more third detections agree with both (cycles of three).
    """
    alike = alike * free[..., None, None] * free
    view, place = np.nonzero(alike.any((2, 3)))
    if not len(view):
        return np.empty((0, 4), np.int64)
    table = alike[view, place]  # (N, V, D)
    square = table[:, view, place]
    cycles = square.copy()
    for n in range(alike.shape[0]):
        cycles += np.minimum(table[:, None, n], table[None, :, n]).max(-1)
    partner = np.where(square > 0, cycles, 0).argmax(1)
    ends = np.sort(np.stack([np.arange(len(view)), partner], 1), axis=1)
    # By hand: numpy.unique loads a module of its own when first called, 70 ms of the first frame.
    codes = np.sort(ends @ [len(view), 1])
    codes = codes[np.diff(codes, prepend=-1) > 0]
    one, other = codes // len(view), codes % len(view)
    return np.stack([view[one], place[one], view[other], place[other]], 1)


def middles(xyz: Doubles) -> Doubles:
    """(P, 3) means of the known keypoints of bodies (P, K, 3), 0 where there are none."""
    known = np.isfinite(xyz)
    total = np.add.reduce(np.where(known, xyz, 0.0), 1)
    return np.asarray(total / np.maximum(np.add.reduce(known, 1), 1), np.float64)


@cache
def _pairs_of(people: int) -> tuple[Indices, Indices]:
    """All pairs of so many: the newer and the older one of each."""
    newer, older = np.tril_indices(people, -1)
    return newer, older


def _assigned(table: Doubles, min_oks: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of greatest total, each at least `min_oks`."""
    _, column_of, _ = lap.lapjv(1 - table, extend_cost=True, cost_limit=1 - min_oks)
    return [(row, int(column)) for row, column in enumerate(column_of) if column >= 0]
