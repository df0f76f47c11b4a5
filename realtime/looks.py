"""From what networks see in the frames of an instant to the people of each camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engines.parts.kinds import Part
from engines.parts.parts_look import PartsLook
from engines.second_look.second_look import SecondLook
from engines.types.arrays import Image
from engines.types.evidence import Evidence
from engines.types.expected import Expected
from engines.types.poses import Poses
from realtime.runtime.synchronizer import FrameSet
from realtime.tracking.crop_budget import CropBudget
from realtime.tracking.look_schedule import CARRIED_INTERVAL_S, LookSchedule, crowded
from realtime.types.frames import Frame
from realtime.types.protocols import FlowWhen, FollowingTracker, Tracker
from realtime.types.results import Tracks, View

Seen = tuple[Poses, Evidence | None]
Views = tuple[View | None, ...]
WholeLook = Callable[[Sequence[Frame]], Sequence[Seen]]


class Looks:
    """People of each camera by its tracker; with a second look, refined and followed.

    trackers: one for each camera, None = nobody has an id there. parts: looks at hands, faces and
    feet of all who are seen; the trackers' people have these groups then. frugal: where people
    are followed, people take turns, so that looks cost half of what looking at all in every frame
    does. Who has no turn in a frame is carried on by optical flow. Where people are close to each
    other, every second frame is looked at, and that whole.
    """

    def __init__(
        self,
        trackers: Sequence[Tracker | None],
        second: SecondLook | None = None,
        parts: PartsLook | None = None,
        *,
        frugal: bool = False,
    ) -> None:
        self._trackers = trackers
        # Asked once: what a protocol has is looked up slowly.
        self._following = [one if isinstance(one, FollowingTracker) else None for one in trackers]
        self._second = second
        self._parts = parts
        self._frugal = frugal
        self._budget = CropBudget(1.0 if second is None else second.cost)
        self._schedules = [LookSchedule() for _ in trackers]
        self._ids: dict[int, frozenset[int]] = {}
        self._shown: set[int] = set()  # cameras in whose last frame there was somebody
        self._part_seconds: dict[Part, float] = {}

    @property
    def part_seconds(self) -> dict[Part, float]:
        """How long the looks at hands, face and feet of the last instant took."""
        return self._part_seconds

    def close(self) -> None:
        """Let the crop networks go."""
        for one in (self._second, self._parts):
            if one is not None:
                one.close()

    def meet(self, frames: FrameSet, seen: Sequence[Seen | None]) -> Views:
        """The people of an instant, from what the network saw in each camera's frame.

        seen: None where a camera is out, or the network did not look: people are followed then.
        """
        self._part_seconds = {}
        refined = self._add_parts(frames, self._refine(frames, seen))
        pairs = list(zip(frames, refined, strict=True))
        unseen = [(n, frame) for n, (frame, one) in enumerate(pairs) if frame and one is None]
        followed = self._follow(unseen)
        return tuple(
            View(frame, followed[n], None)
            if frame is not None and n in followed
            else _view(frame, one, self._trackers[n])
            for n, (frame, one) in enumerate(pairs)
        )

    def watch(self, frames: FrameSet, look: WholeLook, *, whole: bool = False) -> Views:
        """The people of an instant, between whole looks followed by crops.

        look: what the network sees in whole frames, asked where it is time to look, somebody was
        lost, or another scene begins; unless frugal, also where people are too close to each other
        or too many for crops. whole: everywhere.
        """
        self._part_seconds = {}
        there = [(n, frame) for n, frame in enumerate(frames) if frame is not None]
        people = {n: self._tracker(n).expect(frame) for n, frame in there}
        crowds = {n for n, _ in there if crowded(people[n].poses)}
        total = sum(map(len, people.values()))
        most = self._second.most if self._second is not None else 0
        if not self._frugal:
            whole |= most is not None and total > most
        alone = [
            (n, frame)
            for n, frame in there
            if not whole and not self._due(n, frame, people[n], n in crowds)
        ]
        if self._frugal:
            most = self._budget.most(len(there), total, len(there) - len(alone))
        before = self._crops
        # Crops show two of those who are close: only beside a whole look they tell who is who.
        cropped = [(n, frame) for n, frame in alone if most != 0 and n not in crowds]
        carried = [(n, frame) for n, frame in alone if most == 0 or n in crowds]
        flow: FlowWhen = "always" if most is not None and total > most else "never"
        tracks = self._follow(cropped, most, watched=True, flow=flow)
        tracks |= {n: self._tracker(n).update(frame, None) for n, frame in carried}
        seen: dict[int, Evidence | None] = dict.fromkeys(tracks)
        asked = [(n, frame) for n, frame in there if n not in tracks]
        if asked:
            if whole or not any(len(people[n]) for n, _ in asked):
                most = None  # maps are wanted, or all have just come
            left = None if most is None else max(most - (self._crops - before), 0)
            refined = self._refine(frames, self._looked_at(asked, look, len(frames)), left)
            found = self._add_parts(frames, refined)
            for n, frame in asked:
                poses, seen[n] = found[n] or (None, None)
                tracks[n] = self._tracker(n).update(frame, poses)
                ids = frozenset(tracks[n].id[tracks[n].id >= 0].tolist())
                self._schedules[n].looked(frame.time, changed=ids != self._ids.get(n))
                self._ids[n] = ids
        self._budget.spend(self._crops - before)
        self._shown = {n for n, one in tracks.items() if len(one)}
        return tuple(
            None if frame is None else View(frame, tracks[n], seen[n])
            for n, frame in enumerate(frames)
        )

    def _due(self, camera: int, frame: Frame, people: Expected, crowd: bool) -> bool:
        """Whether to look at the whole frame: it is time, or all have just gone, as at a cut."""
        gone = not len(people) and camera in self._shown
        if gone or (crowd and not self._frugal):
            return True
        carried = self._frugal and people.waited.max(initial=0) >= CARRIED_INTERVAL_S
        return self._schedules[camera].due(frame.time, len(people), carried=carried, crowd=crowd)

    @property
    def _crops(self) -> int:
        """Crops looked at so far."""
        return self._second.crops if self._second is not None else 0

    def _looked_at(
        self, asked: Sequence[tuple[int, Frame]], look: WholeLook, cameras: int
    ) -> list[Seen | None]:
        out: list[Seen | None] = [None] * cameras
        for (n, _), one in zip(asked, look([frame for _, frame in asked]), strict=True):
            out[n] = one
        return out

    def _refine(
        self, frames: FrameSet, seen: Sequence[Seen | None], most: int | None = None
    ) -> list[Seen | None]:
        """What was seen, after a second look at so many people at most."""
        if self._second is None:
            return list(seen)
        there = [
            (n, frame, one)
            for n, (frame, one) in enumerate(zip(frames, seen, strict=True))
            if frame is not None and one is not None
        ]
        # A crop of somebody tells how they moved; hands and faces are sought where flow has them.
        least = max(1, sum(len(one[0]) for _, _, one in there))
        told = all(bound is None or bound >= least for bound in (most, self._second.most))
        flow: FlowWhen = "several" if told and self._parts is None else "always"
        expected = [self._expected(n, frame, one[0], flow).core() for n, frame, one in there]
        images, found = [frame.image for _, frame, _ in there], [one[0] for _, _, one in there]
        out: list[Seen | None] = [None] * len(seen)
        refined = self._second.refine(images, found, expected, most)
        for (n, _, one), poses in zip(there, refined, strict=True):
            out[n] = poses, one[1]
        return out

    def _add_parts(self, frames: FrameSet, seen: Sequence[Seen | None]) -> list[Seen | None]:
        """What was seen, with the hands, faces and feet of these people."""
        out = list(seen)
        if self._parts is None:
            return out
        there = [
            (n, frame, one)
            for n, (frame, one) in enumerate(zip(frames, seen, strict=True))
            if frame is not None and one is not None
        ]
        whole = self._with_parts(
            self._parts,
            [frame.image for _, frame, _ in there],
            [one[0] for _, _, one in there],
            [self._expected(n, frame, one[0]).poses for n, frame, one in there],
        )
        for (n, _, one), poses in zip(there, whole, strict=True):
            out[n] = poses, one[1]
        return out

    def _with_parts(
        self,
        parts: PartsLook,
        images: Sequence[Image],
        people: Sequence[Poses],
        expected: Sequence[Poses],
    ) -> list[Poses]:
        whole = parts.look(images, people, expected)
        for part, seconds in parts.seconds.items():
            self._part_seconds[part] = self._part_seconds.get(part, 0.0) + seconds
        return whole

    def _expected(
        self, camera: int, frame: Frame, seen: Poses, flow: FlowWhen = "always"
    ) -> Expected:
        """Where a camera's people should be; nobody where its tracker does not say."""
        if (tracker := self._following[camera]) is not None:
            return tracker.expect(frame, flow=flow)
        skeleton = self._parts.skeleton if self._parts else seen.skeleton
        return Expected.of(Poses.nobody(skeleton))

    def _follow(
        self,
        frames: Sequence[tuple[int, Frame]],
        most: int | None = None,
        *,
        watched: bool = False,
        flow: FlowWhen = "always",
    ) -> dict[int, Tracks]:
        """People of frames at which the network did not look, so many at most by crops.

        watched: of no camera at which somebody was lost and it is time to look for them. flow:
        whether it may have to carry somebody.
        """
        if self._second is None or not frames:
            return {}
        expected = [self._tracker(n).expect(frame, flow=flow) for n, frame in frames]
        images = [frame.image for _, frame in frames]
        followed = self._second.follow(images, [one.core() for one in expected], most)
        whole = [one.poses for one in followed]
        if self._parts is not None:
            guesses = [one.poses for one in expected]
            whole = self._with_parts(self._parts, images, whole, guesses)
        found = {}
        for (n, frame), one, poses in zip(frames, followed, whole, strict=True):
            lost = bool((one.at & ~one.ok).any())
            if not (
                watched and lost and self._schedules[n].due(frame.time, len(one.ok), lost=True)
            ):
                found[n] = self._tracker(n).follow(frame, poses, one.at, one.ok)
        return found

    def _tracker(self, camera: int) -> FollowingTracker:
        tracker = self._following[camera]
        assert tracker is not None, "to be followed people need ids"
        return tracker


def _view(frame: Frame | None, seen: Seen | None, tracker: Tracker | None) -> View | None:
    """What a camera saw: None where it is out. Without a tracker nobody has an id."""
    poses, evidence = seen or (None, None)
    if frame is not None and tracker is not None:
        return View(frame, tracker.update(frame, poses), evidence)
    return View(frame, Tracks.untracked(poses), evidence) if frame and poses is not None else None
