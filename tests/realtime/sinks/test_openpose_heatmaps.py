"""OpenPose's heat map files, read back as its documentation says."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from engines.types.arrays import Floats
from engines.types.poses import Candidates, Maps
from realtime.sinks.files.openpose_heatmaps import HeatmapsSink, Kind
from realtime.types.errors import OutputError
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from realtime.types.view_mode import Shown
from tests.realtime.results import grey, tracks
from tests.synth import CHANNELS, SKELETON, STRIDE, person, render

SIZE = (160, 128)
COUNT = len(SKELETON.keypoints)
ALL: frozenset[Kind] = frozenset({"parts", "background", "pafs"})


def written(
    folder: Path, form: Literal["png", "float"], wanted: frozenset[Kind] = ALL
) -> tuple[Path, Maps]:
    """The file of a frame, and the maps that went into it."""
    maps = Maps(*render([person((80, 64), 110)], SIZE), CHANNELS, STRIDE, SIZE)
    none = np.zeros((0, 4), np.float32)
    frame = Frame("clip", 7, "clip_000000000007", 0, 0, grey(*SIZE))
    view = View(frame, tracks(), Candidates(none, none, maps))
    shown = Shown()
    with HeatmapsSink(folder, form, wanted, shown) as sink:
        assert shown.wants_maps()
        sink.write(Result(0, (None, view), {}))
    assert not shown.wants_maps()
    [path] = folder.iterdir()
    assert path.name == f"clip_000000000007_pose_heatmaps.{form}"
    return path, maps


def test_the_strip_holds_parts_background_and_fields_side_by_side(tmp_path: Path) -> None:
    path, maps = written(tmp_path, "png")
    strip = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert strip is not None
    count = COUNT + 1 + 2 * len(SKELETON.limbs)
    assert strip.shape == (SIZE[1], count * SIZE[0])
    pictures = strip.reshape(SIZE[1], count, SIZE[0]).transpose(1, 0, 2).astype(float) / 255
    # Mean over the pixels of a cell: enlarging moves little of it to its neighbours.
    cells = pictures.reshape(count, SIZE[1] // STRIDE, STRIDE, SIZE[0] // STRIDE, STRIDE)
    means = cells.mean(axis=(2, 4))
    for n in range(COUNT + 1):
        assert np.corrcoef(means[n].ravel(), maps.heatmaps[n].ravel())[0, 1] > 0.95, n
        assert means[n].argmax() == maps.heatmaps[n].argmax() or n == COUNT
    fields = means[COUNT + 1 :] * 2 - 1
    for n, field in enumerate(maps.pafs):
        if np.abs(field).max() > 0.5:
            assert np.corrcoef(fields[n].ravel(), field.ravel())[0, 1] > 0.9, n
    assert pictures[COUNT + 1 :][np.abs(maps.pafs).max(axis=(1, 2)) == 0] == pytest.approx(
        0.5, abs=0.003
    )


def test_the_float_file_is_read_as_openpose_says(tmp_path: Path) -> None:
    """Its documentation: number of dimensions, each of them, the data, all float32."""
    path, maps = written(tmp_path, "float")
    raw = np.fromfile(path, np.float32)
    assert raw[0] == 3
    shape = raw[1:4].astype(int).tolist()
    assert shape == [COUNT + 1 + 2 * len(SKELETON.limbs), SIZE[1], SIZE[0]]
    data = raw[4:].reshape(shape)
    both = np.concatenate([maps.heatmaps, maps.pafs])
    np.testing.assert_allclose(middles(data), both, atol=0.03)
    assert data[COUNT + 1 :].min() < -0.5


def middles(data: Floats) -> Floats:
    """The mean of the four pixels in the middle of each cell, which lie about its value."""
    cells = data.reshape(-1, SIZE[1] // STRIDE, STRIDE, SIZE[0] // STRIDE, STRIDE)
    means: Floats = cells[:, :, 3:5, :, 3:5].mean(axis=(2, 4))
    return means


@pytest.mark.parametrize(
    ("wanted", "count"), [("parts", COUNT), ("background", 1), ("pafs", 2 * len(SKELETON.limbs))]
)
def test_only_what_is_wanted_is_written(tmp_path: Path, wanted: Kind, count: int) -> None:
    path, maps = written(tmp_path, "float", frozenset({wanted}))
    raw = np.fromfile(path, np.float32)
    assert raw[1] == count
    whole = {"parts": maps.heatmaps[:COUNT], "background": maps.heatmaps[COUNT:], "pafs": maps.pafs}
    np.testing.assert_allclose(middles(raw[4:]), whole[wanted], atol=0.03)


def test_a_folder_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"--heatmaps .*name a folder"):
        HeatmapsSink(tmp_path / "file", "png", ALL, Shown())
