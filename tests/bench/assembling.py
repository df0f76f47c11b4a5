"""How people are made of keypoints: accuracy and time of --match and --assemble.

    python -m tests.bench.assembling [--model pafnet] [--recall]

The network looks once at each photo of coco-dev; people are made of the same candidates in each
way. OKS-AP, and processor milliseconds a photo: the median, the highest, and how many candidates
that photo has.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from pycocotools.coco import COCO

from engines.models.card import load_card
from engines.opening import engine_opener
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_conversion import converted
from realtime.settings.model import ModelSettings
from tests.bench.recrop import FOLDER, ap

WAYS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "hungarian": {"match": "hungarian"},
    "ilp": {"assemble": "ilp"},
}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--model", default="human-pose-estimation-0001")
    ask.add_argument("--recall", action="store_true")
    given = ask.parse_args()
    wanted = ModelSettings(model=given.model, recall=given.recall)
    estimator = engine_opener(load_card(given.model), wanted, live=True)()
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(FOLDER / "person_keypoints.json"))
    labels = json.loads((FOLDER / "person_keypoints.json").read_bytes())
    seen = []
    for one in labels["images"]:
        image = cv2.imread(str(FOLDER / "images" / one["file_name"]))
        estimator.submit([np.asarray(image, np.uint8)])
        seen.append((one["id"], estimator.result()[0]))
    decoder: Any = estimator.decoder
    for name, changes in WAYS.items():
        way = replace(decoder, settings=replace(decoder.settings, **changes))
        found: list[tuple[int, Poses]] = []
        costs = []
        for image_id, evidence in seen:
            began = time.process_time()
            poses = way.decode(evidence)
            costs.append((1000 * (time.process_time() - began), len(evidence.peaks)))
            found.append((image_id, converted(poses, named_skeleton("coco17"))))
        most, count = max(costs)
        print(
            f"{name}: AP {ap(truth, found, person=True):.4f}, "
            f"{sum(len(one) for _, one in found)} people, "
            f"{np.median([ms for ms, _ in costs]):.1f} ms, at most {most:.0f} ms "
            f"({count} candidates)",
            flush=True,
        )
    estimator.close()


if __name__ == "__main__":
    main()
