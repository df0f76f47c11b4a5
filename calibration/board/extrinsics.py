"""Where the cameras of a rig stand, from a board that several of them see at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np

from calibration.board.board_pose import board_poses
from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import Adjusted, adjust
from calibration.geometry.bundle_scene import CENTRE, FOCAL, LENS, Scene, Sights, held
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import BoardError, CalibrationError, RigError

LEAST = 3  # boards that two cameras must see together
TRIED = 40  # boards that a pair's pose is guessed from, and judged by
HUBER = 3.0  # deviations
OUTLIER = 8.0  # deviations: a hasty board and cameras that are not quite in step have long tails
ROUNDS = 2
# Standard deviations of lenses that are refined: focal lengths and centre in focal lengths, radial
# terms.
FOCUS, AXIS, BEND = 0.03, 0.02, 0.05
SQUARE = 0.001  # of the focal length, by which both may drift apart
MAD = 1.1774  # median length of a residual of deviation 1 in two dimensions

Pose = tuple[Doubles, Doubles]  # (3, 3), (3,)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What two cameras say about each other. pose: of the second in the first's frame; boards:
    how many both saw; deviation: of the translation, metres.
    """

    first: int
    second: int
    pose: Pose
    boards: int
    deviation: float


@dataclass(frozen=True, slots=True, eq=False)
class Extrinsics:
    """A calibrated rig. instants: of the boards. sights: all that entered, `good` (N,) those that
    were kept; residuals: (N, 2) pixels of all.
    """

    rig: Rig
    scene: Scene
    instants: list[int]
    sights: Sights
    good: np.ndarray[tuple[int], np.dtype[np.bool_]]
    residuals: Doubles
    tree: list[Pair]
    reason: str

    @property
    def rms(self) -> float:
        """Pixels, over the corners that were kept."""
        return float(np.sqrt((self.residuals[self.good] ** 2).sum(1).mean()))


def locate(
    cameras: Sequence[Camera],
    seen: Sequence[Mapping[int, Sighting]],
    board: Board,
    *,
    refine: bool = False,
) -> Extrinsics:
    """The rig of cameras with known lenses; the first one's frame is the world's.

    seen: by camera and instant. refine: focal lengths, centres and two radial terms move too, near
    what they were. CalibrationError where they are not connected, RigError where
    pictures are not of the size that a camera was calibrated for, BoardError for boards that look
    the same upside down.
    """
    if board.ambiguous:
        raise BoardError(
            f"A {board} looks the same upside down, so that two cameras may disagree by half a "
            "turn; take a chessboard with one even and one odd number, or ChArUco."
        )
    if len(cameras) < 2:
        raise CalibrationError("A rig needs two cameras at least: give --source for each.")
    points = board.points
    fitting, poses = fitted(cameras, seen, points)
    pairs = _pairs(fitting, seen, poses, points)
    tree = _tree(fitting, pairs, poses)
    placed = _placed(fitting, tree)
    instants = sorted(n for n in set().union(*poses) if sum(n in own for own in poses) > 1)
    scene, sights = boards_in_space(placed, seen, poses, instants, points)
    free = held(placed)
    done = adjust(scene, sights, free, huber=HUBER)
    good = np.ones(len(sights), bool)
    for _ in range(ROUNDS):
        length = np.linalg.norm(done.scene.residuals(sights), axis=1)
        deviation = max(float(np.median(length[good])) / MAD, 0.05)
        good = length <= OUTLIER * deviation
        weighed = replace(sights, weight=np.full(len(sights), 1 / deviation))
        done = adjust(done.scene, weighed[np.flatnonzero(good)], free, huber=HUBER)
    if refine:
        done = _refined(done.scene, weighed[np.flatnonzero(good)])
    residuals = done.scene.residuals(sights)
    return Extrinsics(
        Rig(done.scene.cameras), done.scene, instants, sights, good, residuals, tree, str(done.stop)
    )


