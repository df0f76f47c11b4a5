"""People as bytes and back, and how many bytes that takes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engines.types.poses import Poses
from engines.types.skeleton import FOLDER, Skeleton, named_skeleton
from engines.types.skeleton_groups import with_groups
from realtime.nodes.key import Envelope
from realtime.nodes.questions import frames_topic
from realtime.nodes.skeleton_table import read_skeleton_table, skeleton_table
from realtime.nodes.wire import Message, decode, encode
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
    assert np.nanmax(np.abs(one.poses.xy - other.poses.xy)) < 0.03
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
    assert came.xy[0, :2] == pytest.approx(poses.xy[0, :2], abs=0.03)
    assert np.isnan(came.xy[0, 2]).all()
    assert came.score[0, 2] == 0


def test_five_people_of_a_camera_take_less_than_60_kilobytes_a_second() -> None:
    topic = frames_topic("some-computer", "camera0")
    sealed = Envelope(b"k" * 32).seal(topic, encode(message(5, named_skeleton("body25"))))
    assert FPS * (len(sealed) + len(topic)) < 60_000


def test_what_is_no_message_is_refused() -> None:
    skeleton = named_skeleton("coco17")
    good = encode(message(2, skeleton))
    wrong = [b"", good[:20], good[:-1], good + b"x", encode(message(2, named_skeleton("coco18")))]
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
