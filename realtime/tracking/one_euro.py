"""Keypoints without tremble: the 1 Euro filter (Casiez et al., CHI'12), without any delay.

Speeds are in sides of a person's area a second, so that one setting fits people near and far; those
of hands and faces in sides of their own area, as a finger moves little for a person.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.oks import areas
from engines.types.skeleton import Skeleton
from realtime.types.results import Tracks

MIN_CUTOFF_HZ = 1.2  # what is faster is tremble while a keypoint rests
CUTOFF_SLOPE = 5.0  # beta of the paper: Hz more for each side a second
SPEED_CUTOFF_HZ = 1.0  # of the low-pass filter of the speed itself
PART_SIDES = 3.0  # a part goes along with its body, so much the slower in sides of its own
MAX_GAP_S = 0.5  # after which a keypoint that comes back begins anew
DEFAULT_STEP_S = 1 / 30  # between frames whose times stand or run back


class OneEuro:
    """Smooths the keypoints of people with an id, frame by frame."""

    def __init__(self) -> None:
        self._time: float | None = None
        self._ids = np.zeros(0, np.int64)
        self._xy = self._speed = np.zeros((0, 0, 2), np.float32)
        self._age = np.zeros((0, 0))

    def smooth(self, tracks: Tracks, time: float) -> Tracks:
        """The people of a frame at `time` seconds with calmer keypoints."""
        seconds = DEFAULT_STEP_S if self._time is None else time - self._time
        seconds = seconds if 0 < seconds < np.inf else DEFAULT_STEP_S
        self._time = time
        raw = tracks.poses.xy
        last, speed, age = self._remembered(tracks.id, raw.shape)
        age = age + seconds
        found = ~np.isnan(raw[..., 0])
        going = found & (age <= MAX_GAP_S) & ~np.isnan(last[..., 0])
        side = _sides(raw, tracks.poses.skeleton)
        past = np.where(going, age, seconds)[..., None]
        with np.errstate(invalid="ignore"):
            now = (raw - last) / past
            rate = _rate(np.full(past.shape, SPEED_CUTOFF_HZ), past)
            speed = np.where(going[..., None], speed + rate * (now - speed), 0)
            cutoff = MIN_CUTOFF_HZ + CUTOFF_SLOPE * np.linalg.norm(speed, axis=-1) / side
            calm = last + _rate(cutoff[..., None], past) * (raw - last)
        xy = np.where(going[..., None], calm, raw).astype(np.float32)
        mine = tracks.id >= 0
        self._ids = tracks.id[mine]
        # What is not found now keeps its place in mind until the gap is too long.
        self._xy = np.where(found[..., None], xy, last)[mine]
        self._speed = speed[mine].astype(np.float32)
        self._age = np.where(found, 0, age)[mine]
        poses = replace(tracks.poses, xy=np.where(mine[:, None, None], xy, raw))
        return replace(tracks, poses=poses)

    def _remembered(
        self, ids: NDArray[np.int64], shape: tuple[int, ...]
    ) -> tuple[Floats, Floats, NDArray[np.float64]]:
        """Last places, speeds and their ages of these people."""
        last = np.full(shape, np.nan, np.float32)
        speed, age = np.zeros(shape, np.float32), np.full(shape[:2], np.inf)
        _, here, there = np.intersect1d(ids, self._ids, return_indices=True)
        if len(here):
            last[here], speed[here] = self._xy[there], self._speed[there]
            age[here] = self._age[there]
        return last, speed, age


def _sides(xy: Floats, skeleton: Skeleton) -> Floats:
    """(P, K) square root of the area of what each keypoint belongs to: a hand, a face, the body."""
    side = np.repeat(np.sqrt(areas(xy[:, np.array(skeleton.body)]))[:, None], xy.shape[1], axis=1)
    for name in ("left_hand", "right_hand", "face"):
        at = [n for n in skeleton.groups[name] if n not in skeleton.body]
        if at:
            side[:, at] = np.sqrt(areas(xy[:, at]))[:, None] * PART_SIDES
    return side


def _rate(cutoff: NDArray[np.floating], seconds: NDArray[np.floating]) -> NDArray[np.floating]:
    """The share of a new value that a low-pass filter lets in after so many seconds."""
    rate: NDArray[np.floating] = 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))
    return rate
