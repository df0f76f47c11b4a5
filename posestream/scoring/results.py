"""Found people: COCO results, folders of OpenPose JSON, MOTChallenge text."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.types.arrays import Doubles
from engines.types.errors import sentence
from engines.types.openpose_arrays import part_skeleton
from engines.types.skeleton import Skeleton, named_skeleton
from posestream.scoring.labels.boxes import read_rows
from posestream.scoring.labels.coco_family import PARTS
from posestream.scoring.labels.reading import DAMAGED, read_json
from posestream.scoring.measures.scenes import Found, FoundPicture, Labels, boxes_of
from realtime.sources.openpose_json import SKELETONS, keypoint_files, read_people
from realtime.types.errors import SourceError

FORMS = (
    "COCO results (.json), a folder of OpenPose JSON, or MOTChallenge text (.txt); the program "
    "writes them with --coco, --json and --mot"
)
Key = int | str


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    """picture: its image_id, its name, or the number of its frame. places: x, y (NaN = not found)
    by the name of the keypoint.
    """

    picture: Key
    places: Mapping[str, Sequence[float]]
    score: float
    id: int = -1
    box: Sequence[float] = ()


def read_results(path: Path, labels: Labels) -> tuple[Found, Labels]:
    """What was found of the labels' keypoints, and the labels of those keypoints alone that the
    results know. SourceError says what is wrong with the results.
    """
    try:
        kind, people = _people(path, labels)
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except DAMAGED as error:
        raise SourceError(sentence(f"{path} has results that cannot be read: {error}")) from error
    known = {name for one in people for name in one.places}
    lacking = tuple(name for name in labels.keypoints if people and name not in known)
    if labels.keypoints and len(lacking) == len(labels.keypoints):
        raise SourceError(f"{path} has none of the keypoints that {labels.kind} labels.")
    labels = _without(labels, lacking)
    rows, elsewhere = _placed(people, labels, openpose=path.is_dir())
    pictures = {index: _picture(some, labels.keypoints) for index, some in rows.items()}
    if people and not pictures:
        raise SourceError(
            f"{path} has people, but in none of the pictures that are labelled; results name "
            "pictures by their files or image_ids."
        )
    return Found(kind, pictures, lacking, elsewhere), labels


def _people(path: Path, labels: Labels) -> tuple[str, list[_Person]]:
    if path.is_dir():
        if not labels.keypoints:
            raise SourceError(f"{path}: labels of boxes need results of boxes, as of --mot.")
        return "OpenPose JSON", [*_openpose(path)]
    if path.suffix.lower() in (".txt", ".csv") and path.is_file():
        if labels.keypoints:
            raise SourceError(f"{path} has boxes alone, but {labels.kind} labels keypoints.")
        return "MOTChallenge", [*_mot(path)]
    if not path.is_file():
        raise SourceError(f"{path} is not there; give {FORMS}.")
    data = read_json(path)
    if not isinstance(data, list):
        raise SourceError(f"{path} is no list of results; give {FORMS}.")
    if not labels.keypoints:
        raise SourceError(f"{path}: labels of boxes need results of boxes, as of --mot.")
    return "COCO results", [_coco(one, labels) for one in data]


def _coco(entry: Any, labels: Labels) -> _Person:
    """Of as many keypoints as the labels have, in their order; else of the skeleton of so many."""
    whole = PARTS[1] in entry and len(labels.keypoints) > len(entry["keypoints"]) // 3
    flat = [number for field in (PARTS if whole else PARTS[:1]) for number in entry[field]]
    triples = np.array(flat, float).reshape(-1, 3)
    names = labels.keypoints
    if len(triples) != len(names):
        names = _skeleton_of(len(triples)).keypoints
    lacks = (triples[:, :2] == 0).all(axis=1) | np.isnan(triples).any(axis=1)
    places = np.where(lacks[:, None], np.nan, triples[:, :2])
    return _Person(
        entry["image_id"],
        dict(zip(names, places.tolist(), strict=True)),
        float(entry["score"]),
        int(entry.get("track_id", -1)),
    )


def _openpose(folder: Path) -> Iterator[_Person]:
    files = keypoint_files(str(folder))
    if not files:
        raise SourceError(f"{folder} has no .json files; give {FORMS}.")
    for path in files:
        picture = re.sub(r"_keypoints$", "", Path(path).stem)
        for person in read_people(path):
            places: dict[str, Sequence[float]] = {}
            score = 0.0
            if len(person.body):
                names = _skeleton_of(len(person.body)).keypoints
                places |= _named(names, person.body.astype(np.float64))
                score = float(person.body[:, 2].mean())
            for part, triples in person.parts.items():
                names = part_skeleton(part).keypoints
                places = _named(names, triples.astype(np.float64)) | places
            yield _Person(picture, places, score, person.id)


def _named(names: Sequence[str], triples: Doubles) -> dict[str, Sequence[float]]:
    places = np.where(triples[:, 2:] > 0, triples[:, :2], np.nan)
    return dict(zip(names, places.tolist(), strict=True))


def _skeleton_of(count: int) -> Skeleton:
    if count not in SKELETONS:
        known = ", ".join(map(str, SKELETONS))
        raise SourceError(f"A person with {count} keypoints is of no known skeleton ({known}).")
    return named_skeleton(SKELETONS[count])


def _mot(path: Path) -> Iterator[_Person]:
    for row in read_rows(path):
        yield _Person(int(row[0]), {}, float(row[6]), int(row[1]), row[2:6].tolist())


def _without(labels: Labels, lacking: Sequence[str]) -> Labels:
    if not lacking:
        return labels
    kept = [n for n, name in enumerate(labels.keypoints) if name not in lacking]
    return replace(
        labels,
        keypoints=tuple(labels.keypoints[n] for n in kept),
        sigmas=labels.sigmas[kept],
        pictures=[replace(one, xy=one.xy[:, kept]) for one in labels.pictures],
    )


def _placed(
    people: Sequence[_Person], labels: Labels, *, openpose: bool
) -> tuple[dict[int, list[_Person]], int]:
    """The people of each labelled picture by its index, and how many are in others."""
    by_id = {one.image_id: n for n, one in enumerate(labels.pictures)}
    named = Counter(one.name for one in labels.pictures)
    by_name = {one.name: n for n, one in enumerate(labels.pictures) if named[one.name] == 1}
    rows: dict[int, list[_Person]] = defaultdict(list)
    elsewhere = 0
    for one in people:
        at = by_name.get(str(one.picture)) if openpose else by_id.get(one.picture)
        if at is None:
            numbers = re.findall(r"\d+", str(one.picture))
            # By the number in the name, as COCO's pictures are numbered; hash names have none.
            at = by_id.get(int(numbers[-1])) if openpose and numbers else None
        if at is None:
            elsewhere += 1
        else:
            rows[at].append(one)
    return rows, elsewhere


def _picture(people: Sequence[_Person], names: Sequence[str]) -> FoundPicture:
    nothing = (np.nan, np.nan)
    xy = [[one.places.get(name, nothing) for name in names] for one in people]
    places = np.array(xy, float).reshape(len(people), len(names), 2)
    box = boxes_of(places) if names else np.array([one.box for one in people], float)
    return FoundPicture(
        places,
        np.array([one.score for one in people], float),
        np.array([one.id for one in people], np.int64),
        box,
    )
