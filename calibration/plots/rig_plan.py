"""A rig as a picture: from above and from the side, in one scale, with what its cameras are."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.files.corners_csv import Corners
from calibration.geometry.arrays import Doubles, Image
from calibration.geometry.camera import Camera, Rig
from calibration.plots.viewpoint import grid_step, reach, sight, upwards, worst

Colour = tuple[int, int, int]  # BGR

WIDE = 1080  # pixels of the views
HIGH = (640, 340)  # at most, of the view from above and of that from the side
LEAST = 150
TABLE = 400
MARGIN = 56
BETWEEN = 76
GRID = 56  # pixels between its lines, at least
INK, SOFT, LINES, PAPER = (40, 32, 27), (122, 107, 98), (228, 222, 216), (255, 255, 255)
AXES = (("X", (60, 60, 205)), ("Y", (70, 150, 50)), ("Z", (200, 110, 40)))
SHOWN = 24  # cameras in the table


def draw_rig(rig: Rig, corners: Corners | None = None) -> Image:
    """(H, W, 3) BGR. corners: of boards, coloured by their residuals."""
    up = upwards(rig)
    right = np.roll(np.abs(up), 1)  # Z up: X to the right, Y ahead
    if np.abs(up)[1]:
        right = np.array([1.0, 0, 0])
    basis = np.stack([right, np.cross(up, right), up])
    length = reach(rig)
    lines = {
        one.name: np.stack([one.centre, *(one.centre + length * sight(one))]) for one in rig.cameras
    }
    places = [*lines.values()] + ([corners.xyz] if corners is not None else [])
    low, high = _bounds(np.concatenate(places) @ basis.T)
    spans = high - low
    scale = min(WIDE / spans[0], HIGH[0] / spans[1], HIGH[1] / spans[2])
    tall = [max(LEAST, round(float(span * scale))) for span in spans[1:]]
    middle = (low + high) / 2
    table = 210 + 52 * min(len(rig), SHOWN + 1)
    rows = max(2 * MARGIN + sum(tall) + BETWEEN, table)
    page = np.full((rows, MARGIN + WIDE + MARGIN + TABLE, 3), 255, np.uint8)
    tops = (MARGIN, MARGIN + tall[0] + BETWEEN)
    for title, axis, top, height in zip(
        ("from above", "from the side"), (1, 2), tops, tall, strict=True
    ):
        flat = _Flat(page, (MARGIN, top, WIDE, height), basis[[0, axis]], middle[[0, axis]], scale)
        _grid(flat, title)
        if corners is not None:
            _dots(flat, corners)
        _origin(flat)
        _cameras(flat, rig, lines)
    _table(page, rig, basis, corners)
    return page


@dataclass(frozen=True, slots=True, eq=False)
class _Flat:
    """A view along an axis. box: x, y, width, height on the page; axes (2, 3): to the right and
    up the page; middle (2,): what is shown at its centre; scale: pixels a metre.
    """

    page: Image
    box: tuple[int, int, int, int]
    axes: Doubles
    middle: Doubles
    scale: float

    def at(self, points: Doubles) -> Doubles:
        """(..., 3) metres to (..., 2) pixels."""
        x, y, wide, high = self.box
        off = (points @ self.axes.T - self.middle) * self.scale
        return np.array([x + wide / 2, y + high / 2]) + off * [1, -1]

    @property
    def pane(self) -> Image:
        """Its part of the page: what is drawn here goes not beyond."""
        x, y, wide, high = self.box
        return self.page[y : y + high, x : x + wide]

    def inside(self, points: Doubles) -> NDArray[np.int32]:
        """(..., 3) metres to (..., 2) pixels of the pane, for OpenCV, 1/16 fine."""
        off = np.clip(self.at(points) - self.box[:2], -1e6, 1e6)
        return np.round(off * 16).astype(np.int32)


def _bounds(points: Doubles) -> tuple[Doubles, Doubles]:
    """(3,), (3,): what is shown, all points and the world's origin where it is not far away."""
    low, high = points.min(0), points.max(0)
    most = float((high - low).max())
    if (np.maximum(low, -high) < 0.5 * most).all():
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    # A rig far from the origin still needs a width that its numbers can hold.
    rim = max(0.07 * float((high - low).max()), 1e-4, 1e-9 * float(np.abs(points).max()))
    return low - rim, high + rim


