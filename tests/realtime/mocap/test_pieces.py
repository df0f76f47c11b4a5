"""Files of long takes are made piece after piece, and are what they would be in one."""

from __future__ import annotations

import io
import tracemalloc
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from realtime.mocap.c3d import c3d_files
from realtime.mocap.journal import Head, Journal
from realtime.mocap.outputs import take_files
from realtime.mocap.take import Take, take_of
from realtime.types.results import Poses3D
from tests.bodies import BODY25, body
from tests.calibration.cameras import ring

RIG = ring(4, radius=5)
KINDS = ("trc", "c3d", "bvh")


def ragged(count: int) -> Take:
    """Two people at uneven times, with pauses, and with keypoints that are now and then unknown;
    for a while the elbow of one shows no bend, and the other is not there.
    """
    rng = np.random.default_rng(0)
    journal = Journal(io.BytesIO(), Head(BODY25, 30))
    time = 5.0
    for n in range(count):
        time += 1 / 30 + rng.uniform(-0.004, 0.004) + (0.2 if n % 97 == 96 else 0)
        ids = [3, 7] if n % 150 < 120 and n > 9 else [3]
        turn = n / 40
        xyz = np.stack([body((np.cos(turn), k), heading=turn, phase=n / 6) for k in ids])
        xyz[rng.random(xyz.shape[:2]) < 0.1] = np.nan
        if n // 40 % 2:
            xyz[:, BODY25.keypoints.index("left_wrist")] = np.nan
        error = np.where(np.isnan(xyz[..., 0]), np.nan, rng.uniform(0, 9, xyz.shape[:2]))
        seen = np.where(np.isnan(error), 0, 4)
        filled = rng.random(error.shape) < 0.1
        poses = (xyz.astype(np.float32), error.astype(np.float32), seen, filled)
        views = np.zeros((len(ids), 4), np.int64)
        journal.add(time, Poses3D(BODY25, np.array(ids), *poses, views))
    return take_of(journal.file, "walk.takes")[0]


def made(take: Take, kind: str) -> dict[str, bytes]:
    (output,) = take_files({kind: Path(f"walk.{kind}")}, RIG)
    return {path.name: b"".join(data) for path, data in output.files(output.path, take)}


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_make_the_same_file(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "c3d":
        pytest.importorskip("ezc3d")
    take = ragged(200)
    whole = made(take, kind)
    monkeypatch.setattr("realtime.mocap.take.PIECE_FRAMES", 17)
    monkeypatch.setattr("realtime.mocap.c3d.MAX_PIECE_POINTS", 850)
    pieces = made(take, kind)
    assert whole.keys() == pieces.keys()
    for name, data in whole.items():
        assert len(data) > 40_000
        # The sign of a zero may be another.
        assert pieces[name].replace(b"-0.0000 ", b"0.0000 ") == data.replace(
            b"-0.0000 ", b"0.0000 "
        )


@pytest.mark.parametrize("kind", KINDS)
def test_long_takes_need_no_more_memory(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times as long. In one it would be three times as much."""
    if kind == "c3d":
        pytest.importorskip("ezc3d")
    monkeypatch.setattr("realtime.mocap.take.PIECE_FRAMES", 64)
    monkeypatch.setattr("realtime.mocap.c3d.MAX_PIECE_POINTS", 64 * 50)
    most = []
    for take in [ragged(50), ragged(200), ragged(600)]:  # the first is for what is loaded once
        (output,) = take_files({kind: Path(f"walk.{kind}")}, RIG)
        tracemalloc.start()
        for _, data in output.files(output.path, take):
            deque(data, maxlen=0)
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[2] < 1.5 * most[1]


def test_points_are_written_as_the_library_writes_them(tmp_path: Path) -> None:
    """Byte for byte, which it does of what is all in memory."""
    ezc3d = pytest.importorskip("ezc3d")
    take = ragged(300)
    ((_, pieces),) = c3d_files(tmp_path / "walk.c3d", take, RIG)
    ours = tmp_path / "ours.c3d"
    ours.write_bytes(b"".join(pieces))
    read = ezc3d.c3d(str(ours))
    file = ezc3d.c3d()
    for name in ("RATE", "SCALE", "UNITS", "LABELS"):
        file["parameters"]["POINT"][name]["value"] = read["parameters"]["POINT"][name]["value"]
    for name in ("X_SCREEN", "Y_SCREEN"):
        value = read["parameters"]["POINT"][name]["value"]
        file.add_parameter("POINT", name, [*value])
    assert read["data"]["points"].shape[1:] == (2 * 25, len(take))
    file["data"]["points"] = read["data"]["points"]
    file["data"]["meta_points"]["residuals"] = read["data"]["meta_points"]["residuals"]
    theirs = tmp_path / "theirs.c3d"
    file.write(str(theirs))
    assert ours.read_bytes() == theirs.read_bytes()
