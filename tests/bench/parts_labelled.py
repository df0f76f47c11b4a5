"""Hands, faces and feet beside the labels of other data sets, for tests/bench/parts.py.

Each set has its own order of keypoints; hands are put into OpenPose's, and of faces those are
compared that the set shares with iBUG's 68 and the pupils.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.crops.affine import Crops
from engines.parts.boxes import eye_boxes, hand_boxes
from engines.parts.kinds import Part
from engines.parts.opening import parts_opener
from engines.parts.part_crops import PartCrops, Wanted
from engines.types.arrays import Doubles, Floats, Image, Mask
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton, named_skeleton
from tests.conftest import DATA

PCK = 0.2  # of the longer side of a hand's box, or of a foot's length
COCO = named_skeleton("coco17")
TIPS_FIRST = [4 * f + j for f in range(5) for j in (4, 3, 2, 1)]
HANDS = {  # the place of each of OpenPose's 21 keypoints
    "onehand10k": range(21),
    "freihand": range(21),
    "rhd": [0, *TIPS_FIRST],
    "interhand2.6m": [20, *(n - 1 for n in TIPS_FIRST)],
}
IBUG = {n: n for n in range(68)}
FACES: dict[str, dict[int, int]] = {  # OpenPose's keypoint: the set's
    "300w": IBUG,
    "wflw": {
        **{n: 2 * n for n in range(17)},
        **{17 + n: 33 + n for n in range(5)},
        **{22 + n: 42 + n for n in range(5)},
        **{27 + n: 51 + n for n in range(9)},
        **dict(zip(range(36, 48), (60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75), strict=True)),
        **{48 + n: 76 + n for n in range(20)},
        68: 96,
        69: 97,
    },
    "cofw": {
        36: 8,
        39: 10,
        42: 11,
        45: 9,
        68: 16,
        69: 17,
        17: 0,
        21: 2,
        22: 3,
        26: 1,
        30: 20,
        31: 18,
        33: 21,
        35: 19,
        48: 22,
        54: 23,
        51: 24,
        62: 25,
        66: 26,
        57: 27,
        8: 28,
    },
    "lapa": {
        **{n: 2 * n for n in range(17)},
        **{17 + n: 33 + n for n in range(5)},
        **{22 + n: 42 + n for n in range(5)},
        **{27 + n: 51 + n for n in range(4)},
        36: 66,
        39: 70,
        42: 75,
        45: 79,
        68: 104,
        69: 105,
        **{48 + n: 84 + n for n in range(20)},
    },
}
EYES = (36, 39), (42, 45)  # corners of the right and the left


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPerson:
    """Of one photo: COCO's 17 keypoints and each part's, (K, 3) x, y and 0 where not labelled."""

    body: Doubles
    parts: dict[str, Doubles]


def labelled() -> None:
    """What is told, and how far from the labels: of single parts, then of people in photos."""
    for name in HANDS:
        hands(name)
    for name in FACES:
        faces(name)
    for name in ("coco-wholebody", "halpe"):
        whole_bodies(name)


@cache
def part(name: Part) -> PartCrops:
    opener = parts_opener({name}, COCO)
    assert opener is not None
    look = opener()
    found = look._hands or look._face
    assert found is not None
    return found


def hands(name: str) -> None:
    """PCK of hands cropped by their labels."""
    network, hits, told = part("hands"), list[float](), 0
    for image, points, seen in _hands_of(name):
        crop = hand_boxes(points[None].astype(np.float32), network.size)
        if not seen.all():
            crop = around(points[seen], 2.0, network.size)
        xy, there = _look(network, image, crop)
        told += there
        off = np.linalg.norm(xy - points, axis=-1)[seen]
        side = np.ptp(points[seen], axis=0).max()
        hits.append(float(np.mean(np.nan_to_num(off, nan=np.inf) < PCK * side)))
    print(f"{name}: {told} of {len(hits)} hands told, PCK {PCK} {np.mean(hits):.3f}")


def faces(name: str) -> None:
    """Mean errors of faces cropped by their labelled eyes, in distances between the eyes' outer
    corners (NME).
    """
    network, pairs, errors, count = part("face"), FACES[name], list[float](), 0
    ours, theirs = list(pairs), list(pairs.values())
    for image, points, seen in _pictures(name):
        count += 1
        right, left = (points[[pairs[n] for n in ends]].mean(0) for ends in EYES)
        crop = eye_boxes(*(one[None].astype(np.float32) for one in (right, left)), network.size)
        xy, there = _look(network, image, crop)
        if there:
            off = np.linalg.norm(xy[ours] - points[theirs], axis=-1)[seen[theirs]]
            errors.append(off.mean() / np.linalg.norm(points[pairs[36]] - points[pairs[45]]))
    print(f"{name}: {len(errors)} of {count} faces told, NME {np.round(errors, 4).tolist()}")


def whole_bodies(name: str) -> None:
    """Parts of people whose bodies are as labelled, through the whole of PartsLook."""
    opener = parts_opener({"hands", "face", "feet"}, COCO)
    assert opener is not None
    look, skeleton = opener(), opener.skeleton
    valid = {"hands": 0, "face": 0, "feet": 0}
    off: dict[str, list[float]] = {one: [] for one in valid}
    for image, people in photos_of(name):
        [found] = look.look([image], [_bodies([one.body for one in people])])
        for row, one in enumerate(people):
            for group, points in one.parts.items():
                kind, at, kept, size = _compared(skeleton, group, points)
                valid[kind] += 1
                gaps = np.linalg.norm(found.xy[row, at] - points[kept, :2], axis=-1)
                if np.isfinite(gaps).any():
                    off[kind].append(float(np.nanmean(gaps)) / size)
    look.close()
    for kind, errors in off.items():
        of = {"hands": "the hand's box", "face": "the eyes' distance", "feet": "the foot"}[kind]
        far = f", off by {np.median(errors):.3f} of {of} (median)" if errors else ""
        print(f"{name}, {kind}: {len(errors)} of {valid[kind]} told{far}")


def _compared(
    skeleton: Skeleton, group: str, points: Doubles
) -> tuple[str, list[int], list[int], float]:
    """Of what kind it is, which keypoints of ours are compared with which labels, and its size."""
    side, _, what = group.partition("_")
    every = list(range(len(points)))
    if group == "face":
        apart = float(np.linalg.norm(points[36, :2] - points[45, :2]))
        return "face", list(skeleton.face[: len(points)]), every, apart
    if what == "hand":
        at = skeleton.left_hand if side == "left" else skeleton.right_hand
        return "hands", list(at), every, float(np.ptp(points[:, :2], axis=0).max())
    at = [skeleton.keypoints.index(f"{side}_{name}") for name in ("big_toe", "heel")]
    return "feet", at, [0, 2], float(np.linalg.norm(points[0, :2] - points[2, :2]))


def _look(network: PartCrops, image: Image, crop: tuple[Crops, Mask]) -> tuple[Floats, bool]:
    """Keypoints of one part, and whether it is told."""
    unknown = np.full((1, len(network._network.decoder.skeleton.keypoints), 2), np.nan, np.float32)
    [found] = network.look([image], [Wanted(crop, unknown, np.zeros(1, bool))])
    return found.xy[0], bool(found.presence[0] > 0)


def around(points: Doubles, share: float, size: tuple[int, int]) -> tuple[Crops, Mask]:
    """An upright square around labelled points."""
    low, high = points.min(0), points.max(0)
    side = np.full((1, 2), share * (high - low).max(), np.float32)
    centre = ((low + high) / 2)[None].astype(np.float32)
    return Crops(centre, side, np.zeros(1, np.float32), size), np.ones(1, bool)


def _hands_of(name: str) -> Iterator[tuple[Image, Doubles, Mask]]:
    """Picture, (21, 2) points in OpenPose's order, and which are labelled."""
    every = _interhand() if name == "interhand2.6m" else _pictures(name)
    for image, points, seen in every:
        order = list(HANDS[name])
        yield image, points[order], seen[order]


