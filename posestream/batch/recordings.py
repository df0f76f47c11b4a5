"""From patterns to recordings: which files are one, and what each is called."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.sources.images import is_image
from realtime.sources.video import VIDEO_ENDINGS
from realtime.types.errors import SettingsError

RIG_FILE = "rig.toml"  # of a folder with a video of each camera
ENDINGS = VIDEO_ENDINGS | {".m2ts", ".mts", ".mxf", ".ts"}
MAGIC = "*?["  # begins what glob understands


@dataclass(frozen=True, slots=True)
class Recording:
    """A video or a folder of pictures; with a rig, the videos of its cameras.

    name: with slashes, the folder of its results. sources: whole paths, for machines that see the
    same files.
    """

    name: str
    sources: tuple[str, ...]
    rig: Path | None = None

    @property
    def files(self) -> list[Path]:
        """All that the results depend on."""
        found = [one for source in self.sources for one in _files(Path(source))]
        return [*found, self.rig] if self.rig else found


def recordings(patterns: Sequence[str], rig: Path | None = None) -> list[Recording]:
    """Of all patterns, in order of their names, each once.

    A folder that holds rig.toml, or any folder where `rig` is given, is one recording by several
    cameras. SettingsError where a pattern finds nothing, two recordings would have one name, or a
    folder cannot be read.
    """
    try:
        return _recordings(patterns, rig)
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _recordings(patterns: Sequence[str], rig: Path | None) -> list[Recording]:
    found: dict[Path, Recording] = {}
    for pattern in patterns:
        base, paths = _expanded(pattern, rig)
        several = [path for path in paths if _rig_of(path, rig)]
        # What a rig's folder holds is part of its recording.
        alone = [path for path in paths if not {*several} & {*path.parents}]
        if not alone:
            raise SettingsError(f"No recording matches {pattern}; check the path or the pattern.")
        for path in alone:
            found.setdefault(path.resolve(), _recording(path, base, rig))
    names: dict[str, Recording] = {}
    for one in found.values():
        other = names.setdefault(one.name, one)
        if other is not one:
            raise SettingsError(
                f"{other.sources[0]} and {one.sources[0]} would both have the results {one.name}; "
                "rename one of them, or give them to two commands with different --output folders."
            )
    for name, one in names.items():
        for parent in Path(name).parents:
            if (outer := names.get(parent.as_posix())) is not None:
                raise SettingsError(
                    f"The results of {one.sources[0]} would lie within those of "
                    f"{outer.sources[0]}; give them to two commands with different --output "
                    "folders."
                )
    return [names[name] for name in sorted(names)]


def _expanded(pattern: str, rig: Path | None) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and what the pattern finds."""
    if os.path.exists(pattern):
        path = Path(os.path.abspath(pattern))
        return path.parent, [path]
    parts = Path(os.path.abspath(pattern)).parts
    fixed = [part for n, part in enumerate(parts) if not any(map(_magic, parts[: n + 1]))]
    found = [Path(one) for one in sorted(glob.glob(os.path.abspath(pattern), recursive=True))]
    return Path(*fixed), [one for one in found if is_video(one) or _holds_frames(one, rig)]


def _magic(part: str) -> bool:
    return any(sign in part for sign in MAGIC)


def _recording(path: Path, base: Path, rig: Path | None) -> Recording:
    inner = path.relative_to(base)
    name = (inner.with_suffix("") if path.is_file() else inner).as_posix()
    own = _rig_of(path, rig)
    if own is not None:
        return Recording(name, tuple(map(str, _cameras(path))), own.absolute())
    if rig is not None:
        raise SettingsError(
            f"{path} is one file, but --rig needs the videos of several cameras; name folders "
            "that hold a video of each."
        )
    return Recording(name, (str(path),))


def _rig_of(path: Path, rig: Path | None) -> Path | None:
    """The calibration of a folder's cameras; None where it is no folder of a rig."""
    if not path.is_dir():
        return None
    own = path / RIG_FILE
    return own if own.is_file() else rig


def _cameras(folder: Path) -> list[Path]:
    """A video of each camera, or where there is none a folder of each."""
    inside = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    videos = [one for one in inside if is_video(one)]
    cameras = videos or [one for one in inside if one.is_dir()]
    if not cameras:
        raise SettingsError(f"{folder} holds no video of any camera; name another folder.")
    return cameras


def _holds_frames(path: Path, rig: Path | None) -> bool:
    """Whether a folder is one of pictures or of OpenPose JSON, or of a rig's cameras."""
    if not path.is_dir():
        return False
    if _rig_of(path, None):
        return True
    inside = list(path.iterdir())
    if rig is not None:
        return any(map(is_video, inside))
    return any(is_image(one.name) or one.suffix == ".json" for one in inside)


def is_video(path: Path) -> bool:
    """Whether a file is called as videos are."""
    return path.suffix.lower() in ENDINGS and path.is_file()


def _files(path: Path) -> Iterable[Path]:
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if one.is_file())
    return [path]
