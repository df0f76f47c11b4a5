"""OpenPose's `<serial>.xml`: a file a camera, named as it, in a folder of their own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from calibration.files.atomic import set_aside, write_texts
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|^\.|[. ]$|^$')  # in names of files, somewhere


def openpose_xml(camera: Camera) -> str:
    """The camera as OpenCV's FileStorage: CameraMatrix is [R | t] from the world, in metres.

    OpenPose does not know image_width and image_height, and passes them over. CalibrationError
    for a fisheye, which it cannot hold.
    """
    if camera.fisheye:
        raise CalibrationError(
            f"OpenPose files cannot hold a fisheye lens such as {camera.name}; calibrate it "
            "with --lens pinhole or keep the .toml."
        )
    pose = np.column_stack([camera.rotation, camera.translation])
    # OpenCV takes 4, 5, 8, 12 or 14 coefficients; a lens without any has eight zeros.
    bend = camera.distortion if len(camera.distortion) else np.zeros(8)
    return (
        '<?xml version="1.0"?>\n<opencv_storage>\n'
        + _matrix("CameraMatrix", pose)
        + _matrix("Intrinsics", camera.matrix)
        + _matrix("Distortion", bend[:, None])
        + f"<image_width>{camera.size[0]}</image_width>\n"
        + f"<image_height>{camera.size[1]}</image_height>\n</opencv_storage>\n"
    )


def write_folder(rig: Rig, folder: Path, *, force: bool = False) -> None:
    """A file for each camera. OpenPose reads all .xml of a folder: with `force` those that lie
    there already, of whatever camera, are set aside as .bak.
    """
    seen: set[str] = set()
    for camera in rig.cameras:
        if FORBIDDEN.search(camera.name) or camera.name.lower() in seen:
            raise CalibrationError(
                f"Camera {camera.name!r} cannot be used as a file name beside the others; "
                "rename it in its .toml."
            )
        seen.add(camera.name.lower())
    texts = {folder / f"{camera.name}.xml": openpose_xml(camera) for camera in rig.cameras}
    old = sorted(folder.glob("*.[xX][mM][lL]")) if folder.is_dir() else []
    if old and not force:
        raise CalibrationError(
            f"{folder} already has camera files ({old[0].name}); choose another folder or add "
            "--force."
        )
    write_texts(texts, force=force)
    for path in old:
        if path not in texts:
            set_aside(path)


def _matrix(name: str, numbers: Doubles) -> str:
    rows = "\n".join("    " + " ".join(map(repr, row)) for row in numbers.tolist())
    return (
        f'<{name} type_id="opencv-matrix">\n  <rows>{numbers.shape[0]}</rows>\n'
        f"  <cols>{numbers.shape[1]}</cols>\n  <dt>d</dt>\n  <data>\n{rows}</data></{name}>\n"
    )
