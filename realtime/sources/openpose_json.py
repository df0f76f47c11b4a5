"""Folders of OpenPose JSON: anyone's keypoints in place of pictures."""

from __future__ import annotations

import glob
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from engines.types.arrays import Floats, Image
from engines.types.openpose_arrays import ARRAYS, Apart, part_skeleton
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_groups import core, with_groups
from realtime.sources.listing.file_names import natural, unique_names
from realtime.sources.listing.skip_unreadable import readable
from realtime.types.errors import SourceError
from realtime.types.frames import Frame

# BODY_25B has as many keypoints as BODY_25 and cannot be told from it; hardly anybody has it.
SKELETONS = {
    17: "coco17",
    18: "coco18",
    19: "body19",
    25: "body25",
    26: "halpe26",
    133: "coco133",
    135: "body135",
}
DEFAULT_FPS = 30.0  # where nobody says
MAX_PROBED_FILES = 100  # evenly chosen, by which the picture size is guessed: bounds the start
COMMON_SIZES = ((640, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
MAX_SIDE_PX = 8192  # pixels along a side
MAX_COORDINATE_PX = 1e5  # pixels: no picture is so large, so such a number means something else
MAX_NORMALISED = 1.05  # normalised keypoints lie a little outside of their picture at most
MAX_SCORE = 2.0  # networks' confidences exceed 1 a little
FULL_PER_CENT = 100.0
MAX_PEOPLE = 300  # of a frame: tracking so many takes 0.6 s, and OpenPose never finds as many
MAX_BYTES = 16 * 2**20  # of a file: 300 people with hands and faces take 1.5 MB
# What reading anything else as OpenPose JSON may raise.
NOT_OPENPOSE = ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError


def keypoint_files(folder: str) -> list[str]:
    """Paths of the .json files that lie in the folder itself, in natural order."""
    return glob_keypoints(os.path.join(glob.escape(folder), "*.json"))


def glob_keypoints(pattern: str) -> list[str]:
    """Paths of the .json files that match the pattern, in natural order."""
    paths = glob.iglob(pattern, recursive=True)
    return sorted((path for path in paths if path.lower().endswith(".json")), key=natural)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """x, y, score of somebody's keypoints: (K, 3) of the body; of hands and face those that the
    file has, (21, 3) and (70, 3). Without a body (a hand alone) K is 0. id: -1 = none is said.
    """

    body: Floats
    parts: dict[Apart, Floats]
    id: int = -1

    @property
    def all(self) -> Floats:
        """(N, 3) of all of them."""
        return np.concatenate([self.body, *self.parts.values()])


def read_people(path: str) -> list[Person]:
    """The people of an OpenPose JSON file; SourceError where it is none."""
    name = os.path.basename(path)
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise SourceError(
                f"{name} is larger than {MAX_BYTES >> 20} MB, too large for one frame."
            )
        people = json.loads(Path(path).read_bytes())["people"]
        if len(people) > MAX_PEOPLE:
            raise SourceError(f"{name} has {len(people)} people; the limit is {MAX_PEOPLE}.")
        return [_person(one) for one in people]
    except SourceError as error:
        raise error if name in str(error) else SourceError(f"{name}: {error}") from error
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror}.") from error
    except NOT_OPENPOSE as error:
        raise SourceError(f"{name} is damaged or not OpenPose JSON.") from error


def _person(entry: Any) -> Person:
    """Of its entry in a file; OpenPose's first versions named arrays without `_2d`."""

    def array(name: str) -> Any:
        return entry.get(f"{name}_2d", entry.get(name)) or []

    found = {part: _triples(array(name)) for part, name in ARRAYS.items() if array(name)}
    for part, triples in found.items():
        wanted = len(part_skeleton(part).keypoints)
        if len(triples) != wanted:
            raise SourceError(
                f"{ARRAYS[part]}_2d has {len(triples)} keypoints; OpenPose's has {wanted}."
            )
    identity = entry.get("person_id")
    known = isinstance(identity, list) and identity and isinstance(identity[0], int)
    return Person(_triples(array("pose_keypoints")), found, identity[0] if known else -1)


def _triples(numbers: Any) -> Floats:
    """NaN is how some programs write that a keypoint was not found; ValueError where they are no
    triples of numbers.
    """
    with np.errstate(over="raise"):
        try:
            triples = np.array(numbers, np.float64).astype(np.float32)
        except FloatingPointError as error:
            raise ValueError("too large") from error
    if triples.ndim != 1 or np.isinf(triples).any():
        raise ValueError("not a list of finite numbers")
    if (np.abs(triples) > MAX_COORDINATE_PX).any():
        raise ValueError("numbers that no picture has")
    triples = triples.reshape(-1, 3)
    triples[np.isnan(triples).any(1)] = 0
    return triples


@dataclass(frozen=True, slots=True)
class Units:
    """What a folder's numbers mean.

    least: of normalised coordinates, 0 or -1 at the left and upper edge (OpenPose's
    --keypoint_scale 3 and 4, whose 1 is the centre of the last pixel); None = pixels.
    full_score: 1, or 100 of programs that write per cent.
    """

    least: float | None
    full_score: float

    def of_pictures(self, triples: Floats, size: tuple[int, int]) -> Floats:
        """(P, K, 3) as pixels of (width, height) pictures and scores of 0 to 1."""
        triples[..., 2] /= self.full_score
        if self.least is not None:
            last = np.array(size, np.float32) - 1
            triples[..., :2] = (triples[..., :2] - self.least) / (1 - self.least) * last
        return triples


class KeypointSource:
    """A folder's files, one a frame, as poses upon black pictures.

    The last number in a file's name is its frame's index where all have one of their own, its
    place in the folder otherwise. size: (width, height) of the pictures that the keypoints were
    found in; without it what `fitting` says when the source is entered, that of a calibrated
    camera, or the smallest usual one that holds them, as the files do not say. rate: fps.
    Broken files among good ones are skipped and reported in the notes.
    """

    live = False

    def __init__(
        self,
        name: str,
        paths: Sequence[str],
        chosen: range,
        *,
        size: tuple[int, int] | None = None,
        fitting: Callable[[], tuple[int, int] | None] | None = None,
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.rate: float | None = rate or DEFAULT_FPS
        self._seconds = 1 / (rate or DEFAULT_FPS)
        self._notes: list[str] = []
        self.notes: Sequence[str] = self._notes
        self._clock = clock
        names = [re.sub(r"_keypoints$", "", stem) for stem in unique_names(paths)]
        _check_one_camera(name, names)
        entries = zip(_indices(names), paths, names, strict=True)
        self._files = [entry for entry in entries if entry[0] in chosen]
        self.total: int | None = len(self._files)
        if not self._files:
            raise SourceError(
                f"--start {chosen.start} leaves nothing: {name} has {len(paths)} files."
            )
        probes = self._files[:: -(-len(self._files) // MAX_PROBED_FILES)]
        people = [person for _, path, _ in probes for person in _people_or_none(path)]
        found = [person for person in people if len(person.body)]
        if not found and any(person.parts for person in people):
            raise SourceError(
                f"{name} has hands or faces without bodies; people are followed by their bodies."
            )
        self.skeleton: Skeleton | None = _skeleton(name, found)
        self._bodiless = self._unexpected = 0
        if rate is None:
            self._notes.append(
                f"{name}: OpenPose JSON does not contain the frame rate; assuming {DEFAULT_FPS:g} "
                "fps (set it with --camera-fps)."
            )
        self._units = _units(name, [person.all for person in found])
        if self._units.full_score != 1:
            self._notes.append(f"{name}: scores up to {self._units.full_score:g} were scaled to 1.")
        self._size = size
        self._fitting = fitting
        self._extent = _extent([person.all for person in found])
        self._black: Image = np.zeros((0, 0, 3), np.uint8)

    def _find_size(self) -> tuple[int, int]:
        """(width, height) of the pictures, by what was asked, the rig, or the keypoints."""
        fitting = self._fitting() if self._fitting and not self._size else None
        size = self._size or fitting
        if self._units.least is not None:
            if size is None:
                raise SourceError(
                    f"{self.name} has normalised keypoints, as OpenPose writes with "
                    "--keypoint_scale 3 or 4; give the size of the pictures with --camera-size "
                    "WIDTHxHEIGHT."
                )
            return size
        if fitting is not None:
            self._check_extent(fitting)
        if size is None:
            size = _usual(*self._extent)
            self._notes.append(
                f"{self.name}: OpenPose JSON does not contain the picture size; assuming "
                f"{size[0]}x{size[1]} (set it with --camera-size WIDTHxHEIGHT)."
            )
        return size

    def _check_extent(self, size: tuple[int, int]) -> None:
        if any(most > limit for most, limit in zip(self._extent, size, strict=True)):
            raise SourceError(
                f"{self.name} has keypoints outside the {size[0]}x{size[1]} pictures for which its "
                "camera in the rig was calibrated; if the pictures had another size, give it with "
                "--camera-size WIDTHxHEIGHT."
            )

    def __enter__(self) -> Self:
        width, height = self._find_size()
        self._black = np.zeros((height, width, 3), np.uint8)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        found = readable(self._files, self._read, "files", self._notes)
        for (index, _, name), poses in found:
            moment = index * self._seconds
            yield Frame(self.name, index, name, moment, self._clock(), self._black, poses)
        self._tell_left_out()

    def _read(self, entry: tuple[int, str, str]) -> Poses:
        assert self.skeleton is not None
        people = read_people(entry[1])
        bodies = [person for person in people if len(person.body)]
        self._bodiless += sum(bool(one.parts) and not len(one.body) for one in people)
        own = len(core(self.skeleton).keypoints)
        if any(len(person.body) != own for person in bodies):
            raise SourceError(
                f"{os.path.basename(entry[1])} has other keypoints than "
                f"{core(self.skeleton).name}, the skeleton of the other files."
            )
        triples = np.zeros((len(bodies), len(self.skeleton.keypoints), 3), np.float32)
        for row, person in zip(triples, bodies, strict=True):
            row[:own] = person.body
            for part, listed in person.parts.items():
                at = self.skeleton.groups[part]
                if at and at[0] >= own:
                    row[list(at)] = listed
                else:
                    self._unexpected += 1
        high, wide = self._black.shape[:2]
        triples = self._units.of_pictures(triples, (wide, high))
        score = triples[..., 2].clip(0, 1)
        xy = np.where(score[..., None] > 0, triples[..., :2], np.float32(np.nan))
        return Poses(self.skeleton, xy, score, score[:, np.array(self.skeleton.body)].mean(1))

    def _tell_left_out(self) -> None:
        """What the source could not use, once it is read."""
        if self._bodiless:
            self._notes.append(
                f"{self.name}: {self._bodiless} hands or faces without a body were left out."
            )
        if self._unexpected:
            self._notes.append(
                f"{self.name}: {self._unexpected} hands or faces were left out, as those who tell "
                "the skeleton have none."
            )


def _indices(names: Sequence[str]) -> Sequence[int]:
    """Frame numbers by the names; by their places where a name has none, or another's."""
    numbers = [re.findall(r"[0-9]{1,15}", name)[-1:] for name in names]
    indices = [int(number[0]) for number in numbers if number]
    ordered = indices == sorted(set(indices))
    return indices if ordered and len(indices) == len(names) else range(len(names))


def _check_one_camera(folder: str, names: Sequence[str]) -> None:
    """SourceError where the names are those of several cameras' frames: cam0_000, cam1_000, ..."""
    numbers: dict[str, set[str]] = {}
    for name in names:
        if found := re.fullmatch(r"(.*?)([0-9]{3,15})", name):
            numbers.setdefault(found[1], set()).add(found[2])
    cameras = [prefix for prefix, seen in numbers.items() if len(seen) > 1]
    for one, other in combinations(cameras, 2):
        if 2 * len(numbers[one] & numbers[other]) > len(numbers[one]):
            raise SourceError(
                f"{folder} contains frames of several cameras ({one}..., {other}...); give each "
                f"camera a --source with its own pattern, for example '{folder}/{one}*.json'."
            )


def _people_or_none(path: str) -> list[Person]:
    try:
        return read_people(path)
    except SourceError:
        return []  # reported when its turn comes


def _skeleton(name: str, people: Sequence[Person]) -> Skeleton:
    """Of people with so many keypoints, and the hands and faces that any of them has; OpenPose's
    own where there are none to tell by.
    """
    counts = {len(person.body) for person in people}
    if not counts:
        return named_skeleton("body25")
    if len(counts) > 1 or not counts <= SKELETONS.keys():
        known = ", ".join(f"{count} ({SKELETONS[count]})" for count in SKELETONS)
        raise SourceError(
            f"{name} has people with {' and '.join(map(str, sorted(counts)))} keypoints; all "
            f"files of a folder must have the same number, one of {known}."
        )
    parts = {part for person in people for part in person.parts}
    return with_groups(named_skeleton(SKELETONS[counts.pop()]), tuple(sorted(parts)))


def _units(name: str, people: Sequence[Floats]) -> Units:
    """By the numbers of (K, 3) people; SourceError where no program writes such scores."""
    found = np.concatenate([np.zeros((0, 3), np.float32), *people])
    found = found[found[:, 2] > 0]
    most = float(found[:, 2].max(initial=0))
    if most > FULL_PER_CENT:
        raise SourceError(f"{name} has scores of {most:.6g}, but confidences go from 0 to 1.")
    xy = found[:, :2]
    normalised = len(xy) > 1 and bool((np.abs(xy) <= MAX_NORMALISED).all())
    least = None if not normalised else -1.0 if bool((xy < 1 - MAX_NORMALISED).any()) else 0.0
    return Units(least, FULL_PER_CENT if most > MAX_SCORE else 1.0)


def _extent(people: Sequence[Floats]) -> tuple[float, float]:
    """The least (width, height) that holds all keypoints."""
    found = [person[person[:, 2] > 0, :2].max(0, initial=0) for person in people]
    wide, high = (1 + max((float(most[side]) for most in found), default=0) for side in (0, 1))
    return wide, high


def _usual(wide: float, high: float) -> tuple[int, int]:
    """The smallest usual picture, upright or not, that is as large."""
    for long, short in COMMON_SIZES:
        for width, height in ((long, short), (short, long)):
            if wide <= width and high <= height:
                return width, height
    return min(MAX_SIDE_PX, int(-(-wide // 16) * 16)), min(MAX_SIDE_PX, int(-(-high // 16) * 16))
