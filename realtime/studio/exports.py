"""A take in the formats of other programs, made by the outputs of a run."""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from calibration.files.rig_toml import read_rig
from calibration.geometry.errors import CalibrationError
from realtime.settings.all import Settings
from realtime.settings.files import FileSettings
from realtime.settings.pictures import PictureSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.space import SpaceSettings
from realtime.settings.window import UNSEEN
from realtime.sinks.opening import open_sinks
from realtime.sinks.together import Together
from realtime.studio.take_card import TakeCard
from realtime.studio.take_folders import EXPORTS, PICTURES, RIG
from realtime.studio.take_lines import TakeLines
from realtime.studio.take_results import TakeCamera, take_results
from realtime.types.errors import OutputError
from realtime.types.model import WithParts
from realtime.types.start import Start
from realtime.types.view_mode import Shown
from realtime.writing.whole_files import check_folder, reason


class Format(NamedTuple):
    """title: for the page. option: of a run. ending: of the file or folder that it is given.

    space: whether it is of 3D people alone. pictures: whether it shows them. angles: whether it has
    columns for joint angles and speeds.
    """

    title: str
    option: str
    ending: str
    space: bool = False
    pictures: bool = False
    angles: bool = False


# In the order of the page; what a client may ask for.
FORMATS: dict[str, Format] = {
    "json": Format("OpenPose JSON", "json", ""),
    "jsonl": Format("JSON lines", "jsonl", ".jsonl"),
    "csv": Format("CSV table", "csv", ".csv", angles=True),
    "parquet": Format("Parquet table", "parquet", ".parquet"),
    "mp4": Format("Video with poses (mp4)", "output", ".mp4", pictures=True),
    "trc": Format("TRC for OpenSim", "trc", ".trc", space=True),
    "c3d": Format("C3D", "c3d", ".c3d", space=True),
    "bvh": Format("BVH for Blender", "bvh", ".bvh", space=True),
    "glb": Format("glTF (.glb)", "glb", ".glb", space=True),
    "json3d": Format("OpenPose JSON in 3D", "json3d", "", space=True),
}


def offered(card: TakeCard, place: Path) -> list[dict[str, Any]]:
    """What a take can be exported to, and what has been made already, for the page."""
    filmed = (place / PICTURES).is_dir()
    return [
        {"format": key, "title": one.title, "space": one.space}
        for key, one in FORMATS.items()
        if (card.space or not one.space) and (filmed or not one.pictures)
    ]


def export(place: Path, card: TakeCard, lines: TakeLines, key: str) -> Path:
    """Make the file, in the take's own folder of exports; several of them become one .zip.

    KeyError for a format that is none. OutputError, SourceError or SettingsError in a sentence
    where it cannot be made.
    """
    form = FORMATS[key]
    check_folder(place / EXPORTS, "--takes")
    stem = _file_name(card.name)
    with tempfile.TemporaryDirectory(dir=place / EXPORTS) as temporary:
        folder = Path(temporary)
        try:
            _run(place, card, lines, form, folder / f"{stem}{form.ending}")
        except CalibrationError as error:
            raise OutputError(str(error)) from error
        made = sorted(path for path in folder.rglob("*") if path.is_file())
        if not made:
            raise OutputError("Nobody was found in this take, so there is nothing to write.")
        try:
            if len(made) == 1 and made[0].parent == folder:
                target = place / EXPORTS / made[0].name
                os.replace(made[0], target)
                return target
            target = place / EXPORTS / f"{stem}_{key}.zip"
            whole = folder.with_suffix(".zip")
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
                for path in made:
                    bundle.write(path, path.relative_to(folder))
            os.replace(whole, target)
        except OSError as error:
            raise OutputError(f"The file cannot be written: {reason(error)}.") from error
    return target


def _run(place: Path, card: TakeCard, lines: TakeLines, form: Format, path: Path) -> None:
    """What a run with that option does."""
    first, end = card.span
    cameras = [TakeCamera(name, card.rate, end - first) for name in card.cameras]
    rig_file = place / RIG if card.space else None
    rig = read_rig(rig_file) if rig_file is not None else None
    wanted: dict[str, Any] = {form.option: path}
    settings = Settings(
        SourceSettings((*(str(place / PICTURES / f"{name}.mp4") for name in card.cameras),)),
        space=SpaceSettings(rig=rig_file),
        pictures=PictureSettings(mosaic=form.pictures and len(cameras) > 1, angles=form.angles),
        window=UNSEEN,
        files=FileSettings(**wanted),
    )
    model = WithParts(card.model, card.skeleton)
    shown = Shown(keypoints=card.skeleton.keypoints, threshold=settings.pictures.render_threshold)
    start = Start(0.0, datetime.fromisoformat(lines.header["started"]["utc"]).timestamp())
    films = [place / PICTURES / f"{name}.mp4" for name in card.cameras] if form.pictures else None
    with Together(open_sinks(settings, cameras, model, shown, rig, start)) as sinks:
        for result in take_results(card, lines, films):
            sinks.write(result)


def _file_name(name: str) -> str:
    """A label as the name of a file on every system."""
    plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.")
    return plain[:60] or "take"
