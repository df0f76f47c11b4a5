"""How much boxes that are off cost, and what cropping again from the pose found there gives back.

    python -m tests.bench.recrop [--off 0.2] [--refine tests/cards/movenet-thunder.toml]

The weightless part of RMPE's spatial transformer (Fang et al., ICCV'17, section 3.2). Every
labelled person of coco-dev is looked at in their labelled box, and in one that is moved by so much
of its sides in a random direction: once, and again with who was found there in the middle of the
box, as `--detector` does. OKS-AP; of boxes that are off over two seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from engines.crops.proposals import as_keypoints
from engines.models.card import load_card
from engines.refining import second_look_opener
from engines.types.arrays import Floats, Image
from engines.types.poses import Poses
from tests.conftest import DATA

SEEDS = 2
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
    """The boxes, off by this share of their sides in any direction."""
    angle = rng.uniform(0, 2 * np.pi, len(corners))
    side = corners[:, 2:] - corners[:, :2]
    shift = off * side * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return (corners + np.tile(shift, 2)).astype(np.float32)


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

    def scores(change: Callable[[Floats], Floats]) -> list[float]:
        """AP of one look into the boxes, and of two."""
        looks: list[list[tuple[int, Poses]]] = [[], []]
        for number, image, corners in every:
            boxes = change(corners)
            (once,) = look.bodies.look([image], [as_keypoints(boxes)])
            (twice,) = look.look_into([image], [boxes])
            for kept, poses in zip(looks, (once.poses, twice), strict=True):
                kept.append((number, poses))
        return [ap(truth, one) for one in looks]

    right = np.array(scores(lambda corners: corners))
    print("labelled boxes, 1 and 2 looks: AP {:.4f}, {:.4f}".format(*right))
    off = np.array(
        [
            scores(partial(moved, off=given.off, rng=np.random.default_rng(seed)))
            for seed in range(SEEDS)
        ]
    )
    for n, (found, lost) in enumerate(zip(off.mean(axis=0), off.mean(axis=0) - right, strict=True)):
        print(f"{given.off:.0%} off, {n + 1} looks: AP {found:.4f} ({lost:+.4f})")
    print(off.round(4).tolist())
    look.close()


if __name__ == "__main__":
    main()
