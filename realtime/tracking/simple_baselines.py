"""The tracker of Simple Baselines to the letter (Xiao et al., ECCV'18, section 3, algorithm 1).

People are carried to the next frame by optical flow and join those who are found there, people who
are there twice become one, and everybody is matched greedily, by OKS after flow, with a queue of
past frames. It knows nothing of appearance, velocities or who may have come back. Different from
the paper: flow is sparse (a keypoint that it does not find goes along with its person), poses
rather than boxes become one, and poses of flow are estimated anew only where there is a second
look. How long flow may carry somebody whom nobody finds, the paper leaves to its pose network;
here it is as long as our own tracker carries people.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Indices, Ints, Mask
from engines.types.expected import Expected
from engines.types.oks import areas, oks
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.settings.tracking import PoseNms
from realtime.tracking.frame_clock import FrameClock
from realtime.tracking.nms import NMS
from realtime.tracking.optical_flow import Flow
from realtime.types.frames import Frame
from realtime.types.protocols import FlowWhen
from realtime.types.results import Tracks

QUEUE_FRAMES = 10  # the paper's L_Q
MIN_OKS = 0.3  # to be somebody of the queue; the paper names none
MAX_NMS_OKS = 0.5  # with somebody found, above which who was carried is the same person
MAX_CARRY_S = 0.3  # for which somebody is carried whom nobody has found
MIN_FLOW_KEYPOINTS = 3  # that flow must find again to carry somebody
MAX_GAP_S = 1.0  # between frames, after which nobody is known any more


@dataclass(slots=True, eq=False)
class _Past:
    """The N people of a past frame, where flow has taken them by now: (N,) id, (N, K, 2) pixels,
    (N, K) and (N,) scores, (N,) when each was last found, (N,) whether flow still has them.
    """

    id: Ints
    xy: Floats
    score: Floats
    person_score: Floats
    found: NDArray[np.float64]
    held: Mask


class SimpleBaselinesTracker:
    """Gives the people of one camera identities; nms: how those found twice become one."""

    def __init__(self, skeleton: Skeleton, nms: PoseNms = "ours") -> None:
        self._skeleton = skeleton
        self._body = np.array(skeleton.body)
        self._sigmas = np.array(skeleton.sigmas, np.float32)[self._body]
        self._nms = NMS[nms]
        self._flow = Flow(skeleton.body)
        self._clock = FrameClock()
        self._size: tuple[int, int] | None = None
        self._queue: deque[_Past] = deque(maxlen=QUEUE_FRAMES)
        self._begun: Frame | None = None
        self._next = 1

    def expect(self, frame: Frame, *, flow: FlowWhen = "never") -> Expected:
        """Where flow has taken the people of the last frame, for who estimates their poses anew."""
        self._begin(frame)
        if not self._queue:
            return Expected.of(Poses.nobody(self._skeleton))
        past, rows = self._queue[-1], self._carried()
        poses = Poses(self._skeleton, past.xy[rows], past.score[rows], past.person_score[rows])
        return Expected.of(poses)

    def follow(
        self, frame: Frame, poses: Poses, looked: NDArray[np.bool_], seen: NDArray[np.bool_]
    ) -> Tracks:
        """The people of a frame in which those alone were looked for whom `expect` named."""
        return self.update(frame, poses.some(np.flatnonzero(seen)))

    def update(self, frame: Frame, poses: Poses | None) -> Tracks:
        """The people of the next frame; poses None = nobody looked for them in this one."""
        self._begin(frame)
        self._begun = None
        found = self._nms(poses if poses is not None else Poses.nobody(self._skeleton))
        ids = self._assigned(found)
        joined = self._joined(found, ids)
        self._queue.append(joined)
        people = Poses(self._skeleton, joined.xy, joined.score, joined.person_score)
        filled = (joined.found < self._clock.now)[:, None] & people.found
        order = np.argsort(joined.id, kind="stable")
        return Tracks(joined.id, people, filled).some(order)

    def _begin(self, frame: Frame) -> None:
        """Once a frame: everybody in the queue goes where flow leads."""
        if self._begun is frame:
            return
        self._begun = frame
        seconds = self._clock.tick(frame.time)
        cut = self._flow.see(frame.image)
        if cut or frame.size != self._size or seconds > MAX_GAP_S:
            self._queue.clear()
        self._size = frame.size
        if not self._queue:
            return
        ends = np.cumsum([len(past.id) for past in self._queue])[:-1]
        xy = np.concatenate([past.xy for past in self._queue])
        motion = self._flow.follow(xy)
        if motion is None:
            return
        if motion.lost:
            self._queue.clear()
            return
        sure = motion.sure
        speaking = sure[:, self._body].sum(axis=1)
        shift = np.where(sure[..., None], motion.xy - xy, np.nan)[:, self._body]
        held = speaking >= MIN_FLOW_KEYPOINTS
        way = np.broadcast_to(motion.camera, (len(xy), 2)).copy()
        way[held] = np.nanmedian(shift[held], axis=1)
        moved = np.where(sure[..., None], motion.xy, xy + way[:, None]).astype(np.float32)
        for past, places, holds in zip(
            self._queue, np.split(moved, ends), np.split(held, ends), strict=True
        ):
            past.xy, past.held = places, past.held & holds

    def _carried(self) -> Indices:
        """Rows of the last frame's people whom flow has brought into this one."""
        past = self._queue[-1]
        recent = self._clock.now - past.found <= MAX_CARRY_S + 1e-6
        return np.flatnonzero(past.held & recent)

    def _similarity(self, one: Floats, other: Floats) -> Floats:
        """(N, P) OKS of bodies, in areas of those who are known."""
        one, other = one[:, self._body], other[:, self._body]
        return oks(one, other, areas(one)[:, None], self._sigmas)[0]

    def _assigned(self, found: Poses) -> Ints:
        """(P,) ids: greedily of whoever in the queue is most alike, and new ones for the rest."""
        ids = np.full(len(found), -1, np.int64)
        if self._queue and len(found):
            past = np.concatenate([one.id for one in self._queue])
            known = np.unique(past)
            each = self._similarity(np.concatenate([one.xy for one in self._queue]), found.xy)
            table = np.zeros((len(known), len(found)), np.float32)
            np.maximum.at(table, np.searchsorted(known, past), each)
            while table.size and table.max() >= MIN_OKS:
                row, column = np.unravel_index(table.argmax(), table.shape)
                ids[column] = known[row]
                table[row], table[:, column] = -1, -1
        fresh = np.flatnonzero(ids < 0)
        ids[fresh] = self._next + np.arange(len(fresh))
        self._next += len(fresh)
        return ids

    def _joined(self, found: Poses, ids: Ints) -> _Past:
        """Those found, and those carried who are none of them."""
        now = np.full(len(found), self._clock.now)
        seen = _Past(ids, found.xy, found.score, found.person_score, now, np.ones(len(found), bool))
        if not self._queue:
            return seen
        past, rows = self._queue[-1], self._carried()
        rows = rows[~np.isin(past.id[rows], ids)]
        if len(found):
            alike = self._similarity(past.xy[rows], found.xy)
            rows = rows[(alike <= MAX_NMS_OKS).all(axis=1)]
        return _Past(
            np.concatenate([ids, past.id[rows]]),
            np.concatenate([found.xy, past.xy[rows]]).astype(np.float32),
            np.concatenate([found.score, past.score[rows]]).astype(np.float32),
            np.concatenate([found.person_score, past.person_score[rows]]).astype(np.float32),
            np.concatenate([now, past.found[rows]]),
            np.ones(len(found) + len(rows), bool),
        )
