"""What results were made from: if it is the same again, nothing needs to be done again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from calibration.disk.replace import replace_file
from engines.models.download import sha256_of
from engines.version import __version__
from posestream.batch.recordings import Recording

NAME = "manifest.json"
PACKAGES = ("openvino", "numpy", "opencv-python", "av")  # that results depend on


@dataclass(frozen=True, slots=True)
class Input:
    """A file as it was when it was read."""

    path: str
    bytes: int
    modified_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Of one recording's results.

    settings: all that the user may choose, by name. versions: of this program, of packages and of
    the model's weights. frames, seconds: of the run that made them.
    """

    inputs: tuple[Input, ...]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    frames: int = 0
    seconds: float = 0.0

    def same(self, other: Manifest) -> bool:
        """Whether both would give the same results, wherever the files lie."""
        return (
            _contents(self) == _contents(other)
            and dict(self.settings) == dict(other.settings)
            and dict(self.versions) == dict(other.versions)
        )

    def write(self, folder: Path) -> None:
        """OSError where it cannot be written."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        replace_file(folder / NAME, text.encode())


def _contents(manifest: Manifest) -> list[tuple[str, str]]:
    return [(Path(one.path).name, one.sha256) for one in manifest.inputs]


def read_manifest(folder: Path) -> Manifest | None:
    """None where there is none, or none that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        values = json.loads((folder / NAME).read_bytes())
        values["inputs"] = tuple(Input(**one) for one in values["inputs"])
        return Manifest(**values)
    return None


def manifest_of(
    recording: Recording,
    settings: Mapping[str, Any],
    weights: Mapping[str, str],
    before: Manifest | None,
) -> Manifest:
    """Of results that are to be made now.

    before: an earlier one; a file of the same size and time of change is not read again.
    """
    known = {one.path: one for one in before.inputs} if before else {}
    inputs = tuple(_input(path, known) for path in recording.files)
    as_text = json.loads(json.dumps(dict(settings), default=str))
    return Manifest(inputs, as_text, {**_versions(), **weights})


def _input(path: Path, known: Mapping[str, Input]) -> Input:
    """An empty sha256 where it cannot be read, which the run will say."""
    name, size, modified = str(path), 0, 0
    with suppress(OSError):
        state = path.stat()
        size, modified = state.st_size, state.st_mtime_ns
    old = known.get(name)
    if old and (old.bytes, old.modified_ns) == (size, modified):
        return old
    return Input(name, size, modified, sha256_of(path) or "")


def _versions() -> dict[str, str]:
    found = {"posestream": __version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
