"""A rig drawn into its cameras' own pictures, so that one sees whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.board_poses_in_rig import boards_in_space, fitted
from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.files.corners_csv import Corners
from calibration.geometry.arrays import Doubles, Image
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import free_poses
from calibration.geometry.camera import Camera, Rig
from calibration.guidance.intrinsics_screen import text
from calibration.guidance.tiles import Tiles, side_by_side
from calibration.plots.lettering import camera_colour, residual_colour
from calibration.plots.rig_plan import AXES
from calibration.plots.viewpoint import grid_step, reach, sight, upwards, worst

RING, CROSS, WHITE, LINES = (0, 220, 250), (255, 80, 255), (255,) * 3, (200, 190, 180)
LINE_PIECES = 24  # pieces of a line, which lenses bend
GROUND_SQUARES = 6  # of the ground, to either side
MAX_OUTSIDE_SHARE = 0.5  # of the picture, beyond its edges, where lens models are still believed
HUNG_PICTURE_PX = 360  # longer side of a picture that hangs before its camera on a page


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A board where the whole rig says. corners: (N, 3) metres. seen: by camera; error: (V,) RMS
    pixels between both, NaN where it is not seen.
    """

    board: Board
    corners: Doubles
    seen: Sequence[Sighting | None]
    error: Doubles


def place(rig: Rig, board: Board, seen: Sequence[Sighting | None]) -> Placed | None:
    """The board that some cameras see now; None where none does, or not well enough."""
    sights = [{0: one} if one is not None else {} for one in seen]
    fitting, poses = fitted(rig.cameras, sights, board.points)
    if not any(poses):
        return None
    cameras = [
        replace(lens, rotation=own.rotation, translation=own.translation)
        for lens, own in zip(fitting, rig.cameras, strict=True)
    ]
    scene, rows = boards_in_space(cameras, sights, poses, [0], board.points)
    free = np.zeros_like(free_poses(cameras))
    scene = adjust(scene, rows, free, huber=None).scene
    assert scene.rotations is not None
    corners = board.points @ scene.rotations[0].T + scene.translations[0]
    error = np.full(len(rig), np.nan)
    for n, one in enumerate(seen):
        if one is not None:
            off = cameras[n].project(corners[one.ids]) - one.xy
            error[n] = np.sqrt((off**2).sum(1).mean())
    return Placed(board, corners, seen, error)


def draw_views(
    rig: Rig,
    pictures: Sequence[Image | None],
    room: tuple[int, int],
    placed: Placed | None = None,
    corners: Corners | None = None,
) -> Tiles:
    """All pictures side by side, each with the world's axes and ground, the other cameras, and the
    board or else the corners of the calibration, where the rig has them.
    """
    panes = side_by_side(pictures, room, 255)
    for n, picture in enumerate(pictures):
        pane = panes.pane(n)
        if picture is None:
            text(pane, f"{rig.cameras[n].name}: no picture", (10, 22), 18, WHITE, pane.shape[1])
            continue
        _draw(pane, rig, n, _lens(rig.cameras[n], picture, panes.scales[n]), placed, corners)
    return panes


def draw_view(
    rig: Rig,
    n: int,
    picture: Image,
    longest: int,
    placed: Placed | None = None,
    corners: Corners | None = None,
) -> Image:
    """The same of one camera."""
    panes = side_by_side([picture], (longest, longest))
    lens = _lens(rig.cameras[n], picture, panes.scales[0])
    _draw(panes.pane(0), rig, n, lens, placed, corners)
    return panes.image


