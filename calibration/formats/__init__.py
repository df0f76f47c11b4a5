"""Camera files of other programs: which form a name stands for, and its reader and writer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from calibration.files.atomic import write_texts
from calibration.files.rig_toml import read_offsets, read_rig, unread, write_rig
from calibration.formats.opencv_stereo import is_stereo, read_stereo
from calibration.formats.opencv_storage import read_storage, storage_values
from calibration.formats.openpose_xml import openpose_xml, write_folder
from calibration.formats.qualisys import read_qualisys
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError, RigError

Size = tuple[int, int]
STORAGE = (".xml", ".yml", ".yaml")
READS = "a rig .toml, Qualisys' .qca.txt, OpenCV's or OpenPose's .xml or .yml, or a folder of them"
WRITES = "a rig .toml, a folder of OpenPose's .xml, or one .xml for one camera"


@dataclass(frozen=True, slots=True, eq=False)
class CameraFiles:
    """A rig, the time_offset of recordings by camera, and the names of what else its files say."""

    rig: Rig
    left: tuple[str, ...] = ()
    offsets: Mapping[str, float] = field(default_factory=dict)


def read(path: Path, size: Size | None = None, unit: float = 1.0) -> CameraFiles:
    """The rig of any file or folder that can be read; RigError says what is wrong.

    size: of the pictures (width, height), where the files do not say it. unit: of positions, in
    metres, where the files do not say it (OpenCV's stereo files).
    """
    name = path.name.lower()
    if path.is_dir():
        return _folder(path, size, unit)
    if name.endswith(STORAGE):
        return _storage([path], size, unit)
    if name.endswith(".qca.txt"):
        loaded = CameraFiles(read_qualisys(path))
    elif name.endswith(".toml"):
        loaded = CameraFiles(read_rig(path), tuple(unread(path)), read_offsets(path))
    elif path.exists():
        raise RigError(f"{path.name} is not the name of a camera file; it must be {READS}.")
    else:
        raise RigError(f"There is no {path}; it must be {READS}.")
    if size is not None:
        _check(loaded.rig, size)
    return loaded


def write(
    rig: Rig, path: Path, *, force: bool = False, offsets: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """Write the form that the name stands for; the names of what it does not hold.

    CalibrationError where it cannot hold the rig.
    """
    name = path.name.lower()
    if name.endswith(".toml"):
        write_rig(rig, path, force=force, offsets=offsets)
        return ()
    if name.endswith(".xml"):
        if len(rig) != 1:
            raise CalibrationError(
                f"{path.name}: an OpenPose .xml holds one camera, but there are {len(rig)}; "
                "give a folder."
            )
        write_texts({path: openpose_xml(rig.cameras[0])}, force=force)
    elif path.is_dir() or not path.suffix:
        write_folder(rig, path, force=force)
    else:
        raise CalibrationError(f"{path} is not the name of a format that can be written: {WRITES}.")
    return ("time_offset",) if offsets else ()


def _folder(folder: Path, size: Size | None, unit: float) -> CameraFiles:
    """One camera a file; only one kind of file, lest some be there twice."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in STORAGE)
    except OSError as error:
        raise RigError(f"{folder} cannot be read: {error.strerror}.") from error
    if not files:
        raise RigError(
            f"{folder} has no .xml, .yml or .yaml; give a folder with one file per camera."
        )
    kinds = {file.suffix.lower() for file in files}
    if len(kinds) > 1:
        raise RigError(
            f"{folder} has files of several formats ({', '.join(sorted(kinds))}); keep one."
        )
    return _storage(files, size, unit)


def _storage(files: list[Path], size: Size | None, unit: float) -> CameraFiles:
    if any(is_stereo(storage_values(file)) for file in files):
        rig, unused = read_stereo(files, size, unit)
        return CameraFiles(rig, tuple(unused))
    read = [read_storage(file, size) for file in files]
    left = tuple(
        f"{file.name} {key}" for file, (_, own) in zip(files, read, strict=True) for key in own
    )
    return CameraFiles(Rig(tuple(camera for camera, _ in read)), left)


def _check(rig: Rig, size: Size) -> None:
    for camera in rig.cameras:
        if camera.size != size:
            raise RigError(
                f"--size is only for files without a picture size; {camera.name} has "
                f"{camera.size[0]}x{camera.size[1]}."
            )
