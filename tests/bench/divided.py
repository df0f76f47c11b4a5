"""A long video in parts on several workers: what each step takes, beside one run over it.

    python -m tests.bench.divided [--part 35] [--clip video/one-by-one.mp4] [--detect-every auto]

One process does all steps one after the other: the run over the whole video, the looks at its
parts, and the run that makes the results of them. Printed are milliseconds of processor time a
frame, how many of its questions the last run found answered, and whether all results are the same.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path

from engines.answers.store import Found
from engines.runtimes.kept_networks import keep_networks
from posestream.batch.manifest import NAME, Manifest
from posestream.batch.parts import look, parts
from posestream.batch.recordings import Recording
from posestream.batch.work import Job, work
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings
from tests.conftest import DATA, ROOT, with_weights

REFINE = ROOT / "tests" / "cards" / "movenet-lightning.toml"


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != NAME
    }


def main() -> None:
    """Print a line for each step."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.formatter_class = argparse.RawDescriptionHelpFormatter
    ask.add_argument("--part", type=float, default=35)
    ask.add_argument("--clip", default="video/one-by-one.mp4")
    ask.add_argument("--model", default="human-pose-estimation-0001")
    ask.add_argument("--refine", default=str(REFINE))
    ask.add_argument("--detect-every", default="auto")
    given = ask.parse_args()
    os.environ.update(with_weights())
    models = ModelSettings(given.model, refine=given.refine)
    every = given.detect_every
    tracks = TrackSettings(detect_every=every if every == "auto" else int(every))
    clip = DATA / given.clip
    with keep_networks(), tempfile.TemporaryDirectory() as name:
        one = Recording(clip.stem, (str(clip),))
        whole, divided = (
            Job(one, Path(name) / to, ("csv", "json", "mot"), models, tracks, Manifest((), {}, {}))
            for to in ("whole", "divided")
        )
        began = time.process_time()
        frames = work(whole).frames
        single = time.process_time() - began
        print(f"one run: {1e3 * single / frames:.1f} ms a frame, {frames} frames", flush=True)
        began = time.process_time()
        said = [look(part) for part in parts(divided, given.part)]
        looks = time.process_time() - began
        kept = sum(len(answer) for one_part in said for answer in one_part.values())
        print(
            f"looks at {len(said)} parts: {1e3 * looks / frames:.1f} ms a frame, "
            f"{kept / frames:.0f} bytes a frame",
            flush=True,
        )
        answers = Found([partial(dict, one_part) for one_part in said])
        began = time.process_time()
        outcome = work(divided, answers)
        last = time.process_time() - began
        share = answers.found / (answers.found + answers.missed)
        same = files(whole.folder) == files(divided.folder) and outcome.error is None
        print(f"the run that makes the results: {1e3 * last / frames:.1f} ms a frame")
        print(f"{100 * share:.0f} % of its questions were answered; the same results: {same}")


if __name__ == "__main__":
    main()
