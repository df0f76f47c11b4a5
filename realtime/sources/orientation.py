"""Pictures turned and mirrored by quarter turns: what a video's file asks for, and the user."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Image
from engines.types.poses import Poses
from realtime.types.frames import Frame

Matrix = NDArray[np.int64]


def matrix_of(flip: bool, rotate: int) -> Matrix:
    """(2, 2) of a mirroring left to right and then a clockwise turn of so many degrees."""
    mirror = np.array([[-1 if flip else 1, 0], [0, 1]])
    clockwise = np.array([[0, 1], [-1, 0]])
    both: Matrix = mirror @ np.linalg.matrix_power(clockwise, round(rotate / 90) % 4)
    return both


def turn(image: Image, matrix: Matrix) -> Image:
    """The picture with the pixel of (x, y) at (x, y) @ matrix, moved so that it begins at 0.

    matrix: (2, 2) any scale; anything but quarter turns is taken for the nearest. A picture that
    stays as it is is given back itself.
    """
    (xx, xy), (yx, yy) = matrix
    if abs(xy) + abs(yx) > abs(xx) + abs(yy):
        image, xx, yy = np.asarray(cv2.transpose(image), np.uint8), yx, xy
    if xx < 0 or yy < 0:
        image = np.asarray(cv2.flip(image, -1 if xx < 0 and yy < 0 else int(xx < 0)), np.uint8)
    return image


def turned(frame: Frame, matrix: Matrix) -> Frame:
    """The frame with its picture turned, and its poses: --flip and --rotate, for all sources."""
    image = turn(frame.image, matrix)
    poses = frame.poses and _turned_poses(frame.poses, frame.size, matrix)
    return replace(frame, image=image, poses=poses)


def _turned_poses(poses: Poses, size: tuple[int, int], matrix: Matrix) -> Poses:
    """As a network would see them: in a mirrored picture a left hand is a right one."""
    corner = (np.array(size) - 1) @ matrix
    xy = (poses.xy @ matrix - np.minimum(corner, 0)).astype(np.float32)
    order = list(poses.skeleton.mirror if np.linalg.det(matrix) < 0 else range(xy.shape[1]))
    return replace(poses, xy=xy[:, order], score=poses.score[:, order])
