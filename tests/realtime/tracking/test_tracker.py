"""Identities: people who walk, hide, cross and come back, and input that nobody would wish for."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_conversion import converted
from realtime.tracking.nms.pose_nms import suppress_duplicates
from realtime.tracking.tracker import PoseTracker
from realtime.types.results import Tracks
from tests.realtime.tracked import BLACK, found, frame, texture, walk
from tests.scenes import Scene, apart, crossing, occlusion, pan
from tests.synth import SKELETON, Points, hide, person


def ids(tracks: Tracks) -> list[int]:
    return [one for one in tracks.id.tolist() if one >= 0]


def where(tracks: Tracks, who: int) -> np.ndarray:
    return tracks.poses.xy[tracks.id.tolist().index(who)]


def judge(scene: Scene, frames: int | None = None) -> tuple[set[int], int, int, int]:
    """All ids; how often the id at somebody's place changed; places with and without an id."""
    tracker = PoseTracker(SKELETON)
    steps = list(scene.steps())[:frames]
    last: dict[int, int] = {}
    everyone: set[int] = set()
    switches = hits = misses = 0
    for step, poses in zip(steps, scene.detections(steps), strict=True):
        tracks = tracker.update(frame(step.time, step.image), poses)
        everyone.update(ids(tracks))
        for who, body in step.people.items():
            if step.visible[who].mean() < 0.5:
                continue
            apart = np.linalg.norm(tracks.poses.xy - body, axis=-1)
            near = np.nanmedian(apart, axis=1) if len(tracks) else np.zeros(0)
            near[tracks.id < 0] = np.inf
            if not len(near) or near.min() > 8:
                misses += 1
                continue
            hits += 1
            mine = int(tracks.id[near.argmin()])
            switches += last.setdefault(who, mine) != mine
            last[who] = mine
    return everyone, switches, hits, misses


def test_people_apart_keep_their_ids_through_misses_jitter_and_false_people() -> None:
    scene = apart()
    everyone, switches, hits, misses = judge(scene)
    assert switches == 0
    assert len(everyone) == len(scene.walkers)
    assert misses <= 0.01 * hits


@pytest.mark.parametrize("scene", [crossing(1), occlusion()], ids=lambda s: s.name)
def test_people_who_cross_or_hide_keep_their_ids(scene: Scene) -> None:
    _, switches, hits, misses = judge(scene)
    assert switches == 0
    assert misses <= 0.03 * hits


def test_a_swinging_camera_loses_nobody() -> None:
    _, switches, hits, misses = judge(pan())
    assert switches == 0
    assert misses <= 0.06 * hits


def test_how_the_camera_moved_is_told_with_the_people() -> None:
    scene, tracker = pan(), PoseTracker(SKELETON)
    steps = list(scene.steps())[:6]
    moved = [
        tracker.update(frame(step.time, step.image), poses).camera
        for step, poses in zip(steps, scene.detections(steps), strict=True)
    ]
    assert moved[0] is None  # nothing was before
    places = np.array([scene.camera(step.time) for step in steps])
    np.testing.assert_allclose(np.stack(moved[1:]), -np.diff(places, axis=0), atol=0.5)


def test_missing_keypoints_are_filled_and_marked() -> None:
    tracker = PoseTracker(SKELETON)
    for n in range(8):
        tracker.update(frame(n / 25), found([walk(100, 100, n / 25)]))
    wrist = SKELETON.keypoints.index("left_wrist")
    body = walk(100, 100, 8 / 25)
    tracks = tracker.update(frame(8 / 25), found([hide(body, "left_wrist")]))
    assert tracks.filled[0].tolist() == [n == wrist for n in range(18)]
    np.testing.assert_allclose(tracks.poses.xy[0], body, atol=3)


def test_frames_without_the_network_carry_people_along() -> None:
    tracker = PoseTracker(SKELETON)
    for n in range(30):
        asked = n % 3 == 0
        body = walk(100, 100, n / 25)
        tracks = tracker.update(frame(n / 25), found([body]) if asked else None)
        assert ids(tracks) == [1]
        assert tracks.filled.all() == (not asked)
    assert len(tracker.update(frame(30 / 25), None)) == 1


def test_somebody_who_left_is_not_carried_on_for_long() -> None:
    tracker = PoseTracker(SKELETON)
    for n in range(10):
        tracker.update(frame(n / 25), found([walk(100, 50, n / 25)]))
    shown = [len(tracker.update(frame(n / 25), found([]))) for n in range(10, 30)]
    assert shown[0] == 1
    assert sum(shown) <= 8
    assert shown[-1] == 0


