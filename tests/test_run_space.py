"""Several cameras and their rig through the program: what fits, and what is said where it does not.

Cameras are folders of OpenPose JSON, made from 3D bodies with known answers.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import run as program
from calibration.files.rig_toml import rig_toml, write_rig
from calibration.geometry.camera import Rig
from engines.types.arrays import Doubles
from realtime.sinks.files.openpose_json_2d import openpose_json
from tests.bodies import body, sightings
from tests.calibration.cameras import ring
from tests.synth import write_tiny_network, write_video
from tests.test_run import posestream

RIG = ring(4, radius=5)
RATE = 30.0


def walkers(seconds: float) -> list[Doubles]:
    """Two people who walk to and fro."""
    return [
        body((-1.0 + np.sin(1.2 * seconds), 0.6), heading=0.0, phase=7 * seconds),
        body((1.0, -0.4 - np.sin(1.4 * seconds)), heading=1.6, phase=6 * seconds),
    ]


def record(
    folder: Path,
    count: int,
    *,
    late: Sequence[float] = (0, 0, 0, 0),
    people: Callable[[float], list[Doubles]] = walkers,
    rig: Rig = RIG,
) -> list[Path]:
    """A folder of JSON files a camera. late: seconds of the world that each camera starts at."""
    write_rig(rig, folder / "rig.toml")
    rng = np.random.default_rng(4)
    for v, camera in enumerate(rig.cameras):
        (folder / camera.name).mkdir()
        for n in range(count):
            alone = Rig((camera,))
            (view,) = sightings(alone, people(n / RATE + late[v]), rng=rng, noise=1.0)
            assert view is not None
            file = folder / camera.name / f"{n:03d}_keypoints.json"
            file.write_text(openpose_json(view.tracks))
    return [folder / camera.name for camera in rig.cameras]


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Run:
    """Runs the program in this process, for speed; gives the exit code and what was said."""

    def job(folder: Path, sources: Sequence[object], *more: object) -> tuple[int, str]:
        words = [word for source in sources for word in ("--source", source)]
        words += ["--rig", folder / "rig.toml", "--json3d", folder / "out", "--no-show", *more]
        monkeypatch.setattr(sys, "argv", ["run.py", *map(str, words)])
        before = signal.getsignal(signal.SIGTERM)
        caplog.clear()
        try:
            code = program.main()
        except SystemExit as stop:  # after help
            code = int(str(stop.code))
        finally:
            signal.signal(signal.SIGTERM, before)
        return code, " ".join(f"{capsys.readouterr().err} {caplog.text}".split())

    return job


def found(folder: Path) -> list[list[Doubles]]:
    """(K, 3) of the people of each instant."""
    instants = []
    for file in sorted((folder / "out").iterdir()):
        people = json.loads(file.read_text())["people"]
        numbers = [np.array(one["pose_keypoints_3d"]).reshape(-1, 4) for one in people]
        instants.append([np.where(one[:, 3:] > 0, one[:, :3], np.nan) for one in numbers])
    return instants


def miss(people: Sequence[Doubles], truth: Sequence[Doubles]) -> float:
    """Metres by which keypoints miss, the largest mean of a person."""
    assert len(people) == len(truth)
    off = [[np.linalg.norm(one - other, axis=1).mean() for other in people] for one in truth]
    return float(np.min(off, axis=1).max())


def test_folders_take_the_size_that_their_camera_was_calibrated_for(
    run: Run, tmp_path: Path
) -> None:
    code, said = run(tmp_path, record(tmp_path, 8))
    assert code == 0
    assert "cam0 = cam0, cam1 = cam1, cam2 = cam2, cam3 = cam3" in said
    assert "does not contain the picture size" not in said
    for n, people in enumerate(found(tmp_path)):
        assert miss(people, walkers(n / RATE)) < 0.03


def test_offsets_bring_recordings_together(run: Run, tmp_path: Path) -> None:
    """Camera 2 began 6 frames after the others, so its first frame is at 0.2 s."""
    sources = record(tmp_path, 24, late=(0, 0, 0.2, 0))
    code, _ = run(tmp_path, sources, "--offsets", "cam2=0.2")
    assert code == 0
    instants = found(tmp_path)
    assert len(instants) == 30
    assert max(miss(one, walkers(n / RATE)) for n, one in enumerate(instants[:24])) < 0.05
    # The same from the rig's file, and the command line has the last word.
    text = rig_toml(RIG).replace('name = "cam2"\n', 'name = "cam2"\ntime_offset = 0.2\n')
    (tmp_path / "rig.toml").write_text(text)
    for more, count in (((), 30), (("--offsets", "cam2=0"), 24)):
        for file in (tmp_path / "out").iterdir():
            file.unlink()
        code, _ = run(tmp_path, sources, *more)
        assert code == 0
        assert len(found(tmp_path)) == count


def test_offsets_of_a_real_recording(run: Run, data: Path, tmp_path: Path) -> None:
    """Five cameras, of which one lost its first five frames: where it has any, all is the same."""
    clip = data / "shelf-dev"
    late = tmp_path / "cam2"
    late.mkdir()
    for n, file in enumerate(sorted((clip / "cam2").iterdir())[5:60]):
        (late / f"{n:04d}_keypoints.json").write_bytes(file.read_bytes())
    (tmp_path / "rig.toml").write_bytes((clip / "rig.toml").read_bytes())
    whole = [clip / f"cam{n}" for n in range(5)]
    people = []
    for sources, more in ((whole, ()), ([*whole[:2], late, *whole[3:]], ("cam2=0.2",))):
        offsets = [word for one in more for word in ("--offsets", one)]
        code, _ = run(tmp_path, sources, "--camera-fps", 25, "--end", 60, *offsets)
        assert code == 0
        people.append(found(tmp_path)[20:60])
        for file in (tmp_path / "out").iterdir():
            file.unlink()
    for one, other in zip(*people, strict=True):
        assert len(one) == len(other)
        off = np.linalg.norm(np.array(one) - np.array(other), axis=-1)
        assert np.nanmedian(off) < 0.001


@pytest.mark.parametrize(
    ("offsets", "sentence"),
    [("cam9=1", "--offsets names cam9"), ("cam1", "NAME=SECONDS"), ("cam1=inf", "NAME=SECONDS")],
)
def test_offsets_of_nobody_are_refused(
    run: Run, tmp_path: Path, offsets: str, sentence: str
) -> None:
    code, said = run(tmp_path, record(tmp_path, 2), "--offsets", offsets)
    assert code == 2
    assert sentence in said


def test_a_rig_that_does_not_fit_is_refused(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 2)
    code, said = run(tmp_path, [*sources[:3], sources[0]])
    assert code == 2
    assert "is given twice" in said
    code, said = run(tmp_path, sources, "--camera-size", "1280x800")
    assert code == 2
    assert "calibrated for 1280x720" in said
    code, said = run(tmp_path, sources, "--camera-size", "1280x725")
    assert code == 0
    assert "treated as cropped at the right or bottom" in said
    small = replace(RIG.cameras[0], size=(640, 360))
    (tmp_path / "rig.toml").write_text(rig_toml(Rig((small, *RIG.cameras[1:]))))
    code, said = run(tmp_path, sources)
    assert code == 2
    assert "keypoints outside the 640x360" in said


def test_cameras_in_one_place_are_told_of(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 2)
    first = RIG.cameras[0]
    one = Rig(tuple(replace(first, name=camera.name) for camera in RIG.cameras))
    (tmp_path / "rig.toml").write_text(rig_toml(one))
    code, said = run(tmp_path, sources)
    assert code == 2
    assert "are at the same position" in said
    two = Rig((first, replace(first, name="cam1"), *RIG.cameras[2:]))
    (tmp_path / "rig.toml").write_text(rig_toml(two))
    code, said = run(tmp_path, sources)
    assert code == 0
    assert "Cameras cam0 and cam1 of rig.toml are at the same position" in said


def test_names_that_are_another_cameras_are_refused(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 2)
    other = sources[3].rename(tmp_path / "left")
    code, said = run(tmp_path, [sources[1], sources[0], sources[2], other])
    assert code == 2
    assert "has a camera cam1, but by order source cam1 would be its camera cam0" in said


def test_a_camera_out_of_step_is_told_with_its_offset(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 90, late=(0, 0.1, 0, 0))
    code, said = run(tmp_path, sources)
    assert code == 0
    offset = re.findall(r"--offsets cam1=\+(0\.\d+)", said)
    assert "cam1 is out of step with the other cameras" in said
    assert float(offset[-1]) == pytest.approx(0.1, abs=0.02)
    assert said.count("out of step") == 1
    code, said = run(tmp_path, sources, "--offsets", f"cam1={offset[-1]}")
    assert code == 0
    assert "out of step" not in said
    assert "missing in 6 of 96 frames" in said or "missing in 3 of" in said


def test_a_source_that_is_another_cameras_is_told(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 60)
    (tmp_path / "cam3").rename(tmp_path / "right")
    other = ring(4, radius=5).cameras[3]
    # Camera 3 looks the same way from a metre aside, as a rig of another day may have it.
    moved = replace(other, translation=other.translation + np.array([1.0, 0, 0]))
    (tmp_path / "rig.toml").write_text(rig_toml(Rig((*RIG.cameras[:3], moved))))
    code, said = run(tmp_path, [*sources[:3], tmp_path / "right"])
    assert code == 0
    assert "right sees people, but mostly not where the other cameras see them" in said
    for n, people in enumerate(found(tmp_path)):
        assert miss(people, walkers(n / RATE)) < 0.06


def test_sources_of_wrong_cameras_are_told(run: Run, tmp_path: Path) -> None:
    """Two neighbours taken for each other."""
    sources = record(tmp_path, 60)
    order = [sources[n].rename(tmp_path / f"left{n}") for n in (1, 0, 2, 3)]
    code, said = run(tmp_path, order)
    assert code == 0
    assert "no two cameras agree on where anybody is" in said or "mostly not where" in said


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (1, 0, 2, 3, 4), (4, 3, 2, 1, 0)])
def test_the_order_of_real_sources_is_told_where_it_is_wrong(
    run: Run, data: Path, tmp_path: Path, order: tuple[int, ...]
) -> None:
    """The rig's cameras have other names, so that they are taken by order."""
    rig = (data / "shelf-dev" / "rig.toml").read_text().replace('name = "cam', 'name = "left')
    (tmp_path / "rig.toml").write_text(rig)
    folders = [data / "shelf-dev" / f"cam{n}" for n in order]
    code, said = run(tmp_path, folders, "--end", "80", "--no-track")
    assert code == 0
    assert ("may be in a different order" in said) == (order != tuple(range(5)))


