"""Identities that stay: from the poses of single frames to people over time.

Flow-propagated poses matched by OKS: Simple Baselines (Xiao et al., ECCV'18, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Image, Indices
from engines.types.expected import Expected
from engines.types.oks import areas
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.settings.tracking import PoseNms
from realtime.tracking.appearance import Clothing, blend, bones
from realtime.tracking.frame_clock import FrameClock
from realtime.tracking.left_right import LeftRightConsistency
from realtime.tracking.lone import answers, lone
from realtime.tracking.matching import Cue, Detections, clear, match
from realtime.tracking.nms import NMS
from realtime.tracking.optical_flow import Flow, Motion
from realtime.tracking.prediction import FoundBodies, Parts, Prediction, Step, predict, speed_up
from realtime.tracking.presentation import (
    MAX_UNSEEN_S,
    covered,
    presentable,
    shown_tracks,
    upon,
)
from realtime.tracking.track_table import TENTATIVE_ID, TrackTable
from realtime.types.frames import Frame
from realtime.types.protocols import FlowWhen
from realtime.types.results import Tracks

MIN_CONFIDENT_SCORE = 0.12  # mean over all keypoints of the body, of a confident pose,
MIN_REFINED_SCORE = 0.25  # instead, of one that a crop network has made whole,
MIN_CONFIDENT_SHARE = 0.25  # and share of the keypoints that it has
MIN_CONFIRM_S = 0.1  # for which somebody tentative must be seen to be confirmed,
MAX_GAP_S = 0.2  # with no longer gap
MAX_LOST_S = 3.0  # after which somebody who is lost has gone
MAX_CARRY_S = 0.3  # for which somebody is carried on with optical flow
APPEARANCE_WINDOW_S = 0.5  # that colours and lengths are averaged over
MAX_ASPECT_DIFFERENCE = 0.02  # relative, of one picture in two sizes


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Which cues a tracker uses, all of them unless to compare; how people found twice become one;
    whether hands, faces and feet take turns, so that who has none is carried on by flow; and
    whether the camera's own motion must be known in every frame.
    """

    cue: Cue = "oks"
    flow: bool = True
    colours: bool = True
    bones: bool = True
    fill: float = MAX_CARRY_S
    nms: PoseNms = "ours"
    turns: bool = False
    camera: bool = False


