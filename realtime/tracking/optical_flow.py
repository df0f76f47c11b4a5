"""Where points of the picture before went: sparse optical flow.

Pyramidal Lucas-Kanade (Bouguet 2000), believed where following a point there and back again leads
to where it began (forward-backward check, Kalal et al., ICPR'10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Image, Indices
from engines.types.oks import boxes

MAX_ROWS_PX = 360  # of the grey picture that flow is computed on
WINDOW_PX = (13, 13)
LEVELS, LEVELS_BACK = 3, 1  # halvings; the way back begins close to its end
STOP_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 8, 0.03)
MAX_FORWARD_BACKWARD_PX = 1.0  # grey pixels between a point and where it comes back to
MAX_SHADE_DIFFERENCE = 25.0  # mean, of 0..255, around a point before and after
CAMERA_GRID = (8, 6)  # columns and rows of points that show the camera's own motion
MIN_GRID_POINTS = 6  # found again off people, to give the camera's motion
MIN_FOUND_SHARE = 0.15  # of all points in a picture unlike the last; below it, another scene
THUMB_SIZE_PX = (32, 18)
THUMB_SAMPLES = 4  # pixels along each side of what becomes one pixel of the thumb
MIN_CONTRAST = 2.0  # standard deviation of the shades of a picture that shows anything
SHADE_BINS = 32
# A cut changes both what is where and how light it is. A pan keeps the shades, a flash the places.
MIN_PLACES_ALIKE, MIN_SHADES_ALIKE = 0.5, 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What flow made of points: (N, K, 2) where they are now, (N, K) whether that is believed,
    (2,) how far the background moved (0 where unknown).

    lost: next to nothing was found again in a picture unlike the last: another scene after all.
    """

    xy: Floats
    sure: NDArray[np.bool_]
    camera: Floats
    lost: bool = False

    def with_known(self, rows: Indices, xy: Floats, known: NDArray[np.bool_]) -> Motion:
        """With points (M, K, 2) of these rows where they are known (M, K) to be now."""
        moved, sure = self.xy.copy(), self.sure.copy()
        moved[rows] = np.where(known[..., None], xy, moved[rows])
        sure[rows] |= known
        return replace(self, xy=moved, sure=sure)


