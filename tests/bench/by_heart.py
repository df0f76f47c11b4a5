"""Whether OpenPose's training learns eight labelled photos by heart in twenty minutes of two cores.

    python -m tests.bench.by_heart --images FOLDER --labels person_keypoints.json

It trains on the first photos of the labels that show one to three people, all of them labelled by
nine keypoints or more, and scores what came out on the same ones: AP 0.9 or more means that loss,
targets, crops and decoder fit together. Before, it scores what the wanted maps themselves decode
to, which no network can exceed. The processor time that the training took is told beside its AP:
on a machine that others use as well, minutes say little.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from engines.decoders.paf import PafDecoder, PafSettings
from engines.types.letterbox import Letterbox
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_conversion import converted
from training.openpose.labels import LabelledPhoto, read_labels
from training.openpose.targets import STRIDE, draw_targets
from training.shipping.evaluate import photo_figures

PROGRAM = Path(__file__).parents[2] / "run.py"
PHOTOS = 8
MOST_PEOPLE = 3  # in a photo
LEAST_KEYPOINTS = 9  # of each of them
SKELETON = "coco18"


def chosen(labels: Path) -> dict[str, Any]:
    """The labels of the photos alone."""
    data: dict[str, Any] = json.loads(labels.read_bytes())
    good = [
        one
        for one in data["annotations"]
        if one["num_keypoints"] >= LEAST_KEYPOINTS and not one["iscrowd"]
    ]
    every = Counter(one["image_id"] for one in data["annotations"])
    known = Counter(one["image_id"] for one in good)
    images = [
        one
        for one in data["images"]
        if 1 <= every[one["id"]] <= MOST_PEOPLE and every[one["id"]] == known[one["id"]]
    ][:PHOTOS]
    numbers = {one["id"] for one in images}
    kept = [one for one in data["annotations"] if one["image_id"] in numbers]
    return {**data, "images": images, "annotations": kept}


def decoded(photo: LabelledPhoto, height: int) -> Poses:
    """What a run would say if its network gave the wanted maps."""
    skeleton = named_skeleton(SKELETON)
    box = Letterbox.fit(photo.size, height, STRIDE)
    maps, fields = draw_targets(box.to_network(photo.points), skeleton, box.network)
    channels = tuple((2 * n, 2 * n + 1) for n in range(len(skeleton.limbs)))
    decoder = PafDecoder(skeleton, STRIDE, channels, PafSettings())
    return decoder.decode(decoder.candidates(maps, fields, box))


def coco_rows(image: int, poses: Poses) -> list[dict[str, Any]]:
    """A picture's people as COCO results; of its 17 keypoints."""
    rows: list[dict[str, Any]] = []
    poses = converted(poses, named_skeleton("coco17"))
    for xy, total in zip(poses.xy, poses.person_score.tolist(), strict=True):
        points = np.column_stack([np.nan_to_num(xy), ~np.isnan(xy[:, 0])]).astype(float)
        row = {"image_id": image, "category_id": 1, "score": total}
        rows.append({**row, "keypoints": points.ravel().tolist()})
    return rows


def ceiling(labels: Path, images: Path, height: int) -> float:
    """AP of the wanted maps."""
    photos = read_labels(labels, images, named_skeleton(SKELETON))
    numbers = {one["file_name"]: one["id"] for one in json.loads(labels.read_bytes())["images"]}
    rows = [
        row
        for photo in photos
        for row in coco_rows(numbers[photo.path.name], decoded(photo, height))
    ]
    results = labels.with_name("wanted.json")
    results.write_text(json.dumps(rows))
    return photo_figures(labels, results)["AP"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--network", default="pafnet")
    parser.add_argument("--size", type=int, default=368)
    parser.add_argument("--batch", default="8")
    parser.add_argument("--rate", default="0.002")
    parser.add_argument("--minutes", default="20")
    parser.add_argument("--steps", default="1000", help="ends training before the minutes do")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--augment", action="store_true", help="as when learning from many photos")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = chosen(asked.labels)
        labels = folder / "labels.json"
        labels.write_text(json.dumps(data))
        photos = folder / "photos"
        photos.mkdir()
        for one in data["images"]:
            (photos / one["file_name"]).symlink_to((asked.images / one["file_name"]).resolve())
        print(f"the wanted maps: AP {ceiling(labels, photos, asked.size):.3f}", flush=True)
        train = ["training", "openpose", "--run", str(folder / "run"), "--skeleton", SKELETON]
        train += ["--labels", str(labels), "--images", str(photos), "--network", asked.network]
        train += ["--size", str(asked.size), "--batch", asked.batch, "--rate", asked.rate]
        train += ["--minutes", asked.minutes, "--threads", asked.threads]
        train += [] if asked.augment else ["--no-augment"]
        train += ["--steps", asked.steps]
        before = os.times()
        subprocess.run([sys.executable, "-m", *train], check=True)
        after = os.times()
        processor = after.children_user + after.children_system
        processor -= before.children_user + before.children_system
        log = (folder / "run" / "log.jsonl").read_text().splitlines()
        steps = json.loads(log[-1])["step"]
        card = folder / "mine.toml"
        export = ["export", str(folder / "run" / "network.toml"), "-o", str(card)]
        subprocess.run([sys.executable, "-m", "engines", *export], check=True)
        results = folder / "results.json"
        words = ["--source", str(photos), "--model", str(card), "--height", str(asked.size)]
        words += ["--coco", str(results), "--no-show", "--quiet", "--refine", "off"]
        subprocess.run([sys.executable, str(PROGRAM), *words], check=True)
        figures = photo_figures(labels, results)
        took = f"{steps} steps, {processor / 60:.1f} core minutes"
        print(f"{len(data['images'])} photos, {asked.network}, {took}: ", end="")
        print(", ".join(f"{k} {v:.3f}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
