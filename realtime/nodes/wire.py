"""One frame's people as bytes: 5 for each keypoint."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.types.results import Tracks

SESSION_BYTES = 8
# session, number, captured, width, height, people, keypoints
HEAD = struct.Struct(f"<{SESSION_BYTES}sIdHHHB")
# Keypoints may lie so far outside of the picture, in parts of its sides; farther ones are left out.
MARGIN = 0.25
STEPS = 65535  # from one margin to the other: at 1920 pixels a step is 0.044 pixels
MAX_SCORE = 255
MAX_SIDE_PX = 16384  # of a picture; the largest cameras have fewer


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """The people of a frame.

    session: of the node's run. number: of the frame, rising. captured: seconds on the node's clock.
    size: (width, height) of the picture.
    """

    session: bytes
    number: int
    captured: float
    size: tuple[int, int]
    tracks: Tracks


def encode(message: Message) -> bytes:
    """The message as bytes: coordinates and scores lose what nobody can measure."""
    tracks, poses = message.tracks, message.tracks.poses
    people, keypoints = poses.score.shape
    with np.errstate(invalid="ignore"):
        places = (poses.xy / np.array(message.size) + MARGIN) / (1 + 2 * MARGIN) * STEPS
        found = ((places >= 0) & (places <= STEPS)).all(-1)  # NaN is neither
    score = np.rint(poses.score * MAX_SCORE).clip(1, MAX_SCORE)
    rows = np.zeros(people, _row(keypoints))
    rows["id"] = tracks.id
    rows["person_score"] = poses.person_score
    rows["speed"] = np.nan if tracks.speed is None else tracks.speed
    rows["filled"] = np.packbits(tracks.filled, axis=1)
    rows["xy"] = np.rint(np.where(found[..., None], places, 0))
    rows["score"] = np.where(found, score, 0)
    head = HEAD.pack(
        message.session, message.number, message.captured, *message.size, people, keypoints
    )
    return head + rows.tobytes()


def decode(data: bytes, skeleton: Skeleton) -> Message:
    """The message again; ValueError where the bytes are none of this skeleton."""
    if len(data) < HEAD.size:
        raise ValueError("too short for a frame's people")
    session, number, captured, width, height, people, keypoints = HEAD.unpack_from(data)
    row = _row(keypoints)
    if keypoints != len(skeleton.keypoints) or len(data) != HEAD.size + people * row.itemsize:
        raise ValueError(f"no people with the keypoints of {skeleton.name}")
    if not (0 < max(width, height) <= MAX_SIDE_PX and width and height and np.isfinite(captured)):
        raise ValueError("no picture or no time")
    rows = np.frombuffer(data, row, offset=HEAD.size)
    score = rows["score"].astype(np.float32) / np.float32(MAX_SCORE)
    places = rows["xy"] / np.float32(STEPS) * (1 + 2 * MARGIN) - MARGIN
    xy = np.where(score[..., None] > 0, places * np.array((width, height)), np.nan)
    poses = Poses(skeleton, xy.astype(np.float32), score, rows["person_score"].copy())
    filled = np.unpackbits(rows["filled"], axis=1, count=keypoints).astype(bool) & poses.found
    tracks = Tracks(rows["id"].astype(np.int64), poses, filled, rows["speed"].copy())
    return Message(session, number, captured, (width, height), tracks)


def _row(keypoints: int) -> np.dtype[np.void]:
    """A person. filled: a bit for each keypoint."""
    return np.dtype(
        [
            ("id", "<i4"),
            ("person_score", "<f4"),
            ("speed", "<f4"),
            ("filled", "u1", (-(-keypoints // 8),)),
            ("xy", "<u2", (keypoints, 2)),
            ("score", "u1", (keypoints,)),
        ]
    )
