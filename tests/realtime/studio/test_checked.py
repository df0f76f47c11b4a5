"""A rig checked and mended by the people of the run; how a calibration begins and ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.board.target import Board
from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Camera, Rig, rotation_matrix
from realtime.assembly import _open_studio
from realtime.studio.calibrate.boards_guided import checked_rig
from realtime.studio.calibrate.calibration import Calibration, Filming, board_of
from realtime.types.errors import OutputError
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from tests.bodies import body, sightings
from tests.calibration.board.test_extrinsics import waved
from tests.calibration.boards import CHARUCO
from tests.calibration.cameras import ring
from tests.realtime.results import grey, header, tracks
from tests.realtime.studio_run import Camera as Filmed
from tests.realtime.wanted import settings
from tests.waiting import wait_for

RIG = ring(4, radius=5)
NAMES = [camera.name for camera in RIG.cameras]
BOARD = Board("charuco", 5, 4, 0.05, 0.0375)


def walking(n: int) -> Result:
    """Somebody who walks all over the place, as the cameras of the right rig see it."""
    rng = np.random.default_rng(n)
    turn = 0.35 * n
    at = 1.2 * np.cos(turn), 1.2 * np.sin(0.6 * turn)
    ids = [[3]] * len(RIG)
    people = [body(at, heading=turn, phase=0.8 * n)]
    views = sightings(RIG, people, 0.3 * n, rng=rng, noise=1.5, ids=ids)
    return Result(0.3 * n, tuple(views), {})


def turned(camera: Camera, degrees: float) -> Camera:
    turn = rotation_matrix(np.radians(degrees) * np.array([0.3, 1.0, 0.2]) / 1.063)
    return replace(camera, rotation=turn @ camera.rotation, translation=turn @ camera.translation)


def checked(calibration: Calibration, name: str) -> dict[str, Any]:
    """After enough people were seen."""
    calibration.begin_check(name)
    for n in range(120):
        calibration.put(walking(n))
    calibration.end_of_results()
    return ended(calibration)


def ended(calibration: Calibration) -> dict[str, Any]:
    """What a session came to."""
    wait_for(lambda: not calibration.busy)
    told: dict[str, Any] = calibration.told["session"]
    return told


@pytest.fixture
def calibration(tmp_path: Path) -> Calibration:
    return Calibration(tmp_path / "rigs", Filming(NAMES, live=False, pictures=True))


def test_a_rig_that_still_is_right_is_good(tmp_path: Path, calibration: Calibration) -> None:
    write_rig(RIG, tmp_path / "rigs" / "rig-1.toml")
    told = checked(calibration, "rig-1.toml")
    assert (told["phase"], told["good"]) == ("done", True), told
    assert "good: all cameras agree" in told["report"]


def test_a_camera_that_was_turned_is_named_and_the_rig_is_mended(
    tmp_path: Path, calibration: Calibration
) -> None:
    cameras = list(RIG.cameras)
    cameras[2] = turned(cameras[2], 1.5)
    write_rig(Rig(tuple(cameras)), tmp_path / "rigs" / "rig-1.toml")
    told = checked(calibration, "rig-1.toml")
    assert (told["phase"], told["good"]) == ("done", False)
    assert f"{NAMES[2]} was moved" in told["report"]
    calibration.mend()
    told = calibration.told["session"]
    assert told["file"].startswith("mended-")
    better = read_rig(tmp_path / "rigs" / told["file"])
    turn = better.cameras[2].rotation @ better.cameras[0].rotation.T
    truth = RIG.cameras[2].rotation @ RIG.cameras[0].rotation.T
    off = np.degrees(np.arccos(np.clip((np.trace(turn @ truth.T) - 1) / 2, -1, 1)))
    assert off < 0.4  # of 1.5
    assert calibration.told["rigs"][0]["id"] == told["file"]


def blank(n: int) -> Result:
    """Nobody and no board."""
    views = [View(Frame(name, n, name, n / 10, 0, grey()), tracks()) for name in NAMES]
    return Result(n / 10, tuple(views), {})


def test_a_board_that_never_comes_is_a_sentence(calibration: Calibration) -> None:
    calibration.set_board(BOARD)
    calibration.begin_lens(NAMES[0], 1.0)
    for n in range(3):
        calibration.put(blank(n))
    calibration.press("finish")
    told = ended(calibration)
    assert told["phase"] == "failed"
    assert told["sentence"].startswith(f"{NAMES[0]}: no charuco 5x4 squares")
    calibration.go_on()
    assert calibration.told["session"]["phase"] == "guiding"
    calibration.press("cancel")
    assert ended(calibration)["phase"] == "cancelled"
    calibration.put(blank(4))  # what comes later does not wait


def test_cancel_ends_it_without_a_result_and_another_may_begin(calibration: Calibration) -> None:
    calibration.set_board(BOARD)
    calibration.begin_lens(NAMES[0], 1.0)
    with pytest.raises(OutputError, match="under way"):
        calibration.begin_lens(NAMES[1], 1.0)
    with pytest.raises(OutputError, match="under way"):
        calibration.set_board(BOARD)
    calibration.press("cancel")
    assert ended(calibration)["phase"] == "cancelled"
    calibration.begin_lens(NAMES[1], 1.0)
    calibration.close()
    assert calibration.told["session"] is None


@pytest.mark.parametrize(
    ("begin", "sentence"),
    [
        (lambda one: one.begin_lens(NAMES[0], 1.0), "Say first which board you have"),
        (lambda one: one.begin_lens("../x", 1.0), "There is no such camera"),
        (lambda one: one.begin_rig(1.0, origin=False), f"Calibrate the lens of {NAMES[0]} and"),
        (lambda one: one.begin_check("../rig.toml"), "There is no such rig"),
        (lambda one: one.begin_check("/etc/passwd"), "There is no such rig"),
        (lambda one: one.mend(), "Check a rig first"),
        (lambda one: one.go_on(), "no calibration to go on with"),
        (lambda one: one.press("take"), "No calibration is under way"),
        (lambda one: one.sheet("a0"), "Paper is one of"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    begin: Callable[[Calibration], None], sentence: str, calibration: Calibration
) -> None:
    with pytest.raises(OutputError, match=sentence):
        begin(calibration)


def test_without_cameras_nothing_begins(tmp_path: Path) -> None:
    calibration = Calibration(tmp_path)
    with pytest.raises(OutputError, match="No cameras run"):
        calibration.begin_lens("a", 1.0)
    told = calibration.told
    assert (told["cameras"], told["pictures"], told["rigs"]) == ([], False, [])


def test_pictures_that_were_altered_calibrate_and_check_nothing(tmp_path: Path) -> None:
    """What is seen in straightened or mirrored pictures is not what the cameras' lenses do."""
    filming = Filming(NAMES, False, True, altered=("--undistort", "--flip"))
    calibration = Calibration(tmp_path / "rigs", filming)
    calibration.set_board(BOARD)
    write_rig(RIG, tmp_path / "rigs" / "rig-1.toml")
    begins: list[Callable[[], None]] = [
        lambda: calibration.begin_lens(NAMES[0], 1.0),
        lambda: calibration.begin_rig(1.0, origin=False),
        lambda: calibration.begin_check("rig-1.toml"),
        lambda: calibration.begin_check("rig-1.toml", board=True),
    ]
    for begin in begins:
        with pytest.raises(OutputError, match="without --undistort and --flip to calibrate"):
            begin()
    assert "--flip" in calibration.told["refusal"]


