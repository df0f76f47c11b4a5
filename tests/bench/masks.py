"""Whether W(p) of CVPR'17, section 2.1 is worth having: crowds of whom half were not labelled.

    python -m tests.bench.masks [--steps 200] [--threads 1]

Crowds of coloured figures, in which a small network learns in minutes where people are. Of each
picture half of the people, chosen at random, have keypoints; of the others the box alone is known,
as of those whom COCO's annotators passed over. OpenPose's training runs twice, with W and without,
and both networks are scored on crowds that neither has seen, all of whom are labelled. A line each:
AP, how high peaks are at people's keypoints, and the processor time of both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import posestream
from engines.types.arrays import Image
from engines.types.skeleton import named_skeleton
from tests.bench.by_heart import coco_rows
from tests.synth import SKELETON, Points, crowd, cut
from training.shipping.evaluate import photo_figures

COCO = named_skeleton("coco17")
SIZE, PEOPLE = (256, 160), 4
LEARNT, ASKED = 48, 24  # pictures


def drawn(people: list[Points], rng: np.random.Generator) -> Image:
    """Figures whose limbs each have a colour, before a blurred background."""
    wide, high = SIZE
    noise = rng.integers(0, 256, (high // 8, wide // 8, 3)).astype(np.uint8)
    picture = cv2.resize(noise, SIZE, interpolation=cv2.INTER_CUBIC)
    colours = np.array([[180 * n // len(SKELETON.limbs), 255, 255] for n in range(19)], np.uint8)
    colours = cv2.cvtColor(colours[None], cv2.COLOR_HSV2BGR)[0]
    for person in people:
        for (one, other), colour in zip(SKELETON.limbs, colours.tolist(), strict=True):
            ends = person[[one, other]]
            if not np.isnan(ends).any():
                first, second = (tuple(map(round, end)) for end in ends.tolist())
                cv2.line(picture, first, second, colour, 3, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def written(folder: Path, count: int, labelled: int, rng: np.random.Generator) -> Path:
    """Pictures and labels.json in a folder. labelled: people of each picture with keypoints."""
    folder.mkdir()
    images, annotations = [], []
    for n in range(count):
        people = [cut(one, SIZE) for one in crowd(PEOPLE, SIZE, rng)]
        cv2.imwrite(str(folder / f"{n}.png"), drawn(people, rng))
        images.append({"id": n, "file_name": f"{n}.png", "width": SIZE[0], "height": SIZE[1]})
        known = rng.permutation(PEOPLE)[:labelled]
        annotations += [annotation(n, one, k in known) for k, one in enumerate(people)]
    for number, one in enumerate(annotations):
        one["id"] = number + 1
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO.keypoints)}]
    labels = folder / "labels.json"
    data = {"images": images, "annotations": annotations, "categories": categories}
    labels.write_text(json.dumps(data))
    return labels


def annotation(image: int, points: Points, labelled: bool) -> dict[str, Any]:
    xy = points[list(SKELETON.order_in(COCO))]
    seen = ~np.isnan(xy[:, 0]) & labelled
    low, high = np.nanmin(points, axis=0) - 4, np.nanmax(points, axis=0) + 4
    triples = np.column_stack([np.nan_to_num(xy), np.full(len(xy), 2)]) * seen[:, None]
    return {
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": int(seen.sum()),
        "keypoints": triples.ravel().tolist(),
        "bbox": [*low.tolist(), *(high - low).tolist()],
        "area": 0.53 * float((high - low).prod()),  # as COCO's outlines of people are
    }


def figures(card: Path, labels: Path) -> tuple[float, float]:
    """AP, and the mean score of the keypoints that were found."""
    rows: list[dict[str, Any]] = []
    scores = [np.zeros(0, np.float32)]
    with posestream.Pose(str(card), height=SIZE[1], refine="off") as pose:
        for one in json.loads(labels.read_bytes())["images"]:
            people = pose(cv2.imread(str(labels.with_name(one["file_name"])))).tracks.poses
            rows += coco_rows(one["id"], people)
            scores.append(people.score[people.found])
    results = card.with_name("results.json")
    results.write_text(json.dumps(rows))
    every = np.concatenate(scores)
    return photo_figures(labels, results)["AP"], float(every.mean()) if len(every) else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default="200")
    parser.add_argument("--network", default="pafnet")
    parser.add_argument("--threads", default="1")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name), np.random.default_rng(0)
        half = written(folder / "half", LEARNT, PEOPLE // 2, rng)
        whole = written(folder / "whole", ASKED, PEOPLE, rng)
        for way in ("--mask", "--no-mask"):
            run = folder / way
            train = ["training", "openpose", "--run", str(run), "--skeleton", SKELETON.name]
            train += ["--labels", str(half), "--images", str(half.parent), way]
            train += ["--network", asked.network, "--size", str(SIZE[1]), "--batch", "8"]
            train += ["--rate", "0.002", "--steps", asked.steps, "--minutes", "600"]
            train += ["--decay", "0.5", "--threads", asked.threads, "--no-augment"]
            before = os.times()
            subprocess.run([sys.executable, "-m", *train], check=True, stdout=subprocess.DEVNULL)
            after = os.times()
            took = after.children_user - before.children_user
            precision, score = figures(run / "network.toml", whole)
            print(f"{way}: AP {precision:.3f}, keypoints' mean score {score:.2f}, {took:.0f} s")


if __name__ == "__main__":
    main()
