"""Boards on paper in their true size, as PDF or PNG."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.target import Board
from calibration.disk.replace import write_file
from calibration.geometry.errors import BoardError, CalibrationError

PAPERS = {"a4": (0.210, 0.297), "a3": (0.297, 0.420), "letter": (0.2159, 0.2794)}  # metres
MARGIN = 0.006  # what most printers leave white
LINE = 0.008  # of text below the board
DPI = 300
POINT = 0.0254 / 72  # PDF's unit
TEXT = 8  # points


@dataclass(frozen=True, slots=True)
class Sheet:
    """A board upon paper: black rectangles x, y, width, height in metres from its upper left.

    size: (width, height) of the paper, metres; text: the line below the board.
    """

    size: tuple[float, float]
    black: tuple[tuple[float, float, float, float], ...]
    text: str


def lay_out(board: Board, paper: str) -> Sheet:
    """The board in the middle of the paper, upright or not; BoardError where it does not fit."""
    short, long = PAPERS[paper]
    wide, high = board.size
    # An inverted board needs a black rim as a common one a white rim; a quarter square does.
    rim = board.square / 4 if board.inverted else 0.0
    needed = wide + 2 * rim + 2 * MARGIN, high + 2 * rim + 2 * MARGIN + LINE
    fits = [
        size
        for size in ((short, long), (long, short))
        if needed[0] <= size[0] and needed[1] <= size[1]
    ]
    if not fits:
        most = max(
            min((w - 2 * MARGIN) / needed[0], (h - 2 * MARGIN - LINE) / needed[1])
            for w, h in ((short, long), (long, short))
        )
        raise BoardError(
            f"A board of {1e3 * wide:.0f}x{1e3 * high:.0f} mm does not fit on {paper.upper()} "
            f"paper; use squares of at most {np.floor(1e3 * most * board.square):.0f} mm or "
            "larger paper."
        )
    size = fits[0]
    left = (size[0] - wide) / 2
    top = max(MARGIN + rim, (size[1] - high - LINE) / 2)
    rectangles = [(left + x, top + y, w, h) for x, y, w, h in _black(board)]
    if board.inverted:
        outer = (left - rim, top - rim, wide + 2 * rim, high + 2 * rim)
        rectangles = _inverse(outer, rectangles)
    text = f"{board}. Print at 100 %, then measure one square."
    return Sheet(size, tuple(rectangles), text)


Box = tuple[float, float, float, float]


def _black(board: Board) -> list[Box]:
    """Black rectangles of the board that do not overlap, from its upper left."""
    side = board.square
    if board.kind == "chessboard":
        across, down = board.grid
        return [
            (x * side, y * side, side, side)
            for y in range(down + 1)
            for x in range(across + 1)
            if (x + y) % 2 == 0
        ]
    charuco = board.charuco()
    rectangles: list[Box] = []
    marked = set()
    for number, corners in zip(charuco.getIds().ravel(), charuco.getObjPoints(), strict=True):
        x, y = corners[:, :2].min(0).astype(float)
        marked.add((int(x // side), int(y // side)))
        cells = board.markers.markerSize + 2
        bits = cv2.aruco.generateImageMarker(board.markers, int(number), cells) == 0
        cell = board.marker / cells
        for row, line in enumerate(bits):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]]).astype(int)))
            for start, end in edges.reshape(-1, 2):
                rectangles.append((x + start * cell, y + row * cell, (end - start) * cell, cell))
    for row in range(board.rows):
        for column in range(board.columns):
            if (column, row) not in marked:
                rectangles.append((column * side, row * side, side, side))
    return rectangles


def _inverse(outer: Box, black: list[Box]) -> list[Box]:
    """What is left of `outer`, as rectangles."""
    xs = sorted({v for x, _, w, _ in [outer, *black] for v in (round(x, 7), round(x + w, 7))})
    ys = sorted({v for _, y, _, h in [outer, *black] for v in (round(y, 7), round(y + h, 7))})
    middle_x, middle_y = (np.add(v[:-1], v[1:]) / 2 for v in (xs, ys))
    white = np.zeros((len(middle_y), len(middle_x)), bool)
    for x, y, w, h in black:
        inside = np.outer((y < middle_y) & (middle_y < y + h), (x < middle_x) & (middle_x < x + w))
        white |= inside
    out: list[Box] = []
    for row, line in enumerate(~white):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]]).astype(int)))
        for start, end in edges.reshape(-1, 2):
            out.append((xs[start], ys[row], xs[end] - xs[start], ys[row + 1] - ys[row]))
    return out


def pdf(sheet: Sheet) -> bytes:
    """One page; rectangles as such, so that every edge is as sharp as the printer."""
    width, height = (side / POINT for side in sheet.size)
    drawn = [
        f"{x / POINT:.4f} {height - (y + h) / POINT:.4f} {w / POINT:.4f} {h / POINT:.4f} re"
        for x, y, w, h in sheet.black
    ]
    text = sheet.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    content = "\n".join(
        [
            *("0 g", *drawn, "f"),
            f"BT /F {TEXT} Tf {MARGIN / POINT + 8:.1f} {MARGIN / POINT + 2:.1f} Td ({text}) Tj ET",
        ]
    ).encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.4f %.4f] /Contents 5 0 R "
        b"/Resources << /Font << /F 4 0 R >> >> >>" % (width, height),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
        + (b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(out)))
    )


def picture(sheet: Sheet, dpi: int = DPI) -> NDArray[np.uint8]:
    """The page as a grey picture; edges lie on whole pixels, so to half a pixel of true."""
    scale = dpi / 0.0254
    page = np.full([round(side * scale) for side in sheet.size[::-1]], 255, np.uint8)
    for x, y, w, h in sheet.black:
        left, right, top, bottom = (round(v * scale) for v in (x, x + w, y, y + h))
        page[top:bottom, left:right] = 0
    at = (round((MARGIN + 0.003) * scale), page.shape[0] - round((MARGIN + 0.001) * scale))
    cv2.putText(
        page, sheet.text, at, cv2.FONT_HERSHEY_SIMPLEX, TEXT * dpi / 72 / 32, 0, dpi // 150 or 1
    )
    return page


def png(sheet: Sheet, dpi: int = DPI) -> bytes:
    """The page as PNG that says how large it is."""
    data = bytes(cv2.imencode(".png", picture(sheet, dpi))[1])
    per_metre = round(dpi / 0.0254)
    body = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    head = 8 + 25  # the signature, then IHDR
    return data[:head] + chunk + data[head:]


def write_sheet(sheet: Sheet, path: Path) -> None:
    """By the path's ending, .pdf or .png; CalibrationError where it cannot be written."""
    make = {".pdf": pdf, ".png": png}.get(path.suffix.lower())
    if make is None:
        raise CalibrationError(f"{path.name} must end in .pdf or .png.")
    write_file(path, make(sheet))
