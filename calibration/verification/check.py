"""What the cameras of a rig see in common, people or boards, to tell whether it still is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from calibration.board.board_poses_in_rig import boards_in_space, fitted
from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.geometry.arrays import Ints
from calibration.geometry.bundle_scene import Scene, Sights
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import BoardError, CalibrationError
from calibration.people.cross_view_matching import all_couples, gather, observed
from calibration.people.degeneracy import MIN_SHARED_INSTANTS, why_apart
from calibration.people.observations import Crowd, couples, thinned
from calibration.people.relative_pose import relative_poses
from calibration.people.shift_statistic import stands
from calibration.verification.moved_cameras import LOOSE_SCALE, RigCheck, compare

MAX_INSTANTS = 300  # of longer footage: bounds the time of putting people together
# People, each at one instant, that cameras are judged by: bounds the time of an adjustment.
MAX_PEOPLE = 80
# Boards that a camera must share with another one: of two, one may be a flipped pose.
MIN_BOARDS = 3
# Of what cameras have in common as a rule, below which one may look elsewhere (rule of thumb).
FEW_SHARE = 0.5


def check_people(rig: Rig, crowds: Sequence[Crowd]) -> RigCheck:
    """By people whose cameras see them at the same instants.

    CalibrationError where a camera has nobody in common with others.
    """
    crowds = thinned(crowds, MAX_INSTANTS)

    def associate(cameras: Sequence[Camera], loose: float) -> tuple[Scene, Sights, Ints]:
        rows = gathered(cameras, crowds, loose)
        lone = np.flatnonzero(in_common(rows) < MIN_SHARED_INSTANTS).tolist()
        if lone:
            raise CalibrationError(why_apart(cameras, crowds, lone))
        some = rows[np.linspace(0, len(rows) - 1, min(len(rows), MAX_PEOPLE)).astype(int)]
        seen = observed(crowds, some)
        found = seen.triangulated(Rig(tuple(cameras)), loose)
        bodies = stands(found.xyz.reshape(*seen.score.shape[1:], 3))
        known = np.isfinite(found.xyz[:, 0])
        sights, own = seen.sights((seen.score > 0).reshape(len(cameras), -1) & known)
        scene = Scene(tuple(cameras), found.xyz[own])
        sights = sights[np.flatnonzero(np.isfinite(scene.residuals(sights)).all(1))]
        return scene, sights, bodies[own // seen.score.shape[2]]

    count = in_common(gathered(rig.cameras, crowds, LOOSE_SCALE))
    usual = float(np.median(count)) if len(rig) > 2 else float(MIN_SHARED_INSTANTS)
    lost = np.flatnonzero(count < max(FEW_SHARE * usual, MIN_SHARED_INSTANTS)).tolist()
    guesses = {}
    for number in lost:
        found = _looked_for(rig, crowds, number)
        if found is not None:
            guesses[number] = found
    return compare(rig, associate, guesses)


def gathered(cameras: Sequence[Camera], crowds: Sequence[Crowd], loose: float) -> Ints:
    own = [replace(crowd, sigma=loose * crowd.sigma) for crowd in crowds]
    return gather(cameras, own, all_couples(cameras, own))


def in_common(rows: Ints) -> Ints:
    """(V,) people whom a camera sees together with others."""
    there = rows >= 0
    return np.asarray(there[there.sum(1) > 1].sum(0), np.int64)


def _looked_for(rig: Rig, crowds: Sequence[Crowd], number: int) -> Camera | None:
    """The camera turned on the spot until it sees what another one does; None where it never does
    so.
    """
    rng = np.random.default_rng(0)
    best: tuple[float, Camera] | None = None
    for other, camera in enumerate(rig.cameras):
        if other == number:
            continue
        two = crowds[other], crowds[number]
        poses = relative_poses(couples((camera, rig.cameras[number]), two), two, rng, most=1)
        if poses and (best is None or poses[0].score > best[0]):
            turn = poses[0].rotation @ camera.rotation
            shift = -turn @ rig.cameras[number].centre
            moved = replace(rig.cameras[number], rotation=turn, translation=shift)
            best = poses[0].score, moved
    return None if best is None else best[1]


def check_board(rig: Rig, seen: Sequence[Mapping[int, Sighting]], board: Board) -> RigCheck:
    """By a board that cameras see at the same instants (by camera and instant)."""
    if board.ambiguous:
        raise BoardError(
            f"A {board} looks the same upside down, so two cameras may see it turned by 180 "
            "degrees; use a chessboard with one even and one odd number, or a ChArUco board."
        )
    alone, poses = fitted(rig.cameras, seen, board.points)
    placed = [
        replace(one, rotation=was.rotation, translation=was.translation)
        for one, was in zip(alone, rig.cameras, strict=True)
    ]
    instants = sorted(n for n in set().union(*poses) if sum(n in own for own in poses) > 1)
    for camera, own in zip(placed, poses, strict=True):
        common = len(own.keys() & set(instants))
        if common < MIN_BOARDS:
            raise CalibrationError(
                f"{camera.name} saw the board {common} times together with another camera; "
                f"show it to two cameras at once at least {MIN_BOARDS} times."
            )

    def associate(cameras: Sequence[Camera], loose: float) -> tuple[Scene, Sights, Ints]:
        scene, sights = boards_in_space(cameras, seen, poses, instants, board.points)
        return scene, replace(sights, weight=sights.weight / loose), np.arange(len(instants))

    return compare(Rig(tuple(placed)), associate)