class Flow:
    """Follows points from each picture to the next; all coordinates are the picture's own.

    body: which keypoints tell, beside the background, whether a scene is still the same; None =
    all.
    """

    def __init__(self, body: Sequence[int] | None = None) -> None:
        self._body = slice(None) if body is None else np.array(body)
        self._now: _Picture | None = None
        self._before: _Picture | None = None
        self._size = (0, 0)
        self._scale = np.ones(2, np.float32)
        self._thumb: NDArray[np.float32] | None = None
        self._places: NDArray[np.float32] | None = None  # of the thumb, by contrast alone
        self.unlike = False  # whether the picture is unlike the one before

    def see(self, image: Image) -> bool:
        """Take the next picture; True where it is another scene than the one before.

        A picture of one colour shows nothing: no flow leads to it or from it, and it is no cut.
        """
        picture = _Picture(image)
        resized = picture.size != self._size
        if resized:
            self._now = None
            self._size = picture.size
            self._scale = np.array(np.divide(picture.grey_size, picture.size), np.float32)
        self._before, self._now = self._now, None
        thumb = _thumb(image)
        contrast = thumb - thumb.mean()
        deviation = float(np.sqrt((contrast * contrast).mean()))
        if deviation < MIN_CONTRAST:
            return False
        places = contrast / np.float32(deviation)
        before, self._places = self._places, places
        last, self._thumb = self._thumb, thumb
        self._now = picture
        # -1..1 whether it is light and dark in the same places
        alike = 1.0 if before is None else float((before * places).mean())
        self.unlike = alike < MIN_PLACES_ALIKE
        if last is None or not self.unlike:
            return False
        # Without a picture of this size before it, flow cannot say that it is the same scene.
        if not resized and _alike_shades(last, thumb) >= MIN_SHADES_ALIKE:
            return False
        self._before = None
        return True

    def follow(
        self, xy: Floats, asked: NDArray[np.bool_] | None = None, *, background: bool = True
    ) -> Motion | None:
        """(N, K, 2) points of people in the picture before, NaN = none, in the picture of now.

        None where there is nothing to follow, or no picture that shows anything. asked: (N, K)
        which of them to follow, None = all; the others stay where they were, and are not believed.
        background: whether the camera's motion is wanted, and whether the scene is still the same.
        """
        if self._before is None or self._now is None or not len(xy):
            return None
        moved, sure = xy.copy(), np.zeros(xy.shape[:2], bool)
        camera = np.zeros(2, np.float32)
        there = ~np.isnan(xy[..., 0])
        if asked is not None:
            there &= asked
        points = xy[there]
        count = len(points)
        grid = _grid(self._size) if background else points[:0]
        off_people = ~_within_people(grid, xy)
        if not self.unlike:  # else all points tell whether it is another scene
            grid, off_people = grid[off_people], off_people[off_people]
        if not count + len(grid):
            return Motion(moved, sure, camera)
        now, good = self._track(self._before.grey, self._now.grey, np.concatenate([points, grid]))
        moved[there], sure[there] = now[:count], good[:count]
        still = good[count:] & off_people
        if still.sum() >= MIN_GRID_POINTS:
            shift = np.sort((now[count:] - grid)[still], axis=0)
            camera = (shift[(len(shift) - 1) // 2] + shift[len(shift) // 2]) / 2  # the median
        lost = False
        if background and self.unlike:
            again = np.concatenate([sure[:, self._body][there[:, self._body]], good[count:]])
            lost = bool(len(again) and again.mean() < MIN_FOUND_SHARE)
        return Motion(moved, sure, camera, lost)

    def _track(
        self, before: Image, after: Image, points: Floats
    ) -> tuple[Floats, NDArray[np.bool_]]:
        high, wide = after.shape
        start = np.asarray((points + 0.5) * self._scale - 0.5, np.float32)
        edge = np.array((wide - 1, high - 1), np.float32)
        placed = np.minimum(np.maximum(start, 0), edge)
        inside = _both(placed == start)
        start = placed
        end, went, unlike = _lucas_kanade(before, after, start, LEVELS, start.copy())
        good: NDArray[np.bool_] = (
            inside
            & _both((end >= 0) & (end <= edge))
            & (unlike[:, 0] <= MAX_SHADE_DIFFERENCE)
            & (went[:, 0] > 0)
        )
        rows = np.flatnonzero(good)  # nobody asks for the way back of others
        if len(rows):
            begun = start[rows]
            back, came, _ = _lucas_kanade(after, before, end[rows], LEVELS_BACK, begun.copy())
            off = back - begun
            close = off[:, 0] ** 2 + off[:, 1] ** 2 <= MAX_FORWARD_BACKWARD_PX**2
            good[rows] = close & (came[:, 0] > 0)
        return (end + 0.5) / self._scale - 0.5, good


def _both(axes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, 2) -> (N,) whether it is so along both axes."""
    return axes[:, 0] & axes[:, 1]


@lru_cache(maxsize=8)  # cameras have few sizes
def _grid(size: tuple[int, int]) -> Floats:
    """(G, 2) points all over a picture of this (width, height)."""
    columns, rows = CAMERA_GRID
    x = (np.arange(columns) + 0.5) * size[0] / columns
    y = (np.arange(rows) + 0.5) * size[1] / rows
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)


def _lucas_kanade(one: Image, other: Image, points: Floats, levels: int, guess: Floats) -> Any:
    """Where points of one picture are in the other, whether that was found, and how well."""
    return cv2.calcOpticalFlowPyrLK(
        one,
        other,
        points,
        guess,
        winSize=WINDOW_PX,
        maxLevel=levels,
        criteria=STOP_CRITERIA,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )


class _Picture:
    """A picture whose grey version, MAX_ROWS_PX high at most, is made when flow asks for it."""

    def __init__(self, image: Image) -> None:
        self._image: Image | None = image
        self._grey: Image | None = None
        high, wide = image.shape[:2]
        self.size = wide, high
        self.grey_size = self.size
        if high > MAX_ROWS_PX:
            self.grey_size = max(1, round(wide * MAX_ROWS_PX / high)), MAX_ROWS_PX

    @property
    def grey(self) -> Image:
        if self._grey is None:
            assert self._image is not None
            # Grey first: the reduction, by far the slower step, has one channel then.
            grey = cv2.cvtColor(self._image, cv2.COLOR_BGR2GRAY)
            if self.grey_size != self.size:
                # Bilinear misses no pixel of less than twice the size, and takes a sixth.
                twice = self.size[1] >= 2 * MAX_ROWS_PX
                way = cv2.INTER_AREA if twice else cv2.INTER_LINEAR
                grey = cv2.resize(grey, self.grey_size, interpolation=way)
            self._grey = np.asarray(grey, np.uint8)
            self._image = None
        return self._grey


def _thumb(image: Image) -> NDArray[np.float32]:
    """The picture in grey and tiny; of a large one some pixels of each place tell enough."""
    wide, high = THUMB_SIZE_PX
    step = max(
        1,
        min(
            image.shape[0] // (THUMB_SAMPLES * high),
            image.shape[1] // (THUMB_SAMPLES * wide),
        ),
    )
    grey = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step]), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, THUMB_SIZE_PX, interpolation=cv2.INTER_AREA), np.float32)


def _alike_shades(one: Floats, other: Floats) -> float:
    """0..1 whether as much of them is as light."""
    shades = [np.histogram(thumb, SHADE_BINS, (0, 256))[0] for thumb in (one, other)]
    # Neighbouring bins are pooled, so that a shade at a bin's edge is not another one.
    wide = [np.convolve(shade, (0.25, 0.5, 0.25), "same") for shade in shades]
    return float(np.minimum(*wide).sum() / wide[0].sum())


def _within_people(grid: Floats, xy: Floats) -> NDArray[np.bool_]:
    """(G,) whether a point of the grid lies on somebody."""
    corners = boxes(xy)[:, None]
    low, high = corners[..., :2], corners[..., 2:]  # NaN for nobody, within whom nothing lies
    return np.asarray(((grid >= low) & (grid <= high)).all(axis=-1).any(axis=0), bool)