def _pictures(name: str) -> Iterator[tuple[Image, Doubles, Mask]]:
    """Of a labelled set: picture, (K, 2) points in the set's order, and which are labelled."""
    folder = DATA / "parts" / name
    data = json.loads(next(folder.glob("test_*.json")).read_text())
    files = {one["id"]: one["file_name"] for one in data["images"]}
    for one in data["annotations"]:
        points = np.array(one["keypoints"], float).reshape(-1, 3)
        yield _image(folder / Path(files[one["image_id"]]).name), points[:, :2], points[:, 2] > 0


def _interhand() -> Iterator[tuple[Image, Doubles, Mask]]:
    """Both hands of InterHand2.6M, 3D points in millimetres seen by one camera each."""
    folder = DATA / "parts" / "interhand2.6m"
    data, cameras, joints = (
        json.loads((folder / f"test_interhand2.6m_{one}.json").read_text())
        for one in ("data", "camera", "joint_3d")
    )
    for one in data["images"]:
        capture, name = str(one["capture"]), one["camera"]
        camera = {key: np.array(value[name]) for key, value in cameras[capture].items()}
        label = joints[capture][str(one["frame_idx"])]
        world, valid = np.array(label["world_coord"]), np.array(label["joint_valid"]).ravel() > 0
        there = (world - camera["campos"]) @ camera["camrot"].T
        xy = there[:, :2] / there[:, 2:] * camera["focal"] + camera["princpt"]
        for hand in (slice(0, 21), slice(21, 42)):
            if valid[hand].all():
                yield _image(folder / Path(one["file_name"]).name), xy[hand], valid[hand]


