"""Lags between recordings, with known answers."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2  # before av
import numpy as np
import pytest

from calibration.board.detection import Finder, Sighting
from calibration.board.extrinsics import locate
from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Rig, rotation_matrix
from calibration.geometry.errors import DegenerateError
from calibration.sync.board_motion import board_motion, in_step
from calibration.sync.joining_lags import along, join
from calibration.sync.motion_lag import Lag, lag_of
from calibration.sync.place_agreement import between
from calibration.sync.sound_lag import sound_lag
from posestream.commands.calibrate.main import main
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.audio import listen
from realtime.types.errors import SourceError
from tests.calibration.board.test_extrinsics import in_first, their_rig
from tests.calibration.boards import CHARUCO
from tests.calibration.cameras import ring
from tests.realtime.clips import write

import av  # isort: skip
from calibration.geometry.arrays import Doubles, Image

LONG = 20.0  # seconds


def waved(at: float) -> Doubles:
    """(N, 3) corners of a board that somebody waves, one metre up in the middle of a ring."""
    rng = np.random.default_rng(3)
    speeds, phases = rng.uniform(0.8, 3.5, (2, 6, 3)), rng.uniform(0, 6, (2, 6, 3))
    sway = np.sin(speeds * at + phases).sum(1)
    turn = rotation_matrix([-2.0, 0, 0]) @ rotation_matrix(0.12 * sway[1])
    corners = (CHARUCO.points - CHARUCO.points.mean(0)) @ turn.T
    return np.asarray(corners + [0, 0, 1] + 0.06 * sway[0], np.float64)


def filmed(
    rig: Rig, rates: list[float], late: list[float], noise: float = 0.2
) -> tuple[list[dict[int, Sighting]], list[dict[int, float]]]:
    """What each camera sees, and its clock: the world's plus `late`."""
    rng = np.random.default_rng(0)
    seen, times = [], []
    for camera, rate, lag in zip(rig.cameras, rates, late, strict=True):
        clock = np.arange(0, LONG, 1 / rate)
        own = {}
        for n, at in enumerate(clock):
            xy = camera.project(waved(at - lag))
            xy = xy + rng.normal(0, noise, xy.shape)
            if rng.random() > 0.05:
                own[n] = Sighting(np.arange(len(xy)), xy, camera.size, 2.0)
        seen.append(own)
        times.append(dict(enumerate(clock.tolist())))
    return seen, times


def two() -> Rig:
    return in_first(Rig(ring(8, radius=2.0).cameras[:2]))


def alone(rig: Rig) -> list[object]:
    return [replace(one, rotation=np.eye(3), translation=np.zeros(3)) for one in rig.cameras]


@pytest.mark.parametrize(
    ("rates", "late"), [((30, 30), 0.1234), ((30, 25), -3.456), ((30, 30), 0.0), ((10, 10), 0.35)]
)
def test_a_board_tells_the_lag_to_a_twentieth_of_a_frame(
    rates: tuple[float, float], late: float
) -> None:
    rig = two()
    seen, times = filmed(rig, list(rates), [0.0, late])
    motions = [
        board_motion(camera, own, clock, CHARUCO)
        for camera, own, clock in zip(alone(rig), seen, times, strict=True)
    ]
    behind = join(motions, ["a", "b"], "the motion")
    assert behind[0] == 0
    assert behind[1] == pytest.approx(late, abs=0.05 / rates[0])


def test_boards_at_the_same_instants_make_the_rig_that_recordings_in_step_make() -> None:
    """A lag of half a frame: interpolated corners find the rig, the nearest frames do not."""
    rig = two()
    seen, times = filmed(rig, [15, 15], [0.0, 0.5 / 15])
    late = [0.0, 0.5 / 15]
    truth, _ = filmed(rig, [15, 15], [0.0, 0.0])
    found, naive, ideal = (
        locate(rig.cameras, [{n: own[n] for n in own if n % 12 == 0} for own in some], CHARUCO)
        for some in (in_step(seen, times, late), seen, truth)
    )
    assert found.rms < 1.2 * ideal.rms
    assert naive.rms > 3 * ideal.rms
    assert np.allclose(found.rig.centres, rig.centres, atol=0.005)
    assert len(found.instants) > 0.8 * len(ideal.instants)


