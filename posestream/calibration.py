"""Lenses and rigs calibrated from pictures in memory or in files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from calibration.board.detection import Finder, Sighting
from calibration.board.extrinsics import locate
from calibration.board.intrinsics import calibrate
from calibration.board.target import Board, read_board
from calibration.files.rig_toml import write_rig
from calibration.geometry.camera import Camera, Rig
from engines.types.arrays import Image
from posestream.errors import PosestreamError, expect, translated
from realtime.sources.images import read_image

Picture = Image | str | os.PathLike[str]


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """A calibrated lens. rms: pixels that corners are off by; held_out: those of pictures that it
    was not fitted to. used: numbers of the pictures that entered.
    """

    camera: Camera
    rms: float
    held_out: float
    used: list[int]


@translated()
def calibrate_lens(
    pictures: Sequence[Picture], board: Board, *, name: str = "camera", fisheye: bool | None = None
) -> Lens:
    """The lens of the camera that took these pictures of a board, from at least 4, better 20.

    pictures: (H, W, 3) or (H, W) uint8 arrays, or paths. fisheye: None tries both kinds.
    """
    sights = [_find(picture, board) for picture in pictures]
    seen = [n for n, sight in enumerate(sights) if sight is not None]
    found = calibrate([s for s in sights if s is not None], board, name, fisheye=fisheye)
    return Lens(found.camera, found.rms, found.held_out, [seen[n] for n in found.views])


@translated()
def calibrate_rig(
    cameras: Sequence[Camera], pictures: Sequence[Sequence[Picture | None]], board: Board
) -> Rig:
    """Where cameras with known lenses stand, from pictures of a board that they took together.

    pictures: for each camera as many, those of one place in the lists taken at one time; None for
    one that is missing. The world is the first camera's frame, in metres.
    """
    for one in cameras:
        expect(one, Camera, "Cameras are those that calibrate_lens gives (lens.camera)")
    if len({one.name for one in cameras}) < len(cameras):
        raise PosestreamError("Each camera needs a name of its own: calibrate_lens(..., name=...).")
    if len(pictures) != len(cameras) or len({len(own) for own in pictures}) > 1:
        raise PosestreamError(
            f"Give as many pictures for each of the {len(cameras)} cameras, not "
            f"{' and '.join(str(len(own)) for own in pictures)}; None stands for a missing one."
        )
    seen: list[dict[int, Sighting]] = []
    for own in pictures:
        sights = [None if one is None else _find(one, board) for one in own]
        seen.append({n: sight for n, sight in enumerate(sights) if sight is not None})
    return locate(cameras, seen, board).rig


@translated()
def save_rig(rig: Rig, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write a rig file, which `load_rig` and --rig read. force: over one that exists."""
    expect(rig, Rig, "The first argument is a Rig")
    if Path(path).exists() and not force:
        raise PosestreamError(f"{path} exists already; choose another name, or force=True.")
    write_rig(rig, Path(path), force=force)


@translated()
def load_board(path: str | os.PathLike[str]) -> Board:
    """The board of a file, as `posestream calibrate board` writes it."""
    expect(path, (str, os.PathLike), "A board file is named by its path")
    return read_board(os.fspath(path))


def _find(picture: Picture, board: Board) -> Sighting | None:
    expect(board, Board, "A board is a posestream.Board, as load_board(path) gives it")
    image = read_image(os.fspath(picture)) if isinstance(picture, str | os.PathLike) else picture
    array = np.asarray(image, np.uint8)
    gray = array if array.ndim == 2 else np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2GRAY))
    return Finder(board).find(np.asarray(gray, np.uint8))
