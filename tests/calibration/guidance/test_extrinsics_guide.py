"""`extrinsics` with live cameras: guidance, what is kept, and the rig that comes of it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest

from calibration.board.detection import Sighting
from calibration.files.rig_toml import read_rig, write_rig
from calibration.files.sightings_csv import read_boards, write_boards
from calibration.geometry.arrays import Image
from calibration.geometry.camera import Camera, Rig, rotation_matrix
from calibration.geometry.errors import BoardError, CalibrationError
from calibration.guidance.extrinsics_guide import MIN_LINK_BOARDS, WANTED_BOARDS, ExtrinsicsGuide
from calibration.guidance.extrinsics_screen import gathering_picture
from calibration.guidance.intrinsics_screen import GREEN, YELLOW
from calibration.guidance.tiles import side_by_side
from posestream.commands.calibrate.main import main
from realtime.sources.webcam import WebcamConnector
from tests.browser import CHROMIUM, browser
from tests.calibration.boards import CHARUCO, photograph
from tests.calibration.looks import Looks
from tests.conftest import ROOT
from tests.realtime.clips import write
from tests.realtime.screens import (
    WINDOW_PATIENCE,
    once_more,
    painted,
    press,
    screen,
    screenshot,
    window,
)
from tests.realtime.sources.test_webcam import FakeCamera
from tests.waiting import PATIENCE, wait_for

BOARD = ["--board", "charuco", "--columns", "5", "--rows", "4", "--square", "0.05"]
LENS = Camera("c", (480, 360), np.array([[450.0, 0, 242], [0, 449, 178], [0, 0, 1]]))
APART = 0.3  # metres
NAMES = ("left", "middle", "right")
# Side by side; the outer two never see a board at once.
RIG = Rig(
    tuple(
        replace(LENS, name=name, translation=np.array([-n * APART, 0, 0]))
        for n, name in enumerate(NAMES)
    )
)


def sight(xy: tuple[float, float], blur: float = 2.0) -> Sighting:
    """A board of 12 corners there."""
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(3)), -1).reshape(-1, 2) * 20.0
    return Sighting(np.arange(12), grid + xy, (480, 360), blur)


def hold(
    found: ExtrinsicsGuide, which: tuple[int, ...], at: tuple[float, float], now: float
) -> str:
    """Held still there for a second; the last words."""
    words = ""
    for step in range(6):
        moment = now + 0.2 * step
        words = found.look([(moment, sight(at)) if n in which else None for n in range(3)]).words
    return words


def test_words_say_which_cameras_want_the_board() -> None:
    found = ExtrinsicsGuide(NAMES, hold=0.5)
    assert found.look([None] * 3).words.startswith("show the board to")
    assert "only left sees the board" in found.look([(0.0, sight((9, 9))), None, None]).words
    places = [(float(x), float(y)) for y in range(20, 300, 40) for x in range(20, 380, 40)]
    for n in range(MIN_LINK_BOARDS - 1):
        hold(found, (0, 1), places[n], 10.0 * n)
    assert len(found.taken) == MIN_LINK_BOARDS - 1
    assert "show it to left and middle at once (7 of 8 boards)" in found.todo
    assert "already seen like this" in hold(found, (0, 1), places[0], 90)
    hold(found, (0, 1), places[20], 100)
    assert found.groups == [[0, 1], [2]]
    assert "show it to right and another camera at once" in found.todo
    for n in range(MIN_LINK_BOARDS):
        hold(found, (1, 2), places[n], 110 + 10.0 * n)
    assert found.groups == [[0, 1, 2]]
    assert not found.done
    assert f"{WANTED_BOARDS - 2 * MIN_LINK_BOARDS} more boards" in found.todo
    for n in range(WANTED_BOARDS - 2 * MIN_LINK_BOARDS):
        hold(found, (0, 1, 2), places[30 + n], 300 + 10.0 * n)
    assert found.done
    assert found.shared.diagonal().tolist() == [12, 20, 12]
    assert found.shared[0, 2] == 4


def test_a_board_in_motion_or_blurred_is_not_taken_unless_asked() -> None:
    found, triggered = ExtrinsicsGuide(NAMES, hold=0.5), ExtrinsicsGuide(NAMES, hold=0)
    for n in range(20):
        seen = [(0.1 * n, sight((20.0 * n, 50))) for _ in NAMES]
        assert found.look(seen).words == "hold it still"
        triggered.look(seen)
    assert len(triggered.taken) == 20
    assert found.take().took
    found.look([(9.0, sight((100, 100), blur=15)) for _ in NAMES])
    assert not found.take().took
    assert found.drop().words == "last board removed"
    assert found.drop().words == "no board taken yet"


def test_the_picture_shows_who_is_joined() -> None:
    pictures = [np.full((360, 480, 3), 90, np.uint8), None, np.full((640, 360, 3), 90, np.uint8)]
    found = ExtrinsicsGuide(
        NAMES, hold=0.5, taken=[{0: sight((9, 9)), 1: sight((9, 9))}] * MIN_LINK_BOARDS
    )
    advice = found.look([(0.0, sight((9, 9))), None, None])
    page = gathering_picture(pictures, found, advice)
    assert (page == YELLOW).all(-1).sum() > 100  # corners of now, and names of the unjoined
    assert (page[:, 960:] == GREEN).all(-1).sum() > 1000  # the square of left and middle
    assert (pictures[0] == 90).all()
    many = gathering_picture(
        [pictures[0]] * 16, ExtrinsicsGuide([f"a{n}" * 9 for n in range(16)]), advice
    )
    assert many.shape[1] <= 1280


def test_pictures_of_any_shape_stand_side_by_side() -> None:
    panes = side_by_side([np.full((90, 160, 3), 200, np.uint8)] * 3 + [None], (200, 200))
    assert panes.image.shape[0] <= 200
    assert panes.image.shape[1] <= 200
    for n in range(3):
        assert (panes.pane(n) == 200).all()
        assert panes.scales[n] == pytest.approx(97 / 160, rel=0.02)
    assert panes.scales[3] == 0


def test_kept_boards_come_back_and_foreign_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "boards.csv"
    write_boards(path, NAMES, [{0: sight((9.123, 9)), 2: sight((30, 40.5))}, {1: sight((1, 2))}])
    back = read_boards(path, NAMES, CHARUCO)
    assert [sorted(one) for one in back] == [[0, 2], [1]]
    assert np.allclose(back[0][0].xy, sight((9.123, 9)).xy, atol=1e-3)
    assert back[0][2].size == (480, 360)
    with pytest.raises(CalibrationError, match="has a camera right"):
        read_boards(path, NAMES[:2], CHARUCO)
    with pytest.raises(BoardError, match="the same board"):
        read_boards(path, NAMES, replace(CHARUCO, columns=3, rows=3))
    path.write_text(path.read_text().replace("30.0000", "nan"))
    with pytest.raises(CalibrationError, match="damaged at line 14"):
        read_boards(path, NAMES, CHARUCO)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(CalibrationError, match="not a table with the columns"):
        read_boards(path, NAMES, CHARUCO)


@cache
def scenes(count: int = 30) -> list[list[Image]]:
    """By camera its photos of the board, by turns before the left two and the right two."""
    rng = np.random.default_rng(4)
    out: list[list[Image]] = [[] for _ in NAMES]
    middle = np.array([*np.array(CHARUCO.size) / 2, 0])
    for n in range(count):
        turn = rotation_matrix(np.array([*rng.uniform(-0.5, 0.5, 2), rng.uniform(-0.3, 0.3)]))
        at = np.array([APART * (0.5 + n % 2), 0, 0]) + rng.uniform(
            (-0.06, -0.1, 0.5), (0.06, 0.1, 0.7)
        )
        for camera, pictures in zip(RIG.cameras, out, strict=True):
            gray = photograph(CHARUCO, camera, turn, at - turn @ middle + camera.translation)
            pictures.append(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))
    return out


def plug_in(monkeypatch: pytest.MonkeyPatch, looks: Looks, filmed: list[list[Image]]) -> None:
    """Webcams 0, 1, … that film their pictures over and over."""

    def device(pictures: list[Image]) -> FakeCamera:
        return FakeCamera(looks.films([], then=lambda at: pictures[at % len(pictures)]))

    devices = [device(pictures) for pictures in filmed]
    connector = partial(WebcamConnector, open_camera=devices.__getitem__)
    monkeypatch.setattr("realtime.sources.WebcamConnector", connector)


def command(folder: Path, *more: str) -> list[str]:
    write_rig(RIG, folder / "lenses.toml", force=True)
    words = ["extrinsics", *BOARD, "--intrinsics", str(folder / "lenses.toml"), "--no-show"]
    return [*words, "--hold", "0.05", "--output", str(folder / "rig.toml"), *more]


def webcams() -> list[str]:
    return [word for n in range(len(NAMES)) for word in ("--source", f"webcam:{n}")]


@pytest.mark.slow
def test_a_rig_of_webcams_is_calibrated_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plug_in(monkeypatch, Looks(monkeypatch, 9), scenes())  # three of each camera
    assert main(command(tmp_path, *webcams(), "--seconds", "500")) == 0
    said = capsys.readouterr()
    assert re.search(r"show it to (left|middle) and (middle|right) at once", said.err)
    assert "20/20 boards" in said.err
    assert f"{tmp_path}/rig.boards.csv" in said.out
    rig = read_rig(tmp_path / "rig.toml")
    assert [one.name for one in rig.cameras] == list(NAMES)
    assert np.allclose(rig.centres[:, 0], [0, APART, 2 * APART], atol=0.006)
    assert np.allclose(rig.rotations, np.eye(3), atol=0.01)
    # What was kept gives the same rig again.
    again = command(tmp_path, "--force", "--boards", str(tmp_path / "rig.boards.csv"))
    assert main(again) == 0
    assert np.allclose(read_rig(tmp_path / "rig.toml").centres, rig.centres, atol=1e-4)


def test_boards_outlive_a_calibration_that_ends_too_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left, middle, _ = scenes()
    blank = np.full_like(left[0], 90)

    def plug(ends: int) -> None:
        looks = Looks(monkeypatch, 9, ends)
        plug_in(monkeypatch, looks, [left[::2], middle[::2], [blank]])

    plug(60)
    assert main(command(tmp_path, *webcams())) == 2
    says = capsys.readouterr().err
    assert "right saw the board 0 times" in says
    assert f"give --boards {tmp_path}/rig.boards.csv" in says
    assert not (tmp_path / "rig.toml").exists()
    kept = len(read_boards(tmp_path / "rig.boards.csv", NAMES, CHARUCO))
    assert kept
    plug(4)
    main(command(tmp_path, *webcams(), "--boards", str(tmp_path / "rig.boards.csv")))
    assert f"{kept}/20 boards" in capsys.readouterr().err
    plug(30)
    main(command(tmp_path, *webcams(), "--seconds", "1"))
    assert (tmp_path / "rig.boards.csv.bak").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--source", "webcam:0", "--source", "a.mp4", "--source", "b.mp4"), "no file or folder"),
        (("--source", "webcam:0"), "of sources (1) and of cameras"),
        ((), "at least two cameras"),
        (("--boards", "none.csv"), "no boards file none.csv"),
        ((*webcams(), "--sync", "board"), "leave out --timestamps and --sync"),
        ((*webcams(), "--hold", "-1"), "--hold -1.0"),
        ((*webcams(), "--seconds", "0"), "--seconds 0"),
    ],
)
def test_what_does_not_go_together_is_refused(
    more: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path, *more)) == 2
    assert says in capsys.readouterr().err


def test_cameras_that_never_see_the_board_say_which_one_they_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = Looks(monkeypatch, 9, ends=12)
    plug_in(monkeypatch, looks, [[255 - one for one in own[:1]] for own in scenes()])
    assert main(command(tmp_path, *webcams())) == 2
    assert "it is found with --inverted" in capsys.readouterr().err
    assert not (tmp_path / "rig.boards.csv").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is of Linux")
@once_more
def test_the_window_shows_all_cameras_and_enter_ends_it(tmp_path: Path) -> None:
    """Videos in place of the cameras."""
    films = []
    for name, pictures in zip(NAMES, scenes(), strict=True):
        film = tmp_path / f"{name}.mp4"
        frames = [one for one in pictures for _ in range(5)]
        write(film, frames, pts=list(range(0, 100 * len(frames), 100)))
        films += ["--source", str(film)]
    words = [word for word in command(tmp_path, *films, "--realtime") if word != "--no-show"]
    with screen(tmp_path) as display:
        child, number = painted(["calibration", *words], display, tmp_path)
        try:

            def joined() -> bool:
                picture = screenshot(tmp_path).astype(int)
                return bool((np.abs(picture - GREEN).max(-1) < 30).sum() > 100)

            wait_for(joined, process=child, patience=WINDOW_PATIENCE)
            assert child.poll() is None
            while child.poll() is None and window(display, "posestream"):
                press(display, number, "Return")  # a window may miss one while it gets the focus
                time.sleep(0.3)
            _, said = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
            with child:  # nothing of it is left for the second time
                pass
    assert (tmp_path / "rig.boards.csv").exists(), said


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_a_browser_shows_all_cameras_and_its_keys_are_heard(tmp_path: Path) -> None:
    """Videos in place of the cameras."""
    films = []
    for name, pictures in zip(NAMES, scenes(), strict=True):
        frames = [one for one in pictures for _ in range(4)]  # two seconds each
        write(tmp_path / f"{name}.mp4", frames, pts=list(range(0, 500 * len(frames), 500)))
        films += ["--source", str(tmp_path / f"{name}.mp4")]
    words = command(tmp_path, *films, "--realtime", "--web", "--port", "0")
    child = subprocess.Popen(
        [sys.executable, "-m", "calibration", *words, "--hold", "30"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    async def visit(url: str) -> None:
        async with aiohttp.ClientSession() as client:
            async with client.get(url, headers={"Host": "evil.example"}) as answer:
                assert answer.status == 403
            evil = {"Origin": "http://evil.example"}
            async with client.get(f"{url}ws", headers=evil) as answer:
                assert answer.status == 403
        async with browser(url) as page:
            await page.until("at('picture').naturalWidth > 900")
            while not (tmp_path / "rig.boards.csv").exists():  # the board may be in motion
                await page.evaluate("document.querySelector('button').click()")
                await asyncio.sleep(0.2)
            if "SHOTS" in os.environ:
                await page.screenshot(Path(os.environ["SHOTS"]) / "live.png")
            await page.evaluate(
                "dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', cancelable: true }))"
            )
            await page.until("at('state').textContent.startsWith('finished')")

    assert child.stderr is not None
    try:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+/", child.stderr.readline())
        asyncio.run(visit(url))
        _, said = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
    assert child.returncode == 2
    assert "Not all cameras are connected" in said