def test_flashes_of_a_false_person_get_no_id() -> None:
    tracker = PoseTracker(SKELETON)
    seen = set()
    for n in range(60):
        people = [walk(100, 50, n / 25)]
        if n in (20, 21, 40):
            people.append(person((550, 180), 150))
        seen.update(ids(tracker.update(frame(n / 25), found(people))))
    assert seen == {1}


@pytest.mark.parametrize(("refined", "score", "known"), [(False, 0.2, 1), (True, 0.2, 0)])
def test_what_a_crop_network_made_whole_must_be_surer_to_be_somebody_new(
    refined: bool, score: float, known: int
) -> None:
    """A crop network draws a whole body around any fragment; its confidence tells what to."""
    tracker = PoseTracker(SKELETON)
    for n in range(10):
        one = found([walk(100, 50, n / 25)])
        one = replace(one, score=one.found * np.float32(score), refined=np.array([refined]))
        tracks = tracker.update(frame(n / 25), one)
    assert len(ids(tracks)) == known
    assert len(tracks) == 1  # who has no id is shown all the same
    sure = replace(one, score=one.found * np.float32(0.5))
    assert len(ids(PoseTracker(SKELETON).update(frame(0.0), sure))) == 1


def test_every_found_pose_comes_out_also_weak_ones() -> None:
    tracker = PoseTracker(SKELETON)
    tracker.update(frame(0.0), found([walk(100, 0, 0)]))
    weak = person((500, 180), 100)
    weak[4:] = np.nan
    tracks = tracker.update(frame(0.04), found([walk(100, 0, 0), weak], score=0.1))
    assert len(tracks) == 2
    assert tracks.id.tolist() == [1, -1]


@pytest.mark.parametrize("name", ["coco17", "coco18", "body25"])
def test_any_skeleton(name: str) -> None:
    skeleton = named_skeleton(name)
    rng = np.random.default_rng(0)
    body = rng.uniform(0, 150, (len(skeleton.keypoints), 2))
    tracker = PoseTracker(skeleton)
    for n in range(20):
        people = [body + np.array([x, 100]) for x in (100 + 4 * n, 500 - 4 * n)]
        tracks = tracker.update(frame(n / 25), found(people, skeleton=skeleton))
        assert ids(tracks) == [1, 2]


def test_sides_that_swap_for_a_moment_are_put_back_and_a_turn_is_believed() -> None:
    tracker = PoseTracker(SKELETON)
    body = person((300, 180), 250)
    for n in range(10):
        tracker.update(frame(n / 25), found([body]))
    mirrored = body[list(SKELETON.mirror)]
    tracks = tracker.update(frame(10 / 25), found([mirrored]))
    np.testing.assert_allclose(tracks.poses.xy[0], body, atol=0.01)
    for n in range(11, 30):
        tracks = tracker.update(frame(n / 25), found([mirrored]))
    np.testing.assert_allclose(tracks.poses.xy[0], mirrored, atol=0.01)


def test_a_body_whose_sides_are_all_exchanged_keeps_its_id() -> None:
    """Only what has sides is seen, so that nothing lies where it was."""
    tracker = PoseTracker(SKELETON)
    body = hide(person((300, 180), 300), "nose", "neck")
    for n in range(20):
        seen = body if n < 10 else body[list(SKELETON.mirror)]
        assert ids(tracker.update(frame(n / 25), found([seen]))) == [1]


def test_one_person_found_twice_is_one_and_two_side_by_side_are_two() -> None:
    body = person((300, 180), 200)
    part = hide(body + 3, *SKELETON.keypoints[8:14])
    lacking = hide(body, "left_wrist")
    merged = suppress_duplicates(found([part, lacking]))
    assert len(merged) == 1
    wrist = SKELETON.keypoints.index("left_wrist")
    np.testing.assert_allclose(merged.xy[0, wrist], part[wrist], atol=1e-3)
    assert len(suppress_duplicates(found([body, body + np.array([60, 0])]))) == 2


def test_a_person_found_from_both_sides_at_once_is_one() -> None:
    """Pieces of the other side go and fill nothing: their left hand is the right one's place."""
    mirror = list(SKELETON.mirror)
    body = person((300, 180), 200)
    arms = list(SKELETON.keypoints[2:8])
    lacking = hide(body, "left_wrist")
    mixed = np.where(np.isin(SKELETON.keypoints, arms)[:, None], body[mirror], body)
    for other in (body[mirror], hide(body[mirror], *SKELETON.keypoints[8:14]), mixed):
        merged = suppress_duplicates(found([lacking, hide(other, "nose")]))
        np.testing.assert_array_equal(merged.xy, lacking[None].astype(np.float32))


