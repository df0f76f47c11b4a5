"""A rig in its cameras' own pictures: what is drawn lies where it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.board.detection import Finder
from calibration.files.corners_csv import Corners
from calibration.files.rig_toml import write_rig
from calibration.geometry.arrays import Image
from calibration.geometry.camera import Camera, Rig
from calibration.plots.lettering import camera_colour
from calibration.plots.rig_overlay import CROSS, Placed, draw_view, draw_views, place, straight
from calibration.plots.rig_plan import AXES
from posestream.commands.calibrate.main import main
from tests.browser import CHROMIUM, browser
from tests.calibration.boards import CHARUCO, photograph, pose
from tests.calibration.cameras import FISHEYE, LENSES, ring
from tests.calibration.guidance.test_extrinsics_guide import BOARD, NAMES, RIG, plug_in, scenes
from tests.calibration.looks import Looks
from tests.realtime.clips import write


def grey(camera: Camera) -> Image:
    return np.full((camera.size[1], camera.size[0], 3), 90, np.uint8)


def centre(image: Image, colour: tuple[int, int, int], near: tuple[float, float]) -> np.ndarray:
    """x, y in the middle of what has this colour around there."""
    y, x = np.nonzero((image == colour).all(2))
    some = (abs(x - near[0]) < 30) & (abs(y - near[1]) < 30)
    return np.array([x[some].mean(), y[some].mean()])


def placed(turn: tuple[float, float, float] = (0.3, -0.2, 0.1)) -> Placed:
    rotation, shift = pose(turn, (0.15, 0, 0.6), CHARUCO)
    seen = [
        Finder(CHARUCO).find(photograph(CHARUCO, one, rotation, shift + one.translation))
        for one in RIG.cameras
    ]
    found = place(RIG, CHARUCO, seen)
    assert found is not None
    assert np.allclose(found.corners, CHARUCO.points @ rotation.T + shift, atol=2e-3)
    return found


def test_the_board_is_where_the_rig_says_and_a_bumped_camera_shows() -> None:
    found = placed()
    assert found.seen[2] is None
    assert np.isnan(found.error[2])
    assert (found.error[:2] < 0.3).all()
    angle = np.radians(2)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    bumped = [RIG.cameras[0], replace(RIG.cameras[1], rotation=turn), RIG.cameras[2]]
    off = place(Rig(tuple(bumped)), CHARUCO, found.seen)
    assert off is not None
    assert off.error[:2].max() > 3
    assert place(RIG, CHARUCO, [None] * 3) is None


def test_corners_are_drawn_where_they_are_seen() -> None:
    found = placed()
    for n in (0, 1):
        image = draw_view(RIG, n, grey(RIG.cameras[n]), 480, found)
        for at in RIG.cameras[n].project(found.corners).round().astype(int):
            patch = image[at[1] - 1 : at[1] + 2, at[0] - 1 : at[0] + 2].reshape(-1, 3)
            assert (np.abs(patch.astype(int) - CROSS).max(1) < 60).any()


@pytest.mark.parametrize("longest", [1280, 640])
def test_cameras_and_axes_are_drawn_where_they_stand(longest: int) -> None:
    """Looked for by their colours, in whole and in half size, through a lens that bends."""
    rig = ring(4)
    image = draw_view(rig, 0, grey(rig.cameras[0]), longest)
    scale = longest / 1280
    for n in (2,):
        xy = (rig.cameras[0].project(rig.centres[n]) + 0.5) * scale - 0.5
        assert np.abs(centre(image, camera_colour(n), tuple(xy)) - xy).max() < 25
        assert (image[round(xy[1]), round(xy[0])] == camera_colour(n)).all()
    for axis, (_, colour) in zip(np.eye(3), AXES, strict=True):
        x, y = ((rig.cameras[0].project(0.5 * axis) + 0.5) * scale - 0.5).round().astype(int)
        patch = image[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3)
        assert (np.abs(patch.astype(int) - colour).max(1) < 60).any()


def test_whatever_a_camera_cannot_see_is_left_out() -> None:
    """The world behind it, or its own; and pictures that did not come."""
    turned = np.diag([-1.0, 1, -1])
    away = replace(RIG.cameras[1], rotation=turned, translation=-turned @ RIG.cameras[1].centre)
    rig = Rig((RIG.cameras[0], away, *ring(1, lens=8).cameras))
    corners = Corners(np.array([[0, 0, 5.0], [0, 0, -5.0], [1e9, 0, 1e-9]]), np.ones(3))
    panes = draw_views(
        rig, [grey(one) for one in rig.cameras[:2]] + [None], (900, 900), None, corners
    )
    assert panes.image.shape[0] <= 900
    assert panes.scales[2] == 0


@pytest.mark.parametrize("fisheye", [False, True])
def test_pictures_are_straightened(fisheye: bool) -> None:
    """Straight lines of the world are lines again."""
    bent = FISHEYE if fisheye else LENSES[5]
    matrix = np.array([[300.0, 0, 319.5], [0, 300, 239.5], [0, 0, 1]])
    lens = Camera("c", (640, 480), matrix, np.array(bent), fisheye=fisheye)
    image = np.zeros((480, 640, 3), np.uint8)
    world = np.stack([np.linspace(-0.9, 0.9, 400), np.full(400, 0.5), np.ones(400)], axis=-1)
    for x, y in lens.project(world):
        cv2.circle(image, (round(x), round(y)), 2, (255, 255, 255), -1)
    y, x = np.nonzero(straight(lens, image, 640)[..., 0] > 100)
    assert len(x) > 800
    assert np.abs(y - (239.5 + 0.5 * 300)).max() < 5


@contextmanager
def films(folder: Path) -> Iterator[list[str]]:
    """A video of each camera, and the rig."""
    write_rig(RIG, folder / "rig.toml")
    words = []
    for name, pictures in zip(NAMES, scenes(), strict=True):
        write(folder / f"{name}.mp4", pictures[:6], pts=[100 * n for n in range(6)])
        words += ["--source", str(folder / f"{name}.mp4")]
    yield words


def test_the_command_draws_into_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with films(tmp_path) as sources:
        words = ["show", str(tmp_path / "rig.toml"), *sources]
        assert main([*words, *BOARD]) == 0
        said = capsys.readouterr().out
        errors = [float(one) for one in re.findall(r"off by ([\d.]+) px", said)]
        assert len(errors) == 2
        assert max(errors) < 1
        alone = cv2.imread(str(tmp_path / "rig.view.png"))
        assert main(["show", str(tmp_path / "rig.toml"), "--force"]) == 0
        assert alone.shape[0] > cv2.imread(str(tmp_path / "rig.view.png")).shape[0] + 300
        assert main([*words, "--start", "2", "--output", str(tmp_path / "rig.html")]) == 0
        assert (tmp_path / "rig.html").read_text().count("data:image/jpeg") == 6
        capsys.readouterr()
        for more, says in (
            (["--start", "-1"], "--start must be 0"),
            (["--start", "99"], "leaves nothing"),
            (["--source", "webcam"], "(3) and of sources (4) differ"),
            (
                ["--board", "chessboard", "--columns", "4", "--rows", "3", "--square", "1"],
                "no chess",
            ),
        ):
            assert main([*words, *more, "--force"]) == 2
            assert says in capsys.readouterr().err
        assert main(["show", str(tmp_path / "rig.toml"), "--force", *BOARD]) == 2
        assert "give one per camera" in capsys.readouterr().err
        if CHROMIUM is not None:
            asyncio.run(visit(tmp_path / "rig.html"))


async def visit(path: Path) -> None:
    """The pictures hang before their cameras, and can be enlarged."""
    count = """(() => {
      const canvas = document.querySelector("canvas");
      const p = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      let grey = 0;
      for (let i = 0; i < p.length; i += 4) {
        grey += Math.abs(p[i] - 117) < 12 && Math.abs(p[i + 1] - 117) < 12;
      }
      return grey > 2000;
    })()"""
    async with browser(path.as_uri()) as page:
        await page.until("document.querySelectorAll('#views img').length === 3")
        await page.until(count)
        await page.evaluate("document.querySelector('#views img').click()")
        assert await page.evaluate("getComputedStyle(at('large')).display") == "block"
        await page.evaluate("at('large').click()")
        assert await page.evaluate("getComputedStyle(at('large')).display") == "none"


def test_live_cameras_are_drawn_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rig(RIG, tmp_path / "rig.toml")
    plug_in(monkeypatch, Looks(monkeypatch, 1), [own[:1] for own in scenes()])
    words = ["show", str(tmp_path / "rig.toml")]
    words += [word for n in range(3) for word in ("--source", f"webcam:{n}")]
    assert main(words) == 0
    assert cv2.imread(str(tmp_path / "rig.view.png")) is not None