def test_instants_before_the_first_camera_began_are_kept() -> None:
    rig = two()
    seen, times = filmed(rig, [10, 10], [0.0, 0.0])
    clock = {n: at + 3 for n, at in times[0].items()}  # the first began 3 s after the second
    paired = in_step([seen[0], seen[1]], [clock, times[1]], [0.0, 0.0])
    assert min(paired[1]) <= -28
    assert min(paired[0]) >= 0
    assert len(paired[1]) > 150


def test_the_cubic_between_four_frames_is_exact_for_cubics() -> None:
    times = np.array([0.0, 1.0, 2.1, 3.0, 4.0])
    values = (times**3 - 2 * times)[:, None]
    at = np.array([1.5, 0.5, 3.7, -0.1])
    got, known = between(times, values, at, 1.0)
    assert known.tolist() == [True, True, True, False]
    assert got[0, 0] == pytest.approx(1.5**3 - 3)
    assert got[1, 0] == pytest.approx(-0.5)  # the ends have a line
    _, known = between(np.array([0.0, 1.0, 5.0, 6.0]), np.zeros((4, 1)), np.array([3.0]), 1.0)
    assert not known[0]  # a gap


def test_a_still_board_and_different_boards_tell_nothing() -> None:
    rig = two()
    seen, times = filmed(rig, [10, 10], [0.0, 0.0])
    still = [{n: own[min(own)] for n in own} for own in seen]
    rng = np.random.default_rng(5)
    noisy = [
        {n: replace(one, xy=one.xy + rng.normal(0, 0.2, one.xy.shape)) for n, one in own.items()}
        for own in still
    ]
    motions = [
        board_motion(camera, own, clock, CHARUCO)
        for camera, own, clock in zip(alone(rig), noisy, times, strict=True)
    ]
    with pytest.raises(DegenerateError, match="b cannot be synchronised with a"):
        join(motions, ["a", "b"], "the board's motion")
    few = board_motion(rig.cameras[0], {0: seen[0][min(seen[0])]}, {0: 0.0}, CHARUCO)
    assert lag_of(few, few) is None


def test_lags_are_joined_along_the_surest_pairs() -> None:
    lags = [Lag(0, 1, 1.0, 9), Lag(1, 2, 0.5, 8), Lag(0, 2, 7.0, 2)]
    assert along(lags, "abc", "it") == [0.0, 1.0, 1.5]
    assert along([Lag(0, 2, 1.0, 9), Lag(1, 2, 3.0, 8)], "abc", "it") == [0.0, -2.0, 1.0]


@pytest.mark.parametrize("late", [0.1543, -1.25])
def test_sound_tells_the_lag_through_noise_and_echo(late: float) -> None:
    rng = np.random.default_rng(1)
    rate = 8000
    world = rng.normal(0, 1, 12 * rate)
    at = np.arange(6 * rate) / rate

    def heard(lag: float, echo: float) -> Doubles:
        clean = np.interp((at - lag + 3) * rate, np.arange(len(world)), world)
        return np.asarray(clean + echo * np.roll(clean, 700) + rng.normal(0, 0.5, len(at)))

    lag, peak = sound_lag(heard(0, 0.3), heard(late, 0.5), rate)
    assert lag == pytest.approx(late, abs=1e-4)
    assert peak > 2
    _, peak = sound_lag(rng.normal(0, 1, 8000), rng.normal(0, 1, 8000), rate)
    assert peak < 1.3


def clip(path: Path, samples: Doubles, rate: int = 16000) -> Path:
    """A video with that sound and a few black pictures."""
    with av.open(str(path), "w") as out:
        video, sound = out.add_stream("libx264", rate=10), out.add_stream("aac", rate=rate)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound.layout = "mono"
        for _ in range(int(10 * len(samples) / rate)):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "bgr24")
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None].astype(np.float32)), "fltp", "mono"
        )
        frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


