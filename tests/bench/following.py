"""People followed by crops beside a look at every frame: who is found, where, and the cost.

    python -m tests.bench.following [CLIP ...] [--model pafnet] [--height 256] [--starts 0 3 6]
        [--refine lightning] [--ways alone auto] [--judge 3]

For each clip the whole program with a second look, at every frame, as it follows by default, and
with --detect-every auto, in one process, after each other: processor time a frame, mean OKS and
people found in both, IDF1 and switches with the every-frame result for truth. TUD-Campus is judged
by its boxes too, from several first frames on (71 frames are few: one switch moves IDF1 by some
points), also without a second look. --judge: every so many frames of the best pair of networks
(human-pose-estimation-0001 at 368 with Thunder) are another truth, for clips without labels.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import motmetrics as mm
import numpy as np

from engines.refining import OWN
from engines.types.oks import areas, iou, oks
from realtime.assembly import stream
from realtime.sinks.files.mot_challenge import person_boxes
from realtime.tracking.matching import assign
from realtime.types.results import Tracks
from tests.bench.tracking import known, score
from tests.conftest import DATA, ROOT
from tests.realtime.wanted import settings

VIDEO = DATA / "video"
CAMPUS = "campus"
CLIPS: dict[str, tuple[Path, int | None]] = {
    CAMPUS: (DATA / "mot-tud-campus" / "TUD-Campus.mp4", None),
    "street": (VIDEO / "street.avi", None),
    "walk": (VIDEO / "webcam-walk.mkv", None),
    "want": (VIDEO / "webcam-want.mkv", None),
    "one-by-one": (VIDEO / "one-by-one.mp4", 300),
}
WAYS: dict[str, dict[str, object]] = {
    "alone": {"refine": "off"},
    "every": {"detect_every": 1},
    "followed": {},
    "auto": {"detect_every": "auto"},
}


def people(clip: str, start: int, options: dict[str, object]) -> tuple[list[Tracks], int, float]:
    """Tracks of each frame, how many frames were looked at whole, and processor time a frame."""
    path, end = CLIPS[clip]
    tracks, looks, began = [], 0, 0.0
    for result in stream(settings(str(path), start=start, end=end, **options)):
        began = began or time.process_time()  # the first result comes after everything is open
        for view in filter(None, result.views):
            tracks.append(known(view.tracks))
            looks += view.evidence is not None
    return tracks, looks, (time.process_time() - began) / max(len(tracks) - 1, 1)


def card(refine: str) -> str:
    return refine if refine == OWN else str(ROOT / "tests" / "cards" / f"movenet-{refine}.toml")


def best(clip: str, step: int) -> list[Tracks]:
    """What the best pair of networks finds in every so many frames."""
    path, end = CLIPS[clip]
    wanted = {"model": "human-pose-estimation-0001", "height": 368, "refine": card("thunder")}
    run = stream(settings(str(path), end=end, step=step, detect_every=1, **wanted))
    return [known(view.tracks) for result in run for view in result.views if view]


def beside(whole: Sequence[Tracks], some: Sequence[Tracks]) -> str:
    """Figures of one result with another for truth."""
    sigmas = np.array(whole[0].poses.skeleton.sigmas, np.float32)
    account = mm.MOTAccumulator(auto_id=True)
    alike, found, there = 0.0, 0, 0
    for one, other in zip(whole, some, strict=True):
        table, _ = oks(one.poses.xy, other.poses.xy, areas(one.poses.xy)[:, None], sigmas)
        near = np.where(table >= 0.5, 1 - table, np.nan)
        account.update(one.id.tolist(), other.id.tolist(), near)
        rows, columns = assign(table, 0.3) if table.size else (np.zeros(0, int),) * 2
        alike += float(table[rows, columns].sum())
        found, there = found + len(rows), there + len(one)
    figures = score(account)
    return (
        f"mean OKS {alike / max(found, 1):.3f}, {100 * found / max(there, 1):.1f} % of {there} "
        f"people found in both, IDF1 {100 * figures['idf1']:.1f}, "
        f"{figures['num_switches']:.0f} switches"
    )


def campus(tracks: Sequence[Tracks], start: int) -> list[float]:
    """IDF1 and switches by the boxes of TUD-Campus, at IoU 0.3 and 0.5."""
    truth = np.loadtxt(DATA / "mot-tud-campus" / "gt" / "gt.txt", delimiter=",")
    out: list[float] = []
    for least in (0.3, 0.5):
        account = mm.MOTAccumulator(auto_id=True)
        for n, one in enumerate(tracks, start + 1):
            there = truth[truth[:, 0] == n]
            left, top, wide, high = there[:, 2:6].T - np.array([[1], [1], [0], [0]])
            corners = np.stack([left, top, left + wide, top + high], axis=1)
            overlap = iou(corners, person_boxes(one.poses.xy))
            far = np.where(overlap >= least, 1 - overlap, np.nan)
            account.update(there[:, 1].tolist(), one.id.tolist(), far)
        figures = score(account)
        out += [100 * figures["idf1"], figures["num_switches"]]
    return out


def main() -> None:
    """Print the figures of the clips that are asked for, or of all."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("clips", nargs="*", metavar="clip", help=", ".join(CLIPS))
    ask.add_argument("--model", default="pafnet")
    ask.add_argument("--height", type=int, default=256)
    ask.add_argument("--refine", default="lightning", help="lightning, thunder or cropnet")
    ask.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    ask.add_argument("--judge", type=int, metavar="N")
    ask.add_argument("--starts", type=int, nargs="+", default=[0, 3, 6], help="frames, of campus")
    args = ask.parse_args()
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    wanted = {"model": args.model, "height": args.height, "refine": card(args.refine)}
    for clip in args.clips or CLIPS:
        judged: dict[str, list[list[float]]] = {way: [] for way in args.ways}
        truth = best(clip, args.judge) if args.judge else None
        for start in args.starts if clip == CAMPUS else [0]:
            results = {}
            for way in args.ways:
                results[way], looks, spent = people(clip, start, wanted | WAYS[way])
                print(
                    f"{clip} from {start}, {args.model} {way}: {looks} looks at "
                    f"{len(results[way])} frames, {1000 * spent:.1f} ms of processor time a frame",
                    flush=True,
                )
                if clip == CAMPUS:
                    judged[way].append(campus(results[way], start))
            for way, result in results.items():
                if way != "every" and "every" in results:
                    print(f"  {way} beside every: {beside(results['every'], result)}", flush=True)
                if truth is not None and start == 0:
                    some = result[:: args.judge][: len(truth)]
                    print(f"  {way} beside the best pair: {beside(truth, some)}", flush=True)
        for way, figures in judged.items():
            if figures:
                a, b, c, d = np.mean(figures, axis=0)
                print(f"  {way}: IDF1 {a:.1f} / {c:.1f}, switches {b:.1f} / {d:.1f}", flush=True)


if __name__ == "__main__":
    main()
