"""A run's people at a constant rate, and the files made of them, read back by others."""

from __future__ import annotations

import io
import logging
import shutil
import struct
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.plots.viewpoint import upwards
from engines.types.arrays import Doubles
from realtime.mocap.c3d import c3d_files, check_ezc3d, metres_per_pixel
from realtime.mocap.journal import Head, Journal
from realtime.mocap.outputs import take_files
from realtime.mocap.take import Take, take_of
from realtime.mocap.take_sink import TakeFile, TakeSink
from realtime.mocap.trc import trc_files
from realtime.mocap.up_axis import turned_up
from realtime.settings.files import FileSettings
from realtime.types.errors import OutputError, SettingsError, losses
from tests.bodies import BODY25, body
from tests.calibration.cameras import ring
from tests.realtime.instants import instant
from tests.realtime.motions import people_of
from tests.realtime.results import files_at_most
from tests.realtime.wanted import settings

RIG = ring(4, radius=5)
TURN = turned_up(upwards(RIG), 1)
WRIST = BODY25.keypoints.index("left_wrist")
ASIDE = np.array([0, 2, 0])  # from person 3 to person 7


def at(time: float) -> Doubles:
    """Somebody who walks at 1.2 m/s along x."""
    return body((1.2 * time, 0.5), phase=6 * time)


def recorded(times: list[float], rate: float | None = None, **gone: list[int]) -> Take:
    """Person 3 at these times, and person 7 beside them from the third instant on.

    wrist, absent: instants without person 3's wrist, or without person 3.
    """
    recording = Journal(io.BytesIO(), Head(BODY25, rate))
    for n, time in enumerate(times):
        one = at(time)
        if n in gone.get("wrist", []):
            one[WRIST] = np.nan
        people, ids = [one], [3]
        if n in gone.get("absent", []):
            people, ids = [], []
        if n >= 2:
            people, ids = [*people, at(time) + ASIDE], [*ids, 7]
        poses = instant(people, ids, time, filled=[(0, 0)] if n == 4 else []).poses3d
        assert poses is not None
        recording.add(time, poses)
    take, damaged = take_of(recording.file, "walk.takes")
    assert damaged == 0
    return take


def test_instants_at_the_rate_of_the_source_are_frames_as_they_are() -> None:
    times = [10 + n / 60 for n in range(0, 40, 2)]  # every second frame of 60
    take = recorded(times, 60, wrist=[5], absent=[7, 8])
    assert (take.rate, len(take)) == (30, 20)
    three, seven = people_of(take)
    assert (three.id, three.first, len(three)) == (3, 0, 20)
    assert (seven.id, seven.first, len(seven)) == (7, 2, 18)
    for n, time in enumerate(times):
        expected = at(time)
        if n == 5:
            expected[WRIST] = np.nan
        if n in (7, 8):
            expected[:] = np.nan
        np.testing.assert_allclose(three.xyz[n], expected, atol=1e-5)
    assert three.filled.nonzero() == ((4,), (0,))
    assert np.nanmax(three.error) == 2.5


def test_times_that_jitter_are_resampled() -> None:
    """At each frame's time bodies are where they were then, up to the curvature of their steps:
    an instant's own place would be up to 30 mm away.
    """
    rng = np.random.default_rng(0)
    times = sorted((np.arange(90) / 30 + rng.uniform(-0.008, 0.008, 90)).tolist())
    take = recorded(times, 30)
    assert take.rate == 30
    for motion in people_of(take):
        moments = (np.arange(len(motion)) + motion.first) / 30 + times[0]
        expected = np.array([at(moment) for moment in moments]) + ASIDE * (motion.id == 7)
        assert len(motion) > 80
        known = ~np.isnan(motion.xyz[..., 0])
        assert known.mean() > 0.98
        assert np.abs(motion.xyz - expected)[known].max() < 0.007


def test_the_rate_is_that_of_the_instants_where_sources_are_slower() -> None:
    take = recorded([n * 0.085 for n in range(20)], 30)
    assert take.rate == pytest.approx(1 / 0.085, abs=0.005)
    assert recorded([5.0], None).rate == 30


