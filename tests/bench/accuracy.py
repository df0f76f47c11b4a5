"""Accuracy on labelled photos, through the same command that users run.

    python -m tests.bench.accuracy

Runs run.py over coco-dev at each setting and scores its --coco file: OKS average precision
(pycocotools), precision at recall 0.5 (OKS 0.5) and people that are not there, per photo.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.conftest import DATA, ROOT, with_weights

RUNS: tuple[tuple[str, int | None], ...] = (
    *(("fp32", 368), ("int8", 368), ("fp32", 256), ("bf16", 256), ("int8", 256)),
    ("int8", None),
)


def score(truth: COCO, results: Path) -> dict[str, float]:
    """AP, AP50, AR, precision at recall 0.5 and false people a photo, the last two at OKS 0.5."""
    with contextlib.redirect_stdout(io.StringIO()):
        run = COCOeval(truth, truth.loadRes(str(results)), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    everyone = [one for one in run.evalImgs if one and one["aRng"] == run.params.areaRng[0]]
    false = sum(
        int(((one["dtMatches"][0] == 0) & ~one["dtIgnore"][0].astype(bool)).sum())
        for one in everyone
    )
    return {
        "AP": run.stats[0],
        "AP50": run.stats[1],
        "AR": run.stats[5],
        "precision at recall 0.5": float(run.eval["precision"][0, 50, 0, 0, 0]),
        "false people a photo": false / len(run.params.imgIds),
    }


def main() -> None:
    """Print a line for each setting."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(DATA / "coco-dev" / "person_keypoints.json"))
    with tempfile.TemporaryDirectory() as folder:
        for precision, height in RUNS:
            results = Path(folder) / f"{precision}-{height}.json"
            options = ["--precision", precision, "--no-show", "--quiet"]
            if height is not None:
                options += ["--height", str(height)]
            source = str(DATA / "coco-dev" / "images")
            subprocess.run(
                [sys.executable, "run.py", "--source", source, *options, "--coco", str(results)],
                cwd=ROOT,
                env=with_weights(),
                check=True,
            )
            figures = "  ".join(
                f"{key} {value:.4f}" for key, value in score(truth, results).items()
            )
            print(f"{precision} at height {height or 'by default'}:  {figures}", flush=True)


if __name__ == "__main__":
    main()
