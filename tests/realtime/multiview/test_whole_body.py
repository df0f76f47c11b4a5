"""Hands and faces in 3D: they go along with their bodies, and are where they are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engines.types.arrays import Doubles
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_groups import with_groups
from realtime.multiview.reconstructor import MultiViewReconstructor
from realtime.sinks.files.openpose_json_3d import openpose_json3d
from realtime.types.results import Poses3D, View
from tests.bodies import body, hand, sightings
from tests.calibration.cameras import ring

RIG = ring(4, radius=3.5)
WHOLE = with_groups(named_skeleton("body25"), ("left_hand", "right_hand", "face"))
HANDS = [*WHOLE.left_hand, *WHOLE.right_hand]
RATE = 25.0


def whole(n: int, at: tuple[float, float] = (0.0, 0.0)) -> Doubles:
    """(K, 3) of somebody who walks on the spot and opens and closes the hands."""
    own = body(at, heading=0.3 + n / 80, phase=n / 6)
    names = named_skeleton("body25").keypoints
    curl, parts = 0.5 + 0.4 * np.sin(n / 8), [own]
    for side, sign in (("left", 1), ("right", -1)):
        wrist, elbow = (own[names.index(f"{side}_{one}")] for one in ("wrist", "elbow"))
        parts.append(hand(wrist + 0.01, wrist - elbow, curl, sign))
    nose, eye = own[names.index("nose")], own[names.index("left_eye")]
    rng = np.random.default_rng(7)
    parts.append(nose + rng.uniform(-0.07, 0.07, (70, 3)) + 0 * eye)
    return np.concatenate(parts)


def run(noise: float, *, frames: int = 20, people: int = 1) -> tuple[Poses3D, list[Doubles]]:
    """The last instant, and who was really there."""
    rng = np.random.default_rng(3)
    reconstructor = MultiViewReconstructor(RIG, WHOLE)
    for n in range(frames):
        bodies = [whole(n, (0.9 * k - 0.4 * (people - 1), 0.0)) for k in range(people)]
        views: list[View | None] = sightings(
            RIG, bodies, n / RATE, rng=rng, noise=noise, skeleton=WHOLE
        )
        found = reconstructor.update(n / RATE, views)
    return found, bodies


@pytest.mark.parametrize(("noise", "metres"), [(0.0, 0.003), (1.0, 0.010)])
def test_a_hand_is_where_it_is(noise: float, metres: float) -> None:
    """From four views 3.5 m away, noise in pixels: mean over the keypoints of both hands."""
    found, [truth] = run(noise)
    assert len(found) == 1
    off = np.linalg.norm(found.xyz[0] - truth, axis=-1)
    assert np.isfinite(off).all()
    assert off[HANDS].mean() < metres
    assert off[list(WHOLE.face)].mean() < metres


def test_hands_and_faces_stay_with_their_own_bodies() -> None:
    found, truth = run(1.0, people=2)
    assert len(found) == 2
    for row in range(2):
        off = [np.linalg.norm(found.xyz[row] - one, axis=-1) for one in truth]
        mine = int(np.argmin([one[list(WHOLE.body)].mean() for one in off]))
        for group in (WHOLE.left_hand, WHOLE.right_hand, WHOLE.face):
            assert off[mine][list(group)].mean() < 0.02


def test_what_two_views_do_not_see_is_unknown_and_the_body_stays() -> None:
    """A hand that one camera alone sees has no place in space."""
    truth = whole(0)
    views = sightings(RIG, [truth], skeleton=WHOLE)
    for view in views[1:]:
        assert view is not None
        view.tracks.poses.xy[:, list(WHOLE.left_hand)] = np.nan
        view.tracks.poses.score[:, list(WHOLE.left_hand)] = 0
    found = MultiViewReconstructor(RIG, WHOLE).update(0, views)
    assert not found.found[0, list(WHOLE.left_hand)].any()
    assert found.found[0, list(WHOLE.right_hand)].all()
    assert found.found[0, list(WHOLE.body)].all()


def test_json3d_has_openposes_arrays() -> None:
    found, _ = run(0.0, frames=3)
    [person] = json.loads(openpose_json3d(found))["people"]
    for field, at in (
        ("pose_keypoints_3d", range(25)),
        ("face_keypoints_3d", WHOLE.face),
        ("hand_left_keypoints_3d", WHOLE.left_hand),
        ("hand_right_keypoints_3d", WHOLE.right_hand),
    ):
        points = np.array(person[field]).reshape(-1, 4)
        np.testing.assert_allclose(points[:, :3], found.xyz[0, list(at)], rtol=1e-5)
        assert (points[:, 3] == 1).all()


def test_an_instant_without_people_is_written_too() -> None:
    found, _ = run(0.0, frames=1)
    assert json.loads(openpose_json3d(found.some(np.zeros(0, int))))["people"] == []


def seen_by(views: list[View | None], camera: int) -> Poses:
    view = views[camera]
    assert view is not None
    return view.tracks.poses


def test_a_finger_that_two_views_see_badly_keeps_its_length() -> None:
    """A tip of 2 cm, one of its two views 15 px off: without a hand's proportions it has 5 cm."""
    tip, joint = (WHOLE.keypoints.index(f"left_index_{n}") for n in (4, 3))
    learnt, fresh = MultiViewReconstructor(RIG, WHOLE), MultiViewReconstructor(RIG, WHOLE)

    def length(found: Poses3D) -> float:
        assert len(found) == 1
        return float(np.linalg.norm(found.xyz[0, tip] - found.xyz[0, joint]))

    for n in range(31):
        views = sightings(RIG, [whole(n)], n / RATE, skeleton=WHOLE)
        if n == 30:
            for camera in (1, 2):
                seen_by(views, camera).score[0, tip] = 0
                seen_by(views, camera).xy[0, tip] = np.nan
            seen_by(views, 0).xy[0, tip] += (15, 0)
        known = learnt.update(n / RATE, views)
    assert length(known) == pytest.approx(0.02, rel=0.15)
    assert length(fresh.update(0.0, views)) == pytest.approx(0.02, rel=0.25)


@pytest.mark.parametrize("names", [("shoulder", "elbow", "wrist"), ()])
def test_hands_that_one_view_exchanges_stay_on_their_sides(names: tuple[str, ...]) -> None:
    """With their arms, as where a network takes a back for a front; or the hands alone."""
    reconstructor = MultiViewReconstructor(RIG, WHOLE)
    order = np.arange(len(WHOLE.keypoints))
    for left, right in zip(
        [*WHOLE.left_hand, *(WHOLE.keypoints.index(f"left_{name}") for name in names)],
        [*WHOLE.right_hand, *(WHOLE.keypoints.index(f"right_{name}") for name in names)],
        strict=True,
    ):
        order[[left, right]] = right, left
    for n in range(20):
        truth = whole(n)
        views = sightings(RIG, [truth], n / RATE, skeleton=WHOLE)
        if n >= 10:
            poses = seen_by(views, 2)
            poses.xy[:], poses.score[:] = poses.xy[:, order], poses.score[:, order]
        found = reconstructor.update(n / RATE, views)
        off = np.linalg.norm(found.xyz[0, HANDS] - truth[HANDS], axis=-1)
        assert np.isfinite(off).all()
        assert off.max() < 0.03, n  # they are 0.5 m apart
