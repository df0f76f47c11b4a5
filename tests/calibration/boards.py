"""Photographs of boards with known answers."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.printing import Sheet, _black, _inverse, picture
from calibration.board.target import Board
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, rotation_matrix

CHARUCO = Board("charuco", 5, 4, 0.05, 0.0375)
CHESS = Board("chessboard", 7, 4, 0.04)
TEXTURE_DPI = 300


def pose(
    rotation: tuple[float, float, float], centre: tuple[float, float, float], board: Board
) -> tuple[Doubles, Doubles]:
    """(3, 3), (3,): board to camera, its middle at `centre` of the camera's frame."""
    turn = rotation_matrix(np.array(rotation))
    middle = np.array([*np.array(board.size) / 2, 0])
    return turn, np.array(centre) - turn @ middle


@lru_cache(maxsize=32)
def _ideal(camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x and y of where each pixel of a picture twice as fine looks."""
    wide, high = camera.size
    x, y = np.meshgrid(np.arange(wide), np.arange(high))
    flat = camera.normalise(np.stack([x, y], axis=-1).astype(float))
    fine = cv2.resize(flat, (2 * wide, 2 * high), interpolation=cv2.INTER_LINEAR)
    x, y = np.ascontiguousarray(np.moveaxis(fine, 2, 0), np.float32)
    return x, y


@lru_cache(maxsize=32)
def _grain(high: int, wide: int, noise: float) -> Doubles:
    return np.random.default_rng(0).normal(0, noise, (high, wide))


@lru_cache(maxsize=8)
def _texture(board: Board) -> NDArray[np.uint8]:
    """A print of the board with half a square of white around it, and of the wall four pixels."""
    rim = board.square / 2
    width, height = (side + 2 * rim for side in board.size)
    black = [(x + rim, y + rim, w, h) for x, y, w, h in _black(board)]
    if board.inverted:
        black = _inverse((0, 0, width, height), black)
    texture = picture(Sheet((width, height), tuple(black), ""), TEXTURE_DPI)
    texture = np.pad(texture, 4, constant_values=110)
    return np.asarray(cv2.GaussianBlur(texture, (0, 0), 1.5), np.uint8)


def photograph(
    board: Board, camera: Camera, rotation: Doubles, translation: Doubles, *, noise: float = 2.0
) -> NDArray[np.uint8]:
    """What the camera (its own pose does not matter) sees of a board upon a grey wall."""
    rim = board.square / 2
    wide, high = camera.size
    # Twice as fine as the picture, then halved: edges are as soft as a sensor makes them.
    x, y = _ideal(camera)
    right, down, away = (
        x * np.float32(a) + y * np.float32(b) + np.float32(c) for a, b, c in rotation.T
    )
    origin = -translation @ rotation
    scale = TEXTURE_DPI / 0.0254
    with np.errstate(all="ignore"):
        far = np.float32(-origin[2] * scale) / away
    at = [
        far * way + np.float32((begin + rim) * scale - 0.5 + 4)
        for way, begin in ((right, origin[0]), (down, origin[1]))
    ]
    for one in at:
        one[~(far > 0)] = -100
    fine = cv2.remap(
        _texture(board),
        at[0],
        at[1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=110,
    )
    small = cv2.resize(fine, (wide, high), interpolation=cv2.INTER_AREA).astype(float)
    return np.asarray((40 + 0.7 * small + _grain(high, wide, noise)).clip(0, 255), np.uint8)
