"""Rigs from people, with known answers and from real keypoints."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError, DegenerateError
from calibration.people.extrinsics import locate_lenses, locate_people
from calibration.people.observations import Crowd
from calibration.people.scale_and_floor import height, scaled, stood
from calibration.reports.people_rig import verdict
from posestream.commands.calibrate.main import main
from tests.bodies import BODY25
from tests.calibration.cameras import ring
from tests.calibration.walking import Walk, aligned, angles, hidden


def test_a_rig_is_found_among_ghosts_and_mistaken_tracks() -> None:
    truth = ring(3, radius=5.0)
    walk = Walk(instants=80, noise=4.0, missing=0.2, false=0.3, switches=2)
    found = locate_people(hidden(truth), walk.crowds(truth))
    turned, moved = aligned(found.rig, truth)
    assert turned.max() < 0.5
    assert moved.max() < 0.01
    # Nobody knows the scale but by how tall they are; then there is a floor, and up is up.
    factor = walk.height / height(found.xyz, BODY25.keypoints)
    rig, xyz = stood(scaled(found.rig, factor), factor * found.xyz, BODY25.keypoints)
    assert np.linalg.norm(np.diff(rig.centres, axis=0), axis=1) == pytest.approx(
        np.linalg.norm(np.diff(truth.centres, axis=0), axis=1), rel=0.04
    )
    assert np.allclose(rig.centres[:, 2], truth.centres[:, 2], atol=0.15)
    leaning = (rig.rotations[:, :, 2] * truth.rotations[:, :, 2]).sum(1)
    assert np.degrees(np.arccos(leaning.min())) < 1.0
    heads = xyz[:, BODY25.keypoints.index("neck"), 2]
    assert np.nanmedian(heads) == pytest.approx(1.45 / 1.75 * walk.height, abs=0.1)
    assert rig.cameras[0].rotation[0, 1] == pytest.approx(0, abs=1e-9)  # X is its right


def test_one_person_is_enough_for_two_cameras() -> None:
    truth = Rig(ring(5, radius=5.0).cameras[:2])
    found = locate_people(hidden(truth), Walk(people=1, instants=100).crowds(truth))

    def between(rig: Rig) -> tuple[np.ndarray, np.ndarray]:
        turn = rig.rotations[1] @ rig.rotations[0].T
        way = rig.translations[1] - turn @ rig.translations[0]
        return turn, way / np.linalg.norm(way)

    mine, theirs = between(found.rig), between(truth)
    assert angles([mine[0]], [theirs[0]])[0] < 1.5
    assert np.degrees(np.arccos(mine[1] @ theirs[1])) < 1.5


def test_who_stays_in_one_place_is_refused() -> None:
    truth = ring(3, radius=5.0)
    with pytest.raises(DegenerateError, match="hardly move"):
        locate_people(hidden(truth), Walk(people=1, instants=30, still=True).crowds(truth))


def test_cameras_on_their_own_are_named() -> None:
    truth = ring(3, radius=5.0)
    crowds = Walk(instants=60).crowds(truth)
    late = [*crowds[:2], replace(crowds[2], instant=crowds[2].instant + 1000)]
    with pytest.raises(CalibrationError, match=r"cam2 saw people in 60 .* at most 0"):
        locate_people(hidden(truth), late)
    nobody = crowds[2][np.zeros(len(crowds[2]), bool)]
    with pytest.raises(CalibrationError, match="cam2 saw nobody"):
        locate_people(hidden(truth), [*crowds[:2], nobody])


def test_one_camera_given_as_two_is_noticed() -> None:
    truth = ring(3, radius=5.0)
    crowds = Walk(instants=40).crowds(truth)
    with pytest.raises(CalibrationError, match="cam0 and cam1 saw exactly the same"):
        locate_people(hidden(truth), [crowds[0], crowds[0], crowds[2]])


def test_recordings_out_of_step_are_refused_or_doubted() -> None:
    """Other people at other times may look like the same ones for a while."""
    truth = Rig(ring(5, radius=5.0).cameras[:2])
    crowds = Walk(instants=80, people=2).crowds(truth)
    good = verdict(locate_people(hidden(truth), crowds), ["a", "b"])
    assert good.startswith("good")
    back = replace(crowds[1], instant=79 - crowds[1].instant)
    try:
        said = verdict(locate_people(hidden(truth), [crowds[0], back]), ["a", "b"])
    except CalibrationError as error:
        said = str(error)
    assert "synchronised" in said


def test_bent_people_are_as_tall_as_standing_ones() -> None:
    upright = Walk(instants=30, people=1, noise=0).bodies()[:, 0]
    bent = upright.copy()
    # Everything above the knees sinks and comes forward as the shins tilt.
    knees = [BODY25.keypoints.index(f"{side}_knee") for side in ("left", "right")]
    assert height(upright, BODY25.keypoints) == pytest.approx(1.8, rel=0.03)
    shins = 0.43 * 1.8 / 1.75
    for knee, ankle in zip(knees, ("left_ankle", "right_ankle"), strict=True):
        foot = upright[:, BODY25.keypoints.index(ankle)]
        bent[:, knee] = foot + shins * np.array([0.6, 0, 0.8])
    above = [n for n in range(25) if upright[0, n, 2] > 0.7 and n not in knees]
    move = bent[:, knees].mean(1) - upright[:, knees].mean(1)
    bent[:, above] += move[:, None]
    assert height(bent, BODY25.keypoints) == pytest.approx(1.8, rel=0.05)
    assert np.isnan(height(upright[:5], BODY25.keypoints))


def write_json(folder: Path, crowd: Crowd, instants: int) -> Path:
    """OpenPose's files, people in any order and without ids."""
    folder.mkdir()
    for n in range(instants):
        people = [
            {
                "pose_keypoints_2d": np.column_stack([np.nan_to_num(xy), score])
                .round(3)
                .ravel()
                .tolist()
            }
            for xy, score in zip(
                crowd.xy[crowd.instant == n], crowd.score[crowd.instant == n], strict=True
            )
        ]
        (folder / f"{folder.name}_{n:012d}_keypoints.json").write_text(
            json.dumps({"people": people})
        )
    return folder


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rig]:
    """Three folders of OpenPose JSON, and lenses.toml that hides where the cameras stand."""
    room = tmp_path_factory.mktemp("walk")
    truth = ring(3, radius=5.0)
    walk = Walk(instants=40, people=2)
    for camera, crowd in zip(truth.cameras, walk.crowds(truth), strict=True):
        write_json(room / camera.name, crowd, walk.instants)
    write_rig(Rig(tuple(hidden(truth))), room / "lenses.toml")
    write_rig(truth, room / "truth.toml")
    return room, truth