def straight(camera: Camera, picture: Image, longest: int = HUNG_PICTURE_PX) -> Image:
    """The picture without distortion, as `view.sight` has it, smaller."""
    scale = min(1.0, longest / max(picture.shape[:2]))
    wide, high = (max(1, round(side * scale)) for side in picture.shape[1::-1])
    lens = replace(camera, rotation=np.eye(3), translation=np.zeros(3))
    lens = lens.scaled((picture.shape[1], picture.shape[0]))
    x, y = np.meshgrid(np.arange(wide), np.arange(high))
    pixels = (np.stack([x, y], axis=-1) + 0.5) / [wide / lens.size[0], high / lens.size[1]] - 0.5
    undistorted = (pixels - lens.matrix[:2, 2]) / lens.matrix.diagonal()[:2]
    at = lens.project(np.concatenate([undistorted, np.ones_like(undistorted[..., :1])], axis=-1))
    blurred = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale) if scale < 1 else picture
    x, y = np.moveaxis(at.astype(np.float32), -1, 0)
    out = cv2.remap(blurred, x, y, cv2.INTER_LINEAR)
    return np.asarray(out, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class _Lens:
    """A camera whose pictures are shown by so much smaller."""

    camera: Camera
    scale: float

    def at(self, points: Doubles) -> Doubles:
        """(N, 3) metres to (N, 2) pixels of what is shown; NaN far outside of the picture."""
        camera = self.camera
        inside = points @ camera.rotation.T + camera.translation
        with np.errstate(all="ignore"):
            undistorted = inside[:, :2] / inside[:, 2:] * camera.matrix.diagonal()[:2]
        off = np.abs(undistorted + camera.matrix[:2, 2] - np.array(camera.size) / 2)
        known = (inside[:, 2] > 0) & (off < (0.5 + MAX_OUTSIDE_SHARE) * np.array(camera.size)).all(
            1
        )
        xy = np.where(known[:, None], camera.project(points), np.nan)
        return np.asarray((xy + 0.5) * self.scale - 0.5)


def _lens(camera: Camera, picture: Image, scale: float) -> _Lens:
    return _Lens(camera.scaled((picture.shape[1], picture.shape[0])), scale)


def _draw(
    pane: Image, rig: Rig, n: int, lens: _Lens, placed: Placed | None, corners: Corners | None
) -> None:
    _ground(pane, rig, lens)
    if placed is None and corners is not None:
        most = worst(corners)
        for (x, y), error in zip(lens.at(corners.xyz), corners.error, strict=True):
            if x == x:
                colour = residual_colour(float(error) / most)
                cv2.circle(pane, (round(x), round(y)), 2, colour, -1, cv2.LINE_AA)
    for m, other in enumerate(rig.cameras):
        if m != n:
            _other(pane, other, 0.4 * reach(rig), lens, camera_colour(m))
    if placed is not None:
        _board(pane, lens, placed, placed.seen[n])
    bar = pane[:26]
    bar[:] = (bar * 0.3).astype(np.uint8)
    words = rig.cameras[n].name
    if placed is not None and placed.error[n] == placed.error[n]:
        words += f": board off by {placed.error[n]:.2f} px"
    cv2.circle(pane, (14, 13), 6, camera_colour(n), -1, cv2.LINE_AA)
    text(pane, words, (28, 19), 18, WHITE, pane.shape[1] - 36)


def _ground(pane: Image, rig: Rig, lens: _Lens) -> None:
    """The world's axes, and the ground where there is one: cameras all stand above it."""
    up, step = upwards(rig), grid_step(0.6 * reach(rig))
    if (rig.centres @ up > 0.5 * step).all():
        axes = np.eye(3)[np.abs(up) < 0.5] * step
        for along, aside in (axes, axes[::-1]):
            for k in range(-GROUND_SQUARES, GROUND_SQUARES + 1):
                ends = np.stack(
                    [k * aside - GROUND_SQUARES * along, k * aside + GROUND_SQUARES * along]
                )
                _line(pane, lens, ends, LINES, 1)
    if np.linalg.norm(lens.camera.centre) < 0.1 * step:
        return  # the world is this camera's own
    for axis, (name, colour) in zip(np.eye(3), AXES, strict=True):
        _line(pane, lens, np.stack([0 * axis, step * axis]), colour, 3)
        _name(pane, lens, 1.1 * step * axis, name, colour)


def _other(
    pane: Image, camera: Camera, length: float, lens: _Lens, colour: tuple[int, ...]
) -> None:
    """Another camera: its place, its name, and a little of where it looks."""
    ends = camera.centre + length * sight(camera)
    for a in range(4):
        _line(pane, lens, np.stack([camera.centre, ends[a]]), colour, 2)
        _line(pane, lens, np.stack([ends[a], ends[(a + 1) % 4]]), colour, 2)
    ((x, y),) = lens.at(camera.centre[None])
    if x == x:
        cv2.circle(pane, (round(x), round(y)), 7, WHITE, -1, cv2.LINE_AA)
        cv2.circle(pane, (round(x), round(y)), 5, colour, -1, cv2.LINE_AA)
        _name(pane, lens, camera.centre, camera.name, colour)


def _board(pane: Image, lens: _Lens, placed: Placed, seen: Sighting | None) -> None:
    """Rings where the picture has its corners, crosses where the rig has them."""
    wide, high = placed.board.size
    grid = placed.corners.reshape(*placed.board.grid[::-1], 3)
    right, down = (grid[0, 1] - grid[0, 0], grid[1, 0] - grid[0, 0])
    first = grid[0, 0] - right - down
    square = placed.board.square
    rim = first + np.array([[0, 0], [wide, 0], [wide, high], [0, high]]) / square @ np.stack(
        [right, down]
    )
    for a in range(4):
        _line(pane, lens, np.stack([rim[a], rim[(a + 1) % 4]]), CROSS, 2)
    if seen is not None:
        for x, y in (seen.xy + 0.5) * lens.scale - 0.5:
            cv2.circle(pane, (round(x), round(y)), 6, RING, 1, cv2.LINE_AA)
    for x, y in lens.at(placed.corners):
        if x == x:
            at = round(x), round(y)
            cv2.drawMarker(pane, at, CROSS, cv2.MARKER_CROSS, 9, 1, cv2.LINE_AA)


def _line(pane: Image, lens: _Lens, ends: Doubles, colour: tuple[int, ...], thick: int) -> None:
    share = np.linspace(0, 1, LINE_PIECES)[:, None]
    xy = lens.at((1 - share) * ends[0] + share * ends[1])
    known: NDArray[np.bool_] = np.asarray(np.isfinite(xy).all(1))
    for part in np.split(np.arange(LINE_PIECES), np.flatnonzero(~known)):
        points: NDArray[np.int32] = (16 * xy[part[known[part]]]).round().astype(np.int32)
        if len(points) > 1:
            cv2.polylines(pane, [points], False, colour, thick, cv2.LINE_AA, 4)


def _name(pane: Image, lens: _Lens, at: Doubles, name: str, colour: tuple[int, ...]) -> None:
    ((x, y),) = lens.at(at[None])
    if not (0 < x < pane.shape[1] and 0 < y < pane.shape[0]):
        return
    where = round(x) + 10, round(y) - 8
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        text(pane, name, (where[0] + dx, where[1] + dy), 18, WHITE, 200)
    text(pane, name, where, 18, colour, 200)
