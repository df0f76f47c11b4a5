"""Whether one assignment over all crops tells crowds apart better than each crop by itself.

    python -m tests.bench.crowds

Runs run.py over coco-dev with a second look, with --crowd crops and --crowd graph, and scores the
photos whose crowd index (CrowdPose, Li et al., CVPR'19, equation 1) is 0.1 or more, and all.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO

from tests.bench.accuracy import score
from tests.conftest import DATA, ROOT, with_weights

CROWDED = 0.1
REFINE = ("cropnet",)  # of those at hand the one with maps


def crowd_index(people: list[dict[str, Any]]) -> float:
    """The mean share of others' keypoints to their own in the people's boxes."""
    points = [np.reshape(one["keypoints"], (-1, 3)) for one in people]
    shares = []
    for n, one in enumerate(people):
        left, top, wide, high = one["bbox"]

        def inside(xyv: np.ndarray) -> int:
            x, y, there = xyv.T
            at = (x >= left) & (x <= left + wide) & (y >= top) & (y <= top + high)  # noqa: B023
            return int((at & (there > 0)).sum())

        own = inside(points[n])
        if own:
            shares.append(sum(map(inside, points[:n] + points[n + 1 :])) / own)
    return float(np.mean(shares)) if shares else 0.0


def crowded(labels: dict[str, Any]) -> dict[str, Any]:
    """The labels of the crowded photos."""
    keep = set()
    for image in labels["images"]:
        people = [
            one
            for one in labels["annotations"]
            if one["image_id"] == image["id"] and one["num_keypoints"] and not one["iscrowd"]
        ]
        if len(people) > 1 and crowd_index(people) >= CROWDED:
            keep.add(image["id"])
    return {
        **labels,
        "images": [one for one in labels["images"] if one["id"] in keep],
        "annotations": [one for one in labels["annotations"] if one["image_id"] in keep],
    }


def main() -> None:
    """A line for each crop network and kind of ownership."""
    labels = json.loads((DATA / "coco-dev" / "person_keypoints.json").read_bytes())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = crowded(labels)
        print(f"{len(few['images'])} crowded photos of {len(labels['images'])}")
        truths = {}
        for which, data in (("crowded", few), ("all", labels)):
            (folder / f"{which}.json").write_text(json.dumps(data))
            with contextlib.redirect_stdout(io.StringIO()):
                truths[which] = COCO(str(folder / f"{which}.json"))
        numbers = {one["id"] for one in few["images"]}
        for refine in REFINE:
            for crowd in ("crops", "graph"):
                results = folder / "results.json"
                command = ["--source", str(DATA / "coco-dev" / "images"), "--refine", refine]
                command += ["--crowd", crowd, "--model", "human-pose-estimation-0001"]
                command += ["--no-show", "--quiet", "--overwrite", "--coco", str(results)]
                subprocess.run(
                    [sys.executable, "run.py", *command], cwd=ROOT, env=with_weights(), check=True
                )
                found = json.loads(results.read_bytes())
                there = [one for one in found if one["image_id"] in numbers]
                (folder / "some.json").write_text(json.dumps(there))
                figures = {
                    "crowded": score(truths["crowded"], folder / "some.json"),
                    "all": score(truths["all"], results),
                }
                words = [f"{which} AP {one['AP']:.4f}" for which, one in figures.items()]
                print(f"{Path(refine).stem} {crowd}: {', '.join(words)}", flush=True)


if __name__ == "__main__":
    main()