@pytest.mark.parametrize("way", [slice(None), list(SKELETON.mirror)], ids=["same", "other"])
def test_somebody_found_again_a_little_off_gets_no_second_id(way: slice | list[int]) -> None:
    tracker = PoseTracker(SKELETON)
    body = person((300, 180), 200)
    off = body[way] + np.array([10, 0])
    for n in range(20):
        poses = found([body, off] if n > 5 else [body])
        assert len(suppress_duplicates(poses)) == len(poses)
        assert ids(tracker.update(frame(n / 25), poses)) == [1]


def test_times_that_repeat_or_jump_back_end_nobody() -> None:
    tracker = PoseTracker(SKELETON)
    times = [0.0, 0.04, 0.04, 0.04, 0.08, -100.0, -99.96, float("nan"), -99.9]
    for n, time in enumerate(times):
        tracks = tracker.update(frame(time), found([walk(100, 50, n / 25)]))
        assert ids(tracks) == [1]


def test_a_long_pause_ends_everybody_and_ids_never_come_again() -> None:
    tracker = PoseTracker(SKELETON)
    tracker.update(frame(0.0), found([walk(100, 0, 0)]))
    assert ids(tracker.update(frame(60.0), found([walk(100, 0, 0)]))) == [2]


def test_a_cut_ends_everybody_at_once() -> None:
    tracker = PoseTracker(SKELETON)
    dark, bright = (texture(seed=1) * 0.4).astype(np.uint8), texture(seed=2) // 2 + 120
    for n in range(10):
        tracker.update(frame(n / 25, dark), found([walk(200, 0, 0)]))
    tracks = tracker.update(frame(10 / 25, bright), found([walk(210, 0, 0)]))
    assert ids(tracks) == [2]
    assert len(tracker.update(frame(11 / 25, dark), found([]))) == 0


def test_black_frames_are_bridged() -> None:
    tracker = PoseTracker(SKELETON)
    picture = texture()
    for n in range(30):
        black = n in (10, 11, 12, 20)
        people = [] if black else [walk(200, 30, n / 25)]
        tracks = tracker.update(frame(n / 25, BLACK if black else picture), found(people))
    assert ids(tracks) == [1]


def test_another_size_scales_people_and_another_shape_ends_them() -> None:
    tracker = PoseTracker(SKELETON)
    for n in range(10):
        tracker.update(frame(n / 25), found([walk(200, 30, n / 25)]))
    large = np.zeros((720, 1280, 3), np.uint8)
    tracks = tracker.update(frame(10 / 25, large), found([2 * walk(200, 30, 10 / 25)]))
    assert ids(tracks) == [1]
    upright = np.zeros((640, 360, 3), np.uint8)
    tracks = tracker.update(frame(11 / 25, upright), found([walk(200, 30, 10 / 25)]))
    assert ids(tracks) == [2]


def test_minutes_without_people_and_thousands_of_ids_take_no_memory() -> None:
    tracker = PoseTracker(SKELETON)
    people = [person((60 + 100 * n, 180), 150) for n in range(6)]
    last, sizes = 0, []
    for n in range(400):
        # Everybody is somebody new: a long pause before each.
        seen = ids(tracker.update(frame(n * 10.0), found(people)))
        assert min(seen) > last
        last = max(seen)
        sizes.append(len(pickle.dumps(tracker)))
    assert last == 2400
    assert max(sizes[100:]) <= max(sizes[:100]) + 100
    for n in range(600):
        assert len(tracker.update(frame(5000 + n / 10), found([]))) == 0
    assert len(pickle.dumps(tracker)) < sizes[0]


def test_speed_is_that_of_the_person() -> None:
    tracker = PoseTracker(SKELETON)
    for n in range(40):
        tracks = tracker.update(frame(n / 25), found([walk(100, 80, n / 25)]))
    assert tracks.speed is not None
    assert tracks.speed[0] == pytest.approx(80, rel=0.05)


def whole_body(points: Points, skeleton: Skeleton) -> Points:
    """Somebody of coco18 in the keypoints of another skeleton; all that it lacks is not found."""
    own = found([points])
    return np.asarray(converted(own, skeleton).xy[0], float)