def test_a_pause_stays_empty_and_time_never_goes_back() -> None:
    times = [n / 30 for n in range(10)] + [n / 30 for n in range(40, 50)] + [0.5]
    three, seven = people_of(recorded(times, 30))
    known = ~np.isnan(three.xyz[:, 0, 0])
    assert known.nonzero()[0].tolist() == [*range(10), *range(40, 50)]
    assert len(three) == len(seven) + 2 == 50
    with pytest.raises(OutputError, match="Make shorter runs"):
        recorded([0, 1 / 30, 2 / 30, 3 / 30, 1e8], 30)


def read_trc(path: Path) -> tuple[dict[str, str], list[str], Doubles, Doubles, Doubles]:
    """header, markers, frame numbers, times, (T, K, 3), as OpenSim's documentation says it."""
    lines = path.read_text().split("\n")
    assert lines[0].split("\t") == ["PathFileType", "4", "(X/Y/Z)", path.name]
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    labels = lines[3].split("\t")
    assert labels[:2] == ["Frame#", "Time"]
    markers = labels[2::3]
    assert not any("".join(labels[n::3]) for n in (3, 4))
    axes = [f"{axis}{n + 1}" for n in range(len(markers)) for axis in "XYZ"]
    assert lines[4].split("\t") == ["", "", *axes]
    assert lines[5] == lines[-1] == ""
    rows = np.array([line.split("\t") for line in lines[6:-1]], float)
    assert rows.shape == (int(header["NumFrames"]), 2 + 3 * int(header["NumMarkers"]))
    return header, markers, rows[:, 0], rows[:, 1], rows[:, 2:].reshape(len(rows), -1, 3)


