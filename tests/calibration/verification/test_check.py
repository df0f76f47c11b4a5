"""Whether a rig still is right: by people and boards, with known answers and on real keypoints."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import f as fisher

from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Camera, Rig, rotation_matrix
from calibration.geometry.errors import BoardError, CalibrationError
from calibration.people.shift_statistic import beyond
from calibration.reports.rig_check import verdict
from calibration.verification.check import check_board, check_people
from calibration.verification.readjust import readjust
from calibration.verification.square_sizes import measured_squares, square_report
from posestream.commands.calibrate.check import MOVED
from posestream.commands.calibrate.main import main
from tests.bodies import BODY25
from tests.calibration.board.test_extrinsics import waved
from tests.calibration.boards import CHARUCO, CHESS
from tests.calibration.cameras import ring
from tests.calibration.walking import Walk, angles

STANDING = Walk(instants=30, people=2, still=True)
WALK = Walk(instants=30, noise=3.0, missing=0.15, false=0.2)
NAMES = [f"cam{n}" for n in range(4)]


def turned(camera: Camera, degrees: float, axis: tuple[float, float, float]) -> Camera:
    """Turned where it stands."""
    turn = rotation_matrix(np.radians(degrees) * np.array(axis) / np.linalg.norm(axis))
    return replace(camera, rotation=turn @ camera.rotation, translation=turn @ camera.translation)


def bumped(rig: Rig, number: int, degrees: float) -> Rig:
    cameras = list(rig.cameras)
    cameras[number] = turned(cameras[number], degrees, (0.3, 1.0, 0.2))
    return Rig(tuple(cameras))


def test_a_good_rig_is_good() -> None:
    truth = ring(4, radius=5.0)
    found = check_people(truth, WALK.crowds(truth))
    assert not found.moved
    assert found.error.max() < 8
    assert np.nanmax(found.pairs) < 5
    assert np.isfinite(found.pairs[np.triu_indices(4, 1)]).all()
    assert verdict(found, NAMES)[0].startswith("good")


@pytest.mark.parametrize(("number", "degrees"), [(0, 1.5), (2, 3.0), (3, 25.0)])
def test_a_bumped_camera_is_named(number: int, degrees: float) -> None:
    truth = ring(4, radius=5.0)
    found = check_people(bumped(truth, number, degrees), WALK.crowds(truth))
    assert [one.camera for one in found.moved] == [number]
    assert found.moved[0].degrees == pytest.approx(degrees, abs=0.4)
    assert found.moved[0].metres < 0.05
    assert angles([found.moved[0].now.rotation], [truth.rotations[number]])[0] < 0.4
    assert found.rest < 5
    assert f"{NAMES[number]} was moved" in verdict(found, NAMES)[0]


def test_a_camera_that_would_not_see_what_it_saw_misses_it_by_its_width() -> None:
    """What should be behind it is missed by far, rather than not at all."""
    truth = ring(4, radius=5.0)
    found = check_people(bumped(truth, 3, 180.0), WALK.crowds(truth))
    assert [one.camera for one in found.moved] == [3]
    assert found.error[3] > 1000
    assert found.error[:3].max() < 10


def test_a_camera_that_was_moved_is_named() -> None:
    truth = ring(4, radius=5.0)
    cameras = list(truth.cameras)
    centre = cameras[1].centre + np.array([0.0, 0.0, 0.3])
    cameras[1] = replace(cameras[1], translation=-cameras[1].rotation @ centre)
    found = check_people(Rig(tuple(cameras)), WALK.crowds(truth))
    assert [one.camera for one in found.moved] == [1]
    assert found.moved[0].metres == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("seed", [0, 1])
def test_biased_keypoints_of_people_who_stand_are_no_bump(seed: int) -> None:
    """Each camera sees one side of two people, and puts each off as a whole, all the time."""
    truth = ring(4, radius=5.0)
    walk = replace(STANDING, seed=seed)
    rng = np.random.default_rng(seed)
    crowds = []
    for crowd in walk.crowds(truth):
        size = 0.5 * np.median(crowd.sigma)
        bias = {n: rng.normal(0, size, 2) for n in np.unique(crowd.track).tolist()}
        off = np.array([bias[n] for n in crowd.track.tolist()])
        crowds.append(replace(crowd, xy=crowd.xy + off[:, None]))
    found = check_people(truth, crowds)
    assert not found.moved
    assert found.places.max() <= 3
    assert verdict(found, NAMES)[0].startswith("cannot tell")
    # What is beyond all bias is found by people in two places too, but not whose fault it is.
    assert found.detectable.max() < 5
    said = verdict(check_people(bumped(truth, 2, 10.0), crowds), NAMES)
    assert said[0].startswith("bad: the cameras do not agree")
    assert "cannot tell which" in said[0]


def test_what_it_says_would_be_noticed_is() -> None:
    truth = ring(4, radius=5.0)
    crowds = WALK.crowds(truth)
    detectable = check_people(truth, crowds).detectable
    assert detectable.max() < 2
    found = check_people(bumped(truth, 1, 1.2 * float(detectable[1])), crowds)
    assert [one.camera for one in found.moved] == [1]


@pytest.mark.parametrize(("one", "other"), [(2, 10), (4, 12), (6, 20), (6, 60)])
def test_chance_is_that_of_fisher(one: int, other: int) -> None:
    assert beyond(one, other) == pytest.approx(fisher.isf(1e-3, one, other), rel=0.05)


def test_two_of_five_cameras() -> None:
    truth = ring(5, radius=5.0)
    found = check_people(bumped(bumped(truth, 0, 2.5), 3, 4.0), WALK.crowds(truth))
    assert {one.camera for one in found.moved} == {0, 3}


def test_of_two_cameras_nobody_can_tell_which() -> None:
    truth = Rig(ring(5, radius=5.0).cameras[:2])
    assert not check_people(truth, WALK.crowds(truth)).moved
    found = check_people(bumped(truth, 1, 3.0), WALK.crowds(truth))
    assert len(found.moved) == 1
    assert "cannot tell which" in verdict(found, NAMES[:2])[0]


def test_by_a_board() -> None:
    truth = ring(4, radius=2.0)
    seen = waved(truth, 40)
    assert not check_board(truth, seen, CHARUCO).moved
    found = check_board(bumped(truth, 2, 0.5), seen, CHARUCO)
    assert [one.camera for one in found.moved] == [2]
    assert found.moved[0].degrees == pytest.approx(0.5, abs=0.1)
    assert found.rest < 1


def test_squares_of_a_board_tell_the_scale_of_a_rig() -> None:
    truth = ring(4, radius=2.0)
    seen = waved(truth, 10, noise=0.05)
    sides, error = measured_squares(truth, seen, CHARUCO)
    assert sides.mean() == pytest.approx(CHARUCO.square, rel=0.005)
    larger = [replace(one, translation=1.02 * one.translation) for one in truth.cameras]
    assert "(+2.0 %;" in square_report(Rig((*larger,)), seen, CHARUCO)
    worse = measured_squares(bumped(truth, 2, 0.5), seen, CHARUCO)
    assert worse[1] > 2 * error
    with pytest.raises(CalibrationError, match="No two cameras saw the same corners"):
        measured_squares(truth, [seen[0], {}, {}, {}], CHARUCO)


def test_what_tells_nothing_is_refused() -> None:
    truth = ring(3, radius=5.0)
    crowds = WALK.crowds(truth)
    late = [*crowds[:2], replace(crowds[2], instant=crowds[2].instant + 1000)]
    with pytest.raises(CalibrationError, match="cam2 saw people in 30"):
        check_people(truth, late)
    board = waved(truth, 20)
    with pytest.raises(CalibrationError, match=r"cam1 saw the board 0 times together"):
        check_board(truth, [board[0], {}, board[2]], CHARUCO)
    with pytest.raises(BoardError, match="upside down"):
        check_board(truth, board, replace(CHESS, columns=8))


def shaken(rig: Rig, degrees: float) -> Rig:
    """All cameras turned, each to another side."""
    axes = np.random.default_rng(4).normal(size=(len(rig), 3))
    pairs = zip(rig.cameras, axes, strict=True)
    return Rig(tuple(turned(one, degrees, tuple(axis)) for one, axis in pairs))


def test_a_rig_that_is_off_a_little_is_put_right_by_people() -> None:
    truth = ring(4, radius=5.0)
    wrong = shaken(truth, 0.8)
    found = readjust(wrong, WALK.crowds(truth))
    assert found.after.mean() < 0.8 * found.before.mean()
    # Nothing tells a turn of all cameras together: it is how they stand to each other that counts.
    for a, b in ((0, 1), (1, 2), (0, 3)):
        want, was, now = (
            rig.rotations[b] @ rig.rotations[a].T for rig in (truth, wrong, found.rig)
        )
        assert angles([now], [want])[0] < 0.25 < 0.8 < angles([was], [want])[0]
    apart = np.linalg.norm(found.rig.centres - truth.centres, axis=1)
    assert apart.max() < 0.05


def test_a_good_rig_does_not_get_better() -> None:
    truth = ring(4, radius=5.0)
    found = readjust(truth, WALK.crowds(truth))
    assert found.after.mean() > 0.9 * found.before.mean()


def test_keypoints_that_a_camera_has_wrong_in_all_frames_hardly_move_it() -> None:
    """As eyes of people seen from behind, which are no worse than others by their sigmas."""
    truth = ring(4, radius=5.0)
    crowds = replace(WALK, instants=40).crowds(truth)
    head = [n for n, name in enumerate(BODY25.keypoints) if name.endswith(("eye", "ear"))]
    crowds[0].xy[:, head] += (25.0, 0.0)
    found = readjust(truth, crowds).rig
    turns = [found.rotations[n] @ found.rotations[0].T for n in (1, 2, 3)]
    wanted = [truth.rotations[n] @ truth.rotations[0].T for n in (1, 2, 3)]
    assert angles(turns, wanted).max() < 1.0


def test_real_people_put_a_rig_right(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data / "shelf-dev"
    sources = [word for n in range(5) for word in ("--source", str(folder / f"cam{n}"))]
    wanted = tmp_path / "mended.toml"
    more = [*sources, "--step", "10", "--mend", str(wanted)]
    write_rig(shaken(read_rig(folder / "rig.toml"), 0.7), tmp_path / "shaken.toml")
    main(["check", str(tmp_path / "shaken.toml"), *more])
    assert str(wanted) in capsys.readouterr().out
    pairs = (0, 1), (1, 2), (2, 3), (3, 4)
    rigs = [read_rig(one) for one in (folder / "rig.toml", tmp_path / "shaken.toml", wanted)]
    want, was, now = ([one.rotations[b] @ one.rotations[a].T for a, b in pairs] for one in rigs)
    assert np.mean(angles(now, want)) < 0.7 * np.mean(angles(was, want))
    assert main(["check", str(wanted), *more]) == 2  # before any work
    assert "mended.toml exists already" in capsys.readouterr().err


def test_real_people(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data / "shelf-dev"
    sources = [word for n in range(5) for word in ("--source", str(folder / f"cam{n}"))]
    more = [*sources, "--step", "10"]
    assert main(["check", str(folder / "rig.toml"), *more]) == 0
    assert "good: all cameras agree" in capsys.readouterr().out
    write_rig(bumped(read_rig(folder / "rig.toml"), 3, 1.5), tmp_path / "bumped.toml")
    assert main(["check", str(tmp_path / "bumped.toml"), *more]) == MOVED
    turn = re.search(r"cam3 was moved: rotated by about (\d\.\d)", capsys.readouterr().out)
    assert turn is not None
    assert abs(float(turn[1]) - 1.5) < 1


def test_bad_input_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rig(ring(3), tmp_path / "rig.toml")
    rig = str(tmp_path / "rig.toml")
    for words, says in (
        ([rig, "--source", "a"], "two cameras"),
        ([rig, "--source", "a", "--source", "b"], "of sources (2) and of cameras"),
        ([rig, "--source", "a", "--source", "b", "--source", "a"], "given twice"),
        ([rig, "--source", "a", "--source", "b", "--source", "c"], "no file or folder"),
        (
            [rig, "--source", "a", "--source", "b", "--source", "c", "--board", "chessboard"],
            "needs",
        ),
        ([str(tmp_path / "no.toml"), "--source", "a", "--source", "b"], "no rig file"),
    ):
        assert main(["check", *words]) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
