"""What a run reads and writes, and that neither meets the other: asked before the first frame."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Self

from calibration.disk.same_file import Identity, identity
from engines.models.card import Card
from engines.models.places import candidates
from realtime.settings.all import Settings
from realtime.sinks.files.csv_3d import csv3d_path
from realtime.sinks.table import beside, within
from realtime.sources.images import IMAGE_ENDINGS
from realtime.types.errors import OutputError
from realtime.types.frames import Source
from realtime.writing.names import Names


@dataclass(frozen=True, slots=True)
class Written:
    """Files that an output writes. said: the option with what it names, for the user."""

    said: str
    folder: Path
    names: Names
    option: str = ""

    @classmethod
    def one(cls, option: str, given: Path, path: Path | None = None) -> Self:
        """A single file, where it is not the one that is given."""
        path = given if path is None else path
        return cls(f"--{option} {given}", path.parent, Names(path.name), option)

    @property
    def path(self) -> Path:
        """The file, or where all of them lie."""
        return self.folder / self.names.before if self.names.after is None else self.folder

    @property
    def lock(self) -> tuple[str, Path, Names]:
        """As `one_run_alone` wants it."""
        return self.said, self.folder, self.names


def written_by(settings: Settings, sources: Sequence[Source]) -> Iterator[Written]:
    """All that a run may write: names that several sources, people or parts have are derived here
    as the outputs themselves do it.
    """
    files, several = settings.files, len(sources) > 1
    names = [source.name for source in sources]
    if files.output is not None:
        alone = settings.pictures.mosaic or not several
        own = [files.output] if alone else [beside(files.output, name) for name in names]
        for path in own:
            if os.path.isdir(path) or not path.suffix:
                yield Written(
                    f"--output {files.output}", path, Names("", f".{files.image_format}"), "output"
                )
            else:
                yield Written.one("output", files.output, path)
    for option, after in (
        ("json", "_keypoints.json"),
        ("heatmaps", f"_pose_heatmaps.{files.heatmaps_format}"),
    ):
        if (given := getattr(files, option)) is not None:
            for folder in [within(given, name) for name in names] if several else [given]:
                yield Written(f"--{option} {given}", folder, Names("", after), option)
    for option in ("coco", "mot"):
        if (given := getattr(files, option)) is not None:
            for path in [beside(given, name) for name in names] if several else [given]:
                yield Written.one(option, given, path)
    for option in ("jsonl", "csv", "parquet", "report", "stats"):
        if (given := getattr(files, option)) is not None:
            yield Written.one(option, given)
    if files.record is not None:
        for name in (*(f"{name}.mp4" for name in names), "timestamps.csv"):
            yield Written.one("record", files.record, files.record / name)
    if settings.space.rig is not None:
        yield from _written_in_3d(settings, settings.space.rig)


def _written_in_3d(settings: Settings, rig: Path) -> Iterator[Written]:
    files = settings.files
    for option in ("csv", "parquet"):
        if (given := getattr(files, option)) is not None:
            yield Written.one(option, given, csv3d_path(given))
    if files.json3d is not None:
        names = Names(f"{rig.stem}_", "_keypoints.json")
        yield Written(f"--json3d {files.json3d}", files.json3d, names, "json3d")
    for option, between in (("trc", "_person"), ("bvh", "_person"), ("c3d", "_")):
        if (given := getattr(files, option)) is not None:
            names = Names(f"{given.stem}{between}", given.suffix)
            yield Written(f"--{option} {given}", given.parent, names, option)
    for option in ("output3d", "c3d", "glb"):
        if (given := getattr(files, option)) is not None:
            yield Written.one(option, given)
    if (folder := files.bootstrap) is not None:
        for name in ("person_keypoints.json", "photos.tar", "labels.jsonl"):
            yield Written.one("bootstrap", folder, folder / name)
        pictures = folder / "pictures"
        yield Written(f"--bootstrap {folder}", pictures, Names("", ".jpg"), "bootstrap")


class Inputs:
    """Files that a run reads, by what they are, and folders of which it reads all of a kind."""

    def __init__(self) -> None:
        self._what: dict[Identity, str] = {}
        self._in: defaultdict[Identity, dict[str, str]] = defaultdict(dict)
        self._folders: dict[Identity, tuple[str, ...]] = {}

    def add(self, what: str, path: Path) -> None:
        """A file, unless it is not there."""
        if path.exists():
            self._what.setdefault(identity(path), what)
            self._in[identity(path.parent)].setdefault(path.name, what)

    def add_source(self, origin: str) -> None:
        """What a --source names; nothing for a camera."""
        path = os.path.expanduser(origin)
        if "://" in origin or "\0" in origin:
            return
        if os.path.isdir(path):
            found = [entry.path for entry in os.scandir(path) if entry.is_file()]
        elif os.path.exists(path):
            self.add("the source", Path(path))
            return
        else:
            found = glob.glob(path, recursive=True)
        of_images = tuple(IMAGE_ENDINGS)
        endings = of_images if any(one.lower().endswith(of_images) for one in found) else (".json",)
        read = [Path(one) for one in found if one.lower().endswith(endings)]
        for file in read:
            self.add("the source", file)
        for folder in {file.parent for file in read}:
            self._folders[identity(folder)] = endings

    def check(self, output: Written) -> None:
        """OutputError where the output would write over one of them, or among them."""
        folder = identity(output.folder)
        if output.names.after is None and (what := self._what.get(identity(output.path))):
            itself = output.said.endswith(f" {output.path}")
            verb = "is" if itself else f"would write to {output.path}, which is"
            raise OutputError(f"{output.said} {verb} {what} itself; choose another name.")
        for name, what in self._in.get(folder, {}).items():
            if output.names.hold(name):
                raise OutputError(
                    f"{output.said} would overwrite {name} of {what}; choose another folder."
                )
        if output.names.ending in self._folders.get(folder, ()):
            raise OutputError(
                f"{output.said} holds the source itself, so that what is written there would be "
                "read as its frames the next time; choose another folder."
            )


def inputs_of(settings: Settings, card: Card) -> Inputs:
    """All that a run reads: sources, files that options name, cards and the model's weights."""
    inputs = Inputs()
    for origin in settings.sources.source:
        inputs.add_source(origin)
    for option, file in (
        ("rig", settings.space.rig),
        ("undistort", settings.sources.undistort),
        ("key-file", settings.sources.key_file),
    ):
        if file is not None:
            inputs.add(f"the --{option} file", file)
    for option in ("model", "refine", "detector"):
        name = getattr(settings.models, option)
        if name is not None and name.lower().endswith(".toml"):
            inputs.add(f"the --{option} card", Path(name))
    sizes = {file.size for form in card.weights for file in form.files}
    for path in candidates(card):
        if path.is_file() and path.stat().st_size in sizes:
            inputs.add("the weights of --model", path)
    return inputs