def test_a_copy_of_a_camera_is_refused(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 3)
    shutil.rmtree(sources[2])
    shutil.copytree(sources[0], sources[2])
    code, said = run(tmp_path, sources)
    assert code == 2
    assert "cam0 and cam2 show the same picture" in said


def test_a_shorter_folder_is_told_and_the_others_go_on(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 50)
    for file in sorted(sources[2].iterdir())[40:]:
        file.unlink()
    for file in sorted(sources[3].iterdir())[10:]:
        file.unlink()
    code, said = run(tmp_path, sources)
    assert code == 0
    assert "cam2 was missing in 10 of 50 frames" in said
    assert "cam3 has sent no frames since 0.30 s; the other cameras go on" in said
    instants = found(tmp_path)
    assert len(instants) == 50
    assert max(miss(people, walkers(n / RATE)) for n, people in enumerate(instants)) < 0.1


def test_empty_frames_and_keypoints_of_nan_are_gaps(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 12)
    for n, file in enumerate(sorted(sources[0].iterdir())):
        people = json.loads(file.read_text())["people"]
        if n % 3 == 0:
            file.write_text('{"version": 1.3, "people": []}')
        elif n % 3 == 1:
            for one in people:
                one["pose_keypoints_2d"][0:3] = [float("nan")] * 3
                one["pose_keypoints_2d"][13] = float("nan")
            file.write_text(json.dumps({"version": 1.3, "people": people}))
    code, _ = run(tmp_path, sources)
    assert code == 0
    for n, people in enumerate(found(tmp_path)):
        assert miss(people, walkers(n / RATE)) < 0.06


