"""Pictures and pages of a rig."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.board.extrinsics import locate, on_board
from calibration.files.corners_csv import Corners, board_corners, read_corners, write_corners
from calibration.files.rig_toml import rig_toml, write_rig
from calibration.geometry.camera import Rig
from calibration.geometry.errors import RigError
from calibration.plots.lettering import camera_colour, residual_colour
from calibration.plots.rig_plan import draw_rig
from calibration.plots.viewpoint import grid_step, worst
from posestream.commands.calibrate.main import main
from realtime.web.space_json import still_page
from tests.browser import CHROMIUM, browser
from tests.calibration.board.test_extrinsics import waved
from tests.calibration.boards import CHARUCO
from tests.calibration.cameras import camera, ring
from tests.calibration.formats.test_formats import rigs
from tests.conftest import ROOT
from tests.waiting import PATIENCE


def cloud(count: int, errors: float = 0.5) -> Corners:
    rng = np.random.default_rng(3)
    return Corners(rng.uniform((-1, -1, 0), (1, 1, 2), (count, 3)), rng.uniform(0, errors, count))


def coloured(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """(N, 2) x, y of the pixels of a colour."""
    return np.argwhere((image == colour).all(2))[:, ::-1]


def test_cameras_are_drawn_where_they_stand_in_one_scale() -> None:
    """Looking for each camera's disc: the two largest patches of its colour."""
    rig = ring(4)
    image = draw_rig(rig)
    above, side = [], []
    for n in range(4):
        mask = (image == camera_colour(n)).all(2).astype(np.uint8)
        mask[:, 1150:] = 0  # the table
        solid = cv2.erode(mask, np.ones((7, 7), np.uint8))
        _, _, stats, centres = cv2.connectedComponentsWithStats(solid)
        discs = sorted(centres[1 + stats[1:, cv2.CC_STAT_AREA].argsort()[-2:]], key=lambda c: c[1])
        above.append(discs[0])
        side.append(discs[1])
    flat = rig.centres[:, :2] * [1, -1]  # Z is up: X to the right, Y up the page
    seen = np.array(above)
    scale = np.linalg.norm(seen[2] - seen[0]) / np.linalg.norm(flat[2] - flat[0])
    assert np.allclose(seen - seen.mean(0), scale * (flat - flat.mean(0)), atol=1.5)
    assert np.allclose(np.array(side)[:, 0], seen[:, 0], atol=1.5)
    assert np.ptp(np.array(side)[:, 1]) < 1.5, "all at one height"


@pytest.mark.parametrize("views", [1, 2, 16, 25])
def test_any_number_of_cameras_can_be_drawn(views: int) -> None:
    image = draw_rig(ring(views), cloud(50))
    assert image.shape[0] < 2000
    colours = [len(coloured(image, camera_colour(n))) for n in range(min(views, 16))]
    assert min(colours) > 60


@given(rigs(), st.sampled_from([0, 1e3, 1e11]))
@settings(max_examples=25, deadline=None)
def test_whatever_is_a_rig_can_be_drawn(rig: Rig, away: float) -> None:
    far = [replace(one, translation=one.translation + away) for one in rig.cameras]
    assert (draw_rig(Rig(tuple(far))) != 255).any()
    (scene,) = re.findall(r'id="still">(.*?)</script>', still_page(Rig(tuple(far))), re.DOTALL)
    json.loads(scene, parse_constant=pytest.fail)  # NaN and Infinity are no JSON


def test_names_of_any_script_and_length_stay_inside() -> None:
    rig = Rig((camera("電影 é\n\x1b" + "w" * 300), camera("b", translation=(4, 0, 3))))
    image = draw_rig(rig)
    border = [image[:8], image[-8:], image[:, :8], image[:, -8:]]
    assert all((part == 255).all() for part in border)


def test_corners_have_the_colour_of_their_residuals() -> None:
    few = Corners(np.array([[-0.5, 0.4, 0.5], [0.9, 0.4, 0.5]]), np.array([0.0, 2.0]))
    image = draw_rig(ring(4), few)
    for share in (0.0, 1.0):
        assert len(coloured(image[:, :1150], residual_colour(share))) > 4
    assert worst(few) == pytest.approx(1.9)


@pytest.mark.parametrize(
    ("least", "step"), [(0.011, 0.02), (0.1, 0.1), (0.3, 0.5), (0.9, 1), (2.1, 5), (7, 10)]
)
def test_grids_have_round_steps(least: float, step: float) -> None:
    assert grid_step(least) == pytest.approx(step)


