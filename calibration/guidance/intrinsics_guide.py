"""Guidance while a camera is calibrated live: which views to take, and what to do next."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from calibration.board.board_pose import board_poses
from calibration.board.detection import Sighting
from calibration.board.lens_fit import scene_of
from calibration.board.target import Board
from calibration.board.view_diversity import ViewDiversity, missing, richer, variety
from calibration.board.view_selection import NO_INFORMATION, usable_blur, view_information
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import FOCAL, LENS
from calibration.geometry.camera import Camera

WANTED_VIEWS = 15  # amid the 10 to 20 that calibration manuals ask for
# Longer sides of the picture in a second that a held board may move (rule of thumb).
MAX_STILL_SPEED = 0.03
MAX_FRAME_GAP_S = 0.7  # seconds after which two pictures say nothing about how fast the board moves
# Of the longer side by which some corner must differ, 10 px of 1920: less is the same view.
MIN_DIFFERENCE = 0.005
MIN_GAIN = 1.0  # of what an average view tells, that a new one must tell
ROUGH_FOCAL = 0.9  # focal length of a lens not yet known, in longer sides: a webcam of 60 degrees
# How far a lens may be from that, standard deviations: focal lengths and centre in longer sides,
# two radial terms. It keeps the first views, which tell little, from being explained by a freak.
LENS_SIGMAS = (0.3, 0.3, 0.03, 0.03, 0.2, 0.2)
BLUR_HISTORY = 300  # sightings by which blur is judged: 10 s at 30 fps
# Of their blur that counts as sharp; most of what a moving board shows is not.
SHARP_PERCENTILE = 20


@dataclass(frozen=True, slots=True, eq=False)
class Advice:
    """What to do next. sight: the board as it is seen now. left: seconds until this view is taken,
    None where it will not be. took: whether it was. done: whether there are enough views.
    """

    words: str
    sight: Sighting | None = None
    left: float | None = None
    took: bool = False
    done: bool = False


class Guide:
    """Takes a view where the board stands still for `hold` seconds, is sharp, and tells something
    new about the lens.

    taken, poses: the views, and their boards by what is known of the lens so far.
    """

    def __init__(self, board: Board, hold: float = 1.0, *, fisheye: bool = False) -> None:
        self.taken: list[Sighting] = []
        self.poses: list[tuple[Doubles, Doubles]] = []
        self._points = board.points
        self._hold = hold
        self._fisheye = fisheye
        self._lens: Camera | None = None
        self._known = NO_INFORMATION
        self._blurs: deque[float] = deque(maxlen=BLUR_HISTORY)
        self._last: tuple[float, Sighting] | None = None
        self._since: float | None = None  # when the board came to rest

    def look(self, sight: Sighting | None, time: float) -> Advice:
        """What to do now that this is seen (None: no board), at so many seconds."""
        last, self._last = self._last, None if sight is None else (time, sight)
        if sight is None:
            self._since = None
            return self._say("show the board" if not self.taken else f"show the board: {self.todo}")
        self._blurs.append(sight.blur)
        if self._lens is None or self._lens.size != sight.size:
            self._lens = self._rough(sight.size)
        if sight.blur > self._usable:
            self._since = None
            return self._say("blurred: hold it still or add light", sight)
        if last is None or speed(*last, time, sight) > MAX_STILL_SPEED:
            self._since = None
            return self._say("hold it still", sight)
        if not self._new(sight):
            self._since = None
            return self._say(f"already seen like this: {self.todo}", sight)
        self._since = time if self._since is None else self._since
        left = self._since + self._hold - time
        if left > 0:
            return self._say("keep still", sight, left)
        return self.take()

    def take(self) -> Advice:
        """Take what is seen now, asked or not."""
        if self._last is None:
            return self._say("not taken: no board is visible")
        sight = self._last[1]
        self._since = None
        if sight.blur > self._usable:
            return self._say("not taken: the view is blurred", sight)
        self.taken.append(sight)
        self._learn()
        return self._say(f"taken: {self.todo}", sight, took=True)

    def drop(self) -> Advice:
        """Forget the view that was taken last."""
        if not self.taken:
            return self._say("no view taken yet")
        self.taken.pop()
        self._learn()
        return self._say("last view removed")

    @property
    def done(self) -> bool:
        """Whether the views are enough, and different enough."""
        return len(self.taken) >= WANTED_VIEWS and not missing(self.variety)

    @property
    def variety(self) -> ViewDiversity:
        """Of the views taken."""
        return variety(self.taken, self.poses, self.taken[0].size if self.taken else (1, 1))

    @property
    def todo(self) -> str:
        """What is missing most."""
        wanted = missing(self.variety, 2)
        if wanted:
            return wanted[0]
        left = WANTED_VIEWS - len(self.taken)
        return f"{left} more view{'s' * (left > 1)}, any position" if left > 0 else "enough views"

    @property
    def _usable(self) -> float:
        """The largest blur of a view that is taken; most of what is seen may be in motion."""
        return usable_blur([float(np.percentile(self._blurs, SHARP_PERCENTILE))])

    def _say(
        self,
        words: str,
        sight: Sighting | None = None,
        left: float | None = None,
        *,
        took: bool = False,
    ) -> Advice:
        return Advice(words, sight, left, took, self.done)

    def _rough(self, size: tuple[int, int]) -> Camera:
        wide, high = size
        focal = ROUGH_FOCAL * max(size)
        matrix = np.array([[focal, 0, (wide - 1) / 2], [0, focal, (high - 1) / 2], [0, 0, 1]])
        lens = np.zeros(4 if self._fisheye else 5)
        return Camera("camera", size, matrix, lens, fisheye=self._fisheye)

    def _new(self, sight: Sighting) -> bool:
        """Whether a view tells enough beyond those taken, or fills what is missing."""
        assert self._lens is not None
        longer = max(sight.size)
        if any(apart(one, sight).max() < MIN_DIFFERENCE * longer for one in self.taken):
            return False
        pose = self._pose(sight)
        if pose is None:
            return False
        with_it = variety([*self.taken, sight], [*self.poses, pose], sight.size)
        if richer(with_it, self.variety):
            return True
        count = len(self.taken)
        gain = np.diff(
            np.linalg.slogdet(
                np.stack(
                    [self._known, self._known + view_information(self._lens, sight, self._points)]
                )
            )[1]
        )
        # A copy of all that is known so far, shared out among the views, would add so much:
        average = len(self._known) * np.log1p(1 / max(count, 1))
        return bool(gain[0] > MIN_GAIN * average)

    def _pose(self, sight: Sighting) -> tuple[Doubles, Doubles] | None:
        assert self._lens is not None
        found = board_poses(self._lens, self._points[sight.ids], sight.xy)
        return found[0] if found else None

    def _learn(self) -> None:
        """The lens, the poses and the information anew, by all views taken."""
        if not self.taken:
            self.poses, self._known = [], NO_INFORMATION
            return
        size = self.taken[-1].size
        self._lens = self._rough(size)
        if len({one.size for one in self.taken}) == 1:
            scene, sights = scene_of(self._lens, self.taken, self._points)
            free = np.zeros((1, LENS + len(self._lens.distortion)), bool)
            free[0, FOCAL : LENS + 2] = True
            prior = np.full(free.shape, np.inf)
            prior[0, FOCAL : LENS + 2] = np.array(LENS_SIGMAS) * [*[max(size)] * 4, 1, 1]
            self._lens = adjust(scene, sights, free, prior=prior, steps=30).scene.cameras[0]
        poses = [self._pose(one) for one in self.taken]
        ahead = np.eye(3), np.array([0, 0, 10 * np.ptp(self._points)])
        self.poses = [ahead if pose is None else pose for pose in poses]
        self._known = NO_INFORMATION + sum(
            view_information(self._lens, one, self._points) for one in self.taken
        )


def speed(before: float, last: Sighting, now: float, sight: Sighting) -> float:
    """Longer sides of the picture by which corners move in a second, inf where unknown."""
    if not 0 < now - before < MAX_FRAME_GAP_S or last.size != sight.size:
        return float("inf")
    return float(np.median(apart(last, sight))) / max(sight.size) / (now - before)


def apart(one: Sighting, other: Sighting) -> Doubles:
    """(N,) pixels between the corners that both have; inf where there are none."""
    _, mine, its = np.intersect1d(one.ids, other.ids, return_indices=True)
    if not len(mine):
        return np.array([np.inf])
    return np.asarray(np.linalg.norm(one.xy[mine] - other.xy[its], axis=1), np.float64)
