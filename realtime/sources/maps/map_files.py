"""OpenPose's heat map files, read back into the maps that a network gave."""

from __future__ import annotations

import os
from functools import cache

import cv2
import numpy as np

from engines.types.arrays import Doubles, Floats, Image
from realtime.sources.listing.file_names import natural
from realtime.types.errors import SourceError

ENDINGS = ("_pose_heatmaps.float", "_pose_heatmaps.png")
MAX_SIDE_PX = 8192  # of a map
DIMENSIONS = 3  # maps, rows, columns


def map_files(folder: str) -> list[str]:
    """Paths of the files of maps in a folder, in natural order; none where other pictures are in
    it too, as it is a folder of pictures then, or where it cannot be read.
    """
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError:
        return []
    found = [name for name in names if name.endswith(ENDINGS)]
    others = [name for name in names if name.endswith((".png", ".jpg")) and name not in found]
    return sorted((os.path.join(folder, name) for name in found), key=natural) * (not others)


def read_maps(path: str, keypoints: int, fields: int, stride: int) -> tuple[Floats, Floats]:
    """(K, h, w) confidence maps and (N, h, w) fields in the network's own cells.

    A .float holds the network's numbers, a .png 256 levels of them. The background may be among
    them or not. SourceError where other maps are in it.
    """
    name = os.path.basename(path)
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror}.") from error
    counts = (keypoints + 1 + fields, keypoints + fields)
    if name.endswith(".float"):
        maps = _of_numbers(name, data, counts)
    else:
        maps = _of_levels(name, data, counts, keypoints, fields, stride)
    count, high, wide = maps.shape
    if high % stride or wide % stride:
        raise SourceError(
            f"{name} has maps of {wide}x{high}, but the model's cells are {stride} pixels wide; "
            "name the --model that made them."
        )
    down, across = _shrinking(high // stride, stride), _shrinking(wide // stride, stride)
    cells = np.asarray(down @ maps @ across.T, np.float32)
    return cells[:keypoints], cells[count - fields :]


def _of_numbers(name: str, data: Image, counts: tuple[int, ...]) -> Floats:
    numbers = data[: len(data) // 4 * 4].view("<f4")
    head = numbers[1 : 1 + DIMENSIONS]
    sound = len(head) == DIMENSIONS and numbers[0] == DIMENSIONS and np.isfinite(head).all()
    if not sound or (head < 1).any() or (head > MAX_SIDE_PX).any():
        raise SourceError(f"{name} is damaged or no file of heat maps.")
    shape = tuple(int(side) for side in head)
    values = numbers[1 + DIMENSIONS :]
    if len(values) != np.prod(shape) or not np.isfinite(values).all():
        raise SourceError(f"{name} is damaged or no file of heat maps.")
    if shape[0] not in counts:
        raise _other_maps(name, shape[0], counts)
    return np.asarray(values.reshape(shape), np.float32)


def _of_levels(
    name: str, data: Image, counts: tuple[int, ...], keypoints: int, fields: int, stride: int
) -> Floats:
    strip = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
    if strip is None:
        raise SourceError(f"{name} is damaged or not an image.")
    high, total = strip.shape
    fitting = [count for count in counts if total % (count * stride) == 0]
    if not fitting:
        raise SourceError(
            f"{name} is {total} pixels wide, which is no whole number of the model's "
            f"{counts[0]} maps; all of --heatmaps are needed, and the --model that made them."
        )
    count = fitting[0]
    maps = strip.reshape(high, count, total // count).transpose(1, 0, 2).astype(np.float32) / 255
    maps[count - fields :] = 2 * maps[count - fields :] - 1
    return np.ascontiguousarray(maps)


def _other_maps(name: str, have: int, counts: tuple[int, ...]) -> SourceError:
    return SourceError(
        f"{name} has {have} maps, but the model has {counts[0]}, or {counts[1]} without the "
        "background; all of --heatmaps are needed, and the --model that made them."
    )


@cache
def _shrinking(cells: int, stride: int) -> Doubles:
    """(n, n x stride) what undoes the cubic enlargement along one side, in the sense of least
    squares.
    """
    enlarging = cv2.resize(np.eye(cells), (cells, cells * stride), interpolation=cv2.INTER_CUBIC)
    return np.linalg.pinv(enlarging)
