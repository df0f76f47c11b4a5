"""A contact sheet: pictures of the clip with the landmarks drawn, to see what they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from engines.types.arrays import Doubles, Image
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.drawing.skeletons import draw
from realtime.types.errors import SettingsError
from realtime.types.results import Tracks
from training.discover.clip import Clip

COLUMNS, ROWS = 5, 4
TILE_PX = 320  # longer side


def write_sheet(path: Path, clip: Clip, xy: Doubles, sure: Doubles, skeleton: Skeleton) -> None:
    """xy: (P, K, 2) landmarks of the clip's pictures, -1..1. SettingsError where it cannot be
    written.
    """
    which = np.linspace(0, len(clip.pictures) - 1, COLUMNS * ROWS).astype(int)
    tiles = [_tile(clip, xy[n], sure[n], skeleton, n) for n in which]
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    _, content = cv2.imencode(".png", np.vstack(rows))
    try:
        path.write_bytes(content.tobytes())
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error


def _tile(clip: Clip, xy: Doubles, sure: Doubles, skeleton: Skeleton, number: int) -> Image:
    wide, high = clip.size
    grow = TILE_PX / max(wide, high)
    size = round(wide * grow), round(high * grow)
    picture = cv2.resize(clip.pictures[number], size, interpolation=cv2.INTER_AREA)
    placed = ((xy + 1) / 2 * size - 0.5).astype(np.float32)
    score = sure.astype(np.float32)
    placed[score <= 0] = np.nan
    poses = Poses(skeleton, placed[None], score[None], score.mean(keepdims=True))
    drawn = draw(picture, Tracks.untracked(poses))
    for name, (x, y) in zip(skeleton.keypoints, placed, strict=True):
        if not np.isnan(x):
            text = name.rpartition("_")[2].lstrip("0") or "0"
            for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
                at = round(float(x)) + 4, round(float(y)) - 4
                cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, colour, thick)
    return drawn
