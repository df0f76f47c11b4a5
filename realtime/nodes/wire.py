"""One frame's people as bytes: 3 to 5 for each keypoint."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Mask
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.types.results import Tracks

SESSION_BYTES = 8
# session, number, captured, width, height, people, keypoints
HEAD = struct.Struct(f"<{SESSION_BYTES}sIdHHHB")
# Keypoints may lie so far outside of the picture, in parts of its sides; farther ones are left out.
MARGIN = 0.25
STEPS = 16383  # from one margin to the other: at 1920 pixels a step is 0.18 pixels
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
    steps = _steps(np.rint(np.where(found[..., None], places, 0)).astype(np.uint16), found)
    scores = np.where(found, score, 0).astype(np.uint8)
    head = HEAD.pack(
        message.session, message.number, message.captured, *message.size, people, keypoints
    )
    # High bytes of steps between neighbours, and scores of hands and faces, hardly differ.
    planes = (rows, (steps >> 8).astype(np.uint8), steps.astype(np.uint8), scores)
    # What repeats are single bytes: looking for longer matches takes three times as long.
    packer = zlib.compressobj(strategy=zlib.Z_RLE)
    # Each plane has a code of its own (a block of RFC 1951), as its bytes are others.
    packed = [packer.compress(one.tobytes()) + packer.flush(zlib.Z_BLOCK) for one in planes]
    return head + b"".join(packed) + packer.flush()


def decode(data: bytes, skeleton: Skeleton) -> Message:
    """The message again; ValueError where the bytes are none of this skeleton."""
    if len(data) < HEAD.size:
        raise ValueError("too short for a frame's people")
    session, number, captured, width, height, people, keypoints = HEAD.unpack_from(data)
    row = _row(keypoints)
    size = people * (row.itemsize + 5 * keypoints)
    body = _inflated(data[HEAD.size :], size)
    if keypoints != len(skeleton.keypoints) or body is None:
        raise ValueError(f"no people with the keypoints of {skeleton.name}")
    if not (0 < max(width, height) <= MAX_SIDE_PX and width and height and np.isfinite(captured)):
        raise ValueError("no picture or no time")
    rows = np.frombuffer(body, row, people)
    planes = np.frombuffer(body, np.uint8, offset=people * row.itemsize)
    high, low = planes[: 4 * people * keypoints].reshape(2, people, keypoints, 2).astype(np.uint16)
    score = planes[4 * people * keypoints :].reshape(people, keypoints).astype(np.float32)
    score /= MAX_SCORE
    places = (
        _places(((high << 8) + low).astype(np.uint16)) / np.float32(STEPS) * (1 + 2 * MARGIN)
        - MARGIN
    )
    xy = np.where(score[..., None] > 0, places * np.array((width, height)), np.nan)
    poses = Poses(skeleton, xy.astype(np.float32), score, rows["person_score"].copy())
    filled = np.unpackbits(rows["filled"], axis=1, count=keypoints).astype(bool) & poses.found
    tracks = Tracks(rows["id"].astype(np.int64), poses, filled, rows["speed"].copy())
    return Message(session, number, captured, (width, height), tracks)


def _row(keypoints: int) -> np.dtype[np.void]:
    """A person, without keypoints. filled: a bit for each of them."""
    return np.dtype(
        [
            ("id", "<i4"),
            ("person_score", "<f4"),
            ("speed", "<f4"),
            ("filled", "u1", (-(-keypoints // 8),)),
        ]
    )


def _steps(places: NDArray[np.uint16], found: Mask) -> NDArray[np.uint16]:
    """(P, K, 2) from each keypoint to the next; who was not found takes no step."""
    order = np.arange(places.shape[1])
    last = np.maximum.accumulate(np.where(found, order, 0), axis=1)
    filled = np.take_along_axis(places, last[..., None], axis=1)
    signed = filled.astype(np.int16)
    steps = signed.copy()
    steps[:, 1:] -= signed[:, :-1]
    # 0, -1, 1, -2, 2 ... as 0, 1, 2, 3, 4 ...: of short steps the high byte is always 0.
    return ((steps << 1) ^ (steps >> 15)).view(np.uint16)


def _places(steps: NDArray[np.uint16]) -> NDArray[np.int16]:
    """The same backwards."""
    signed = (steps >> 1).astype(np.int16) ^ -(steps & 1).astype(np.int16)
    return np.cumsum(signed, axis=1, dtype=np.int16)


def _inflated(data: bytes, size: int) -> bytes | None:
    """Exactly so many bytes, or None; more than that is never unpacked."""
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(data, size + 1)
    except zlib.error:
        return None
    return body if len(body) == size and unpacker.eof and not unpacker.unused_data else None
