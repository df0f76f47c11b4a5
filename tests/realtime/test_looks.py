"""People followed by crops between looks at whole pictures: a toy network for each."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest

from engines.second_look.second_look import Followed
from engines.types.arrays import Image
from engines.types.expected import Expected
from engines.types.poses import Poses
from realtime.looks import Looks, Seen
from realtime.settings.tracking import TrackSettings
from realtime.tracking.camera_tracker import CameraTracker
from realtime.tracking.crop_budget import WORK_SHARE
from realtime.types.frames import Frame
from tests.scenes import Scene, Step, Walker, apart, straight
from tests.synth import SKELETON

RATE = 25


def spaced(count: int) -> Scene:
    """People who walk so far from each other that a crop shows one of them alone."""
    walkers = [
        Walker(straight(120 + 260 * n, 180, 12 * (-1) ** n), 190, seed=n) for n in range(count)
    ]
    return Scene("spaced", tuple(walkers), size=(760, 360))


def poses(people: Sequence[np.ndarray], shift: float = 0.0) -> Poses:
    xy = np.array(people, np.float32).reshape(-1, 18, 2) + np.float32(shift)
    score = np.where(np.isnan(xy[..., 0]), 0, 0.8).astype(np.float32)
    return Poses(SKELETON, xy, score, score.sum(axis=1))


@dataclass
class Truth:
    """Both networks: the first sees whole pictures, 6 pixels off, the second people where they are.

    people: of each picture, by its object's identity. blind: pictures in which crops show nobody.
    """

    people: dict[int, list[np.ndarray]] = field(default_factory=dict)
    blind: set[int] = field(default_factory=set)
    looked: list[float] = field(default_factory=list)
    most: int | None = None
    cost: float = 0.5
    crops: int = 0
    cropped: list[int] = field(default_factory=list)
    at: list[np.ndarray] = field(default_factory=list)  # of each frame between whole looks

    def look(self, frames: Sequence[Frame]) -> list[Seen]:
        self.looked += [frame.time for frame in frames]
        return [(poses(self.people[id(frame.image)], 6), None) for frame in frames]

    def refine(
        self,
        images: Sequence[Image],
        found: Sequence[Poses],
        expected: Sequence[Expected],
        most: int | None = None,
    ) -> list[Poses]:
        out = []
        for image in images:
            people = poses(self.people[id(image)])
            looked = np.arange(len(people)) < (len(people) if most is None else most)
            self._count(int(looked.sum()))
            out.append(replace(people, looked=looked, refined=looked))
        return out

    def follow(
        self, images: Sequence[Image], expected: Sequence[Expected], most: int | None = None
    ) -> list[Followed]:
        out = []
        for image, guess in zip(images, expected, strict=True):
            true, ok = poses(self.people[id(image)]), np.zeros(len(guess), bool)
            xy = np.full(guess.poses.xy.shape, np.nan, np.float32)
            at = np.zeros(len(guess), bool)
            at[np.argsort(-guess.waited, kind="stable")[:most]] = True
            at &= guess.waited > 0
            self._count(int(at.sum()))
            self.at.append(guess.poses.xy[at])
            for n, one in enumerate(guess.poses.xy if id(image) not in self.blind else ()):
                if not at[n]:
                    continue
                away = np.linalg.norm(np.nanmean(true.xy - one, axis=1), axis=-1)
                if len(away) and away.min() < 30:
                    xy[n], ok[n] = true.xy[away.argmin()], True
            score = np.where(np.isnan(xy[..., 0]), 0, 0.8).astype(np.float32)
            seen = Poses(SKELETON, xy, score, score.mean(axis=1))
            out.append(Followed(seen, at, ok))
        return out

    def _count(self, crops: int) -> None:
        self.crops += crops
        self.cropped.append(crops)

    def close(self) -> None:
        pass


def run(
    truth: Truth, cameras: Sequence[Sequence[Step | None]], *, frugal: bool = False
) -> list[tuple[tuple[list[int] | None, ...], float]]:
    """Ids in each camera of each instant, and the largest error of a keypoint."""
    trackers = [CameraTracker(SKELETON, TrackSettings()) for _ in cameras]
    looks = Looks(trackers, truth, frugal=frugal)  # type: ignore[arg-type]
    out, kept = [], []
    for index, steps in enumerate(zip(*cameras, strict=True)):
        frames: list[Frame | None] = []
        for camera, step in enumerate(steps):
            if step is None:
                frames.append(None)
                continue
            image = step.image.copy()
            kept.append(image)
            truth.people[id(image)] = list(step.people.values())
            name = f"{camera}_{index:012d}"
            frames.append(Frame(str(camera), index, name, step.time, step.time, image))
        views = looks.watch(tuple(frames), truth.look)
        worst = 0.0
        for view in filter(None, views):
            for xy in view.tracks.poses.xy:
                off = [np.abs(xy - one).max() for one in truth.people[id(view.frame.image)]]
                worst = max(worst, float(min(off, default=0.0)))
        out.append((tuple(view and view.tracks.id.tolist() for view in views), worst))
    return out


def test_people_keep_their_ids_with_a_tenth_of_the_looks() -> None:
    truth, steps = Truth(), list(spaced(3).steps())
    instants = run(truth, [steps])
    assert all(ids == ([1, 2, 3],) for ids, _ in instants)
    assert max(worst for _, worst in instants) < 1e-3  # no pose is the first network's own
    assert len(truth.looked) < len(steps) / 6


def test_the_same_frames_give_the_same_results() -> None:
    steps = list(apart(2).steps())[:40]
    one, other = Truth(), Truth()
    assert run(one, [steps]) == run(other, [steps])
    assert one.looked == other.looked


def test_who_comes_in_is_found_soon() -> None:
    stays = Walker(lambda time: (800, 600), height=200)
    comes = Walker(lambda time: (1200, 600), height=200, seed=1)
    alone = list(Scene("", (stays,), seconds=2).steps())
    both = list(Scene("", (stays, comes), seconds=2).steps())
    truth, at = Truth(), 20
    instants = run(truth, [[*alone[:at], *both[at:]]])
    when = next(n for n, (ids, _) in enumerate(instants) if 2 in (ids[0] or []))
    assert when - at <= 0.55 * RATE  # a look within 0.4 s, and 0.1 s to be sure


def test_lost_people_are_looked_for_in_the_whole_picture() -> None:
    steps = list(spaced(2).steps())[:40]
    calm, troubled = Truth(), Truth()
    run(calm, [steps])

    class Blinded(Truth):
        def follow(
            self, images: Sequence[Image], expected: Sequence[Expected], most: int | None = None
        ) -> list[Followed]:
            self.blind = {id(image) for image in images}
            return super().follow(images, expected, most)

    troubled = Blinded()
    instants = run(troubled, [steps])
    assert len(troubled.looked) > len(calm.looked)
    assert all(ids == ([1, 2],) for ids, _ in instants)


def test_another_scene_is_looked_at_at_once() -> None:
    first = list(spaced(2).steps())[:10]
    noise = np.kron(
        np.random.default_rng(0).integers(0, 60, (36, 64, 3)), np.ones((10, 10, 1), int)
    ).astype(np.uint8)
    second = [
        Step(one.time, noise, one.people, one.visible) for one in list(spaced(2).steps())[10:15]
    ]
    truth = Truth()
    instants = run(truth, [[*first, *second]])
    assert first[0].time in truth.looked
    assert second[0].time in truth.looked
    assert instants[10][0] == ([3, 4],)


def test_a_cut_right_after_a_look_is_looked_at_too() -> None:
    first, second = list(spaced(2).steps())[:1], list(spaced(1).steps())[1:4]
    noise = np.kron(
        np.random.default_rng(0).integers(0, 60, (36, 76, 3)), np.ones((10, 10, 1), int)
    ).astype(np.uint8)
    truth = Truth()
    run(truth, [[*first, *(Step(one.time, noise, one.people, one.visible) for one in second)]])
    assert truth.looked[:2] == [first[0].time, second[0].time]


def test_people_close_to_each_other_are_looked_at_whole_in_every_frame() -> None:
    """What comes out is what a look at every frame gives, and no crop is asked of whom it shows."""
    truth, steps = Truth(), list(apart(2).steps())[:30]
    run(truth, [steps])
    assert truth.looked == [step.time for step in steps]


def test_a_crowd_that_is_looked_at_frugally_keeps_its_ids_for_half_of_the_work() -> None:
    """In between flow carries all of them, from where a crop has seen them."""
    truth, steps = Truth(cost=0.5), list(apart(3).steps())
    instants = run(truth, [steps], frugal=True)
    assert all(ids == ([1, 2, 3],) for ids, _ in instants)
    assert truth.looked == [step.time for step in steps[::2]]
    assert not truth.at  # crops of people who are close tell nothing without a whole look
    work = len(truth.looked) + truth.cost * truth.crops
    assert work <= WORK_SHARE * len(steps) * (1 + 3 * truth.cost) + 1
    assert np.median([worst for _, worst in instants]) < 8  # pixels, people are 190 tall


def test_frugal_crops_cost_no_more_than_their_share_of_looks_at_all() -> None:
    """Several people far from each other, and a crop network that is dearer than the first one."""
    truth, steps = Truth(cost=1.5), list(spaced(2).steps())
    instants = run(truth, [steps], frugal=True)
    assert all(ids == ([1, 2],) for ids, _ in instants)
    all_of_it = len(steps) * (1 + 2 * truth.cost)
    assert 0.4 * all_of_it < len(truth.looked) + truth.crops * truth.cost
    assert len(truth.looked) + truth.crops * truth.cost <= WORK_SHARE * all_of_it + 2
    assert np.median([worst for _, worst in instants]) < 20


def test_people_take_turns_and_optical_flow_keeps_them_where_they_are_in_between() -> None:
    """Six who walk apart: about half of them in each frame, and nobody waits for long."""
    walkers = tuple(
        Walker(straight(140 + 260 * n, 180, 10 * (-1) ** n), 190, seed=n) for n in range(6)
    )
    steps = list(Scene("", walkers, size=(1580, 360), seconds=2).steps())
    truth = Truth(cost=1.0)
    instants = run(truth, [steps], frugal=True)
    assert all(ids == ([1, 2, 3, 4, 5, 6],) for ids, _ in instants)
    assert len(truth.looked) < len(steps) / 5
    work = [len(people) for people in truth.at[1:]]
    assert max(work) <= np.median(work) + 1  # of 3 and 4 in turn, after the first frame's debt
    turns: list[list[int]] = [[] for _ in walkers]
    for n, people in enumerate(truth.at):
        for xy in people:
            turns[int(np.nanmean(xy[:, 0]) // 260)].append(n)
    assert sum(map(len, turns)) < 0.65 * 6 * len(truth.at)
    for mine in turns:
        assert max(later - earlier for earlier, later in pairwise(mine)) <= 3
    assert np.median([worst for _, worst in instants]) < 15  # the worst keypoint; they are 190 tall


def test_frugal_or_not_one_person_is_looked_at_in_every_frame_where_that_is_cheap() -> None:
    steps = list(spaced(1).steps())
    plain, frugal = Truth(), Truth()
    assert run(plain, [steps]) == run(frugal, [steps], frugal=True)
    assert plain.cropped == frugal.cropped


def test_more_people_than_crops_are_looked_at_whole() -> None:
    few, many = Truth(most=1), Truth(most=2)
    steps = list(spaced(2).steps())[:30]
    run(few, [steps])
    run(many, [steps])
    assert few.looked == [step.time for step in steps]
    assert len(many.looked) < 10


def test_who_wants_the_maps_gets_whole_looks() -> None:
    truth, steps = Truth(), list(spaced(2).steps())[:10]
    looks = Looks([CameraTracker(SKELETON, TrackSettings())], truth)  # type: ignore[arg-type]
    for index, step in enumerate(steps):
        image = step.image.copy()
        truth.people[id(image)] = list(step.people.values())
        frame = Frame("0", index, f"0_{index}", step.time, step.time, image)
        looks.watch((frame,), truth.look, whole=index >= 5)
    assert truth.looked[-5:] == [step.time for step in steps[5:]]
    assert len(truth.looked) < 10


def test_cameras_are_looked_at_each_by_its_own_need_and_may_be_out() -> None:
    steps = list(apart(2).steps())[:30]
    truth = Truth()
    instants = run(truth, [steps, [None] * 10 + steps[10:]])
    assert all(ids == ([1, 2], None) for ids, _ in instants[:10])
    assert all(ids == ([1, 2], [1, 2]) for ids, _ in instants[12:])


@pytest.mark.parametrize("every", [3])
def test_between_looks_at_fixed_frames_crops_follow_too(every: int) -> None:
    truth, steps = Truth(), list(apart(2).steps())[:30]
    looks = Looks([CameraTracker(SKELETON, TrackSettings())], truth)  # type: ignore[arg-type]
    for index, step in enumerate(steps):
        image = step.image.copy()
        truth.people[id(image)] = list(step.people.values())
        frame = Frame("0", index, f"0_{index}", step.time, step.time, image)
        seen = truth.look([frame])[0] if index % every == 0 else None
        (view,) = looks.meet((frame,), [seen])
        assert view is not None
        assert view.tracks.id.tolist() == [1, 2]
        order = np.argsort(np.nanmean(view.tracks.poses.xy[..., 0], axis=1))
        true = poses(truth.people[id(image)])
        np.testing.assert_allclose(
            view.tracks.poses.xy[order],
            true.xy[np.argsort(np.nanmean(true.xy[..., 0], axis=1))],
            atol=1e-3,
        )
