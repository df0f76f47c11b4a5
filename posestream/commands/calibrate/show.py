"""A rig to look at."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from calibration.disk.replace import replace_file
from calibration.disk.same_file import Inputs, check_apart
from calibration.files.atomic import check_free, set_aside, write_texts
from calibration.files.corners_csv import Corners, read_corners
from calibration.formats import read
from calibration.geometry.arrays import Image
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError, RigError
from calibration.guidance.tiles import below
from calibration.plots.rig_overlay import Placed, draw_view, draw_views, place, straight
from calibration.plots.rig_plan import MARGIN, draw_rig
from posestream.commands.calibrate.convert import parse_size
from posestream.commands.calibrate.options import BoardOptions
from realtime.footage.one_instant import RigPictures, pictures_of
from realtime.web.space_json import still_page

MAX_PICTURES_HEIGHT = 1600  # pixels of the cameras' pictures together
PAGE_PICTURE_PX = 1280  # of one on a page


@dataclass(frozen=True)
class Options:
    """Draw a rig: its cameras from above and from the side, or as a 3D web page; with --source,
    also as an overlay on their pictures.
    """

    rig: Path = field(metadata={"positional": True})
    """A rig .toml or any file that `convert` reads."""
    source: tuple[str, ...] = ()
    """One video or live camera per camera of the rig; the rig is drawn over their pictures."""
    start: int = 0
    """Frame of the videos to use; with a board, the first frame to search."""
    board: BoardOptions = field(default_factory=BoardOptions)
    output: Path | None = None
    """The picture (.png) or web page (.html) to write; the default without --web is
    RIG.view.png."""
    web: bool = False
    """Serve the web page for this computer's browser until Ctrl-C."""
    port: int = 8080
    """Port of the web page; 0 = any free port."""
    size: str | None = None
    """Picture size, if the files do not contain it: 1280x720."""
    force: bool = False
    """Replace an existing file; it is kept as .bak."""


def run(options: Options) -> None:
    """The picture, or the page; corners of boards where `extrinsics` left them beside the rig."""
    if not 0 <= options.port <= 65535:
        raise CalibrationError(f"--port {options.port} must be between 0 and 65535.")
    output = options.output
    if output is None and not options.web:
        named = options.rig if options.rig.name.strip(".") else options.rig.resolve()
        output = named.with_suffix(".view.png")
    if output is not None:
        if output.suffix.lower() not in (".png", ".html"):
            raise CalibrationError(f"--output {output} must end in .png or .html.")
        # A picture of a name that nobody chose is only the last one of its kind.
        check_free(output, force=options.force or options.output is None)
        inputs: Inputs = {
            "the rig": [options.rig],
            "--source": options.source,
            "--board-file": options.board.files(),
        }
        check_apart([output], inputs)
    rig = read(options.rig, parse_size(options.size)).rig
    corners: Corners | None = None
    try:
        corners = read_corners(options.rig) if options.rig.is_file() else None
    except RigError as error:
        sys.stderr.write(f"posestream: {error}\n")
    placed, views = _seen(options, rig)
    if views is not None:
        rig = views.rig
    if output is not None and output.suffix.lower() == ".png":
        picture = draw_rig(rig, corners)
        if views is not None:
            room = picture.shape[1] - 2 * MARGIN, MAX_PICTURES_HEIGHT
            panes = draw_views(rig, views.pictures, room, placed, corners)
            picture = below(picture, panes.image, MARGIN)
        done, data = cv2.imencode(".png", picture)
        assert done
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            if options.output is not None:
                set_aside(output)
            replace_file(output, data.tobytes())
        except OSError as error:
            raise CalibrationError(f"{output} cannot be written: {error.strerror}.") from error
    if (output is None or output.suffix.lower() == ".html") or options.web:
        page = still_page(rig, corners, _hung(views, placed, corners))
        if output is not None and output.suffix.lower() == ".html":
            write_texts({output: page}, force=options.force)
    if output is not None:
        sys.stdout.write(f"{output}\n")
    if options.web:
        from realtime.web.static_page import serve_page

        with suppress(KeyboardInterrupt):
            serve_page(page, options.port, _announce)


def _seen(options: Options, rig: Rig) -> tuple[Placed | None, RigPictures | None]:
    """The cameras' pictures, and where the rig has the board in them; says how well it fits."""
    wanted = options.board.board is not None or options.board.board_file is not None
    if not options.source:
        if wanted or options.start:
            raise CalibrationError("--board and --start need --source; give one per camera.")
        return None, None
    if len(options.source) != len(rig) or len(rig) < 2:
        raise CalibrationError(
            f"The numbers of cameras in {options.rig.name} ({len(rig)}) and of sources "
            f"({len(options.source)}) differ; give one --source per camera of a rig with two "
            "or more cameras."
        )
    if options.rig.suffix.lower() != ".toml":
        raise CalibrationError(
            "--source needs a rig .toml; `convert` can write one from this file."
        )
    board = options.board.wanted() if wanted else None
    sizes = {camera.size for camera in rig.cameras}
    size = sizes.pop() if len(sizes) == 1 else None
    views = pictures_of(options.rig, options.source, board, options.start, size)
    placed = place(views.rig, board, views.seen) if board is not None else None
    if placed is not None:
        for camera, error in zip(views.rig.cameras, placed.error, strict=True):
            how = f"board off by {error:.2f} px" if error == error else "board not seen"
            sys.stdout.write(f"{camera.name:14} {how}\n")
    return placed, views


def _hung(
    views: RigPictures | None, placed: Placed | None, corners: Corners | None
) -> list[tuple[bytes, bytes] | None]:
    """JPEGs for a page, of each camera that gave a picture: with the rig drawn, and straight."""
    if views is None:
        return []
    hung: list[tuple[bytes, bytes] | None] = []
    for n, picture in enumerate(views.pictures):
        if picture is None:
            hung.append(None)
            continue
        drawn = draw_view(views.rig, n, picture, PAGE_PICTURE_PX, placed, corners)
        hung.append((_jpeg(drawn), _jpeg(straight(views.rig.cameras[n], picture))))
    return hung


def _jpeg(picture: Image) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return data.tobytes()


def _announce(url: str) -> None:
    sys.stderr.write(f"posestream: view the rig at {url}; press Ctrl-C to stop\n")
    sys.stderr.flush()
