"""How much boxes that are off cost, and what cropping again from the pose found there gives back.

    python -m tests.bench.recrop [--off 0.2] [--refine tests/cards/movenet-thunder.toml]

The weightless part of RMPE's spatial transformer (Fang et al., ICCV'17, section 3.2). Every
labelled person of coco-dev is looked at in their labelled box; in a box that is moved by so many
shares of its sides along each axis, one way or the other, and as much larger or smaller; and then
in the crop around the pose that was found there, once and twice. OKS-AP over three seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json

import cv2
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from engines.crops.proposals import as_keypoints
from engines.models.card import load_card
from engines.refining import second_look_opener
from engines.runtimes.second_look import SecondLook
from engines.types.arrays import Floats, Image
from engines.types.poses import Poses
from tests.conftest import DATA

SEEDS = 3
FOLDER = DATA / "coco-dev"
Photo = tuple[int, Image, Floats]


def photos() -> list[Photo]:
    """Number, picture and (P, 4) labelled corners."""
    data = json.loads((FOLDER / "person_keypoints.json").read_bytes())
    out = []
    for one in data["images"]:
        sides = [
            each["bbox"]
            for each in data["annotations"]
            if each["image_id"] == one["id"] and not each["iscrowd"] and each["num_keypoints"]
        ]
        image = cv2.imread(str(FOLDER / "images" / one["file_name"]))
        assert image is not None, one["file_name"]
        if sides:
            box = np.array(sides, np.float32)
            box[:, 2:] += box[:, :2]
            out.append((one["id"], np.asarray(image, np.uint8), box))
    return out


def moved(corners: Floats, off: float, rng: np.random.Generator) -> Floats:
    """The boxes, off by this share of their sides along each axis, and larger or smaller."""
    middle, side = (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]
    middle = middle + off * side * rng.choice([-1, 1], side.shape)
    side = side * (1 + off * rng.choice([-1, 1], (len(side), 1)))
    return np.concatenate([middle - side / 2, middle + side / 2], axis=1).astype(np.float32)


def ap(truth: COCO, found: list[tuple[int, Poses]], *, person: bool = False) -> float:
    """OKS average precision; people rank by their mean confidence, or by their score."""
    rows = []
    for image, poses in found:
        rank = poses.person_score if person else poses.score.mean(axis=1)
        for xy, score, own in zip(poses.xy, poses.score, rank, strict=True):
            points = np.nan_to_num(np.column_stack([xy, score]))
            rows.append(
                {"image_id": image, "category_id": 1, "score": float(own)}
                | {"keypoints": points.astype(float).ravel().tolist()}
            )
    with contextlib.redirect_stdout(io.StringIO()):
        run = COCOeval(truth, truth.loadRes(rows), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[0])


def looked(look: SecondLook, every: list[Photo], people: list[Poses]) -> list[Poses]:
    """What the crop network finds around these people of each photo."""
    return [
        look.look([image], [one])[0].poses for (_, image, _), one in zip(every, people, strict=True)
    ]


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--off", type=float, default=0.2)
    ask.add_argument("--refine", default="tests/cards/movenet-thunder.toml")
    given = ask.parse_args()
    opener = second_look_opener(given.refine, load_card("movenet-multipose"))
    assert opener is not None
    look, every = opener(), photos()
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(FOLDER / "person_keypoints.json"))
    numbers = [one[0] for one in every]
    exact = looked(look, every, [as_keypoints(box) for _, _, box in every])
    right = ap(truth, list(zip(numbers, exact, strict=True)))
    again = looked(look, every, exact)
    print(f"labelled boxes: AP {right:.4f}", flush=True)
    print(
        f"  cropped again: AP {ap(truth, list(zip(numbers, again, strict=True))):.4f}", flush=True
    )
    scores: list[list[float]] = [[], [], []]
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        people = [as_keypoints(moved(box, given.off, rng)) for _, _, box in every]
        for column in scores:
            people = looked(look, every, people)
            column.append(ap(truth, list(zip(numbers, people, strict=True))))
    names = ("as they are", "cropped again", "cropped twice again")
    for name, column in zip(names, scores, strict=True):
        print(
            f"boxes {given.off:.0%} off, {name}: AP {np.mean(column):.4f} "
            f"({np.mean(column) - right:+.4f}; {', '.join(f'{one:.4f}' for one in column)})",
            flush=True,
        )
    look.close()


if __name__ == "__main__":
    main()