def check_outputs(outputs: Sequence[Written], inputs: Inputs) -> None:
    """OutputError, in a sentence, where an output meets an input or another output. Nothing is
    touched.
    """
    for output in outputs:
        inputs.check(output)
    for one, other in combinations([_Place(output) for output in outputs], 2):
        if one.of.said == other.of.said:
            continue
        if one.meets(other):
            where = other.of.path if other.alone else one.of.path
            raise OutputError(
                f"{one.of.said} and {other.of.said} would both write {where}; choose another name "
                "for one of them."
            )
        for file, inner in ((one, other), (other, one)):
            if file.alone and file.itself in inner.through:
                raise OutputError(
                    f"{file.of.said} is a file, but {inner.of.said} needs a folder of that name; "
                    "choose another name for one of them."
                )


class _Place:
    """Where an output is. through: the folders on the way to its files."""

    def __init__(self, of: Written) -> None:
        self.of = of
        self.alone = of.names.after is None
        self.folder, self.itself = identity(of.folder), identity(of.path)
        folder = of.folder.absolute()
        self.through = {self.folder, *map(identity, folder.parents)}

    def meets(self, other: _Place) -> bool:
        """Whether both may write one file."""
        if self.alone and other.alone:
            return self.itself == other.itself
        return self.folder == other.folder and self.of.names.meet(other.of.names)
