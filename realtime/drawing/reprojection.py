"""3D people in a camera's picture: as outlines in the colours of their ids, or as skeletons."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.geometry.camera import Camera, Rig
from engines.types.arrays import Floats, Image
from engines.types.poses import Poses
from realtime.drawing.skeletons import SUBPIXEL_BITS, id_colour
from realtime.types.results import Poses3D, Tracks, View

LINE_SHARE = 1 / 260  # thickness of a line, in short sides of the picture
RIM_PX = 2  # of the dark rim on either side
OUTLINE_REACH = 0.14  # of an outline from the bones, in lengths of the person's longest limb
MIN_OUTLINE_REACH_PX = 4.0
MAX_OUTSIDE = 4  # picture sides beyond the picture: keeps ends within OpenCV's integers


class Reprojection:
    """Draws people into the views of a rig whose cameras are in the order of the sources."""

    def __init__(self, rig: Rig, only: int | None = None) -> None:
        self._rig, self._only = rig, only
        self._cameras: dict[tuple[int, tuple[int, int]], Camera] = {}

    def of(self, camera: int) -> Reprojection:
        """For results that have this camera's view alone."""
        return Reprojection(self._rig, camera)

    def place(self, number: int, view: View, poses: Poses3D, size: tuple[int, int]) -> Floats:
        """(P, K, 2) pixels of the people in the view's picture when it is (width, height); NaN =
        not known.
        """
        key = number, view.frame.size
        if key not in self._cameras:
            camera = self._rig.cameras[number if self._only is None else self._only]
            self._cameras[key] = camera.scaled(view.frame.size)
        xy = self._cameras[key].project(poses.xyz.astype(np.float64))
        scale = np.array(size) / view.frame.size
        return np.asarray((xy + 0.5) * scale - 0.5, np.float32)


def replaced(tracks: Tracks, poses: Poses3D, xy: Floats) -> Tracks:
    """The 3D people at (P, K, 2) pixels, in place of the same people as the picture alone has them;
    who is no 3D person stays.
    """
    there = np.asarray(np.isfinite(xy).all(-1))
    known = dict(zip(tracks.id.tolist(), range(len(tracks)), strict=True))
    speed = None
    if tracks.speed is not None:
        rows = [known.get(one, -1) for one in poses.id.tolist()]
        speed = np.append(tracks.speed, np.float32(np.nan))[rows]
    whole = Poses(
        poses.skeleton,
        np.asarray(np.where(there[..., None], xy, np.nan), np.float32),
        np.asarray(there, np.float32),
        np.ones(len(poses), np.float32),
    )
    others = tracks.some(np.flatnonzero(~np.isin(tracks.id, poses.id)))
    return Tracks(poses.id, whole, poses.filled & there, speed).joined(others)


def draw_outlines(out: Image, xy: Floats, poses: Poses3D) -> None:
    """A thin line around each person at (P, K, 2) pixels, NaN = not there: what it encloses stays
    as it is.
    """
    height, width = out.shape[:2]
    there = _within(xy, width, height)
    line = max(1, round(min(width, height) * LINE_SHARE))
    limbs = np.array(poses.skeleton.drawn, int).reshape(-1, 2)
    for person, identity in enumerate(poses.id.tolist()):
        pairs = limbs[there[person, limbs].all(axis=1)]
        if not len(pairs):
            continue
        ends = xy[person, pairs]
        longest = float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1).max())
        reach = max(OUTLINE_REACH * longest, MIN_OUTLINE_REACH_PX)
        # The mask is no larger than what of the person can be seen.
        low = np.maximum(np.floor(ends.min((0, 1)) - reach - 2), -reach - 2).astype(int)
        most = np.array([width, height]) + reach + 2
        high = np.minimum(np.ceil(ends.max((0, 1)) + reach + 2), most).astype(int)
        if (high <= low).any():
            continue
        mask = np.zeros((high - low)[::-1], np.uint8)
        for start, end in np.rint(ends - low).astype(int).tolist():
            cv2.line(mask, start, end, 255, max(1, round(2 * reach)))
        rims, _ = cv2.findContours(
            mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1, offset=low.tolist()
        )
        if line > 1:  # on small pictures there is no room for two colours
            cv2.drawContours(out, rims, -1, (0, 0, 0), line + RIM_PX, cv2.LINE_AA)
        cv2.drawContours(out, rims, -1, id_colour(identity), line, cv2.LINE_AA)


def draw_bodies(out: Image, xy: Floats, poses: Poses3D) -> None:
    """A line a limb at (P, K, 2) pixels, NaN = not there."""
    height, width = out.shape[:2]
    there = _within(xy, width, height)
    points = np.rint(np.where(there[..., None], xy, 0) * (1 << SUBPIXEL_BITS)).astype(int)
    line = max(1, round(min(width, height) * LINE_SHARE))
    for thickness, dark in ((line + 2 * RIM_PX, True), (line, False)):
        for person, identity in enumerate(poses.id.tolist()):
            colour = (0, 0, 0) if dark else id_colour(identity)
            for one, other in poses.skeleton.drawn:
                if there[person, one] and there[person, other]:
                    ends = points[person, one].tolist(), points[person, other].tolist()
                    cv2.line(out, *ends, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def _within(xy: Floats, width: int, height: int) -> NDArray[np.bool_]:
    """(P, K) whether a keypoint is known, and near enough to the picture for OpenCV's integers."""
    most = MAX_OUTSIDE * max(width, height)
    return np.asarray((np.abs(np.nan_to_num(xy, nan=np.inf)) < most).all(-1))
