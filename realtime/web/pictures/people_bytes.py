"""A picture and its people as bytes, for a page that draws them itself.

Little-endian, a multiple of four bytes long, so that pictures of an instant can follow each other:
uint16 number of the source, K keypoints, P people and S outlined 3D people; uint32 bytes of the
picture; int32 ids of P + S; float32 (P, K, 3) x, y and whether it was carried over (1) or seen (0);
float32 (S, K, 2) x, y; then the JPEG, and zeros. x, y are pixels of that picture, NaN = not shown.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from realtime.types.results import Tracks

HEAD = struct.Struct("<4HI")
Outlined = tuple[NDArray[np.int64], Floats]  # ids, and (S, K, 2)


def with_people(
    number: int, picture: bytes, tracks: Tracks | None = None, outlined: Outlined | None = None
) -> bytes:
    """The bytes; without tracks the people are in the picture already."""
    padding = bytes(-len(picture) % 4)
    if tracks is None:
        return HEAD.pack(number, 0, 0, 0, len(picture)) + picture + padding
    xy = tracks.poses.xy
    seen = np.concatenate([xy, tracks.filled[..., None]], axis=-1, dtype="<f4")
    ids, outlines = outlined or (np.zeros(0, np.int64), np.zeros((0, xy.shape[1], 2), np.float32))
    head = HEAD.pack(number, xy.shape[1], len(seen), len(ids), len(picture))
    numbers = np.concatenate([tracks.id, ids]).astype("<i4")
    parts = head, numbers.tobytes(), seen.tobytes(), outlines.astype("<f4").tobytes()
    return b"".join([*parts, picture, padding])
