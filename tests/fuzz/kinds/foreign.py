"""Camera files of other programs, and corners; what loads must be written and read again."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np

from calibration.files.corners_csv import Corners, corners_file, read_corners, write_corners
from calibration.formats import read, write
from calibration.formats.openpose_xml import openpose_xml
from calibration.geometry.camera import Camera, Rig
from tests.fuzz.mutate import damage, scramble

XML = openpose_xml(
    Camera("a", (640, 480), np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), np.ones(5) / 9)
)
YAML = """%YAML:1.0
---
calibration_time: "Sat 21 Nov 2026"
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 500., 0., 320., 0., 500., 240., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ 0.1, -0.05, 0.001,
       0., 0. ]
"""
STEREO = YAML.replace("camera_matrix", "M1").replace("distortion_coefficients", "D1") + (
    YAML.partition("image_height: 480\n")[2]
    .replace("camera_matrix", "M2")
    .replace("distortion_coefficients", "D2")
    + """R: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 1., 0., 0., 0., 1., 0., 0., 0., 1. ]
T: !!opencv-matrix
   rows: 3
   cols: 1
   dt: d
   data: [ -0.06, 0., 0. ]
"""
)
QCA = """<?xml version='1.0' encoding='ASCII'?>
<calibration><cameras>
<camera active="1" serial="cam01"><fov_video bottom="479" left="0" right="639" top="0"/>
<transform r11="1" r12="0" r13="0" r21="0" r22="1" r23="0" r31="0" r32="0" r33="1"
 x="1460.2" y="-1909.1" z="1896.5"/>
<intrinsic centerPointU="20480" centerPointV="15360" focalLengthU="32000" focalLengthV="32000"
 radialDistortion1="-0.046" radialDistortion2="0.13" radialDistortion3="0" skew="0"
 tangentalDistortion1="0.0006" tangentalDistortion2="0.00069"/></camera>
</cameras></calibration>
"""
FORMS = {"a.xml": XML, "a.yml": YAML, "s.yml": STEREO, "a.qca.txt": QCA, "rig.corners.csv": ""}


def read_xml(folder: Path) -> Rig:
    (folder / "whole.xml").write_text(XML)
    return read(folder / "whole.xml").rig


class Kind:
    share = 700
    limit = 10.0
    speaks = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rig = folder / "rig.toml"
        write(read_xml(folder), self._rig, force=True)
        write_corners(Corners(np.eye(3), np.array([0.1, 0.2, 0.3])), self._rig)
        self._corners = corners_file(self._rig).read_text()

    def case(self, rng: Random) -> bool:
        name, whole = rng.choice(list(FORMS.items()))
        whole = whole or self._corners
        if rng.random() < 0.5:
            content = scramble(rng, whole).encode(errors="surrogatepass")
        else:
            content = damage(rng, whole.encode(), [own.encode() for own in FORMS.values()])
        (self._folder / name).write_bytes(content)
        if name == corners_file(self._rig).name:
            corners = read_corners(self._rig)
            assert corners is not None
            return corners.xyz.shape == (len(corners), 3)
        found = read(self._folder / name, rng.choice((None, (640, 480))))
        write(found.rig, self._folder / "back.toml", force=True)
        back = read(self._folder / "back.toml").rig
        assert [one.name for one in back.cameras] == [one.name for one in found.rig.cameras]
        np.testing.assert_array_equal(back.focals, found.rig.focals)
        return True

    def close(self) -> None:
        pass