def fitted(
    cameras: Sequence[Camera], seen: Sequence[Mapping[int, Sighting]], points: Doubles
) -> tuple[list[Camera], list[dict[int, list[Pose]]]]:
    """The cameras for the size of their pictures, at the origin; and by camera and instant the
    poses that the board may have. RigError where the sizes differ.
    """
    poses: list[dict[int, list[Pose]]] = []
    fitting = []
    for camera, own in zip(cameras, seen, strict=True):
        sizes = {one.size for one in own.values()}
        if len(sizes) > 1:
            raise RigError(f"{camera.name} has pictures of several sizes; give one size.")
        alone = replace(camera, rotation=np.eye(3), translation=np.zeros(3))
        fitting.append(alone.scaled(sizes.pop()) if sizes else alone)
        found = {n: board_poses(fitting[-1], points[s.ids], s.xy) for n, s in own.items()}
        poses.append({n: some for n, some in found.items() if some})
    return fitting, poses


def _refined(scene: Scene, sights: Sights) -> Adjusted:
    """With the lenses as free as a calibration of their own is wrong at times."""
    free = held(scene.cameras)
    prior = np.full(free.shape, np.inf)
    for n, camera in enumerate(scene.cameras):
        radial = LENS + min(2, len(camera.distortion))
        free[n, FOCAL:radial] = True
        focal = float(camera.matrix[0, 0])
        prior[n, FOCAL:CENTRE], prior[n, CENTRE:LENS] = FOCUS * focal, AXIS * focal
        prior[n, LENS:] = BEND
    return adjust(scene, sights, free, huber=HUBER, prior=prior, square=SQUARE * focal)


def _pairs(
    cameras: Sequence[Camera],
    seen: Sequence[Mapping[int, Sighting]],
    poses: Sequence[Mapping[int, list[Pose]]],
    points: Doubles,
) -> list[Pair]:
    found = []
    for a, b in combinations(range(len(cameras)), 2):
        common = sorted(poses[a].keys() & poses[b].keys())
        if len(common) < LEAST:
            continue
        some = [
            common[n] for n in np.linspace(0, len(common) - 1, min(TRIED, len(common))).astype(int)
        ]
        candidates = [
            _relative(one, other) for at in some for one in poses[a][at] for other in poses[b][at]
        ]
        turn, shift = min(
            candidates,
            key=partial(
                _disagreement,
                camera=cameras[b],
                seen=seen[b],
                poses=poses[a],
                instants=some,
                points=points,
            ),
        )
        two = (cameras[a], replace(cameras[b], rotation=turn, translation=shift))
        scene, sights = boards_in_space(two, (seen[a], seen[b]), (poses[a], poses[b]), some, points)
        done = adjust(scene, sights, held(two), huber=HUBER, steps=30)
        one = done.scene.cameras[1]
        rms = np.sqrt(2 * done.cost / max(len(sights), 1))
        deviation = float(np.linalg.norm(done.deviations()[1, 3:6]) * rms)
        found.append(Pair(a, b, (one.rotation, one.translation), len(common), deviation))
    return found


def _relative(one: Pose, other: Pose) -> Pose:
    """What takes the first camera's frame to the second's, by a board that both saw."""
    turn = other[0] @ one[0].T
    return turn, other[1] - turn @ one[1]


def _disagreement(
    candidate: Pose,
    camera: Camera,
    seen: Mapping[int, Sighting],
    poses: Mapping[int, list[Pose]],
    instants: Sequence[int],
    points: Doubles,
) -> float:
    """Mean over the boards of the pixels, at most 50, by which the second camera misses them where
    the first says they are.
    """
    there = replace(camera, rotation=candidate[0], translation=candidate[1])
    total = 0.0
    for at in instants:
        own = points[seen[at].ids]
        errors = [50.0]
        for turn, shift in poses[at]:
            off = np.linalg.norm(there.project(own @ turn.T + shift) - seen[at].xy, axis=1)
            if np.isfinite(off).all():
                errors.append(float(off.mean()))
        total += min(errors)
    return total / len(instants)


