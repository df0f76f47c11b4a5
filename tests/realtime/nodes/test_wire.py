"""People as bytes and back, and how many bytes that takes."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from engines.types.poses import Poses
from engines.types.skeleton import FOLDER, Skeleton, named_skeleton
from engines.types.skeleton_groups import with_groups
from realtime.nodes.key import Envelope
from realtime.nodes.questions import frames_topic
from realtime.nodes.skeleton_table import read_skeleton_table, skeleton_table
from realtime.nodes.wire import HEAD, Message, decode, encode
from realtime.types.results import Tracks

NAMES = sorted(file.stem for file in FOLDER.glob("*.toml"))
SIZE = 1920, 1080
FPS = 30


def message(people: int, skeleton: Skeleton, seed: int = 0) -> Message:
    """People anywhere in the picture, a third of whose keypoints were not found."""
    rng = np.random.default_rng(seed)
    shape = people, len(skeleton.keypoints)
    xy = rng.uniform((0, 0), SIZE, (*shape, 2)).astype(np.float32)
    score = rng.uniform(0.01, 1, shape).astype(np.float32)
    gone = rng.random(shape) < 1 / 3
    xy[gone], score[gone] = np.nan, 0
    poses = Poses(skeleton, xy, score, rng.random(people).astype(np.float32))
    filled = (rng.random(shape) < 0.2) & ~gone
    speed = rng.uniform(0, 900, people).astype(np.float32)
    tracks = Tracks(rng.integers(-1, 10_000, people), poses, filled, speed)
    return Message(b"12345678", 77, 1234.5678, SIZE, tracks)


@pytest.mark.parametrize("name", [*NAMES, "hands"])
def test_people_come_through_as_they_are(name: str) -> None:
    skeleton = named_skeleton("coco17" if name == "hands" else name)
    if name == "hands":
        skeleton = with_groups(skeleton, ("left_hand", "right_hand"))
    sent = message(4, skeleton)
    came = decode(encode(sent), skeleton)
    assert (came.session, came.number, came.captured) == (b"12345678", 77, 1234.5678)
    assert came.size == SIZE
    one, other = sent.tracks, came.tracks
    assert (one.id == other.id).all()
    assert (one.filled == other.filled).all()
    assert (one.poses.found == other.poses.found).all()
    assert np.array_equal(one.poses.person_score, other.poses.person_score)
    assert one.speed is not None
    assert other.speed is not None
    assert np.array_equal(one.speed, other.speed)
    assert np.nanmax(np.abs(one.poses.xy - other.poses.xy)) < 0.1
    assert np.abs(one.poses.score - other.poses.score).max() <= 0.5 / 255 + 1e-6


def test_nobody_comes_through() -> None:
    skeleton = named_skeleton("coco17")
    came = decode(encode(message(0, skeleton)), skeleton)
    assert len(came.tracks) == 0


def test_keypoints_beside_the_picture_come_through_and_far_ones_do_not() -> None:
    skeleton = named_skeleton("coco17")
    sent = message(1, skeleton)
    poses = sent.tracks.poses
    poses.xy[0, :3] = (-400, 500), (2300, -200), (9000, 500)
    poses.score[0, :3] = 0.5
    came = decode(encode(sent), skeleton).tracks.poses
    assert came.xy[0, :2] == pytest.approx(poses.xy[0, :2], abs=0.1)
    assert np.isnan(came.xy[0, 2]).all()
    assert came.score[0, 2] == 0


@pytest.mark.parametrize(("name", "kilobytes"), [("coco17", 18), ("body25", 23), ("body135", 60)])
def test_five_people_of_a_camera_take_few_kilobytes_a_second(name: str, kilobytes: int) -> None:
    """Their keypoints lie as those of people do: neighbours in the list near each other."""
    sent = message(5, named_skeleton(name))
    rng = np.random.default_rng(1)
    poses = sent.tracks.poses
    sent.tracks.filled[:] = False
    bodies = min(len(poses.skeleton.keypoints), 25)
    groups = len(poses.skeleton.keypoints) - bodies
    body = rng.uniform(0, 1, (5, bodies, 2)) * (200, 600)
    parts = np.repeat(rng.uniform(0, 1, (5, 6, 2)) * (200, 600), 20, axis=1)[:, :groups]
    parts = parts + np.cumsum(rng.normal(0, 6, parts.shape), axis=1)
    poses.xy[:] = np.concatenate([body, parts], axis=1) + rng.uniform(0, 400, (5, 1, 2))
    poses.score[:, :bodies] = rng.uniform(0.3, 1, (5, bodies))
    poses.score[:, bodies:] = 0.9
    sealed = Envelope(b"k" * 32).seal(
        topic := frames_topic("some-computer", "camera0"), encode(sent)
    )
    assert FPS * (len(sealed) + len(topic)) < 1000 * kilobytes


def test_what_is_no_message_is_refused() -> None:
    skeleton = named_skeleton("coco17")
    good = encode(message(2, skeleton))
    wrong = [b"", good[:20], good[:-1], good + b"x", encode(message(2, named_skeleton("coco18")))]
    bomb = good[: HEAD.size] + zlib.compress(bytes(10**8))
    wrong += [bomb, good[: HEAD.size] + b"not packed"]
    for data in wrong:
        with pytest.raises(ValueError, match=r"too short|no people"):
            decode(data, skeleton)
    for at, what in ((20, b"\0\0"), (20, b"\xff\xff"), (12, np.float64(np.nan).tobytes())):
        with pytest.raises(ValueError, match="no picture or no time"):
            decode(good[:at] + what + good[at + len(what) :], skeleton)


@pytest.mark.parametrize("name", NAMES)
def test_a_skeleton_comes_through_as_it_is(name: str) -> None:
    skeletons = [named_skeleton(name)]
    if name == "coco17":
        skeletons.append(with_groups(skeletons[0], ("left_hand", "face")))
    for skeleton in skeletons:
        assert read_skeleton_table(json.loads(json.dumps(skeleton_table(skeleton)))) == skeleton
