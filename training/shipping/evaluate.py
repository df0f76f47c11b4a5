"""How good a model is, beside its teacher: labelled photos, and agreement on clips."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.errors import TrainingError
from training.data.teacher import TEACHER

PROGRAM = Path(__file__).parents[2] / "run.py"
MAX_TORSO_SHARE = 0.2  # of the torso's length may a keypoint lie off (PCK)
KEYPOINTS = 18  # of the COCO-18 layout, which teacher and student share
MIN_TEACHER_SCORE = 0.3  # from which on the teacher's keypoints count


@dataclass(frozen=True)
class EvaluateSettings:
    """Score a model on labelled photos, and compare it with the teacher on clips."""

    model: str
    """A model's name, or the model card that `export` wrote."""
    images: Path
    """Folder of labelled photos."""
    labels: Path
    """Their keypoints, a COCO JSON file."""
    clips: tuple[Path, ...] = field(default=(), metadata={"values": True})
    """Videos to compare with the teacher on."""
    heights: tuple[int, ...] = field(default=(256, 368), metadata={"values": True})
    """Rows of the network's input to score at."""
    precision: str = "auto"
    """Arithmetic of the network."""
    beside_teacher: bool = False
    """Score the fp32 teacher in the same run."""


def evaluate(settings: EvaluateSettings) -> None:
    """Print a line a model and height, and one a clip."""
    with tempfile.TemporaryDirectory() as folder:
        beside = [(TEACHER, "fp32")] if settings.beside_teacher else []
        for model, precision in [(settings.model, settings.precision), *beside]:
            sys.stdout.write(f"{model}, {precision}\n")
            for height in settings.heights:
                results = Path(folder) / "results.json"
                _run(model, settings.images, height, precision, "--coco", results)
                figures = photo_figures(settings.labels, results)
                words = "  ".join(f"{key} {value:.4f}" for key, value in figures.items())
                sys.stdout.write(f"height {height}:  {words}\n")
        for n, clip in enumerate(settings.clips):
            ours, theirs = Path(folder) / f"{n}", Path(folder) / f"{n}-teacher"
            _run(settings.model, clip, 256, settings.precision, "--json", ours)
            _run(TEACHER, clip, 368, "fp32", "--json", theirs)
            sys.stdout.write(f"{clip.name}:  agrees {agreement(ours, theirs):.4f}\n")


def _run(model: str, source: Path, height: int, precision: str, *output: str | Path) -> None:
    """The main job itself, so that what is scored is what users get."""
    options = ("--model", model, "--height", str(height), "--precision", precision, "--no-show")
    command = [sys.executable, str(PROGRAM), "--source", str(source), *options, "--quiet"]
    done = subprocess.run([*command, *map(str, output)], capture_output=True, text=True)
    if done.returncode:
        raise TrainingError(done.stderr.strip())


def photo_figures(labels: Path, results: Path) -> dict[str, float]:
    """AP and AR (OKS), precision at recall 0.5 and false people a photo (OKS 0.5)."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(labels))
        found = json.loads(results.read_text())
        if not found:
            return {"AP": 0.0}
        run = COCOeval(truth, truth.loadRes(found), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    everyone = [one for one in run.evalImgs if one and one["aRng"] == run.params.areaRng[0]]
    false = sum(
        int(((one["dtMatches"][0] == 0) & ~one["dtIgnore"][0].astype(bool)).sum())
        for one in everyone
    )
    return {
        "AP": float(run.stats[0]),
        "AP50": float(run.stats[1]),
        "AR": float(run.stats[5]),
        "precision at recall 0.5": float(run.eval["precision"][0, 50, 0, 0, 0]),
        "false people a photo": false / len(run.params.imgIds),
    }


def agreement(ours: Path, theirs: Path) -> float:
    """Share of the teacher's sure keypoints that lie where ours are, by MAX_TORSO_SHARE (PCK).

    Two folders of OpenPose JSON of the same frames; each of the teacher's people is compared with
    ours that has the most keypoints in place.
    """
    right = every = 0
    for path in sorted(theirs.iterdir()):
        mine = _people(ours / path.name)
        for person in _people(path):
            sure = person[:, 2] >= MIN_TEACHER_SCORE
            torso = _torso(person)
            if torso is None or not sure.any():
                continue
            every += int(sure.sum())
            away = np.linalg.norm(mine[:, :, :2] - person[:, :2], axis=2)
            near = (away <= MAX_TORSO_SHARE * torso) & (mine[:, :, 2] > 0) & sure
            right += int(near.sum(1).max(initial=0))
    return right / every if every else float("nan")


def _people(path: Path) -> NDArray[np.float64]:
    people = json.loads(path.read_text())["people"]
    return np.array([one["pose_keypoints_2d"] for one in people], float).reshape(-1, KEYPOINTS, 3)


def _torso(person: NDArray[np.float64]) -> float | None:
    """From the neck to the middle of the hips, or twice the shoulders' width where there is no
    hip; None where neither was found (COCO-18).
    """
    neck, hips, shoulders = person[1], person[[8, 11]], person[[2, 5]]
    found = hips[hips[:, 2] > 0]
    if neck[2] > 0 and len(found):
        return float(np.linalg.norm(found[:, :2].mean(0) - neck[:2]))
    if (shoulders[:, 2] > 0).all():
        return 2 * float(np.linalg.norm(shoulders[0, :2] - shoulders[1, :2]))
    return None
