"""Calibrations of Qualisys Track Manager (.qca.txt)."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from calibration.files.atomic import read_bytes
from calibration.formats.opencv_storage import parse_xml
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import RigError

SUBPIXELS = 64  # to a pixel: what its pixel coordinates count


def read_qualisys(path: Path) -> Rig:
    """The cameras that were active; the world's unit becomes the metre. RigError where there are
    none or one is not complete.
    """
    content = read_bytes(path)
    try:
        cameras = parse_xml(content).findall("cameras/camera")
        if not (found := [one for one in cameras if one.get("active") != "0"]):
            raise RigError("it has no active <camera>.")
        return Rig(tuple(_camera(one) for one in found))
    except RigError as error:
        raise RigError(f"Qualisys file {path.name}: {error}") from error


def _camera(element: Element) -> Camera:
    name = element.get("serial", "")
    if not name:
        raise RigError("a camera has no serial.")
    lens, pose, window = (
        _numbers(element, part, keys)
        for part, keys in (
            (
                "intrinsic",
                "focalLengthU focalLengthV centerPointU centerPointV radialDistortion1 "
                "radialDistortion2 tangentalDistortion1 tangentalDistortion2 radialDistortion3 "
                "skew",
            ),
            ("transform", "r11 r12 r13 r21 r22 r23 r31 r32 r33 x y z"),
            ("fov_video", "left right top bottom"),
        )
    )
    if lens[9]:
        raise RigError(f"camera {name} has skew, which is not supported.")
    left, right, top, bottom = window
    if np.abs(window).max() > 1e6:
        raise RigError(f"camera {name} has no size that a picture has.")
    focal, centre = lens[:2] / SUBPIXELS, lens[2:4] / SUBPIXELS - (left, top)
    # Its cameras look along -z with y up, ours along z with y down.
    rotation = np.diag([1.0, -1.0, -1.0]) @ pose[:9].reshape(3, 3)
    return Camera(
        name=name,
        size=(int(right - left + 1), int(bottom - top + 1)),
        matrix=np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]]),
        distortion=lens[4:9],  # OpenCV's own: without unit, so that nothing counts pixels here
        rotation=rotation,
        translation=-rotation @ (pose[9:] / 1000),
    )


def _numbers(element: Element, part: str, keys: str) -> Doubles:
    inner = element.find(part)
    given = {} if inner is None else inner.attrib
    try:
        numbers = np.array([float(given[key]) for key in keys.split()])
    except (KeyError, ValueError) as error:
        raise RigError(
            f"camera {element.get('serial')} needs numbers for {keys} in its <{part}>."
        ) from error
    if not np.isfinite(numbers).all():
        raise RigError(f"camera {element.get('serial')} has a <{part}> that is not finite.")
    return numbers
