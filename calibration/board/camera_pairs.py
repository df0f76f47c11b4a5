"""How two cameras stand to each other, from boards that both saw; all cameras along such pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np

from calibration.board.board_poses_in_rig import Pose, boards_in_space
from calibration.board.detection import Sighting
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import free_poses
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError
from calibration.geometry.spanning_tree import spanning_tree

# Boards that two cameras must see together: of two, one may be a flipped pose.
MIN_SHARED_BOARDS = 3
# Boards that a pair's pose is guessed from, and judged by: bounds the time, which grows with the
# square.
MAX_PAIR_BOARDS = 40
HUBER_SIGMAS = 3.0  # deviations beyond which residuals count linearly: 1 % of Gaussian ones


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


def camera_pairs(
    cameras: Sequence[Camera],
    seen: Sequence[Mapping[int, Sighting]],
    poses: Sequence[Mapping[int, list[Pose]]],
    points: Doubles,
) -> list[Pair]:
    found = []
    for a, b in combinations(range(len(cameras)), 2):
        common = sorted(poses[a].keys() & poses[b].keys())
        if len(common) < MIN_SHARED_BOARDS:
            continue
        some = [
            common[n]
            for n in np.linspace(0, len(common) - 1, min(MAX_PAIR_BOARDS, len(common))).astype(int)
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
        done = adjust(scene, sights, free_poses(two), huber=HUBER_SIGMAS, steps=30)
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


def joining_pairs(
    cameras: Sequence[Camera],
    pairs: Sequence[Pair],
    poses: Sequence[Mapping[int, list[Pose]]],
) -> list[Pair]:
    """The pairs that join all cameras with the least deviation."""
    tree, lone = spanning_tree(len(cameras), sorted(pairs, key=lambda one: one.deviation))
    if lone:
        reasons = []
        for n in lone:
            shared = {
                m: len(poses[n].keys() & poses[m].keys()) for m in range(len(cameras)) if m != n
            }
            most = max(shared, key=lambda m: shared[m])
            reasons.append(
                f"{cameras[n].name} saw the board {len(poses[n])} times, but at most "
                f"{shared[most]} times together with another camera ({cameras[most].name})"
            )
        raise CalibrationError(
            f"Not all cameras are connected: {'; '.join(reasons)}. Show each pair of neighbouring "
            f"cameras at least {MIN_SHARED_BOARDS} boards at once; if the videos are not "
            "synchronised, add --sync board."
        )
    return tree


def place_cameras(cameras: Sequence[Camera], tree: Sequence[Pair]) -> tuple[Camera, ...]:
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
