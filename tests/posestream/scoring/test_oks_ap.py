"""OKS-AP is pycocotools' to 1e-9, on real labels and results with all that can be wrong in them."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posestream.scoring.labels.reading import read_json, read_labels
from posestream.scoring.measures.oks_ap import oks_ap
from posestream.scoring.results import read_results
from tests.posestream.scoring.files import write

NAMES = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


def theirs(labels: Path, results: Path, sigmas: Any = None) -> list[float]:
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO(str(labels))
        run = evaluation.COCOeval(truth, truth.loadRes(str(results)), "keypoints")
        if sigmas is not None:
            run.params.kpt_oks_sigmas = np.array(sigmas)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [float(value) for value in run.stats]


def ours(labels: Path, results: Path) -> list[float]:
    found, kept = read_results(results, read_labels(labels, read_json(labels)))
    figures = oks_ap(kept, found)
    return [figures[name] for name in NAMES]


def disturbed(labels: Any, seed: int) -> list[dict[str, Any]]:
    """People off by what networks are, some missed, found twice, swapped, or not there at all."""
    rng = np.random.default_rng(seed)
    entries = []
    for one in labels["annotations"]:
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
            flat = np.array(one["keypoints"], float).reshape(-1, 3)
            size = np.sqrt(max(one["area"], 1))
            off = rng.normal(0, rng.choice([0.01, 0.04, 0.1]) * size, flat[:, :2].shape)
            flat[:, :2] += off
            flat[rng.random(len(flat)) < 0.1] = 0
            flat[:, 2] = 1
            score = float(rng.choice([rng.random(), 0.5]))  # many have the same
            entries.append({**one, "keypoints": flat.ravel().tolist(), "score": score})
    for image in labels["images"][::3]:
        flat = rng.uniform(0, 400, (17, 3))
        ghost = {"image_id": image["id"], "category_id": 1, "score": float(rng.random())}
        entries.append({**ghost, "keypoints": flat.ravel().tolist()})
    return [
        {key: one[key] for key in ("image_id", "category_id", "keypoints", "score")}
        for one in entries
    ]


@pytest.mark.parametrize("seed", [0, 1])
def test_figures_are_those_of_pycocotools(data: Path, tmp_path: Path, seed: int) -> None:
    """Also of crowds, people who have a box alone, more than 20 found, and all sizes."""
    labels = json.loads((data / "coco-dev" / "person_keypoints.json").read_text())
    rng = np.random.default_rng(seed)
    for one in labels["annotations"]:
        one["iscrowd"] = int(rng.random() < 0.05)
        if rng.random() < 0.1:
            one["keypoints"], one["num_keypoints"] = [0] * 51, 0
        if rng.random() < 0.3:
            one["area"] *= 0.01
    found = disturbed(labels, seed)
    extra = [one for one in found if one["image_id"] == found[0]["image_id"]] * 12
    path = write(tmp_path / "labels.json", labels)
    results = write(tmp_path / "results.json", found + extra)
    want = theirs(path, results)
    assert 0.1 < want[0] < 0.9
    np.testing.assert_allclose(ours(path, results), want, atol=1e-9, rtol=0)


def test_whole_bodies_are_measured_as_one(data: Path, tmp_path: Path) -> None:
    """COCO-WholeBody's own measure is COCO's over all 133 keypoints."""
    folder = data / "parts" / "coco-wholebody"
    path = folder / "xtcocoapi_example_wholebody_val.json"
    results = folder / "xtcocoapi_example_wholebody_preds.json"
    parts = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")

    def joined(one: dict[str, Any]) -> dict[str, Any]:
        return one | {"keypoints": [number for part in parts for number in one[part]]}

    labels = json.loads(path.read_text())
    labels["annotations"] = [joined(one) for one in labels["annotations"]]
    for one in labels["annotations"]:
        one["num_keypoints"] = sum(value > 0 for value in one["keypoints"][2::3])
    whole = write(tmp_path / "labels.json", labels)
    found = write(tmp_path / "found.json", [joined(o) for o in json.loads(results.read_text())])
    read = read_labels(path, read_json(path))
    assert (read.kind, len(read.keypoints)) == ("COCO-WholeBody", 133)
    want = theirs(whole, found, read.sigmas)
    assert want[0] > 0.3
    np.testing.assert_allclose(ours(path, results), want, atol=1e-9, rtol=0)