def test_a_file_without_a_byte_is_passed_over(run: Run, tmp_path: Path) -> None:
    sources = record(tmp_path, 6)
    (sources[1] / "003_keypoints.json").write_text("")
    code, said = run(tmp_path, sources)
    assert code == 0
    assert "003_keypoints.json is damaged or not OpenPose JSON" in said
    assert "cam1 was missing in 1 of 6 frames" in said
    assert len(found(tmp_path)) == 6


def test_a_black_camera_is_told(run: Run, tmp_path: Path) -> None:
    """Pictures, of which nobody sees anything: cameras of a rig with a cap on one of them."""
    rig = Rig(tuple(camera.scaled((320, 180)) for camera in RIG.cameras))
    write_rig(rig, tmp_path / "rig.toml")
    rng = np.random.default_rng(0)
    for v, camera in enumerate(rig.cameras):
        noise = np.zeros((180, 320, 3), np.uint8)  # where the network reads nothing
        noise[..., 2] = rng.integers(0, 4 if v == 2 else 256, (180, 320))
        write_video(tmp_path / f"{camera.name}.mkv", [noise] * 9, [n / 5 for n in range(9)])
    card = write_tiny_network(tmp_path, height=180)
    sources = [tmp_path / f"{camera.name}.mkv" for camera in RIG.cameras]
    code, said = run(tmp_path, sources, "--model", card)
    assert code == 0
    assert "cam2 has been black since 0.00 s" in said
    assert said.count("been black") == 1
    assert len(found(tmp_path)) == 9


def test_the_same_as_a_program_of_its_own(tmp_path: Path) -> None:
    """Exit code and sentences reach those who start it."""
    sources = record(tmp_path, 3)
    words = [word for source in sources for word in ("--source", source)]
    done = posestream(*words, "--rig", tmp_path / "rig.toml", "--offsets", "cam7=1")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("posestream: --offsets names cam7")