def test_corners_of_boards_lie_where_the_boards_were(tmp_path: Path) -> None:
    rig = ring(4, radius=2.0)
    seen = waved(rig, 50, noise=0.1)
    found = locate(rig.cameras, seen, CHARUCO)
    moved = on_board(found, CHARUCO, found.instants[-1])
    corners = board_corners(found, moved)
    # The board of the origin lies flat on the ground, its corners where they are printed.
    flat = CHARUCO.points * [1, -1, -1]
    near = np.linalg.norm(corners.xyz[:, None] - flat, axis=2)
    assert (near.min(0) < 2e-3).all()
    assert np.sqrt((corners.error**2).mean()) == pytest.approx(0.1 * 2**0.5, rel=0.25)
    write_rig(moved, tmp_path / "rig.toml")
    assert read_corners(tmp_path / "rig.toml") is None
    write_corners(corners, tmp_path / "rig.toml")
    back = read_corners(tmp_path / "rig.toml")
    assert back is not None
    assert np.allclose(back.xyz, corners.xyz, atol=1e-5)
    assert np.allclose(back.error, corners.error, atol=1e-4)
    write_rig(rig, tmp_path / "rig.toml", force=True)
    with pytest.raises(RigError, match="was changed since"):
        read_corners(tmp_path / "rig.toml")


@pytest.mark.parametrize("text", ["", "x,y,z,error\n1,2,3\n", "x,y,z,error\n1,2,3,nan\n", "a\n"])
def test_damaged_corners_are_left_out(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rig(ring(2), tmp_path / "rig.toml")
    write_corners(cloud(5), tmp_path / "rig.toml")
    path = tmp_path / "rig.corners.csv"
    path.write_text(path.read_text().partition("\n")[0] + "\n" + text)
    assert main(["show", str(tmp_path / "rig.toml")]) == 0
    assert "rig.corners.csv is damaged" in capsys.readouterr().err
    assert (tmp_path / "rig.view.png").exists()


def test_the_command_writes_a_picture_or_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rig(ring(3), tmp_path / "rig.toml")
    write_corners(cloud(20), tmp_path / "rig.toml")
    words = ["show", str(tmp_path / "rig.toml")]
    assert main(words) == 0
    assert cv2.imread(str(tmp_path / "rig.view.png")).shape[1] > 1000
    assert main(words) == 0
    named = [*words, "--output", str(tmp_path / "rig.view.png")]
    assert main(named) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*named, "--force"]) == 0
    assert (tmp_path / "rig.view.png.bak").exists()
    assert main([*words, "--output", str(tmp_path / "rig.html")]) == 0
    assert "20 board corners" in (tmp_path / "rig.html").read_text()
    for bad in (["--output", "rig.gif"], ["--web", "--port", "70000"], ["--size", "7"]):
        assert main([*words, *bad]) == 2
    assert main(["show", str(tmp_path / "none.toml")]) == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        capsys.readouterr()
        assert main([*words, "--web", "--port", port]) == 2
    assert f"--port {port}: port {port} is in use" in capsys.readouterr().err


def test_a_page_is_not_ended_by_a_name() -> None:
    name = "</script><script>alert(1)</script>"
    page = still_page(Rig((camera(name),)), cloud(3))
    (scene,) = re.findall(r'id="still">(.*?)</script>', page, re.DOTALL)
    assert json.loads(scene)["cameras"][0]["name"] == name
    assert page.count("</script>") == 2


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_a_browser_turns_the_rig_and_only_this_computer_may(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text(rig_toml(ring(3)))
    write_corners(cloud(400), tmp_path / "rig.toml")
    words = [sys.executable, "-m", "calibration", "show", str(tmp_path / "rig.toml")]
    run = subprocess.Popen(
        [*words, "--web", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert run.stderr is not None
    try:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+/", run.stderr.readline())
        asyncio.run(visit(url))
    finally:
        run.send_signal(signal.SIGINT)
        rest = run.communicate(timeout=PATIENCE)[1]
    assert (run.returncode, rest) == (0, "")
    assert not (tmp_path / "rig.view.png").exists()


async def visit(url: str) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.get(url, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403
        async with client.get(f"{url}space") as answer:
            assert answer.status == 404
    # Reddish and greenish dots of the corners.
    count = """(() => {
      const pen = canvas.getContext("2d");
      const p = pen.getImageData(0, 0, canvas.width, canvas.height).data;
      let red = 0, green = 0;
      for (let i = 0; i < p.length; i += 4) {
        red += p[i] > 180 && p[i + 1] < 60 && p[i + 2] < 60;
        green += p[i + 1] > 150 && p[i] < 80 && p[i + 2] < 80;
      }
      return red > 20 && green > 20;
    })()"""
    async with browser(url) as page:
        await page.until(count)
        assert "3 cameras" in await page.evaluate("at('state').textContent")
        before = await page.evaluate("view.eye.yaw")
        for kind, x in (("mousePressed", 600), ("mouseMoved", 700), ("mouseReleased", 700)):
            await page.call(
                *("Input.dispatchMouseEvent",),
                type=kind,
                x=x,
                y=400,
                button="left",
                clickCount=1,
                buttons=1,
            )
        assert await page.evaluate("view.eye.yaw") != before
        if "SHOTS" in os.environ:
            await page.screenshot(Path(os.environ["SHOTS"]) / "rig.png")