class PoseTracker:
    """Follows the people of one camera by their bodies; hands, feet and faces go along.

    All times are seconds of its own clock, which takes the frames' but never stands or runs
    back: neither does it for files played again nor for cameras that repeat a timestamp.
    """

    def __init__(self, skeleton: Skeleton, settings: TrackerSettings | None = None) -> None:
        self._skeleton = skeleton
        self._body = np.array(skeleton.body)
        self._settings = settings or TrackerSettings()
        self._parts = Parts(skeleton, turns=self._settings.turns)
        self._flow = Flow(skeleton.body)
        self._left_right = LeftRightConsistency(skeleton)
        self._clothing = Clothing(skeleton)
        self._next = 1
        self._clock = FrameClock()
        self._size: tuple[int, int] | None = None
        self._anew = True
        self._begun: Frame | None = None
        self._step: Step | None = None
        self._seconds = 0.0
        self._expected = np.zeros(0, np.intp)
        nobody, nothing = Poses.nobody(skeleton), np.zeros((1, 1, 3), np.uint8)
        self._people = self._fresh(nobody, self._describe(nothing, nobody), np.zeros(0, int))

    def expect(self, frame: Frame, *, flow: FlowWhen = "never") -> Expected:
        """Where in the next frame those should be who were seen in the last.

        Before `update` or `follow` of this frame, once or more often; nobody where another scene
        begins. flow: when optical flow is to say it, not their own motion: never, which is enough
        for `follow` where all are looked at; unless one is alone, for `update`; or always.
        """
        if self._begun is not frame:
            self._begin(frame)
        people, now = self._people, self._clock.now
        if flow == "always" or (flow == "several" and not self._lone.size):
            self._go_on()
        step = self._step
        there = ~people.missing
        if step is not None:  # who is carried on
            there |= step.expected.follows & (now - people.last <= MAX_CARRY_S)
        rows = self._expected = np.flatnonzero(there)
        xy = people.xy[rows]
        carried = np.zeros(xy.shape[:2], bool)
        if step is None:
            xy = xy + (people.velocity[rows] * np.float32(self._seconds))[:, None]
        else:
            recent = now - people.refined[rows] <= MAX_CARRY_S
            carried = step.expected.sure[rows] & recent[:, None]
        score = np.where(np.isnan(xy[..., 0]), 0, people.score[rows]).astype(np.float32)
        poses = Poses(self._skeleton, xy, score, people.person_score[rows])
        return Expected(poses, (now - people.looked[rows]).astype(np.float32), carried)

    def follow(
        self, frame: Frame, poses: Poses, looked: NDArray[np.bool_], seen: NDArray[np.bool_]
    ) -> Tracks:
        """The people of the frame that `expect` was asked about, where nobody looked for others.

        poses: those whom it expected, in its order. looked, seen: (P,) who of them was looked at,
        and found. Everybody else is carried on, by optical flow.
        """
        assert self._begun is frame, "follow comes after expect"
        self._begun = None
        people, now = self._people, self._clock.now
        rows = self._expected[seen]
        people.looked[self._expected[looked]] = now
        people.refined[rows] = now
        poses = poses.some(np.flatnonzero(seen))
        rest = ~people.missing
        rest[rows] = False
        flow, found = bool(rest.any()) or self._settings.camera, None
        if self._settings.turns:
            found = self._parts.beside(rows, poses, now - people.seen, self._clock.step, flow)
            flow |= found.parts
        step = self._go_on(flow=flow, found=found)
        self._speed_up(np.flatnonzero(rest & step.expected.follows), step)
        return self._found(rows, poses, step)

    def _found(self, rows: Indices, poses: Poses, step: Step) -> Tracks:
        """These people (rows) were found, in this order; others have been carried on."""
        columns = np.arange(len(rows))
        poses = self._repair(poses, rows, columns, self._clock.now)
        self._see(poses, None, rows, columns, step)
        self._confirm(len(rows))
        shown = (self._people.id != TENTATIVE_ID) & self._presentable(step.expected)
        shown[rows] = True
        tracks = self._shown(shown, step.motion)
        self._forget()
        return tracks

    def update(self, frame: Frame, poses: Poses | None) -> Tracks:
        """The people of the next frame; poses None = nobody looked for them in this one."""
        if self._begun is not frame:
            self._begin(frame)
        self._begun = None
        if poses is None:
            return self._carry(self._go_on())
        poses = NMS[self._settings.nms](poses)
        if answers(poses, self._people, rows := self._lone, self._seconds):
            return self._found(rows, poses, self._go_on(flow=False))
        return self._meet(frame, poses, self._go_on())

    @property
    def _lone(self) -> Indices:
        """The row of somebody alone whom flow need not follow."""
        wanted = self._settings
        asked = wanted.camera or wanted.turns or self._flow.unlike or self._step is not None
        rows = lone(self._people, self._clock.now, MAX_CARRY_S)
        return rows[:0] if asked else rows

    def _begin(self, frame: Frame) -> None:
        """Go on to the next frame."""
        self._begun, self._step = frame, None
        self._seconds = self._clock.tick(frame.time)
        cut = self._flow.see(frame.image) if self._settings.flow else False
        cut |= not self._fit_size(frame.size)
        if cut or self._seconds > MAX_LOST_S:
            self._begin_anew()

    def _go_on(self, *, flow: bool = True, found: FoundBodies | None = None) -> Step:
        """Everybody is where they should be in this frame now; asked again, it is the same.

        found: whose bodies were found already.
        """
        if self._step is None:
            people, motion = self._people, None
            asked = self._parts.followed & (True if found is None else found.asked)
            asked = asked & people.trackable & ~np.isnan(people.xy[..., 0])
            if flow and self._settings.flow:
                background = found is None or found.background
                motion = self._flow.follow(people.xy, asked, background=background)
            if motion is not None and motion.lost:
                self._begin_anew()
                motion = None
            if motion is not None and found is not None:
                motion = motion.with_known(found.rows, found.xy, found.known)
            now, body = self._clock.now, self._body
            expected = predict(people, motion, now, self._seconds, body, self._parts, asked)
            self._step = Step(people.xy, expected, motion)
            people.xy = expected.xy
        return self._step

    def _begin_anew(self) -> None:
        """Another scene: nobody is there any more."""
        self._people.keep(np.zeros(len(self._people), bool))
        self._anew = True

    def _fit_size(self, size: tuple[int, int]) -> bool:
        """Whether the picture shows the same as before; people are scaled with it."""
        last, self._size = self._size, size
        if last is None or last == size:
            return True
        scale = np.array([size[0] / last[0], size[1] / last[1]], np.float32)
        if abs(scale[0] / scale[1] - 1) > MAX_ASPECT_DIFFERENCE:
            return False
        self._people.scale(scale)
        return True

    def _carry(self, step: Step) -> Tracks:
        """Everybody a frame further without having been looked for."""
        people, expected = self._people, step.expected
        self._speed_up(np.flatnonzero(expected.follows & ~people.missing), step)
        shown = (people.id != TENTATIVE_ID) & self._presentable(expected)
        return self._shown(shown, step.motion)

    def _shown(
        self, shown: NDArray[np.bool_], motion: Motion | None, others: Poses | None = None
    ) -> Tracks:
        now, step = self._clock.now, self._clock.step if self._settings.turns else 0.0
        tracks = shown_tracks(self._people, shown, self._skeleton, now, step, others)
        return tracks if motion is None else replace(tracks, camera=motion.camera)

    def _speed_up(self, rows: Indices, step: Step) -> None:
        """Velocities of those whom flow alone has followed."""
        before, expected, motion = step
        if motion is not None and len(rows) and self._seconds > 0:
            bodies = np.ix_(rows, self._body)
            now = np.where(expected.sure[bodies][..., None], expected.xy[bodies], np.nan)
            speed_up(self._people, rows, before[bodies], now, motion.camera, self._seconds)

    def _meet(self, frame: Frame, poses: Poses, step: Step) -> Tracks:
        """Everybody meets the poses of the frame."""
        people, now = self._people, self._clock.now
        found = self._describe(frame.image, poses)
        rows, columns = match(people, people.xy, found, now, self._skeleton, self._settings.cue)
        poses = self._repair(poses, rows, columns, now)
        people.missing[:] = True
        if len(rows):
            self._see(poses, found, rows, columns, step)
        left = np.ones(len(poses), bool)
        left[columns] = False
        fresh = self._newcomers(poses, found, left)
        row_of = np.full(len(poses), -1)
        row_of[columns] = rows
        row_of[fresh] = len(people) + np.arange(len(fresh))
        if len(fresh):
            people.add(self._fresh(poses, found, fresh))
        self._confirm(len(poses))
        shown = np.zeros(len(people), bool)
        shown[row_of[row_of >= 0]] = True
        older = len(people) - len(fresh)
        carried = (people.id != TENTATIVE_ID) & people.missing
        carried[:older] &= self._presentable(step.expected)
        shown |= carried & ~covered(people, carried, shown, self._skeleton)
        others = poses.some(np.flatnonzero(row_of < 0))
        tracks = self._shown(shown, step.motion, others)
        self._forget()
        return tracks

    def _describe(self, image: Image, poses: Poses) -> Detections:
        body, parts = poses.xy[:, self._body], len(self._body)
        least: float | Floats = MIN_CONFIDENT_SCORE
        if poses.refined is not None:
            least = np.where(poses.refined, MIN_REFINED_SCORE, MIN_CONFIDENT_SCORE)
        strong = (poses.score[:, self._body].sum(axis=1) >= least * parts) & (
            poses.found[:, self._body].sum(axis=1) >= MIN_CONFIDENT_SHARE * parts
        )
        colours = self._clothing.colours(image, poses.xy)
        lengths = bones(poses.xy, self._skeleton)
        if not self._settings.colours:
            colours = np.full_like(colours, np.nan)
        if not self._settings.bones:
            lengths = np.full_like(lengths, np.nan)
        return Detections(poses.xy, areas(body), lengths, colours, strong, clear(body))

    def _repair(self, poses: Poses, rows: Indices, columns: Indices, now: float) -> Poses:
        people = self._people
        if not len(rows):
            return poses
        xy, score = poses.xy.copy(), poses.score.copy()
        xy[columns], score[columns], people.flipped[rows] = self._left_right.repair(
            people.xy[rows],
            xy[columns],
            score[columns],
            people.area[rows],
            people.flipped[rows],
            now,
        )
        return replace(poses, xy=xy, score=score)

    def _see(
        self,
        poses: Poses,
        found: Detections | None,
        rows: Indices,
        columns: Indices,
        step: Step,
    ) -> None:
        """People (rows) are where poses (columns) say. found: to learn their appearance from."""
        people, now, seconds = self._people, self._clock.now, self._seconds
        camera = np.zeros(2, np.float32) if step.motion is None else step.motion.camera
        xy, score = poses.xy[columns], poses.score[columns]
        here = ~np.isnan(xy[..., 0])
        away = now - people.last[rows]
        just = away <= seconds * 1.5
        if seconds > 0:
            some = rows[just]
            filled = people.seen[some] < people.last[some, None]
            past = np.where(filled[..., None], np.nan, step.before[some])[:, self._body]
            speed_up(people, some, past, xy[just][:, self._body], camera, seconds)
        people.trackable[rows] = here | (
            people.trackable[rows] & (now - people.seen[rows] < MAX_UNSEEN_S)
        )
        people.seen[rows] = np.where(here, now, people.seen[rows])
        people.xy[rows] = np.where(here[..., None], xy, people.xy[rows])
        people.score[rows] = np.where(here, score, people.score[rows])
        stale = now - people.seen[rows] > MAX_UNSEEN_S
        people.xy[rows] = np.where(stale[..., None], np.nan, people.xy[rows])
        people.score[rows] = np.where(stale, 0, people.score[rows])
        people.last[rows] = now
        people.missing[rows] = False
        if poses.looked is not None and poses.refined is not None:
            looked, refined = poses.looked[columns], poses.refined[columns]
            people.looked[rows[looked]] = people.refined[rows[looked & refined]] = now
        people.person_score[rows] = poses.person_score[columns]
        rate = 1 - np.exp(-max(seconds, 1e-3) / APPEARANCE_WINDOW_S)
        area = areas(people.xy[rows[:, None], self._body])
        people.area[rows] = blend(people.area[rows], area, rate)
        if found is None:
            return
        # What whole looks alone show counts for all the frames since the last of them.
        since = np.clip(now - people.described[rows], max(seconds, 1e-3), MAX_GAP_S)
        rate = (1 - np.exp(-since / APPEARANCE_WINDOW_S))[:, None].astype(np.float32)
        people.described[rows] = now
        people.bones[rows] = blend(people.bones[rows], found.bones[columns], rate)
        # Next to nothing is learned of the colours of two who stand before each other.
        learn = rate[:, 0] * found.clear[columns] * here[:, self._body].mean(axis=1)
        people.colours[rows] = blend(
            people.colours[rows], found.colours[columns], learn[:, None, None]
        )

    def _newcomers(self, poses: Poses, found: Detections, left: NDArray[np.bool_]) -> Indices:
        """Indices of confident poses that are somebody new, not somebody who is there twice."""
        fresh, there = np.flatnonzero(left & found.strong), np.flatnonzero(~left)
        area = np.minimum(found.area[fresh][:, None], found.area[there][None])
        return fresh[~upon(poses.xy[fresh], poses.xy[there], area, self._skeleton, 3)]

    def _confirm(self, count: int) -> None:
        """Ids for those who were seen for long enough; at once where everything begins anew."""
        people = self._people
        tentative = people.id == TENTATIVE_ID
        ready = (
            tentative & ~people.missing & (self._clock.now - people.born >= MIN_CONFIRM_S - 1e-6)
        )
        if self._anew and count:
            ready |= tentative
            self._anew = False
        rows = np.flatnonzero(ready)
        people.id[rows] = self._next + np.arange(len(rows))
        self._next += len(rows)

    def _presentable(self, expected: Prediction) -> NDArray[np.bool_]:
        """(N,) of those expected who may be shown without having been seen."""
        now, fill, size = self._clock.now, self._settings.fill, self._size or (0, 0)
        return presentable(self._people, expected, now, fill, size, self._body)

    def _forget(self) -> None:
        """Those who are gone; tentative people as soon as they are missing for a moment."""
        people = self._people
        away = self._clock.now - people.last
        patience = np.where(
            people.id == TENTATIVE_ID, max(MAX_GAP_S, 2.5 * self._clock.step), MAX_LOST_S
        )
        people.keep(away <= patience)

    def _fresh(self, poses: Poses, found: Detections, rows: Indices) -> TrackTable:
        area, lengths, colours = found.area[rows], found.bones[rows], found.colours[rows]
        sides = len(self._left_right)
        return TrackTable.fresh(poses.some(rows), self._clock.now, area, lengths, colours, sides)
