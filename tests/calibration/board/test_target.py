"""Boards: their files, their prints, and finding them again."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.board.detection import Finder
from calibration.board.other_boards import better_board
from calibration.board.printing import POINT, lay_out, pdf, picture, png
from calibration.board.target import Board, board_toml, read_board
from calibration.geometry.camera import Camera
from calibration.geometry.errors import BoardError
from posestream.commands.calibrate.main import main
from tests.calibration.boards import CHARUCO, CHESS, photograph, pose
from tests.calibration.cameras import LENSES

BOARDS = [
    CHARUCO,
    CHESS,
    replace(CHARUCO, inverted=True),
    replace(CHESS, inverted=True),
    replace(CHARUCO, legacy=True),
]
CAMERA = Camera("c", (640, 480), np.array([[600.0, 0, 322], [0, 598, 237], [0, 0, 1]]))
BENT = replace(CAMERA, distortion=np.array(LENSES[5]))
TILTED = (0.4, -0.3, 0.2), (0.02, -0.01, 0.5)


@pytest.mark.parametrize("board", BOARDS, ids=str)
@pytest.mark.parametrize("turn", [0.0, 3.1])
def test_corners_are_found_where_they_are(board: Board, turn: float) -> None:
    rotation, translation = pose((0.35, -0.3, turn), (0.02, -0.01, 0.5), board)
    seen = Finder(board).find(photograph(board, BENT, rotation, translation))
    assert seen is not None
    assert seen.ids.tolist() == list(range(len(board.points)))
    own = replace(BENT, rotation=rotation, translation=translation)
    assert np.linalg.norm(seen.xy - own.project(board.points), axis=1).max() < 0.25


def test_blur_is_measured_in_pixels() -> None:
    sharp = photograph(CHARUCO, CAMERA, *pose(*TILTED, CHARUCO))
    blurs = []
    for sigma in (0.0, 1.0, 1.5):
        gray = cv2.GaussianBlur(sharp, (0, 0), sigma) if sigma else sharp
        seen = Finder(CHARUCO).find(gray)
        assert seen is not None
        blurs.append(seen.blur)
    # The steepest slope of a Gaussian edge is its height over sigma * sqrt(2 pi).
    assert blurs[0] < 3.5
    assert blurs[1] == pytest.approx(np.hypot(blurs[0], 1.0 * 2.5), rel=0.15)
    assert blurs[2] == pytest.approx(np.hypot(blurs[0], 1.5 * 2.5), rel=0.15)


def test_nothing_is_found_in_noise() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (240, 320)).astype(np.uint8)
    for board in (CHARUCO, CHESS):
        assert Finder(board).find(noise) is None


@pytest.mark.parametrize(
    ("asked", "there", "words"),
    [
        (replace(CHESS, columns=8, rows=5), CHESS, "7x4 inner corners fit"),
        (replace(CHARUCO, inverted=True), CHARUCO, "without --inverted"),
        (replace(CHARUCO, dictionary="DICT_5X5_100"), CHARUCO, "--dictionary DICT_4X4_"),
    ],
)
def test_the_board_that_fits_better_is_named(asked: Board, there: Board, words: str) -> None:
    gray = photograph(there, CAMERA, *pose(*TILTED, there))
    assert Finder(asked).find(gray) is None
    found = better_board(asked, [gray])
    assert found is not None
    assert words in found


def test_mirrored_pictures_are_recognised() -> None:
    gray = photograph(CHARUCO, CAMERA, *pose(*TILTED, CHARUCO))[:, ::-1].copy()
    assert Finder(CHARUCO).find(gray) is None
    found = better_board(CHARUCO, [gray])
    assert found is not None
    assert "mirrored" in found


@pytest.mark.parametrize("board", BOARDS, ids=str)
def test_board_files_give_the_board_back(board: Board, tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text(board_toml(board))
    read = read_board(tmp_path / "board.toml")
    expected = board if board.kind == "charuco" else replace(board, marker=0.0)
    assert read == expected


def test_a_mended_square_takes_its_markers_along(tmp_path: Path) -> None:
    """Printers shrink both alike; a file need not name the marker at all."""
    board = Board("charuco", 5, 7, 0.035, 0.75 * 0.035)
    path = tmp_path / "board.toml"
    path.write_text(board_toml(board).replace("0.035", "0.0342"))
    assert read_board(path) == replace(board, square=0.0342, marker=0.75 * 0.0342)


def test_caliscope_board_files_are_read(data: Path) -> None:
    board = read_board(data / "rig-charuco" / "charuco_calibration" / "charuco.toml")
    assert (board.columns, board.rows, board.inverted) == (4, 5, True)
    assert (board.square, board.marker) == pytest.approx((0.054, 0.0405))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must contain kind, columns"),
        ("kind = 3", "must contain kind"),
        ('kind = "charuco"\ncolumns = 5\nrows = 4\nsquare = 0.05\nmarker = 0.06', "does not fit"),
        ('kind = "chessboard"\ncolumns = 9\nrows = 6\nsquare = nan', "cannot be nan"),
        ('kind = "chessboard"\ncolumns = 900\nrows = 6\nsquare = 1', "between 2 and 100"),
        ('kind = "chessboard"\ncolumns = 9\nrows = 6\nsquare = 25', "such as 0.025 for 25 mm"),
        ('kind = "dots"\ncolumns = 9\nrows = 6\nsquare = 1', "'dots' is not a kind of board"),
        ("kind = [", "cannot be read"),
    ],
)
def test_bad_board_files_are_explained(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text(text)
    with pytest.raises(BoardError, match=words):
        read_board(tmp_path / "board.toml")


@pytest.mark.parametrize("board", BOARDS, ids=str)
def test_prints_are_true_to_size(board: Board) -> None:
    """In the PDF by its numbers, in the PNG by finding the board."""
    sheet = lay_out(replace(board, square=0.03, marker=0.0225 if board.marker else 0), "a4")
    text = pdf(sheet).decode()
    boxes = re.findall(r"^([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re$", text, re.MULTILINE)
    numbers = np.array(boxes, float) * POINT
    across = (numbers[:, 0] + numbers[:, 2]).max() - numbers[:, 0].min()
    rim = 0.03 / 4 * 2 if board.inverted else 0
    assert across == pytest.approx((board.grid[0] + 1) * 0.03 + rim, abs=1e-5)
    start = int(text.split("startxref\n")[1].split()[0])
    assert text[start:].startswith("xref")
    dpi = 150
    seen = Finder(board).find(picture(sheet, dpi))
    assert seen is not None
    assert len(seen) == len(board.points)
    grid = seen.xy.reshape(*board.grid[::-1], 2) * 0.0254 / dpi
    assert np.allclose(np.linalg.norm(np.diff(grid, axis=1), axis=-1), 0.03, atol=2e-4)
    assert np.allclose(np.linalg.norm(np.diff(grid, axis=0), axis=-1), 0.03, atol=2e-4)


def test_png_says_its_resolution() -> None:
    data = png(lay_out(replace(CHESS, square=0.02), "a4"), 150)
    at = data.index(b"pHYs")
    assert int.from_bytes(data[at + 4 : at + 8]) == round(150 / 0.0254)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded.shape == (round(210 / 25.4 * 150), round(297 / 25.4 * 150)) or (
        decoded.shape == (round(297 / 25.4 * 150), round(210 / 25.4 * 150))
    )


def test_command_writes_the_print_and_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "board",
        "--board",
        "chessboard",
        "--columns",
        "7",
        "--rows",
        "5",
        "--square",
        "0.03",
        "--output",
    ]
    words += [str(tmp_path / "b.pdf")]
    assert main(words) == 0
    assert "180 degrees" in capsys.readouterr().out
    assert read_board(tmp_path / "b.toml") == Board("chessboard", 7, 5, 0.03)
    assert main(words) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nothing", "no command 'nothing'"),
        ("board --output b.pdf", "No board is given"),
        ("board --output b.pdf --board charuco", "needs --columns"),
        ("board --output b.txt --board chessboard --columns 5 --rows 4 --square 0.02", ".pdf or"),
        (
            "board --output b.pdf --board chessboard --columns 9 --rows 6 --square 0.2",
            "does not fit",
        ),
    ],
)
def test_bad_commands_get_a_sentence(
    words: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    message = capsys.readouterr().err
    assert says in message
    assert message.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(6, 4), (6, 3), (7, 3), (8, 5)])
def test_another_chessboard_is_not_taken_for_a_part_of_it(shape: tuple[int, int]) -> None:
    """A grid of other corners fits most boards somehow; what is filmed is named."""
    lens = Camera("c", (640, 480), np.array([[600.0, 0, 322], [0, 600, 238], [0, 0, 1]]))
    pictures = [
        photograph(CHESS, lens, *pose((0.1 + 0.2 * n, 0.3 - 0.2 * n, 0.1), (0, 0, 0.55), CHESS))
        for n in range(2)
    ]
    wrong = replace(CHESS, columns=shape[0], rows=shape[1])
    assert not any(Finder(wrong).find(one) for one in pictures)
    assert "7x4 inner corners fit" in str(better_board(wrong, pictures))


@pytest.mark.parametrize("shape", [(6, 4), (4, 5), (7, 5), (9, 6)])
def test_the_size_of_a_charuco_board_is_told_by_its_markers(shape: tuple[int, int]) -> None:
    lens = Camera("c", (640, 480), np.array([[600.0, 0, 322], [0, 600, 238], [0, 0, 1]]))
    picture = photograph(CHARUCO, lens, *pose((0.3, 0.2, 0.1), (0, 0, 0.5), CHARUCO))
    wrong = replace(CHARUCO, columns=shape[0], rows=shape[1])
    assert "5x4 squares fit" in str(better_board(wrong, [picture]))


def test_the_size_of_a_real_chessboard_is_told(data: Path) -> None:
    folder = data / "rig-single" / "intrinsics" / "int_cam01_img"
    pictures = []
    for path in sorted(folder.iterdir())[:2]:
        gray = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        half = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(half, np.uint8))
    asked = replace(CHESS, columns=5, rows=7)
    assert "7x4 inner corners fit" in str(better_board(asked, pictures))


def test_another_sheet_of_the_same_board_keeps_its_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["board", "--board", "charuco", "--columns", "5", "--rows", "4", "--square", "0.03"]
    assert main([*words, "--output", f"{tmp_path}/b.pdf"]) == 0
    assert main([*words, "--output", f"{tmp_path}/b.png"]) == 0
    before = (tmp_path / "b.toml").read_text()
    other = [*words[:-1], "0.035"]
    (tmp_path / "b.png").unlink()
    capsys.readouterr()
    assert main([*other, "--output", f"{tmp_path}/b.png"]) == 2
    assert "b.toml exists already" in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()
    assert main([*other, "--output", f"{tmp_path}/b.png", "--force"]) == 0
    assert (tmp_path / "b.toml.bak").read_text() == before
