"""What a frame leaves behind is freed at once: nothing waits for the cycle collector, which a run
seldom triggers, so that pictures would pile up.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from realtime.assembly import stream
from realtime.settings.all import Settings
from tests.realtime.wanted import settings
from tests.synth import person, scene, write_tiny_network, write_video

FRAMES = 120
WARM = 40  # frames in which caches fill
MAX_CYCLIC = 20  # objects; one a frame were 120


def left_in_cycles(wanted: Settings, frames: int) -> Counter[str]:
    """What only the collector can free after so many frames, by type."""
    results = stream(wanted)
    gc.collect()
    try:
        assert len(list(islice(results, WARM))) == WARM
        gc.disable()
        gc.collect()
        for _ in islice(results, frames):
            pass
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        return Counter(type(one).__name__ for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        results.close()


@pytest.mark.parametrize("served", [False, True], ids=["files", "served"])
def test_pictures_leave_nothing(served: bool, tmp_path: Path) -> None:
    card = write_tiny_network(tmp_path / "net", height=64)
    pictures = [scene([person((50 + n % 20, 32), 50)], (96, 64)) for n in range(40)]
    clip = write_video(tmp_path / "clip.mkv", pictures, [n / 30 for n in range(40)])
    outputs = {"serve": "0"} if served else {}
    if not served:
        for option, name in (("output", "v.mp4"), ("jsonl", "a.jsonl"), ("csv", "a.csv")):
            outputs[option] = tmp_path / name
        for option in ("json", "coco", "mot", "heatmaps"):
            outputs[option] = tmp_path / option / ("" if option in ("json", "heatmaps") else "a")
    wanted = settings(str(clip), loop=True, model=str(card), **outputs)
    found = left_in_cycles(wanted, FRAMES)
    assert found.total() < MAX_CYCLIC, found.most_common(5)


def test_people_in_3d_leave_nothing(data: Path, tmp_path: Path) -> None:
    shelf = data / "shelf-dev"
    outputs = {"json3d": tmp_path / "j", "trc": tmp_path / "w.trc", "csv": tmp_path / "a.csv"}
    sources = [os.fspath(shelf / f"cam{n}") for n in range(3)]
    wanted = settings(*sources, rig=shelf / "rig.toml", loop=True, **outputs)
    found = left_in_cycles(wanted, FRAMES)
    assert found.total() < MAX_CYCLIC, found.most_common(5)