def photos_of(name: str) -> Iterator[tuple[Image, list[LabelledPerson]]]:
    """Photos of COCO with whole bodies as COCO-WholeBody or Halpe labelled them."""
    parts, photos = DATA / "parts", DATA / "coco-dev" / "images"
    people: dict[Path, list[LabelledPerson]] = {}
    if name == "halpe":
        data = json.loads((parts / "halpe" / "test_halpe.json").read_text())
        files = {one["id"]: parts / "coco" / one["file_name"] for one in data["images"]}
        for one in data["annotations"]:
            points = np.array(one["keypoints"], float).reshape(-1, 3)
            groups = {"face": points[26:94], "left_hand": points[94:115]}
            groups |= {"right_hand": points[115:136], "left_foot": points[[20, 22, 24]]}
            groups |= {"right_foot": points[[21, 23, 25]]}
            people.setdefault(files[one["image_id"]], []).append(_person(points[:17], groups))
    else:
        data = json.loads((parts / name / "on_our_images.json").read_text())
        listed = json.loads((DATA / "coco-dev" / "person_keypoints.json").read_text())
        bodies = {one["id"]: one["keypoints"] for one in listed["annotations"]}
        for one in data["annotations"]:
            if one["our_id"] is None:
                continue
            groups = {
                group: np.array(one[f"{field}_kpts"], float).reshape(-1, 3)
                for group, field in (
                    *(("face", "face"), ("left_hand", "lefthand"), ("right_hand", "righthand")),
                    ("feet", "foot"),
                )
                if one[f"{field}_valid"]
            }
            if (feet := groups.pop("feet", None)) is not None:
                groups |= {"left_foot": feet[:3], "right_foot": feet[3:]}
            file = photos / f"{one['image_id']:012d}.jpg"
            body = np.array(bodies[one["our_id"]], float).reshape(-1, 3)
            people.setdefault(file, []).append(_person(body, groups))
    for file, some in people.items():
        yield _image(file), some


def _person(body: Doubles, groups: dict[str, Doubles]) -> LabelledPerson:
    """With the parts that are labelled as a whole."""
    return LabelledPerson(
        body, {name: points for name, points in groups.items() if (points[:, 2] > 0).all()}
    )


def _bodies(people: list[Doubles]) -> Poses:
    triples = np.array(people, np.float32)
    known = triples[..., 2] > 0
    xy = np.where(known[..., None], triples[..., :2], np.float32(np.nan))
    return Poses(COCO, xy, known.astype(np.float32), np.ones(len(xy), np.float32))


def _image(file: Path) -> Any:
    image = cv2.imread(str(file))
    assert image is not None, file
    return image