def _grid(flat: _Flat, title: str) -> None:
    x, y, wide, high = flat.box
    step = grid_step(GRID / flat.scale)
    flat.pane[:] = (252, 250, 249)
    for n, (axis, span, sign) in enumerate(zip(flat.axes, (wide, high), (1, -1), strict=True)):
        letter = int(np.abs(axis).argmax())
        turned = float(axis[letter])
        first = np.ceil((flat.middle[n] - span / 2 / flat.scale) / step)
        last = np.floor((flat.middle[n] + span / 2 / flat.scale) / step)
        for k in np.arange(first, last + 1):
            off = round(span / 2 + sign * float(k * step - flat.middle[n]) * flat.scale)
            if not 0 <= off < span:
                continue
            ground = k == 0
            text = f"{turned * k * step + 0.0:.4g}"
            ends = ((off, 0), (off, high)) if n == 0 else ((0, off), (wide, off))
            cv2.line(flat.pane, *ends, (190, 180, 172) if ground else LINES, 1)
            if n == 0:
                _write(flat.page, text, (x + off, y + high + 18), 13, SOFT, align=0.5)
            else:
                _write(flat.page, text, (x - 8, y + off + 5), 13, SOFT, align=1)
        name, colour = AXES[letter]
        where = (x + wide, y + high + 38) if n == 0 else (x - 40, y - 12)
        _write(flat.page, f"{name} in metres", where, 14, colour, 600, align=1 if n == 0 else 0)
    cv2.rectangle(flat.page, (x, y), (x + wide - 1, y + high - 1), (200, 192, 184), 1)
    _write(flat.page, f"seen {title}", (x + wide / 2, y - 12), 16, INK, 600, align=0.5)
    bar = round(step * flat.scale)
    left, foot = x, y + high + 33
    cv2.line(flat.page, (left, foot), (left + bar, foot), INK, 3)
    _write(flat.page, f"{step:.4g} m", (left + bar + 8, foot + 5), 14, INK)


def _origin(flat: _Flat) -> None:
    """The world's axes."""
    length = 0.8 * GRID / flat.scale
    for axis, (_, colour) in zip(np.eye(3), AXES, strict=True):
        start, end = flat.inside(np.stack([np.zeros(3), length * axis])).tolist()
        if abs(start[0] - end[0]) + abs(start[1] - end[1]) > 16:
            start, end = ([round(v / 16) for v in point] for point in (start, end))
            cv2.arrowedLine(flat.pane, start, end, colour, 2, cv2.LINE_AA, tipLength=0.25)


def _dots(flat: _Flat, corners: Corners) -> None:
    most = worst(corners)
    for n in np.argsort(corners.error):
        colour = residual_colour(float(corners.error[n]) / most)
        at = flat.inside(corners.xyz[n]).tolist()
        cv2.circle(flat.pane, at, 32, colour, -1, cv2.LINE_AA, shift=4)


def _cameras(flat: _Flat, rig: Rig, lines: dict[str, Doubles]) -> None:
    spots = {name: flat.inside(points) for name, points in lines.items()}
    shade = flat.pane.copy()
    for n, spot in enumerate(spots.values()):
        for a in range(4):
            face = spot[[0, 1 + a, 1 + (a + 1) % 4]]
            cv2.fillPoly(shade, [face], camera_colour(n), cv2.LINE_AA, shift=4)
    cv2.addWeighted(shade, 0.16, flat.pane, 0.84, 0, flat.pane)
    taken: list[tuple[float, float, float, float]] = []
    for n, spot in enumerate(spots.values()):
        colour = camera_colour(n)
        for end in spot[1:]:
            cv2.line(flat.pane, spot[0].tolist(), end.tolist(), colour, 1, cv2.LINE_AA, shift=4)
        for a in range(4):  # the thick side is the picture's top
            side = spot[1 + a].tolist(), spot[1 + (a + 1) % 4].tolist()
            cv2.line(flat.pane, *side, colour, 1 if a else 3, cv2.LINE_AA, shift=4)
        cv2.circle(flat.pane, spot[0].tolist(), 5 * 16, colour, -1, cv2.LINE_AA, shift=4)
        x, y = spot[0] / 16
        taken.append((x - 6, y - 6, x + 6, y + 6))
    corners = np.stack(list(spots.values()))[:, None, [0, 0, 0, 0, 1, 2, 3, 4]]
    ends = np.stack(list(spots.values()))[:, None, [1, 2, 3, 4, 2, 3, 4, 1]]
    share = np.linspace(0, 1, 13)[:, None, None]
    edges = ((1 - share) * corners + share * ends).reshape(-1, 2) / 16
    for n, (name, spot) in enumerate(spots.items()):
        _label(flat, name, spot / 16, camera_colour(n), taken, edges)


def _label(
    flat: _Flat,
    name: str,
    spot: Doubles,
    colour: Colour,
    taken: list[tuple[float, float, float, float]],
    edges: Doubles,
) -> None:
    """The name beside its camera where little else is, behind it rather than in its sight."""
    text = _short(name, 170, 15)
    wide, high = _measure(text, 15, 600), 16
    behind = spot[0] - spot[1:].mean(0)
    angle = float(np.arctan2(behind[1], behind[0]))
    best: tuple[float, tuple[float, float, float, float]] | None = None
    edges = edges[(np.abs(edges - spot[0]) < 320).all(1)]
    for far in (12, 24, 40, 60, 90, 120):
        if best is not None and best[0] <= far / 12:
            break  # farther away costs more
        for turn in np.linspace(0, np.pi, 9):
            for side in (1, -1):
                towards = np.array([np.cos(angle + side * turn), np.sin(angle + side * turn)])
                middle = spot[0] + towards * [far + wide / 2, far + high / 2]
                box = (
                    *(float(middle[0] - wide / 2), float(middle[1] - high / 2)),
                    *(float(middle[0] + wide / 2), float(middle[1] + high / 2)),
                )
                crossed = ((edges > box[:2]) & (edges < box[2:])).all(1).sum()
                cost = far / 12 + turn + 0.6 * crossed + 50 * _crowded(box, taken, flat.box[2:])
                if best is None or cost < best[0]:
                    best = cost, box
    assert best is not None
    box = best[1]
    taken.append(box)
    nearest = np.clip(spot[0], box[:2], box[2:])
    if np.linalg.norm(nearest - spot[0]) > 24:
        start, end = np.round([spot[0], nearest]).astype(int).tolist()
        cv2.line(flat.pane, start, end, colour, 1, cv2.LINE_AA)
    _write(flat.pane, text, (box[0], box[3] - 3), 15, colour, 600, halo=True)


