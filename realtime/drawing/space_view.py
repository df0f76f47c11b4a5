"""The 3D people and the cameras around them, seen from beside: --output3d."""

from __future__ import annotations

import cv2
import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig
from calibration.plots.viewpoint import grid_step, reach, sight, upwards
from engines.types.arrays import Image
from realtime.drawing.overlay import Overlay, Picture
from realtime.drawing.reprojection import draw_bodies
from realtime.drawing.skeletons import SUBPIXEL_BITS
from realtime.types.results import Result

SIZE = (1280, 720)
FIELD_OF_VIEW_DEG = 40.0  # from top to bottom
ELEVATION_DEG = 22.0  # of the eye above what it looks at
ROOM = 1.15  # of what is to be seen: a rim around it
SHOWN_SHARE = 0.65  # of the way to the farthest camera: people come first
MIN_RADIUS_M = 1.0  # of what is to be seen
NEAR_M = 0.05  # before the eye, from where on lines are drawn
GRID_LINES = 10  # to each side of the middle
BACKGROUND, GRID_GREY, CAMERA_GREY = (34, 30, 28), (74, 68, 64), (170, 170, 170)


class SpaceView(Overlay):
    """Draws each result as one picture, for whom pictures of views are not enough.

    turn: degrees per second that the eye goes round, seen from above counter-clockwise; 0 stays.
    What is to be seen is what the cameras have in common: the place that their sights meet in.
    """

    def __init__(self, rig: Rig, turn: float = 0.0, size: tuple[int, int] = SIZE) -> None:
        super().__init__()
        self._rig, self._turn, self._room = rig, turn, size
        self._up = upwards(rig)
        self._middle = common_point(rig)
        away = np.linalg.norm(rig.centres - self._middle, axis=1)
        self._radius = max(MIN_RADIUS_M, SHOWN_SHARE * float(away.max()))
        self._start: float | None = None

    def pictures(self, result: Result) -> list[Picture]:
        """The one picture."""
        if self._start is None:
            self._start = result.time
        first = next(view for view in result.views if view)
        poses = result.poses3d
        eye = self.eye(result.time - self._start)
        out = np.empty((self._room[1], self._room[0], 3), np.uint8)
        out[:] = BACKGROUND
        ground = None if poses is None else poses.ground
        self._floor(out, eye, 0.0 if ground is None else ground)
        self._cameras(out, eye)
        if poses is not None and len(poses):
            xy = eye.project(poses.xyz.astype(np.float64))
            draw_bodies(out, np.asarray(xy, np.float32), poses)
        out.flags.writeable = False
        name = f"space_{first.frame.index:012d}"
        return [Picture("space", name, result.time, out, maps=False)]

    def eye(self, seconds: float) -> Camera:
        """The camera that the picture is taken with, so long after the first one.

        It begins in the direction from which the first of the rig's cameras looks.
        """
        up, wide, high = self._up, *self._room
        ahead = self._rig.centres[0] - self._middle
        ahead -= up * (ahead @ up)
        if np.linalg.norm(ahead) < 1e-6:
            ahead = np.roll(np.abs(up), 1)
        ahead /= np.linalg.norm(ahead)
        angle = np.radians(self._turn * seconds)
        away = ahead * np.cos(angle) + np.cross(up, ahead) * np.sin(angle)
        lift = np.radians(ELEVATION_DEG)
        half = np.radians(FIELD_OF_VIEW_DEG / 2)
        distance = ROOM * self._radius / np.sin(min(half, np.arctan(np.tan(half) * wide / high)))
        centre = self._middle + distance * (away * np.cos(lift) + up * np.sin(lift))
        forward = (self._middle - centre) / distance
        right = np.cross(forward, up)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        focal = high / 2 / np.tan(half)
        matrix = np.array([[focal, 0, (wide - 1) / 2], [0, focal, (high - 1) / 2], [0, 0, 1]])
        return Camera(
            "space", self._room, matrix, rotation=rotation, translation=-rotation @ centre
        )

    def _floor(self, out: Image, eye: Camera, height: float) -> None:
        """A grid at so many metres along the world's upward axis."""
        step = grid_step(2 * self._radius / GRID_LINES)
        along = [axis for axis in np.eye(3) if abs(axis @ self._up) < 0.5]
        middle = sum(np.round(axis @ self._middle / step) * step * axis for axis in along)
        middle = middle + self._up * height
        span = step * GRID_LINES
        for one, other in (along, along[::-1]):
            for n in range(-GRID_LINES, GRID_LINES + 1):
                start = middle + n * step * one - span * other
                _line(out, eye, start, start + 2 * span * other, GRID_GREY)

    def _cameras(self, out: Image, eye: Camera) -> None:
        """A pyramid where each stands, open to where it looks."""
        for camera in self._rig.cameras:
            corners = camera.centre + reach(self._rig) * sight(camera)
            for corner, following in zip(corners, np.roll(corners, -1, axis=0), strict=True):
                _line(out, eye, camera.centre, corner, CAMERA_GREY)
                _line(out, eye, corner, following, CAMERA_GREY)


def common_point(rig: Rig) -> Doubles:
    """(3,) the place that is nearest to the axes of all cameras, in the sense of least squares;
    where they are parallel, a few metres before their middle.
    """
    axes = rig.rotations[:, 2]
    across = np.eye(3) - axes[:, :, None] * axes[:, None]
    total = across.sum(0)
    middle = rig.centres.mean(0)
    if np.linalg.eigvalsh(total)[0] < 1e-2:
        return np.asarray(middle + 3 * axes.mean(0), np.float64)
    point = np.linalg.solve(total, (across @ rig.centres[..., None])[..., 0].sum(0))
    # Axes that nearly agree meet far away, or behind.
    before = ((point - rig.centres) * axes).sum(1)
    return np.asarray(point if (before > 0).all() else middle + 3 * axes.mean(0), np.float64)


def _line(
    out: Image, eye: Camera, start: Doubles, end: Doubles, colour: tuple[int, int, int]
) -> None:
    """From place to place in the world, as far as it lies before the eye."""
    ends = np.stack([start, end])
    depth = (ends @ eye.rotation.T + eye.translation)[:, 2]
    if depth.max() < NEAR_M:
        return
    if depth.min() < NEAR_M:
        share = (NEAR_M - depth[0]) / (depth[1] - depth[0])
        ends[int(depth.argmin())] = start + share * (end - start)
    xy = np.rint(eye.project(ends) * (1 << SUBPIXEL_BITS))
    inside, one, other = cv2.clipLine(
        (0, 0, out.shape[1] << SUBPIXEL_BITS, out.shape[0] << SUBPIXEL_BITS),
        *(tuple(np.clip(point, -(2**30), 2**30).astype(int).tolist()) for point in xy),
    )
    if inside:
        cv2.line(out, one, other, colour, 1, cv2.LINE_AA, SUBPIXEL_BITS)
