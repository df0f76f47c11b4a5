"""Recordings of people brought in step: known lags, and no answer where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from calibration.board.detection import Sighting
from calibration.board.target import board_toml
from calibration.files.rig_toml import read_offsets, read_rig, write_rig
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Rig
from calibration.geometry.errors import DegenerateError
from calibration.sync.pair_lag import proposed
from calibration.sync.people_lags import PairLag, consistent, in_time
from calibration.sync.resampling import PeopleRecording, together
from posestream.commands.calibrate import extrinsics
from posestream.commands.calibrate.main import main
from realtime.footage.board_footage import BoardFootage
from realtime.footage.people_footage import FootageOptions, record
from tests.bodies import BODY25, body
from tests.calibration.board.test_extrinsics import in_first
from tests.calibration.boards import CHARUCO
from tests.calibration.cameras import ring
from tests.calibration.sync.test_correlation import waved
from tests.calibration.walking import Walk, angles, hidden

RATE = 25.0
TWO = Rig(ring(3, radius=5.0).cameras[:2])


def strolling(seed: int, *, count: int = 150, people: int = 2) -> Doubles:
    """(T, P, K, 3) people who walk at an uneven pace on winding ways."""
    rng = np.random.default_rng(seed)
    time = np.arange(count) / RATE
    out = []
    for _ in range(people):
        speed, phase = rng.uniform(0.4, 1.6, 3), rng.uniform(0, 2 * np.pi, 3)
        pace = 6 + 3 * np.sin(speed[0] * time + phase[0]) + 2 * np.sin(2.3 * time + phase[1])
        heading = phase[2] + np.cumsum(1.5 * np.sin(speed[2] * time + phase[1])) / RATE
        way = np.cumsum(0.13 * pace * np.array([np.cos(heading), np.sin(heading)]), 1) / RATE
        x, y = way - way.mean(1, keepdims=True)
        step = np.cumsum(pace) / RATE
        out.append(
            [
                body((x[n], y[n]), heading=heading[n], phase=step[n], height=1.8)
                for n in range(count)
            ]
        )
    return np.array(out).swapaxes(0, 1)


def recorded(rig: Rig, bodies: Doubles, late: float) -> list[PeopleRecording]:
    """The second camera began `late` frames after the first, each by a clock of its own."""
    seen = Walk(instants=len(bodies), people=bodies.shape[1]).crowds(rig, bodies)
    clock = np.arange(len(bodies)) / RATE
    moments = np.arange(late, len(bodies) - 1.01) / RATE
    other = PeopleRecording(PeopleRecording(seen[1], clock).at(moments), clock[: len(moments)])
    return [PeopleRecording(seen[0], clock), other]


LATE = 14.5


@pytest.fixture(scope="module")
def brought() -> tuple[list[PeopleRecording], tuple[list[float], list[float]]]:
    """Recordings of which the second began LATE, and what is found of them."""
    recordings = recorded(TWO, strolling(0, count=70), LATE)
    return recordings, in_time(hidden(TWO), recordings)


def test_the_lag_of_two_cameras_is_found_between_frames(
    brought: tuple[list[PeopleRecording], tuple[list[float], list[float]]],
) -> None:
    _, (behind, spread) = brought
    assert behind[0] == 0
    assert behind[1] * RATE == pytest.approx(-LATE, abs=0.5)
    assert 0 < spread[1] * RATE < 0.5


def test_at_the_lag_people_are_where_they_were() -> None:
    late = 9
    two = recorded(TWO, strolling(0), late)
    crowds = together(two, [0.0, -late / RATE])
    both = np.intersect1d(crowds[0].instant, crowds[1].instant)
    assert 120 < len(both) <= 150 - late
    # A frame of the second is the one that the first showed so much earlier.
    number = int(both[len(both) // 2])
    own = two[1].crowd.xy[two[1].crowd.instant == number - late]
    there = crowds[1].xy[crowds[1].instant == number]
    order = [np.argsort(np.nanmean(one[..., 0], axis=1)) for one in (own, there)]
    assert np.allclose(own[order[0]], there[order[1]], atol=1e-6, equal_nan=True)


def test_people_who_stand_still_and_other_people_tell_nothing() -> None:
    still = np.repeat(strolling(0)[:1], 60, axis=0)
    with pytest.raises(DegenerateError, match="cam1 cannot be synchronised with cam0"):
        in_time(hidden(TWO), recorded(TWO, still, 5))
    ours, theirs = (recorded(TWO, strolling(seed, count=60), 0) for seed in (0, 7))
    with pytest.raises(DegenerateError, match="does not determine the offset"):
        in_time(hidden(TWO), [ours[0], theirs[1]])


def test_people_bring_recordings_of_a_board_in_step(
    brought: tuple[list[PeopleRecording], tuple[list[float], list[float]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`extrinsics --sync people`: who carries the board tells the lag, half a frame included."""
    truth = in_first(TWO)
    recordings, answer = brought
    large = replace(CHARUCO, square=3 * CHARUCO.square, marker=3 * CHARUCO.marker)
    films = []
    for camera, own, begin in zip(TWO.cameras, recordings, (0.0, LATE), strict=True):
        seen = {}
        for n in range(len(own.times)):
            corners = waved((n + begin) / RATE)
            xy = camera.project(3 * (corners - corners.mean(0)) + corners.mean(0))
            seen[n] = Sighting(np.arange(len(xy)), xy, camera.size, 2.0)
        films.append(BoardFootage(camera.name, seen, dict(enumerate(own.times.tolist()))))
    monkeypatch.setattr(extrinsics, "open_sources", lambda _: [SimpleNamespace(live=False)])
    monkeypatch.setattr(extrinsics, "film", lambda *_: films.pop(0))
    monkeypatch.setattr(extrinsics, "record", lambda *_: (BODY25.keypoints, recordings))
    answers = {id(recordings): answer}  # of these recordings, which takes seconds to find
    monkeypatch.setattr(extrinsics, "in_time", lambda _, given: answers[id(given)])
    write_rig(Rig(tuple(hidden(TWO))), tmp_path / "lenses.toml")
    (tmp_path / "board.toml").write_text(board_toml(large))
    line = f"extrinsics --source a --source b --intrinsics {tmp_path}/lenses.toml --sync people"
    line += f" --board-file {tmp_path}/board.toml --output {tmp_path}/rig.toml"
    assert main(line.split()) == 0
    assert "ahead of cam0" in capsys.readouterr().out
    offsets = read_offsets(tmp_path / "rig.toml")
    assert offsets["cam1"] * RATE == pytest.approx(LATE, abs=0.5)
    found = read_rig(tmp_path / "rig.toml")
    assert angles(found.rotations, truth.rotations).max() < 0.5
    assert np.linalg.norm(found.centres - truth.centres, axis=1).max() < 0.05