def _crowded(
    box: tuple[float, ...],
    taken: list[tuple[float, float, float, float]],
    pane: tuple[int, int],
) -> float:
    """Share of the box that others cover, and 3 where it leaves the pane."""
    left, top, right, bottom = box
    out = left < 4 or top < 4 or right > pane[0] - 4 or bottom > pane[1] - 4
    covered = sum(
        max(0.0, min(right, r) - max(left, a)) * max(0.0, min(bottom, b) - max(top, t))
        for a, t, r, b in taken
    )
    return 3 * out + covered / ((right - left) * (bottom - top))


def _table(page: Image, rig: Rig, basis: Doubles, corners: Corners | None) -> None:
    x, y = MARGIN + WIDE + 30, MARGIN
    many = "1 camera" if len(rig) == 1 else f"{len(rig)} cameras"
    _write(page, many, (x, y), 20, INK, 600)
    if len(rig) > 1:
        apart = np.linalg.norm(rig.centres[:, None] - rig.centres, axis=2)
        apart = apart[np.triu_indices(len(rig), 1)]
        _write(page, f"{apart.min():.3g} to {apart.max():.3g} m apart", (x, y + 24), 14, SOFT)
    y += 62
    for n, one in enumerate(rig.cameras[:SHOWN]):
        cv2.circle(page, (x + 7, y - 5), 6, camera_colour(n), -1, cv2.LINE_AA)
        _write(page, _short(one.name, 320, 16), (x + 22, y), 16, INK, 600)
        _write(page, _about(one, float(one.centre @ basis[2])), (x + 22, y + 20), 13, SOFT)
        y += 52
    if len(rig) > SHOWN:
        _write(page, f"and {len(rig) - SHOWN} more", (x + 22, y), 16, SOFT)
        y += 52
    if corners is not None and len(corners):
        median = float(np.median(corners.error))
        _write(
            page, f"{len(corners)} board corners, median {median:.2f} px", (x, y + 6), 15, INK, 600
        )
        for k in range(300):
            cv2.line(page, (x + k, y + 20), (x + k, y + 34), residual_colour(k / 299), 1)
        _write(page, "0", (x, y + 52), 13, SOFT)
        text = f"{worst(corners):.2f} px and more"
        _write(page, text, (x + 300, y + 52), 13, SOFT, align=1)


def _about(camera: Camera, height: float) -> str:
    wide, high = camera.size
    focal = camera.matrix[0, 0]
    lens = (
        "fisheye" if camera.fisheye else f"{np.degrees(2 * np.arctan(wide / 2 / focal)):.0f}° wide"
    )
    return f"{wide}x{high}, f {focal:.0f} px, {lens}, height {height:.2f} m"


def residual_colour(share: float) -> Colour:
    """From green by yellow to red, 0 to 1; BGR."""
    share = min(max(share, 0.0), 1.0)
    return _hsv(0.36 * (1 - share), 0.85, 0.80)


def camera_colour(number: int) -> Colour:
    """BGR; neighbours differ."""
    return _hsv(0.58 + number * 0.618034, 0.8, 0.68)


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = (round(255 * v) for v in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return blue, green, red


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def _measure(text: str, size: int, weight: int = 400) -> int:
    return int(cv2.getTextSize((4000, 100), text, (0, 50), _font(), size, weight)[2])


def _short(text: str, room: int, size: int) -> str:
    """The text, shortened in its middle until it fits."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)[:200]
    whole, keep = text, len(text)
    while keep > 2 and _measure(text, size, 600) > room:
        keep -= 1
        text = f"{whole[: (keep + 1) // 2]}…{whole[len(whole) - keep // 2 :]}"
    return text


def _write(
    page: Image,
    text: str,
    at: tuple[float, float],
    size: int,
    colour: Colour,
    weight: int = 400,
    *,
    align: float = 0,
    halo: bool = False,
) -> None:
    """Text on a baseline that begins (align 0), has its middle (0.5) or ends (1) at a point."""
    x = round(at[0] - align * _measure(text, size, weight)) if align else round(at[0])
    where = (x, round(at[1]))
    if halo:
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            cv2.putText(page, text, (x + dx, where[1] + dy), PAPER, _font(), size, weight)
    cv2.putText(page, text, where, colour, _font(), size, weight)
