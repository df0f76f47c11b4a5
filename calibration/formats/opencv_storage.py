"""OpenCV's FileStorage (.xml, .yml) of one camera, as OpenCV's and OpenPose's tools write it.

Not by cv2.FileStorage: damaged files corrupt its memory (seen with OpenCV 5.0), and what people
download must not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from calibration.files.atomic import read_bytes, read_text
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera
from calibration.geometry.errors import RigError

# What it is here: OpenPose's name, those of OpenCV's samples.
MATRIX = ("Intrinsics", "camera_matrix", "Camera_Matrix", "cameraMatrix")
DISTORTION = (
    *("Distortion", "distortion_coefficients", "Distortion_Coefficients"),
    *("distCoeffs", "dist_coeffs"),
)
POSE = ("CameraMatrix",)
WIDTH, HEIGHT = ("image_width", "image_Width"), ("image_height", "image_Height")
FISHEYE = ("fisheye_model", "fisheye")
KEYS = {*MATRIX, *DISTORTION, *POSE, *WIDTH, *HEIGHT, *FISHEYE}

Value = Doubles | str
_ITEM = re.compile(r"^([A-Za-z_][\w-]*):[ \t]*(.*(?:\n(?:[ \t].*)?$)*)", re.MULTILINE)


def read_storage(path: Path, size: tuple[int, int] | None = None) -> tuple[Camera, list[str]]:
    """The camera, named as the file, and the file's keys that no camera has.

    size: where the file does not say it. RigError says what is wrong.
    """
    values = storage_values(path)
    try:
        return _camera(path.stem, values, size), [key for key in values if key not in KEYS]
    except RigError as error:
        raise RigError(f"Camera file {path.name}: {error}") from error


def storage_values(path: Path) -> dict[str, Value]:
    """What a file says on its outermost level; RigError says what is wrong."""
    xml = path.suffix.lower() == ".xml"
    content = read_bytes(path) if xml else read_text(path)
    try:
        return _xml(content) if isinstance(content, bytes) else _yaml(content)
    except RigError as error:
        raise RigError(f"Camera file {path.name}: {error}") from error


def _camera(name: str, values: Mapping[str, Value], given: tuple[int, int] | None) -> Camera:
    matrix = matrix_of(values, MATRIX)
    if matrix is None:
        raise RigError(f"it contains no {' or '.join(MATRIX[:2])}, so it is not a camera file.")
    pose = matrix_of(values, POSE)
    pose = np.eye(3, 4) if pose is None else pose
    if pose.shape != (3, 4):
        raise RigError(f"its CameraMatrix has shape {pose.shape}; it must be (3, 4).")
    distortion = matrix_of(values, DISTORTION)
    return Camera(
        name=name,
        size=size_of(values, given),
        matrix=matrix,
        distortion=np.zeros(0) if distortion is None else distortion.ravel(),
        rotation=pose[:, :3].copy(),
        translation=pose[:, 3].copy(),
        fisheye=_first(values, FISHEYE) in ("1", "true"),
    )


def size_of(values: Mapping[str, Value], given: tuple[int, int] | None) -> tuple[int, int]:
    """(width, height) of the pictures; RigError where neither the file nor `given` says it."""
    words = _first(values, WIDTH), _first(values, HEIGHT)
    if words == (None, None):
        if given is None:
            raise RigError("it does not contain the picture size; add it, such as --size 1280x720.")
        return given
    try:
        wide, high = (int(word) for word in words if isinstance(word, str))
    except ValueError as error:
        raise RigError("its picture width and height must be whole numbers of pixels.") from error
    if given not in (None, (wide, high)):
        raise RigError(
            f"its pictures are {wide}x{high}; --size is only for files without a picture size."
        )
    return wide, high


def _first(values: Mapping[str, Value], names: Sequence[str]) -> Value | None:
    return next((values[name] for name in names if name in values), None)


def matrix_of(values: Mapping[str, Value], names: Sequence[str]) -> Doubles | None:
    """The matrix of one of these names; None where there is none of them."""
    found = _first(values, names)
    if isinstance(found, str):
        raise RigError(f"its {next(name for name in names if name in values)} is no matrix.")
    return found


def _xml(content: bytes) -> dict[str, Value]:
    root = parse_xml(content)
    if root.tag != "opencv_storage":
        raise RigError(f"this is no XML of OpenCV or OpenPose: it begins with <{root.tag}>.")
    values: dict[str, Value] = {}
    for one in root:
        text = {part.tag: part.text or "" for part in one}
        if one.get("type_id") == "opencv-matrix":
            shape = text.get("rows", ""), text.get("cols", "")
            values[one.tag] = _shaped(one.tag, shape, text.get("data", ""))
        else:
            values[one.tag] = (one.text or "").strip()
    return values


def parse_xml(content: bytes) -> Element:
    """The root of an XML document without a DTD: files of cameras have none, bombs do."""
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise RigError("it has a DTD, which no camera file has; it is not read.") from error
    except (ParseError, LookupError, ValueError) as error:
        raise RigError(f"this is no XML: {error}.") from error
    return root


def _yaml(text: str) -> dict[str, Value]:
    """Values and matrices of the outermost level, which is all that FileStorage needs of YAML."""
    text = text.replace("\r\n", "\n")
    if not text.startswith("%YAML"):
        raise RigError("this is no YAML of OpenCV's, which begins with %YAML.")
    values: dict[str, Value] = {}
    for item in _ITEM.finditer(text):
        name, value = item.groups()
        if value.startswith("!!opencv-matrix"):
            rows, columns = (
                (value.partition(f"{key}:")[2].split(maxsplit=1) or [""])[0]
                for key in ("rows", "cols")
            )
            data = value.partition("data:")[2].partition("[")[2].partition("]")[0]
            values[name] = _shaped(name, (rows, columns), data.replace(",", " "))
        else:
            values[name] = value.strip().strip('"')
    return values


def _shaped(name: str, shape: tuple[str, str], data: str) -> Doubles:
    try:
        rows, columns = map(int, shape)
        return np.array([float(word) for word in data.split()]).reshape(rows, columns)
    except (ValueError, OverflowError) as error:
        raise RigError(f"its {name} is no matrix of numbers with rows, cols and data.") from error
