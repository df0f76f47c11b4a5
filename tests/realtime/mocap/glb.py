"""Reads GLB files by the specification, and moves their skeletons: nothing here is the writer's."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

COMPONENTS = {5126: "<f4", 5123: "<u2", 5121: "u1"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """A file, taken apart."""

    def __init__(self, data: bytes) -> None:
        magic, version, size = struct.unpack_from("<4sII", data)
        assert (magic, version, size) == (b"glTF", 2, len(data))
        length, kind = struct.unpack_from("<I4s", data, 12)
        assert (kind, length % 4) == (b"JSON", 0)
        self.json: dict[str, Any] = json.loads(data[20 : 20 + length])
        more, kind = struct.unpack_from("<I4s", data, 20 + length)
        assert (kind, more % 4) == (b"BIN\0", 0)
        self._data = data[28 + length :]
        assert len(self._data) == more == self.json["buffers"][0]["byteLength"]

    def array(self, accessor: int) -> NDArray[Any]:
        """(N, ...) values."""
        one = self.json["accessors"][accessor]
        view = self.json["bufferViews"][one["bufferView"]]
        kind, width = np.dtype(COMPONENTS[one["componentType"]]), WIDTHS[one["type"]]
        assert view["byteOffset"] % 4 == 0
        assert view["byteLength"] == one["count"] * width * kind.itemsize
        values = np.frombuffer(self._data, kind, one["count"] * width, view["byteOffset"])
        shaped = values.reshape(one["count"], width)
        if "min" in one:
            assert one["min"] == shaped.min(0).tolist()
            assert one["max"] == shaped.max(0).tolist()
        return shaped

    def places(self, animation: str, seconds: float) -> dict[str, NDArray[np.float64]]:
        """(4, 4) in the world of each node at a moment of an animation, by name and by number."""
        nodes = self.json["nodes"]
        moved: dict[tuple[int, str], NDArray[np.float64]] = {}
        (chosen,) = [one for one in self.json["animations"] if one["name"] == animation]
        for channel in chosen["channels"]:
            sampler = chosen["samplers"][channel["sampler"]]
            times = self.array(sampler["input"])[:, 0].astype(float)
            values = self.array(sampler["output"]).astype(float)
            now = float(np.clip(seconds, times[0], times[-1]))
            if channel["target"]["path"] == "rotation":
                np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=1e-6)
                turns = Rotation.from_quat(values)
                value = Slerp(times, turns)(now).as_quat() if len(times) > 1 else values[0]
            else:
                value = np.array([np.interp(now, times, column) for column in values.T])
            moved[channel["target"]["node"], channel["target"]["path"]] = value
        worlds: dict[str, NDArray[np.float64]] = {}

        def walk(number: int, parent: NDArray[np.float64]) -> None:
            node, own = nodes[number], np.eye(4)
            turn = moved.get((number, "rotation"), np.array(node.get("rotation", [0, 0, 0, 1])))
            own[:3, :3] = Rotation.from_quat(turn).as_matrix()
            own[:3, 3] = moved.get((number, "translation"), node.get("translation", [0, 0, 0]))
            worlds[str(number)] = worlds[node["name"]] = parent @ own
            for below in node.get("children", ()):
                walk(below, parent @ own)

        for root in self.json["scenes"][self.json["scene"]]["nodes"]:
            if nodes[root]["name"] == animation:
                walk(root, np.eye(4))
        return worlds