def test_markers_for_opensim(tmp_path: Path) -> None:
    """A file a person, Y up, x y z of the file are y z x of a rig with Z up."""
    times = [n / 30 for n in range(20)]
    take = recorded(times, 30, wrist=[5], absent=[7])
    for path, data in trc_files(tmp_path / "walk.trc", take, TURN):
        path.write_bytes(b"".join(data))
    names = ["walk_person3.trc", "walk_person7.trc"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    header, markers, frames, moments, xyz = read_trc(tmp_path / names[0])
    assert (header["DataRate"], header["CameraRate"], header["Units"]) == ("30", "30", "m")
    assert markers[:3] == ["Nose", "Neck", "RShoulder"]
    assert {"CHip", "LBigToe", "RHeel", "LEar"} <= set(markers)
    assert frames.tolist() == list(range(1, 21))
    assert moments == pytest.approx(np.array(times), abs=1e-6)
    expected = np.array([at(time) for time in times])[..., [1, 2, 0]]
    expected[5, WRIST] = expected[7] = np.nan
    np.testing.assert_allclose(xyz, expected, atol=2e-6)
    assert np.nanmax(xyz[..., 1]) > 1.5  # heads are up
    header, _, frames, moments, xyz = read_trc(tmp_path / names[1])
    assert header["OrigDataStartFrame"] == "3"
    assert frames[0] == 3
    assert moments[0] == pytest.approx(2 / 30, abs=1e-6)
    np.testing.assert_allclose(xyz[0], (at(times[2]) + ASIDE)[:, [1, 2, 0]], atol=2e-6)


def test_points_of_everybody_in_c3d(tmp_path: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    times = [n / 30 for n in range(20)]
    take = recorded(times, 30, wrist=[5], absent=[7])
    ((path, data),) = c3d_files(tmp_path / "walk.c3d", take, RIG)
    path.write_bytes(b"".join(data))
    file = ezc3d.c3d(str(path))
    point = file["parameters"]["POINT"]
    assert point["RATE"]["value"] == [30]
    assert point["UNITS"]["value"][0] == "mm"
    assert point["Y_SCREEN"]["value"] == ["+Z"]
    labels = point["LABELS"]["value"]
    ((_, trc),) = [*trc_files(tmp_path / "walk.trc", recorded(times, 30, absent=[7]), TURN)][:1]
    markers = b"".join(trc).decode().splitlines()[3].split("\t")[2:-2:3]
    assert markers[:3] == ["Nose", "Neck", "RShoulder"]
    assert labels == [f"person{n}:{name}" for n in (3, 7) for name in markers]
    points = file["data"]["points"][:3].transpose(2, 1, 0)
    residuals = file["data"]["meta_points"]["residuals"][0].T
    three = np.array([at(time) for time in times])
    seven = three + ASIDE
    three[5, WRIST] = three[7] = seven[:2] = np.nan
    expected = np.concatenate([three, seven], axis=1)
    np.testing.assert_allclose(points, 1000 * expected, atol=0.01)
    missing = np.isnan(expected[..., 0])
    assert ((residuals == -1) == missing).all()
    assert (residuals == 0).nonzero() == ((4,), (0,))  # carried
    off = 2500 * metres_per_pixel(RIG, expected)
    seen = ~missing
    seen[4, 0] = False
    assert np.abs(residuals - off)[seen].max() <= 0.5
    # Readers that are strict want the header's scale and the parameter's to be one.
    assert struct.unpack_from("<f", path.read_bytes(), 12)[0] == point["SCALE"]["value"][0] == -1


def test_a_pixel_is_as_wide_as_cameras_see_it() -> None:
    """Points that are a pixel's width apart across the view are a pixel apart in the picture."""
    for camera in RIG.cameras:
        one = type(RIG)((camera,))
        point = np.array([0.1, -0.2, 1.0])
        across = camera.rotation[0] * metres_per_pixel(one, point[None])
        pixels = camera.project(np.array([point, point + across[:]]))
        assert np.linalg.norm(pixels[1] - pixels[0]) == pytest.approx(1, rel=0.02)


def test_long_recordings_go_on_in_another_c3d(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    monkeypatch.setattr("realtime.mocap.c3d.MAX_FRAMES", 8)
    take = recorded([n / 30 for n in range(20)], 30, absent=list(range(14, 20)))
    frames, ids = [], []
    for path, data in c3d_files(tmp_path / "walk.c3d", take, RIG):
        path.write_bytes(b"".join(data))
        file = ezc3d.c3d(str(path))
        frames.append((path.name, file["data"]["points"].shape[2]))
        labels = file["parameters"]["POINT"]["LABELS"]["value"]
        ids.append({label.partition(":")[0] for label in labels})
    assert frames == [("walk.c3d", 8), ("walk_2.c3d", 8), ("walk_3.c3d", 4)]
    assert ids == [{"person3", "person7"}, {"person3", "person7"}, {"person7"}]
    assert labels[-1] == "person7:RHeel"


def test_many_points_go_into_several_c3d(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """25 keypoints of two people over five frames fit into one here."""
    ezc3d = pytest.importorskip("ezc3d")
    monkeypatch.setattr("realtime.mocap.c3d.MAX_POINTS", 250)
    take = recorded([n / 30 for n in range(20)], 30)
    points = []
    for path, data in c3d_files(tmp_path / "walk.c3d", take, RIG):
        path.write_bytes(b"".join(data))
        points.append(ezc3d.c3d(str(path))["data"]["points"][:3, :25].transpose(2, 1, 0))
    assert 4 <= len(points) <= 6
    assert max(len(part) for part in points) == 5
    expected = 1000 * np.array([at(n / 30) for n in range(20)])
    np.testing.assert_allclose(np.concatenate(points), expected, atol=0.01)


def sink_of(tmp_path: Path, times: Sequence[float] = ()) -> TakeSink:
    """Which has seen somebody at these times."""
    trc: Callable[..., object] = partial(trc_files, turn=TURN)
    outputs = [
        TakeFile("--trc", tmp_path / name / "walk.trc", trc)  # type: ignore[arg-type]
        for name in ("one", "two")
    ]
    sink = TakeSink(outputs, Head(BODY25, 30), [])
    for time in times:
        sink.write(instant([at(time), at(time) + ASIDE], [3, 7], time))
    return sink


def test_files_are_whole_after_an_interruption(tmp_path: Path) -> None:
    def interrupted() -> None:
        with sink_of(tmp_path) as sink:
            for n in range(5):
                sink.write(instant([at(n / 30)], [1], n / 30))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    header, *_, xyz = read_trc(tmp_path / "one" / "walk_person1.trc")
    assert (header["NumFrames"], xyz.shape) == ("5", (5, 25, 3))


def test_a_full_disk_leaves_nothing_half_and_the_others_written(tmp_path: Path) -> None:
    sink = sink_of(tmp_path, [n / 30 for n in range(20)])
    shutil.rmtree(tmp_path / "one")  # gone meanwhile
    with pytest.raises(OutputError, match=r"one.*cannot be written"):
        sink.__exit__()
    assert len(list((tmp_path / "two").iterdir())) == 2
    sink = sink_of(tmp_path / "full", [n / 30 for n in range(200)])
    with files_at_most(4000), pytest.raises(OutputError, match="cannot be written: file too") as no:
        sink.__exit__()
    (left,) = [path for path in (tmp_path / "full").rglob("*") if path.is_file()]
    assert left.name == "walk.takes"
    assert f"{left} keeps the 3D people; python -m posestream recover" in losses(no.value)[-1]


def test_people_of_an_earlier_run_do_not_pass_for_people_of_this_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = [
        "walk_person.trc",
        "walk_2.c3d",
        "walk_person2.bvh",
        "walk_personal.trc",
        "walks_person2.trc",
    ]
    for name in ["walk_person1.trc", "walk_person2.trc", "walk_person14.trc", *others]:
        (tmp_path / name).write_text("old")
    trc: Callable[..., Any] = partial(trc_files, turn=TURN)
    outputs = [TakeFile("--trc", tmp_path / "walk.trc", trc)]
    with TakeSink(outputs, Head(BODY25, 30), []):
        pass  # which ended before its first frame
    assert (tmp_path / "walk_person14.trc").exists()
    source = tmp_path / "walk_person14.trc"
    for overwrite in (False, True):
        assert (tmp_path / "walk_person2.trc").exists()  # nothing goes without being asked
        with TakeSink(outputs, Head(BODY25, 30), [source.resolve()], overwrite=overwrite) as sink:
            for n in range(5):
                sink.write(instant([at(n / 30)], [1], n / 30))
    assert (tmp_path / "walk_person1.trc").read_text().startswith("PathFileType")
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"walk_person1.trc", source.name, *others}
    assert "walk_person2.trc of an earlier run was removed" in caplog.text


def test_nobody_is_a_sentence_and_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), sink_of(tmp_path) as sink:
        sink.write(instant([], []))
    assert "--trc: no 3D people were found" in caplog.text
    assert not list((tmp_path / "one").iterdir())


def test_parts_of_an_earlier_c3d_do_not_pass_for_parts_of_this_one(tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    for name in ("walk_2.c3d", "walk_3.c3d", "walk_b.c3d", "walk_2.trc"):
        (tmp_path / name).write_text("old")
    outputs = take_files({"c3d": tmp_path / "walk.c3d"}, RIG)
    with TakeSink(outputs, Head(BODY25, 30), [], overwrite=True) as sink:
        for n in range(5):
            sink.write(instant([at(n / 30)], [1], n / 30))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["walk.c3d", "walk_2.trc", "walk_b.c3d"]


@pytest.mark.parametrize("option", ["trc", "c3d", "bvh", "json3d"])
def test_space_needs_a_rig(option: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"--{option} needs calibrated cameras; add --rig"):
        settings("a", "b", **{option: tmp_path / f"walk.{option}"})


@pytest.mark.parametrize(("option", "name"), [("trc", "a.txt"), ("c3d", "a.trc"), ("bvh", "a")])
def test_a_name_of_another_kind_of_file_is_refused(option: str, name: str) -> None:
    with pytest.raises(SettingsError, match=rf"--{option} {name}: .* must end in \.{option}"):
        FileSettings(**{option: Path(name)})  # type: ignore[arg-type]


def test_c3d_without_a_place_for_temporary_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ezc3d")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    ((_, pieces),) = c3d_files(tmp_path / "walk.c3d", recorded([0.0, 0.1, 0.2]), RIG)
    with pytest.raises(OutputError, match=r"walk\.c3d cannot be written: no such file"):
        b"".join(pieces)


def test_c3d_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ezc3d", None)  # not installed
    with pytest.raises(OutputError, match=r"--c3d needs .* pip install ezc3d"):
        check_ezc3d()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    outputs = [TakeFile("--trc", tmp_path, partial(trc_files, turn=TURN))]
    with pytest.raises(OutputError, match=r"--trc .* is a folder; name a file"):
        TakeSink(outputs, Head(BODY25), [])