def words(room: Path, output: Path, *more: str) -> list[str]:
    sources = [word for n in range(3) for word in ("--source", str(room / f"cam{n}"))]
    lenses = ["--intrinsics", str(room / "lenses.toml")]
    return ["people", *sources, *lenses, "--output", str(output), *more]


def test_the_command_writes_a_rig_in_metres(
    footage: tuple[Path, Rig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room, truth = footage
    output = tmp_path / "rig.toml"
    metres = float(np.linalg.norm(truth.centres[0] - truth.centres[2]))
    assert main(words(room, output, "--distance", "cam0", "2", f"{metres}")) == 0
    rig = read_rig(output)
    turned, moved = aligned(rig, truth)
    assert turned.max() < 1
    assert moved.max() < 0.02
    assert np.linalg.norm(rig.centres[0] - rig.centres[2]) == pytest.approx(metres)
    said = capsys.readouterr().out
    for part in ("joined by", "RMS", "verdict", "m tall"):
        assert part in said
    before = output.read_text()
    assert main(words(room, output, "--height-of", "1.8")) == 2
    assert "--force" in capsys.readouterr().err
    assert output.read_text() == before


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ([], "--height-of"),
        (["--height-of", "1.8", "--distance", "0", "1", "3"], "either --height-of"),
        (["--height-of", "180"], "not a plausible height"),
        (["--height-of", "nan"], "not a plausible height"),
        (["--distance", "0", "0", "3"], "two different cameras"),
        (["--distance", "0", "cam9", "3"], "cam9"),
        (["--distance", "0", "1", "-3"], "positive number of metres"),
        (["--height-of", "1.8", "--end", "5"], "in 5 frames"),
        (["--height-of", "1.8", "--intrinsics", "{room}/lenses.toml"], "sources (3)"),
        (["--height-of", "1.8", "--source", "{room}/cam0"], "sources (4)"),
    ],
)
def test_what_cannot_work_is_said(
    more: list[str],
    says: str,
    footage: tuple[Path, Rig],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    room, _ = footage
    more = [word.format(room=room) for word in more]
    assert main(words(room, tmp_path / "rig.toml", *more)) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_source_given_twice_and_missing_lenses_are_named(
    footage: tuple[Path, Rig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room, _ = footage
    line = words(room, tmp_path / "rig.toml", "--height-of", "1.8")
    line[line.index(str(room / "cam1"))] = str(room / "cam0")
    assert main(line) == 2
    assert "given twice" in capsys.readouterr().err
    lone = [word for word in line if "lenses" not in word and word != "--intrinsics"]
    assert main(lone) == 2
    assert "given twice" in capsys.readouterr().err
    lone[lone.index(str(room / "cam0"), lone.index(str(room / "cam0")) + 1)] = str(room / "cam1")
    assert main(lone) == 2
    assert "--camera-size 1280x720" in capsys.readouterr().err
    assert main([*lone, "--camera-size", "1280x720", "--sync", "people"]) == 2
    assert "--sync people needs --intrinsics" in capsys.readouterr().err


def test_lenses_are_guessed_and_what_that_is_worth_is_said(
    footage: tuple[Path, Rig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room, truth = footage
    line = words(room, tmp_path / "rig.toml", "--height-of", "1.8", "--camera-size", "1280x720")
    at = line.index("--intrinsics")
    assert main(line[:at] + line[at + 2 :]) == 0
    said = capsys.readouterr().out
    assert "lenses         estimated from people" in said
    rig = read_rig(tmp_path / "rig.toml")
    known = [float(one) / 100 for one in re.findall(r"focal length \d+ px \+- ([\d.]+)%", said)]
    off = rig.focals[:, 0] / truth.focals[:, 0] - 1
    assert (np.abs(off) < 3 * np.array(known)).all()
    assert max(known) < 0.1
    turned, moved = aligned(rig, truth)
    degrees = re.search(r"camera directions are known to ([\d.]+) degrees", said)
    assert degrees is not None
    assert turned.max() < 2 * float(degrees[1]) < 8
    assert moved.max() < 0.05


def test_two_cameras_cannot_tell_their_lenses() -> None:
    truth = Rig(ring(5, radius=5.0).cameras[:2])
    with pytest.raises(DegenerateError, match="do not determine the lenses"):
        locate_lenses(hidden(truth), Walk(instants=30, people=2).crowds(truth))


def test_lenses_of_another_picture_are_noticed(
    footage: tuple[Path, Rig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room, truth = footage
    small = Rig(tuple(one.scaled((640, 360)) for one in hidden(truth)))
    write_rig(small, tmp_path / "small.toml")
    line = words(room, tmp_path / "rig.toml", "--height-of", "1.8")
    line[line.index(str(room / "lenses.toml"))] = str(tmp_path / "small.toml")
    assert main(line) == 2
    assert "640x360" in capsys.readouterr().err


def test_real_people(data: Path, tmp_path: Path) -> None:
    """Every tenth frame of Shelf, five cameras; all frames: `python -m tests.bench.calibration`."""
    folder = data / "shelf-dev"
    line = ["people", "--height-of", "1.8", "--step", "10", "--output", str(tmp_path / "rig.toml")]
    for n in range(5):
        line += ["--source", str(folder / f"cam{n}")]
    assert main([*line, "--intrinsics", str(folder / "rig.toml")]) == 0
    turned, moved = aligned(read_rig(tmp_path / "rig.toml"), read_rig(folder / "rig.toml"))
    assert turned.max() < 1.5
    assert moved.max() < 0.03
