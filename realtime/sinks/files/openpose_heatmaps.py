"""OpenPose's heat map files: every map of a frame, as a strip of pictures or as raw numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import cv2
import numpy as np

from engines.types.arrays import Floats, Image
from engines.types.poses import Maps
from realtime.sinks.files.image_files import write_image
from realtime.types.results import Result
from realtime.types.view_mode import Shown
from realtime.writing.whole_files import check_folder, write_whole

Kind = Literal["parts", "background", "pafs"]


class HeatmapsSink:
    """Writes `<frame name>_pose_heatmaps.png` or `.float` into a folder.

    wanted: which maps; they come in OpenPose's order: parts, background, PAFs (the network's order,
    x before y), all as large as the network's input.
    """

    def __init__(
        self, folder: Path, form: Literal["png", "float"], wanted: frozenset[Kind], shown: Shown
    ) -> None:
        check_folder(folder, "--heatmaps")
        self._folder = folder
        self.written = str(folder)
        self._form = form
        self._wanted = wanted
        self._shown = shown

    def __enter__(self) -> Self:
        self._shown.want_maps()
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.want_maps(more=False)

    def write(self, result: Result) -> None:
        """One file a view."""
        for view in filter(None, result.views):
            if view.maps is None:
                continue
            heat, fields = chosen(
                view.maps, len(view.tracks.poses.skeleton.keypoints), self._wanted
            )
            path = self._folder / f"{view.frame.name}_pose_heatmaps.{self._form}"
            if self._form == "png":
                write_image(path, strip(heat, fields))
            else:
                data = float_file(np.concatenate([heat, fields]))
                write_whole(path, data, lasting=False)


def chosen(maps: Maps, keypoints: int, wanted: frozenset[Kind]) -> tuple[Floats, Floats]:
    """(M, H, W) confidence maps and (N, H, W) fields, one value a pixel of the network's input."""
    heat = [
        *(maps.heatmaps[:keypoints] if "parts" in wanted else ()),
        *(maps.heatmaps[keypoints : keypoints + 1] if "background" in wanted else ()),
    ]
    fields = [*maps.pafs] if "pafs" in wanted else []
    high, wide = (side * maps.stride for side in maps.heatmaps.shape[1:])
    large = np.array(
        [cv2.resize(one, (wide, high), interpolation=cv2.INTER_CUBIC) for one in (*heat, *fields)],
        np.float32,
    ).reshape(-1, high, wide)
    return large[: len(heat)], large[len(heat) :]


def strip(heat: Floats, fields: Floats) -> Image:
    """The maps side by side, (H, W x maps): 0 to 1 as 0 to 255, fields -1 to 1 as 0 to 255."""
    scaled = np.concatenate([heat, fields / 2 + 0.5])
    levels = np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 0, 2).reshape(levels.shape[1], -1))


def float_file(maps: Floats) -> bytes:
    """OpenPose's raw form, all float32: the number of dimensions, each of them, the values."""
    return np.array([maps.ndim, *maps.shape], "<f4").tobytes() + maps.astype("<f4").tobytes()
