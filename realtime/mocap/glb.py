"""Binary glTF 2.0 (Khronos' specification, chapters 3 and 4.4): arrays, and what refers to them.

Written here, as it is a header, a JSON text and the arrays; the library for it brings six others,
and wants all arrays in memory.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MAGIC, VERSION = 0x46546C67, 2
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
COMPONENTS = {"f4": 5126, "u2": 5123}  # OpenGL's names of types
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
VERTICES, TRIANGLES = 34962, 34963  # what a view is for
MAX_BYTES = 2**32 - 1  # the format counts them in 32 bits

Kind = Literal["SCALAR", "VEC3", "VEC4", "MAT4"]
Later = Callable[[], Iterator[NDArray[np.float32]]]


class Arrays:
    """The binary part: arrays one behind the other, and how the JSON describes them."""

    def __init__(self) -> None:
        self.accessors: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.size = 0
        self._parts: list[bytes | Later] = []

    def add(
        self,
        values: NDArray[Any],
        kind: Kind,
        *,
        component: Literal["f4", "u2"] = "f4",
        target: int | None = None,
        bounds: bool = False,
    ) -> int:
        """The index of the accessor of (N, ...) values. bounds: say the least and the greatest."""
        array = np.ascontiguousarray(values, f"<{component}")
        index = self._describe(len(array), array.nbytes, kind, COMPONENTS[component])
        if target is not None:
            self.views[-1]["target"] = target
        if bounds:
            flat = array.reshape(len(array), -1)
            self.accessors[-1] |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self._parts.append(array.tobytes() + b"\0" * (-array.nbytes % 4))
        return index

    def promise(self, count: int, kind: Kind) -> int:
        """The index of the accessor of so many values (float32) that `follow` will give."""
        return self._describe(count, 4 * count * WIDTHS[kind], kind, COMPONENTS["f4"])

    def follow(self, later: Later) -> None:
        """Gives the arrays that were promised since the last that was added, in order."""
        self._parts.append(later)

    def pieces(self) -> Iterator[bytes]:
        """All of them."""
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from (array.astype("<f4").tobytes() for array in part())

    def _describe(self, count: int, size: int, kind: Kind, component: int) -> int:
        view = {"buffer": 0, "byteOffset": self.size, "byteLength": size}
        self.size += size + -size % 4
        self.accessors.append(
            {
                "bufferView": len(self.views),
                "componentType": component,
                "count": count,
                "type": kind,
            }
        )
        self.views.append(view)
        return len(self.accessors) - 1


def glb_pieces(scene: dict[str, Any], arrays: Arrays) -> Iterator[bytes]:
    """A file of a scene (the JSON without its arrays); ValueError where it would be too large."""
    whole = {
        **scene,
        "buffers": [{"byteLength": arrays.size}],
        "bufferViews": arrays.views,
        "accessors": arrays.accessors,
    }
    text = json.dumps(whole, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    size = 12 + 8 + len(text) + 8 + arrays.size
    if size > MAX_BYTES:
        raise ValueError("larger than the 4 GB that the format allows")
    head = struct.pack("<III", MAGIC, VERSION, size) + struct.pack("<II", len(text), JSON_CHUNK)
    binary = struct.pack("<II", arrays.size, BINARY_CHUNK)

    def pieces() -> Iterator[bytes]:
        yield head + text + binary
        yield from arrays.pieces()

    return pieces()