def test_a_run_says_how_it_alters_pictures(tmp_path: Path) -> None:
    run = settings("a.mp4", flip=True, serve="0", takes=tmp_path)
    studio, _ = _open_studio(run, header(names=["cam0"]), [Filmed("cam0", rate=25)])
    assert "--flip" in studio.calibration.told["refusal"]


def test_a_rig_is_checked_by_a_board(tmp_path: Path) -> None:
    """In the words of the terminal, with the size of the squares."""
    truth = ring(4, radius=2.0)
    seen = waved(truth, 40)
    right = checked_rig(seen, truth, CHARUCO)
    assert right.good, right.report
    assert "good: all cameras agree" in right.report
    assert re.search(r"squares of \d+ mm measure \d+\.\d\d mm", right.report)
    cameras = list(truth.cameras)
    cameras[2] = turned(cameras[2], 1.5)
    wrong = checked_rig(seen, Rig((*cameras,)), CHARUCO)
    assert not wrong.good
    assert f"{cameras[2].name} was moved" in wrong.report


def test_a_rig_of_other_cameras_is_refused(tmp_path: Path, calibration: Calibration) -> None:
    write_rig(ring(3, radius=5), tmp_path / "rigs" / "rig-1.toml")
    with pytest.raises(OutputError, match="This rig has the cameras"):
        calibration.begin_check("rig-1.toml")


def test_lenses_are_known_by_the_names_of_cameras_or_from_the_rig_of_the_run(
    tmp_path: Path,
) -> None:
    """Names never become paths."""
    names = ["../../up", NAMES[1]]
    calibration = Calibration(tmp_path / "rigs", Filming(names, False, True, RIG))
    calibration.folder.keep_lens(replace(RIG.cameras[0], name=names[0]))
    first, second = calibration.told["cameras"]
    assert (first["lens"]["here"], second["lens"]["here"]) == (True, False)
    assert [path.name for path in (tmp_path / "rigs").iterdir()] == ["lens-______up.toml"]
    assert not [path for path in tmp_path.iterdir() if path.name != "rigs"]


@pytest.mark.parametrize(
    ("given", "board"),
    [
        ({"kind": "charuco", "columns": 5, "rows": 4, "square": 50, "marker": 37.5}, BOARD),
        (
            {"kind": "chessboard", "columns": 7, "rows": 4, "square": 40.0, "inverted": True},
            Board("chessboard", 7, 4, 0.04, inverted=True),
        ),
    ],
)
def test_boards_of_the_page(given: dict[str, Any], board: Board) -> None:
    assert board_of(given) == board


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kind": "charuco", "columns": "x", "rows": 4, "square": 50},
        {"kind": "sheet", "columns": 5, "rows": 4, "square": 50},
        {"kind": "charuco", "columns": 5, "rows": 4, "square": 1e400},
        {"kind": "charuco", "columns": 5, "rows": 4, "square": 50, "marker": 60},
        {"kind": "charuco", "columns": 5, "rows": 4, "square": 50, "dictionary": "../x"},
    ],
)
def test_bad_boards_are_a_sentence(given: dict[str, Any]) -> None:
    with pytest.raises(OutputError):
        board_of(given)
