"""Accuracy on labelled photos, through the same command that users run.

    python -m tests.bench.accuracy [WORD ...] [--write]

Runs run.py over coco-dev at each setting, alone and with a second look, and scores its --coco
file: OKS average precision (pycocotools), precision at recall 0.5 (OKS 0.5) and people that are not
there, per photo. --write puts the figures into engines/measured.toml, which commands, README and
docs quote.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from engines.models.measured import Measured
from tests.bench.measured_file import updated
from tests.conftest import DATA, ROOT, with_weights

MODEL, OWN = "human-pose-estimation-0001", "pafnet"
REFINE = {
    "thunder": "tests/cards/movenet-thunder.toml",
    "lightning": "tests/cards/movenet-lightning.toml",
    "cropnet": "cropnet",
}
NAMES = {"alone": "", "thunder": "movenet-thunder", "lightning": "movenet-lightning"}
FIRST: tuple[tuple[str, str, int | None], ...] = (
    *((MODEL, "fp32", 368), (MODEL, "int8", 368), (MODEL, "fp32", 256), (MODEL, "bf16", 256)),
    *(
        (MODEL, "int8", 256),
        (MODEL, "int8", None),
        (OWN, "int8", None),
        (OWN, "int8", 256),
        (OWN, "int8", 368),
    ),
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
    """Print a line for each setting that is asked for."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("words", nargs="*", help="run those alone whose line has all of these words")
    ask.add_argument("--write", action="store_true")
    given = ask.parse_args()
    found = []
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(DATA / "coco-dev" / "person_keypoints.json"))
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        for model, precision, height in FIRST:
            for refine, card in (("alone", "off"), *REFINE.items()):
                name = f"{model} {precision} {height or 'default'} {refine}"
                if not all(word in name.split() for word in given.words):
                    continue
                options = ["--model", model, "--precision", precision, "--refine", card]
                if height is not None:
                    options += ["--height", str(height)]
                source = str(DATA / "coco-dev" / "images")
                command = ["--source", source, *options, "--no-show", "--quiet", "--coco"]
                subprocess.run(
                    [sys.executable, "run.py", *command, str(results)],
                    cwd=ROOT,
                    env=with_weights(),
                    check=True,
                )
                scores = score(truth, results)
                figures = "  ".join(f"{key} {value:.4f}" for key, value in scores.items())
                print(f"{name}:  {figures}", flush=True)
                second = NAMES.get(refine, refine)
                found.append(Measured(model, precision, height or 0, second, *scores.values()))
    if given.write:
        updated(found)


if __name__ == "__main__":
    main()