def _tree(
    cameras: Sequence[Camera],
    pairs: Sequence[Pair],
    poses: Sequence[Mapping[int, list[Pose]]],
) -> list[Pair]:
    """The pairs that join all cameras with the least deviation (Kruskal's spanning tree)."""
    group = list(range(len(cameras)))
    tree = []
    for pair in sorted(pairs, key=lambda one: one.deviation):
        a, b = group[pair.first], group[pair.second]
        if a != b:
            tree.append(pair)
            group = [a if own == b else own for own in group]
    lone = [n for n in range(len(cameras)) if group[n] != group[0]]
    if lone:
        reasons = []
        for n in lone:
            shared = {
                m: len(poses[n].keys() & poses[m].keys()) for m in range(len(cameras)) if m != n
            }
            most = max(shared, key=lambda m: shared[m])
            reasons.append(
                f"{cameras[n].name} saw the board {len(poses[n])} times, at most {shared[most]} of "
                f"them together with another camera ({cameras[most].name})"
            )
        raise CalibrationError(
            f"Not all cameras are connected: {'; '.join(reasons)}. Hold the board where two "
            f"cameras see it at once, {LEAST} times at least; videos that are not in step need "
            "--sync board."
        )
    return tree


def _placed(cameras: Sequence[Camera], tree: Sequence[Pair]) -> tuple[Camera, ...]:
    """All cameras in the first one's frame, along the tree."""
    known: dict[int, Pose] = {0: (np.eye(3), np.zeros(3))}
    while len(known) < len(cameras):
        for pair in tree:
            turn, shift = pair.pose
            if pair.first in known and pair.second not in known:
                own = known[pair.first]
                known[pair.second] = turn @ own[0], turn @ own[1] + shift
            elif pair.second in known and pair.first not in known:
                own = known[pair.second]
                known[pair.first] = turn.T @ own[0], turn.T @ (own[1] - shift)
    return tuple(
        replace(camera, rotation=known[n][0], translation=known[n][1])
        for n, camera in enumerate(cameras)
    )


def boards_in_space(
    cameras: Sequence[Camera],
    seen: Sequence[Mapping[int, Sighting]],
    poses: Sequence[Mapping[int, list[Pose]]],
    instants: Sequence[int],
    points: Doubles,
) -> tuple[Scene, Sights]:
    """Each board where the view says that suits the other cameras best."""
    turns, shifts, parts = [], [], []
    for target, at in enumerate(instants):
        those = [n for n, own in enumerate(poses) if at in own]
        best: tuple[float, Pose] | None = None
        for n in those:
            camera = cameras[n]
            for turn, shift in poses[n][at]:
                pose = camera.rotation.T @ turn, camera.rotation.T @ (shift - camera.translation)
                total = 0.0
                for m in those:
                    sight = seen[m][at]
                    off = cameras[m].project(points[sight.ids] @ pose[0].T + pose[1]) - sight.xy
                    length = np.nan_to_num(np.linalg.norm(off, axis=1), nan=200.0)
                    total += float(np.minimum(length, 200.0).sum())
                if best is None or total < best[0]:
                    best = total, pose
        assert best is not None
        turns.append(best[1][0])
        shifts.append(best[1][1])
        for n in those:
            sight = seen[n][at]
            rows = len(sight)
            parts.append((np.full(rows, n), np.full(rows, target), points[sight.ids], sight.xy))
    camera_of, target_of, local, xy = (np.concatenate(part) for part in zip(*parts, strict=True))
    scene = Scene(tuple(cameras), np.stack(shifts), np.stack(turns))
    sights = Sights(camera_of, target_of, local, xy, np.ones(len(xy)))
    # A board behind a camera that saw it is a wrong guess; it must not stop the others.
    return scene, sights[np.flatnonzero(np.isfinite(scene.residuals(sights)).all(1))]


def on_board(found: Extrinsics, board: Board, instant: int) -> Rig:
    """The rig with the world on the board as it lay at `instant`: origin in its outer corner, X
    along the columns, Z up from the printed side.
    """
    if instant not in found.instants:
        usable = found.instants
        raise CalibrationError(
            f"--origin {instant}: no two cameras see the board then; they do at "
            f"{', '.join(map(str, usable[:8]))}{' …' if len(usable) > 8 else ''}."
        )
    assert found.scene.rotations is not None
    at = found.instants.index(instant)
    # The board's own z points into it.
    turn = found.scene.rotations[at] @ np.diag([1.0, -1.0, -1.0])
    shift = found.scene.translations[at]
    return Rig(
        tuple(
            replace(
                camera,
                rotation=camera.rotation @ turn,
                translation=camera.rotation @ shift + camera.translation,
            )
            for camera in found.rig.cameras
        )
    )
