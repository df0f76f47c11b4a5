"""Whether OpenPose's training learns eight labelled photos by heart in twenty minutes.

    python -m tests.bench.by_heart --images FOLDER --labels person_keypoints.json

It trains on the first photos of the labels that show one to three people, and scores what came out
on the same ones: AP 0.9 or more means that loss, targets, crops and decoder fit together.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from training.shipping.evaluate import photo_figures

PROGRAM = Path(__file__).parents[2] / "run.py"
PHOTOS = 8
MOST_PEOPLE = 3  # in a photo


def chosen(labels: Path) -> dict[str, Any]:
    """The labels of the photos alone."""
    data: dict[str, Any] = json.loads(labels.read_bytes())
    good = [one for one in data["annotations"] if one["num_keypoints"] > 8 and not one["iscrowd"]]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--minutes", default="20")
    parser.add_argument("--network", default="pafnet")
    parser.add_argument("--size", default="192")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = chosen(asked.labels)
        (folder / "labels.json").write_text(json.dumps(data))
        (folder / "photos").mkdir()
        for one in data["images"]:
            (folder / "photos" / one["file_name"]).symlink_to(
                (asked.images / one["file_name"]).resolve()
            )
        train = ["training", "openpose", "--run", str(folder / "run"), "--skeleton", "coco18"]
        train += ["--labels", str(folder / "labels.json"), "--images", str(folder / "photos")]
        train += ["--network", asked.network, "--minutes", asked.minutes, "--size", asked.size]
        train += ["--rate", "0.002", "--batch", "8"]
        subprocess.run([sys.executable, "-m", *train], check=True)
        card = folder / "mine.toml"
        export = ["export", str(folder / "run" / "network.toml"), "-o", str(card)]
        subprocess.run([sys.executable, "-m", "engines", *export], check=True)
        results = folder / "results.json"
        words = ["--source", str(folder / "photos"), "--model", str(card), "--height", "368"]
        words += ["--coco", str(results), "--no-show", "--quiet", "--refine", "off"]
        subprocess.run([sys.executable, str(PROGRAM), *words], check=True)
        figures = photo_figures(folder / "labels.json", results)
        print(
            f"{len(data['images'])} photos: "
            + ", ".join(f"{k} {v:.3f}" for k, v in figures.items())
        )


if __name__ == "__main__":
    main()