@pytest.mark.parametrize("name", ["coco17", "coco133", "body135", "halpe26", "body25", "blaze33"])
def test_who_is_seen_by_the_body_alone_is_a_full_person(name: str) -> None:
    """A whole-body network that finds no hands, feet and face gives ids as one of bodies does."""
    skeleton = named_skeleton(name)
    tracker = PoseTracker(skeleton)
    for n in range(40):
        body = whole_body(walk(200, 60, n / 25), skeleton)
        assert len(skeleton.keypoints) < 20 or np.isnan(body).any()
        assert ids(tracker.update(frame(n / 25), found([body], 0.5, skeleton))) == [1]


def test_hands_that_come_and_go_change_nobodys_id() -> None:
    """Two people of coco133 who pass each other; hands are found in every third frame, and in
    some of them on the other person.
    """
    skeleton = named_skeleton("coco133")
    hands = np.array(skeleton.left_hand + skeleton.right_hand)
    rng = np.random.default_rng(3)
    tracker = PoseTracker(skeleton)
    last: dict[int, int] = {}
    for n in range(60):
        bodies = [whole_body(walk(x, v, n / 25), skeleton) for x, v in ((150, 50), (420, -30))]
        if n % 3 == 0:
            for k, body in enumerate(bodies):
                wrist = bodies[1 - k if n % 2 else k][9]
                body[hands] = wrist + rng.normal(0, 12, (len(hands), 2))
        tracks = tracker.update(frame(n / 25), found(bodies, 0.6, skeleton))
        assert sorted(ids(tracks)) == [1, 2]
        for k, body in enumerate(bodies):
            near = np.nanmean(np.abs(tracks.poses.xy[:, :17] - body[:17]), axis=(1, 2)).argmin()
            mine = int(tracks.id[near])
            assert last.setdefault(k, mine) == mine
        if n % 3 == 0:
            assert tracks.poses.found[:, hands].all()


def test_hands_and_feet_change_sides_with_their_arms_and_legs() -> None:
    skeleton = named_skeleton("coco133")
    mirror = np.array(skeleton.mirror)
    still = whole_body(walk(300, 0, 0), skeleton)
    rng = np.random.default_rng(4)
    for side, wrist in ((skeleton.left_hand, 9), (skeleton.right_hand, 10)):
        still[list(side)] = still[wrist] + rng.normal(0, 5, (21, 2))
    for n in skeleton.feet:
        still[n] = still[15 if n < 20 else 16] + rng.normal(0, 5, 2)
    tracker = PoseTracker(skeleton)
    for n in range(10):
        seen = still[mirror] if n == 8 else still
        tracks = tracker.update(frame(n / 25), found([seen], 0.6, skeleton))
        np.testing.assert_allclose(tracks.poses.xy[0], still, atol=1e-3)


def test_two_poses_of_one_body_are_one_person_with_the_hands_of_both() -> None:
    skeleton = named_skeleton("coco133")
    left, right = list(skeleton.left_hand), list(skeleton.right_hand)
    one = whole_body(walk(300, 0, 0), skeleton)
    other = one.copy()
    one[left], other[right] = one[9] + (5, 5), one[10] + (-5, 5)
    merged = suppress_duplicates(found([one, other], 0.6, skeleton))
    assert len(merged) == 1
    assert merged.found[0, left + right].all()


def test_a_hand_alone_on_anothers_body_is_no_duplicate_of_it() -> None:
    skeleton = named_skeleton("coco133")
    whole = whole_body(walk(300, 0, 0), skeleton)
    whole[list(skeleton.left_hand)] = whole[9] + (5, 5)
    hand = np.full_like(whole, np.nan)
    hand[list(skeleton.left_hand)] = whole[9] + (5, 5)
    assert len(suppress_duplicates(found([whole, hand], 0.6, skeleton))) == 2


@pytest.mark.parametrize("name", ["hand21", "face70", "car12", "car22"])
def test_what_has_no_body_is_followed_by_all_of_its_points(name: str) -> None:
    skeleton = named_skeleton(name)
    shape = np.random.default_rng(5).uniform(-40, 40, (len(skeleton.keypoints), 2))
    tracker = PoseTracker(skeleton)
    noise = np.random.default_rng(6)
    for n in range(40):
        at = [(150 + 2 * n, 150), (450 - 2 * n, 200)]
        things = [shape + place + noise.normal(0, 1, shape.shape) for place in at]
        assert ids(tracker.update(frame(n / 25), found(things, 0.6, skeleton))) == [1, 2]