def test_who_contradicts_by_way_of_a_third_is_dropped() -> None:
    def said(first: int, second: int, seconds: float, *, doubly: bool = True) -> PairLag:
        return PairLag(first, second, seconds, 0.005, doubly)

    right = [said(0, 1, 0.2), said(1, 2, 0.3), said(0, 2, 0.5), said(1, 3, 0.1), said(0, 3, 0.3)]
    wrong = said(2, 3, 0.4)  # by way of the others it is -0.2
    kept = consistent([*right, wrong], 0.04)
    assert wrong not in kept
    assert all(one in kept for one in right[:1])
    # Two that nobody confirms must be sure by themselves.
    assert consistent([said(0, 1, 0.2)], 0.04)
    assert not consistent([said(0, 1, 0.2, doubly=False)], 0.04)


def test_too_little_in_common_proposes_nothing() -> None:
    two = recorded(TWO, strolling(0, count=30), 0)
    assert proposed((two[0], two[1])) == []


def test_sync_and_timestamps_exclude_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    words = ["people", "--source", "a", "--source", "b", "--intrinsics", "c.toml", "--height-of"]
    words += ["1.8", "--output", str(tmp_path / "rig.toml"), "--sync", "people"]
    assert main([*words, "--timestamps", str(table)]) == 2
    assert "--sync people does not go with --timestamps" in capsys.readouterr().err


def test_real_people(data: Path) -> None:
    """Two of Shelf's cameras, the second begun twelve frames and a half later."""
    rig = read_rig(data / "shelf-dev" / "rig.toml")
    cameras = [rig.cameras[n] for n in (2, 3)]
    folders = [str(data / "shelf-dev" / f"cam{n}") for n in (2, 3)]
    _, seen = record(folders, cameras, FootageOptions(camera_fps=RATE))
    late = 12.5
    moments = np.arange(late, len(seen[1].times) - 1.01) / RATE
    other = PeopleRecording(seen[1].at(moments), seen[1].times[: len(moments)])
    alone = [replace(one, rotation=np.eye(3), translation=np.zeros(3)) for one in cameras]
    behind, _ = in_time(alone, [seen[0], other])
    assert behind[1] * RATE == pytest.approx(-late, abs=0.5)
