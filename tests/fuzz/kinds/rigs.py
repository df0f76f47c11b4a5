"""Rig files; those that load must project and write."""

from __future__ import annotations

import tomllib
from pathlib import Path
from random import Random

import numpy as np

from calibration.files.rig_toml import read_rig, rig_toml
from tests.fuzz.mutate import as_toml, damage, scramble, spoil

RIG = """[cam_0]
name = "left"
size = [1280, 720]
matrix = [[900.0, 0.0, 640.0], [0.0, 900.0, 360.0], [0.0, 0.0, 1.0]]
distortions = [0.1, -0.05, 0.001, 0.0, 0.0]
rotation = [0.0, 0.1, 0.0]
translation = [0.0, 0.0, 2.0]
fisheye = false

[cam_1]
size = [640, 480]
matrix = [[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]]

[metadata]
error = 0.3
"""


class Kind:
    share = 400
    limit = 10.0
    speaks = ""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "rig.toml"
        self._data = tomllib.loads(RIG)

    def case(self, rng: Random) -> bool:
        match rng.randrange(4):
            case 0 | 1:
                data = spoil(rng, self._data)
                text = "".join(f"{as_toml(k)} = {as_toml(v)}\n" for k, v in dict(data).items())
                content = text.encode()
            case 2:
                content = scramble(rng, RIG).encode(errors="surrogatepass")
            case _:
                content = damage(rng, RIG.encode())
        self._path.write_bytes(content)
        rig = read_rig(self._path)
        for camera in rig.cameras:
            assert camera.project(np.array([[0.1, 0.2, 5.0]])).shape == (1, 2)
        self._path.write_text(rig_toml(rig), encoding="utf-8")
        assert len(read_rig(self._path).cameras) == len(rig.cameras)
        return True

    def close(self) -> None:
        pass
