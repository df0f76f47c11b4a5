"""Frames as a camera without distortion would give them: --undistort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from calibration.formats import read
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError
from engines.types.arrays import Doubles, Image
from engines.types.poses import Poses
from realtime.types.errors import SettingsError, SourceError
from realtime.types.frames import Frame


def ideal(camera: Camera) -> Camera:
    """The camera that gives the straightened pictures: the same without distortion."""
    return replace(camera, distortion=np.zeros(5), fisheye=False)


def lenses(path: Path, names: Sequence[str], size: tuple[int, int] | None) -> list[Camera]:
    """The cameras in a file for sources of these names: by name, else by order.

    size: of the pictures, where the file does not say it. SettingsError where they do not fit.
    """
    try:
        rig = read(path).rig
    except CalibrationError as error:
        # Files without a size of the pictures are read with the one that is given.
        try:
            rig = read(path, size).rig
        except CalibrationError:
            raise SettingsError(f"--undistort: {error}") from error
    known = {camera.name: camera for camera in rig.cameras}
    if set(names) <= known.keys():
        return [known[name] for name in names]
    if len(rig) == len(names):
        return list(rig.cameras)
    raise SettingsError(
        f"--undistort {path.name} has the cameras {', '.join(known)}, but the sources are "
        f"{', '.join(names)}. Give them the same names, or one source per camera, in the order of "
        "the file."
    )


class Lens:
    """Straightens pictures, of whatever size, and keypoints of one camera."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._size: tuple[int, int] | None = None

    def picture(self, image: Image) -> Image:
        """(H, W, 3) of the same size; black where the lens saw nothing."""
        size = image.shape[1], image.shape[0]
        if size != self._size:
            self._maps = _maps(self._camera.scaled(size))
            self._size = size
        return np.asarray(cv2.remap(image, *self._maps, cv2.INTER_LINEAR), np.uint8)

    def poses(self, poses: Poses, size: tuple[int, int]) -> Poses:
        """The same people; keypoints that the lens cannot have seen are not there."""
        camera = self._camera.scaled(size)
        rays = camera.normalise(poses.xy.astype(np.float64))
        xy = rays * camera.matrix.diagonal()[:2] + camera.matrix[:2, 2]
        gone = np.isnan(xy).any(-1)
        xy[gone] = np.nan
        score = np.where(gone, np.float32(0), poses.score)
        return replace(poses, xy=xy.astype(np.float32), score=score)


def straightened(frame: Frame, lens: Lens) -> Frame:
    """The frame with its picture, or its keypoints, as seen without distortion.

    SourceError where its picture has another shape than those of the camera's calibration.
    """
    try:
        if frame.poses is not None:
            return replace(frame, poses=lens.poses(frame.poses, frame.size))
        return replace(frame, image=lens.picture(frame.image))
    except CalibrationError as error:
        raise SourceError(f"{frame.camera} does not fit --undistort: {error}") from error


def _maps(camera: Camera) -> tuple[Doubles, Doubles]:
    """Where each pixel of the straightened picture comes from."""
    matrix, size = camera.matrix, camera.size
    if camera.fisheye:
        return cv2.fisheye.initUndistortRectifyMap(
            matrix, camera.distortion, np.eye(3), matrix, size, cv2.CV_32FC1
        )
    return cv2.initUndistortRectifyMap(matrix, camera.distortion, None, matrix, size, cv2.CV_32FC1)
