"""The weights in a .caffemodel, by the names of its layers; Caffe itself is not needed.

The few fields of caffe.proto that are read: of a net its layers (100), of a layer its name (1) and
blobs (7), of a blob its shape (7) and numbers (5), or the four sides of older files (1 to 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines.types.arrays import Floats
from engines.types.errors import WeightsError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of protobuf
FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
NET_LAYER, LAYER_NAME, LAYER_BLOB = 100, 1, 7
BLOB_SIDES, BLOB_NUMBERS, BLOB_SHAPE, SHAPE_SIDES = (1, 2, 3, 4), 5, 7, 1
BLOB_NAMES = ("weight", "bias")
Field = tuple[int, int, int | memoryview]  # number, wire type, value


def read_caffemodel(path: Path) -> dict[str, Tensor]:
    """A state dict: `LAYER.weight` and `LAYER.bias`; WeightsError where the file is no model."""
    try:
        found = dict(_parameters(memoryview(path.read_bytes())))
    except (OSError, ValueError, IndexError) as error:
        raise WeightsError(f"{path} cannot be read as a .caffemodel: {error}.") from error
    if not found:
        raise WeightsError(f"{path} has no layers with weights; it is no .caffemodel.")
    return found


def _parameters(net: memoryview) -> Iterator[tuple[str, Tensor]]:
    for number, kind, layer in _fields(net):
        if number != NET_LAYER or kind != BYTES or not isinstance(layer, memoryview):
            continue
        name, blobs = "", []
        for part, _, value in _fields(layer):
            if part == LAYER_NAME and isinstance(value, memoryview):
                name = value.tobytes().decode()
            elif part == LAYER_BLOB and isinstance(value, memoryview):
                blobs.append(_blob(value))
        for own, blob in zip(BLOB_NAMES, blobs, strict=False):
            yield f"{name}.{own}", torch.from_numpy(blob)


def _blob(data: memoryview) -> Floats:
    sides: list[int] = []
    older: list[int] = []
    numbers: list[Floats] = []
    for number, kind, value in _fields(data):
        if number == BLOB_NUMBERS and kind == BYTES and isinstance(value, memoryview):
            numbers.append(np.frombuffer(value, "<f4"))
        elif number in BLOB_SIDES and isinstance(value, int):
            older.append(value)
        elif number == BLOB_SHAPE and isinstance(value, memoryview):
            for part, _, side in _fields(value):
                if part == SHAPE_SIDES:
                    sides += [side] if isinstance(side, int) else list(_varints(side))
    shape = sides or [side for side in older if side > 1] or [1]
    whole = np.concatenate(numbers) if numbers else np.zeros(0, np.float32)
    return whole.reshape(shape).astype(np.float32)


def _fields(data: memoryview) -> Iterator[Field]:
    """The fields of a message, in order."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, kind, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in FIXED_BYTES:
            size = FIXED_BYTES[kind]
        else:
            raise ValueError("it is damaged or no protobuf message")
        if at + size > len(data):
            raise ValueError("it ends in the middle")
        yield number, kind, data[at : at + size]
        at += size


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number in pieces of seven bits, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("it is damaged or no protobuf message")