def test_the_sound_of_files_is_heard_on_the_clock_of_their_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    world = np.cumsum(rng.normal(0, 1, 16000 * 6))
    world = 0.3 * (world - np.convolve(world, np.ones(200) / 200, "same"))
    world /= np.abs(world).max()
    one = clip(tmp_path / "a.mp4", world[: 16000 * 4])
    other = clip(tmp_path / "b.mp4", world[4321 : 4321 + 16000 * 4])
    (begin_a, a), (begin_b, b) = listen(str(one), 16000), listen(str(other), 16000)
    lag, peak = sound_lag(a, b, 16000)
    assert begin_b - begin_a + lag == pytest.approx(-4321 / 16000, abs=2e-4)
    assert peak > 1.3
    cv2.imwrite(str(tmp_path / "c.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(SourceError, match="no sound"):
        listen(str(tmp_path / "c.png"), 16000)


def piece(video: Path, first: int, to: Path) -> Path:
    """What a recording shows from a frame on, with times that begin at 0."""
    with open_source(SourceSettings((str(video),), start=first)) as source:
        pictures = [frame.image for frame in source]
    quick = {"preset": "ultrafast"}
    return write(to, pictures, pts=[n * 1000 // 6 for n in range(len(pictures))], options=quick)


def ahead(said: str) -> float:
    """Frames by which b is ahead."""
    return float(said.partition("b is ")[2].split()[0])


@pytest.fixture
def _each_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board is looked for once in a picture, however many commands read it."""
    found: dict[bytes, Sighting | None] = {}
    find = Finder.find

    def known(finder: Finder, gray: Image) -> Sighting | None:
        key = gray.tobytes()
        if key not in found:
            found[key] = find(finder, gray)
        return found[key]

    monkeypatch.setattr(Finder, "find", known)


@pytest.mark.usefixtures("_each_picture_once")
def test_real_recordings_that_are_not_in_step(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paired by number they are refused; --sync board pairs them, and better than their owners'
    timestamps do (twice the RMS, as webcams are late by parts of a frame).
    """
    folder = data / "rig-charuco" / "charuco_calibration"
    videos = folder / "calibration" / "extrinsic"
    theirs = their_rig(folder)
    write_rig(Rig(theirs.cameras[::3]), tmp_path / "lenses.toml")
    words = ["extrinsics", "--board-file", str(folder / "charuco.toml")]
    words += ["--intrinsics", str(tmp_path / "lenses.toml"), "--output", str(tmp_path / "rig.toml")]
    words += ["--source", str(piece(videos / "cam_0.mp4", 70, tmp_path / "a.mp4"))]
    words += ["--source", str(piece(videos / "cam_3.mp4", 75, tmp_path / "b.mp4"))]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert ahead(said) == pytest.approx(5.15, abs=0.1)
    assert "ahead of a: they are not synchronised; use --sync board" in said
    assert not (tmp_path / "rig.toml").exists()
    assert main([*words, "--sync", "audio"]) == 2
    assert "has no sound" in capsys.readouterr().err
    assert main([*words, "--sync", "board"]) == 0
    said = capsys.readouterr().out
    assert ahead(said) == pytest.approx(5.15, abs=0.1)
    rms = float(said.partition("reprojection error")[2].split()[0])
    assert rms < 0.8
    tables = tomllib.loads((tmp_path / "rig.toml").read_text())
    assert tables["cam_0"]["time_offset"] == 0
    assert tables["cam_1"]["time_offset"] == pytest.approx(5.15 / 6, abs=0.02)
    rig, known = in_first(read_rig(tmp_path / "rig.toml")), in_first(Rig(theirs.cameras[::3]))
    off = np.linalg.norm(rig.cameras[1].centre) - np.linalg.norm(known.cameras[1].centre)
    assert abs(off) < 0.02


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--source", "a", "--source", "b", "--sync", "timestamps"], "add --timestamps FILE"),
        (["--source", "a", "--source", "b", "--sync", "audio", "--timestamps", "t"], "leave one"),
    ],
)
def test_what_cannot_be_paired_is_explained(
    more: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rig(ring(2), tmp_path / "lenses.toml")
    words = ["extrinsics", "--board", "charuco", "--columns", "5", "--rows", "4", "--square", "1"]
    words += ["--intrinsics", f"{tmp_path}/lenses.toml", "--output", f"{tmp_path}/rig.toml"]
    assert main([*words, *more]) == 2
    assert says in capsys.readouterr().err
