"""COCO keypoint labels, in the keypoints of any skeleton, and where nobody labelled anything."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.types.arrays import Floats, Image, Mask
from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_conversion import origins_of
from training.data.errors import TrainingError

TRIPLE = 3  # x, y, visibility
# What COCO's visibility 0 says: neither seen nor labelled.
NOT_LABELLED = 0


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPhoto:
    """A photo's labels.

    path: of the picture. size: (width, height). points: (P, K, 2) pixels of the labelled people,
    NaN = not labelled. labelled: (K,) keypoints that this data set labels at all. regions: outlines
    of those without keypoints and of crowds, annotations as they are; people: those of the others.
    """

    path: Path
    size: tuple[int, int]
    points: Floats
    labelled: Mask
    regions: tuple[Mapping[str, Any], ...]
    people: tuple[Mapping[str, Any], ...]

    def read(self) -> Image:
        """(h, w, 3) BGR; TrainingError where it cannot be read."""
        image = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
        if image is None:
            raise TrainingError(f"{self.path} cannot be read as a picture.")
        if (image.shape[1], image.shape[0]) != self.size:
            raise TrainingError(
                f"{self.path} has {image.shape[1]}x{image.shape[0]} pixels, but its labels say "
                f"{self.size[0]}x{self.size[1]}; give the --images that were labelled."
            )
        return np.asarray(image, np.uint8)

    def mask(self) -> Mask:
        """(h, w) W of CVPR'17, section 2.1: False where people are whom nobody labelled, unless
        somebody labelled is in front of them.
        """
        wide, high = self.size
        missing, known = np.zeros((high, wide), bool), np.zeros((high, wide), bool)
        for one in self.regions:
            missing |= outline(one, self.size)
        if missing.any():
            for one in self.people:
                known |= outline(one, self.size)
        return ~missing | known


def read_labels(labels: Path, images: Path, skeleton: Skeleton) -> list[LabelledPhoto]:
    """The photos of a COCO keypoint file that show labelled people.

    Keypoints are matched by name; neck and hips' middle are those of shoulders and hips (TPAMI'19,
    section 4). TrainingError where the file is no such labels, or none of its keypoints are wanted.
    """
    try:
        data = json.loads(labels.read_bytes())
        # Files that were cut down often leave the names out; what is unnamed is COCO's.
        names = data["categories"][0].get("keypoints") or [*named_skeleton("coco17").keypoints]
        of_photo: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for one in data["annotations"]:
            of_photo[one["image_id"]].append(one)
        source = _named(names)
        mapping = [origins_of(name, source) for name in skeleton.keypoints]
        if not any(mapping):
            raise TrainingError(
                f"{labels} labels none of the keypoints of {skeleton.name}; choose another "
                "--skeleton."
            )
        photos = [
            _photo(one, of_photo[one["id"]], images, mapping, len(names)) for one in data["images"]
        ]
    except OSError as error:
        raise TrainingError(f"{labels} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise TrainingError(f"{labels} is no COCO keypoint file ({error!r}).") from error
    found = [one for one in photos if len(one.points)]
    if not found:
        raise TrainingError(f"{labels} has no people with keypoints.")
    return found


def outline(annotation: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    """(h, w) where somebody is: of polygons or run lengths, else the box; nowhere without any."""
    wide, high = size
    drawn = np.zeros((high, wide), np.uint8)
    shape = annotation.get("segmentation")
    if isinstance(shape, Mapping):
        return _run_lengths(shape, size)
    if shape:
        rings = [np.rint(np.array(ring, float).reshape(-1, 2)).astype(np.int32) for ring in shape]
        cv2.fillPoly(drawn, rings, 1)
    elif (box := annotation.get("bbox")) is not None:
        left, top, across, down = (float(value) for value in box)
        right, bottom = round(left + across), round(top + down)
        drawn[max(0, round(top)) : max(0, bottom), max(0, round(left)) : max(0, right)] = 1
    return drawn.astype(bool)


def _run_lengths(shape: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    """COCO's masks of crowds: runs of 0 and 1 in turn, column by column."""
    counts = shape["counts"]
    if isinstance(counts, str):
        from pycocotools import mask

        return np.asarray(mask.decode(dict(shape)), bool)
    values = np.repeat(np.arange(len(counts)) % 2, counts)
    return values.reshape(size[0], size[1]).T.astype(bool)


def _named(names: list[str]) -> Skeleton:
    count = len(names)
    return Skeleton("labels", tuple(names), (), frozenset(), (0.05,) * count, ((0, 0, 0),) * count)


def _photo(
    entry: Mapping[str, Any],
    annotations: list[dict[str, Any]],
    images: Path,
    mapping: list[list[int]],
    count: int,
) -> LabelledPhoto:
    people, regions, points = [], [], []
    for one in annotations:
        triples = np.array(one.get("keypoints") or [0] * TRIPLE * count, np.float32)
        triples = triples.reshape(count, TRIPLE)
        seen = triples[:, 2] != NOT_LABELLED
        if one.get("iscrowd") or not seen.any():
            regions.append(one)
            continue
        xy = np.where(seen[:, None], triples[:, :2], np.float32(np.nan))
        nowhere = np.full(2, np.nan, np.float32)
        points.append([xy[at].mean(axis=0) if at else nowhere for at in mapping])
        people.append(one)
    return LabelledPhoto(
        images / entry["file_name"],
        (int(entry["width"]), int(entry["height"])),
        np.array(points, np.float32).reshape(-1, len(mapping), 2),
        np.array([bool(at) for at in mapping]),
        tuple(regions),
        tuple(people),
    )
