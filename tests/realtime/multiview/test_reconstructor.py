"""3D people: who they are, where they are, and what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from calibration.geometry.camera import Rig, rotation_matrix
from engines.types.arrays import Doubles
from engines.types.skeleton import named_skeleton
from realtime.multiview.reconstructor import MultiViewReconstructor
from realtime.types.results import Poses3D, View
from tests.bodies import BODY25, body, hand, sightings
from tests.calibration.cameras import ring

RIG = ring(5, radius=5)
PLACES = [(-1.0, -0.6), (0.9, -0.7), (0.1, 1.0)]


def walk(n: int, places: Sequence[tuple[float, float]] = PLACES) -> list[Doubles]:
    """Where people are at frame n, 25 a second."""
    return [
        body((x + 0.3 * np.sin(n / 30 + k), y), heading=k + n / 60, phase=n / 5 + k)
        for k, (x, y) in enumerate(places)
    ]


def gaps(found: Poses3D, bodies: Sequence[Doubles]) -> Doubles:
    """(P, B) mean distances, metres."""
    off = np.linalg.norm(found.xyz[:, None] - np.array(bodies)[None], axis=-1)
    return np.asarray(np.nanmean(off, axis=-1))


def test_people_keep_their_identities_in_views_that_shuffle_them() -> None:
    rng = np.random.default_rng(0)
    reconstructor = MultiViewReconstructor(RIG, BODY25)
    who: dict[int, int] = {}
    for n in range(40):
        bodies = walk(n)
        views = sightings(RIG, bodies, n / 25, rng=rng, noise=2, missing=0.2)
        found = reconstructor.update(n / 25, views)
        assert len(found) == 3
        near = gaps(found, bodies)
        assert near.min(1).max() < 0.06
        for identity, place in zip(found.id.tolist(), near.argmin(1).tolist(), strict=True):
            assert who.setdefault(place, identity) == identity
    assert sorted(who) == [0, 1, 2]


def test_each_detection_is_the_person_it_shows() -> None:
    rng = np.random.default_rng(1)
    bodies = walk(0)
    views = sightings(RIG, bodies, rng=rng, noise=1)
    found = MultiViewReconstructor(RIG, BODY25).update(0, views)
    for row, person in enumerate(gaps(found, bodies).argmin(1)):
        for v, camera in enumerate(RIG.cameras):
            view = views[v]
            assert view is not None
            seen = view.tracks.poses.xy[found.detections[row, v]]
            off = np.linalg.norm(seen - camera.project(bodies[person]), axis=-1)
            assert off.max() < 10


def test_the_order_of_cameras_does_not_matter() -> None:
    turn = [3, 0, 4, 2, 1]
    turned = Rig(tuple(RIG.cameras[n] for n in turn))
    one, other = MultiViewReconstructor(RIG, BODY25), MultiViewReconstructor(turned, BODY25)
    rng = np.random.default_rng(2)
    for n in range(10):
        views = sightings(RIG, walk(n), n / 25, rng=rng, noise=2, missing=0.1)
        a = one.update(n / 25, views)
        b = other.update(n / 25, [views[v] for v in turn])
        order = gaps(a, list(b.xyz.astype(float))).argmin(1)
        np.testing.assert_allclose(a.xyz, b.xyz[order], atol=2e-3)


def test_a_short_gap_is_filled_and_marked_and_a_long_one_is_not() -> None:
    reconstructor = MultiViewReconstructor(RIG, BODY25)
    for n in range(10):
        before = reconstructor.update(n / 25, sightings(RIG, walk(n)))
    assert not before.filled.any()
    blind: list[View | None] = [None] * len(RIG)
    found = reconstructor.update(10 / 25, blind)
    assert found.id.tolist() == before.id.tolist()
    assert found.filled[found.found].all()
    assert (found.views == 0).all()
    assert gaps(found, walk(10)).min(1).max() < 0.08
    assert len(reconstructor.update(30 / 25, blind)) == 0
    back = reconstructor.update(40 / 25, sightings(RIG, walk(40)))
    assert sorted(back.id.tolist()) == sorted(before.id.tolist())


def test_a_view_that_mistakes_left_for_right_is_mended() -> None:
    reconstructor = MultiViewReconstructor(RIG, BODY25)
    mirror = list(BODY25.mirror)
    for n in range(12):
        bodies = walk(n)
        views = sightings(RIG, bodies, n / 25)
        view = views[n % 5]
        assert view is not None
        if n:
            poses = replace(view.tracks.poses, xy=view.tracks.poses.xy[:, mirror])
            views[n % 5] = replace(view, tracks=replace(view.tracks, poses=poses))
        found = reconstructor.update(n / 25, views)
        assert gaps(found, bodies).min(1).max() < 0.05


@pytest.mark.parametrize("cameras", [2, 3])
def test_quick_legs_that_pass_each_other_keep_their_sides(cameras: int) -> None:
    rng = np.random.default_rng(4)
    reconstructor = MultiViewReconstructor(ring(4, radius=5), BODY25)
    for n in range(60):
        person = body((np.sin(n / 25) - 1, 0.6), phase=n * 7 / 30)
        views = sightings(ring(4, radius=5), [person], n / 30, rng=rng, noise=1)
        found = reconstructor.update(n / 30, [*views[:cameras], *[None] * (4 - cameras)])
        if n > 3:
            off = np.linalg.norm(found.xyz[0] - person, axis=-1)
            assert off.max() < 0.2
            assert off.mean() < 0.08


@pytest.mark.parametrize(("rate", "lag"), [(25, 0.025), (60, 0.04)])
def test_a_kick_is_followed(rate: int, lag: float) -> None:
    """A leg that swings once a second, its ankle at up to 10 m/s: root mean square metres behind
    while it does; a filter for people who walk is 0.037 and 0.050 behind."""
    names, rng = BODY25.keypoints, np.random.default_rng(0)
    leg = [names.index(f"right_{one}") for one in ("knee", "ankle", "heel", "big_toe", "small_toe")]
    hip, ankle = names.index("right_hip"), names.index("right_ankle")
    rig, off = ring(5, radius=4.5), []
    space, seconds = MultiViewReconstructor(rig, BODY25), 0.23  # of a kick
    for n in range(3 * rate):
        time = n / rate
        since = time % 1 - 0.25
        forth = (1 - np.cos(np.pi * np.clip(since / seconds, 0, 1))) / 2
        back = (1 + np.cos(np.pi * np.clip((since - seconds - 0.08) / 0.35, 0, 1))) / 2
        one = body((0.2, 0.1))
        side = one[names.index("left_hip")] - one[hip]
        turn = rotation_matrix((0.4 - 1.8 * forth * back) * side / np.linalg.norm(side))
        one[leg] = (one[leg] - one[hip]) @ turn.T + one[hip]
        views = sightings(rig, [one], time, rng=rng, noise=2, missing=0.05)
        found = space.update(time, views)
        if time > 1 and 0 < since < seconds:
            off.append(np.linalg.norm(found.xyz[0, ankle] - one[ankle]))
    assert np.sqrt(np.mean(np.square(off))) < lag


def test_what_one_camera_alone_sees_is_nobody_in_space() -> None:
    views = sightings(RIG, walk(0))
    found = MultiViewReconstructor(RIG, BODY25).update(0, [views[0], None, None, None, None])
    assert len(found) == 0
    assert len(MultiViewReconstructor(RIG, BODY25).update(0, [None] * 5)) == 0
    assert len(MultiViewReconstructor(RIG, BODY25).update(0, sightings(RIG, []))) == 0


@pytest.mark.parametrize("times", [[0, 0, 0, 0], [0, 0.04, 0.02, 0.06], [5, 5.04, 1, 1.04]])
def test_times_that_stand_or_run_back_lose_nobody(times: list[float]) -> None:
    reconstructor = MultiViewReconstructor(RIG, BODY25)
    for n, moment in enumerate(times):
        found = reconstructor.update(moment, sightings(RIG, walk(n)))
        assert sorted(found.id.tolist()) == [0, 1, 2]


def test_of_a_whole_body_the_body_alone_makes_a_person() -> None:
    """Nobody's hands, feet and face are found: people are the same as those of COCO-17."""
    found = {}
    for name in ("coco17", "coco133"):
        skeleton = named_skeleton(name)
        reconstructor = MultiViewReconstructor(RIG, skeleton)
        for n in range(10):
            bodies = []
            for x, y in PLACES:
                xyz = np.full((len(skeleton.keypoints), 3), np.nan)
                xyz[:17] = body((x, y), phase=n / 5, skeleton=named_skeleton("coco17"))
                bodies.append(xyz)
            rng = np.random.default_rng(n)
            views = sightings(RIG, bodies, n / 25, rng=rng, skeleton=skeleton)
            found[name] = reconstructor.update(n / 25, views)
        assert found[name].id.tolist() == [0, 1, 2]
    # Who comes first is whoever the views show first, which `sightings` shuffles.
    plain, whole = (one.some(one.xyz[:, 0, 0].argsort()) for one in found.values())
    np.testing.assert_allclose(whole.xyz[:, :17], plain.xyz, atol=1e-4)
    assert not whole.found[:, 17:].any()


def test_hands_go_into_space_with_their_person() -> None:
    skeleton = named_skeleton("coco133")
    hands = list(skeleton.left_hand + skeleton.right_hand)
    reconstructor = MultiViewReconstructor(RIG, skeleton)
    for n in range(10):
        bodies = []
        for x, y in PLACES:
            xyz = np.full((133, 3), np.nan)
            xyz[:17] = body((x, y), phase=n / 5, skeleton=named_skeleton("coco17"))
            for group, elbow, wrist, side in (
                (skeleton.left_hand, 7, 9, 1),
                (skeleton.right_hand, 8, 10, -1),
            ):
                xyz[list(group)] = hand(xyz[wrist], xyz[wrist] - xyz[elbow], 0.4, side)
            bodies.append(xyz)
        views = sightings(RIG, bodies, n / 25, rng=np.random.default_rng(n), skeleton=skeleton)
        poses = reconstructor.update(n / 25, views)
    assert len(poses) == 3
    nearest = gaps(poses, bodies).argmin(1)
    expected = np.array(bodies)[nearest][:, hands]
    np.testing.assert_allclose(poses.xyz[:, hands], expected, atol=0.02)
