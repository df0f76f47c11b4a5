"""How well identities stay, and what keeping them costs; ours and Simple Baselines' tracker.

    python -m tests.bench.tracking [scenes|shelf|campus|every|time] ...

scenes: textured scenes with known ids; every tracker is given the same poses. shelf: the poses of
each camera of shelf-dev against its projected 3D truth. campus: the whole program on TUD-Campus
against its boxes. every: --detect-every 3 beside every frame. time: milliseconds a frame.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import tomllib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import motmetrics as mm
import numpy as np

from engines.types.arrays import Floats, Image
from engines.types.oks import areas, boxes, iou, oks
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton, named_skeleton
from realtime.assembly import stream
from realtime.settings.sources import SourceSettings
from realtime.settings.tracking import TrackSettings
from realtime.sinks.files.mot_challenge import person_boxes
from realtime.sources import open_source
from realtime.tracking.camera_tracker import CameraTracker
from realtime.tracking.matching import assign
from realtime.tracking.simple_baselines import SimpleBaselinesTracker
from realtime.tracking.tracker import PoseTracker, TrackerSettings
from realtime.types.frames import Frame
from realtime.types.results import Tracks
from tests.conftest import DATA
from tests.realtime.wanted import settings as wish
from tests.scenes import Step, apart, crowd, scenes
from tests.synth import SKELETON

Tracker = Callable[[Frame, Poses | None], Tracks]
ABLATION = {
    "IoU only": TrackerSettings(cue="iou", flow=False, colours=False, bones=False),
    "OKS only": TrackerSettings(flow=False, colours=False, bones=False),
    "flow only": TrackerSettings(cue="iou", colours=False, bones=False),
    "OKS + flow": TrackerSettings(colours=False, bones=False),
    "  + colours": TrackerSettings(bones=False),
    "  + bones": TrackerSettings(colours=False),
    "both": TrackerSettings(),
}
PAPER = "simple bl."  # the tracker of Simple Baselines, to the letter
NAKED = "poses alone"  # their recall is what the network found at all
FIGURES = ["idf1", "mota", "recall", "precision", "num_switches", "num_fragmentations"]


class Greedy:
    """The plain tracker of papers' baselines: nearest to the last pose first, no memory.

    cue: of OKS or IoU, above 0.3; who is missing for more than `patience` frames is gone.
    """

    def __init__(self, cue: str, skeleton: Skeleton, patience: int = 1) -> None:
        self.cue, self.skeleton, self.patience = cue, skeleton, patience
        self.known: list[tuple[int, Floats, int]] = []
        self.next = 0

    def __call__(self, _frame: Frame, poses: Poses | None) -> Tracks:
        assert poses is not None
        last = np.array([xy for _, xy, _ in self.known], np.float32)
        last = last.reshape(-1, *poses.xy.shape[1:])
        if self.cue == "iou":
            table = iou(boxes(last), boxes(poses.xy))
        else:
            sigmas = np.array(self.skeleton.sigmas, np.float32)
            table, _ = oks(last, poses.xy, areas(poses.xy)[None], sigmas)
        ids = np.full(len(poses), -1, np.int64)
        while table.size and table.max() > 0.3:
            row, column = np.unravel_index(table.argmax(), table.shape)
            ids[column] = self.known[row][0]
            table[row], table[:, column] = -1, -1
        for column in np.flatnonzero(ids < 0):
            ids[column], self.next = self.next, self.next + 1
        old = [(one, xy, age + 1) for one, xy, age in self.known if one not in ids]
        self.known = [entry for entry in old if entry[2] < self.patience]
        self.known += [(one, xy, 0) for one, xy in zip(ids.tolist(), poses.xy, strict=True)]
        return Tracks(ids, poses, np.zeros(poses.score.shape, bool))


def anybody(_frame: Frame, poses: Poses | None) -> Tracks:
    """No tracker: an id for every pose."""
    assert poses is not None
    return Tracks(np.arange(len(poses)), poses, np.zeros(poses.score.shape, bool))


def score(account: mm.MOTAccumulator) -> dict[str, float]:
    """motmetrics' figures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = mm.metrics.create().compute(account, metrics=FIGURES, name="all")
    return {figure: float(table.loc["all", figure]) for figure in FIGURES}


def known(tracks: Tracks) -> Tracks:
    """Those who have an id."""
    rows = np.flatnonzero(tracks.id >= 0)
    poses = tracks.poses
    some = Poses(poses.skeleton, poses.xy[rows], poses.score[rows], poses.person_score[rows])
    return Tracks(tracks.id[rows], some, tracks.filled[rows])


def frame_of(image: Image, index: int, moment: float) -> Frame:
    return Frame("bench", index, f"bench_{index:012d}", moment, moment, image)


def judge_scene(
    steps: Sequence[Step], found: Sequence[Poses], tracker: Tracker
) -> dict[str, float]:
    """Truth: people of whom half is to be seen; a match: OKS of at least 0.5."""
    account = mm.MOTAccumulator(auto_id=True)
    sigmas = np.array(SKELETON.sigmas, np.float32)
    for index, (step, poses) in enumerate(zip(steps, found, strict=True)):
        tracks = known(tracker(frame_of(step.image, index, step.time), poses))
        ids = [who for who, seen in step.visible.items() if seen.mean() >= 0.5]
        truth = np.array([step.people[who] for who in ids], np.float32).reshape(-1, 18, 2)
        alike, _ = oks(truth, tracks.poses.xy, areas(truth)[:, None], sigmas)
        account.update(ids, tracks.id.tolist(), np.where(alike >= 0.5, 1 - alike, np.nan))
    return score(account)


def print_row(name: str, figures: dict[str, float]) -> None:
    print(
        f"  {name:12s} IDF1 {100 * figures['idf1']:5.1f}  MOTA {100 * figures['mota']:5.1f}  "
        f"recall {100 * figures['recall']:5.1f}  precision {100 * figures['precision']:5.1f}  "
        f"switches {figures['num_switches']:.0f}",
        flush=True,
    )


def bench_scenes() -> None:
    for scene in scenes():
        print(scene.name)
        steps = list(scene.steps())
        found = scene.detections(steps)
        for name, settings in ABLATION.items():
            print_row(name, judge_scene(steps, found, PoseTracker(SKELETON, settings).update))
        for cue in ("oks", "iou"):
            print_row(f"greedy {cue}", judge_scene(steps, found, Greedy(cue, SKELETON)))
        paper = SimpleBaselinesTracker(SKELETON)
        print_row(PAPER, judge_scene(steps, found, paper.update))


LIMBS_OF_BODY25 = (11, 10, 9, 12, 13, 14, 4, 3, 2, 5, 6, 7)  # as gt.json has its first twelve


def shelf_truth(rig: dict[str, Any], frame: dict[str, Any]) -> dict[int, Floats]:
    """(12, 2) pixels of the people of whom most lies within the camera's picture."""
    people = {}
    rotation, shift = (np.array(rig[name]) for name in ("rotation", "translation"))
    for who, joints in frame.items():
        xyz = np.array(joints[:12], float)
        xy, _ = cv2.projectPoints(xyz, rotation, shift, np.array(rig["matrix"]), None)
        within = ((xy[:, 0] >= 0) & (xy[:, 0] < rig["size"])).all(axis=1)
        if within.mean() > 0.5:
            people[int(who)] = xy[:, 0].astype(np.float32)
    return people


def bench_shelf() -> None:
    """A match: OKS of at least 0.5 over the twelve joints of arms and legs."""
    folder = DATA / "shelf-dev"
    truth = json.loads((folder / "gt.json").read_text())["frames"]
    rigs = tomllib.loads((folder / "rig.toml").read_text())
    skeleton = named_skeleton("body25")
    joints = list(LIMBS_OF_BODY25)
    sigmas = np.array(skeleton.sigmas, np.float32)[joints]
    makers: dict[str, Callable[[], Tracker]] = {
        name: (lambda settings=settings: PoseTracker(skeleton, settings).update)
        for name, settings in ABLATION.items()
    }
    makers[NAKED] = lambda: anybody
    makers[PAPER] = lambda: SimpleBaselinesTracker(skeleton).update
    makers |= {f"greedy {cue}": (lambda cue=cue: Greedy(cue, skeleton)) for cue in ("oks", "iou")}
    for name, make in makers.items():
        sums = dict.fromkeys(FIGURES, 0.0)
        each = []
        for camera in range(5):
            settings = SourceSettings(str(folder / f"cam{camera}"), camera_fps=25)
            tracker, account = make(), mm.MOTAccumulator(auto_id=True)
            with open_source(settings) as source:
                for frame, people in zip(source, truth, strict=True):
                    tracks = known(tracker(frame, frame.poses))
                    there = shelf_truth(rigs[f"cam_{camera}"], people)
                    xy = np.array(list(there.values()), np.float32).reshape(-1, 12, 2)
                    alike, _ = oks(xy, tracks.poses.xy[:, joints], areas(xy)[:, None], sigmas)
                    wide = np.where(alike >= 0.5, 1 - alike, np.nan)
                    account.update(list(there), tracks.id.tolist(), wide)
            figures = score(account)
            switches = "-" if name == NAKED else f"{figures['num_switches']:.0f}"
            each.append(f"{switches} at {100 * figures['recall']:.1f} %")
            sums = {key: sums[key] + figures[key] for key in FIGURES}
        switches = "-" if name == NAKED else f"{sums['num_switches']:.0f}"
        mean = f"recall {100 * sums['recall'] / 5:.1f} %"
        print(f"{name:12s} {switches} switches, {mean}: ", "; ".join(each), flush=True)


def bench_campus() -> None:
    """The whole program's poses, boxes as --mot writes them, IoU of at least 0.3 and 0.5."""
    folder = DATA / "mot-tud-campus"
    truth = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
    for height in (None, 368):
        frames = campus_poses(folder, height)
        skeleton = frames[0][1].skeleton
        makers = {name: PoseTracker(skeleton, one).update for name, one in ABLATION.items()}
        for name in ("oks", "iou"):
            makers[f"greedy {name}"] = Greedy(name, skeleton)
        makers[PAPER] = SimpleBaselinesTracker(skeleton).update
        rows = {
            name: [known(track(frame, poses)) for frame, poses in frames]
            for name, track in makers.items()
        }
        for least in (0.3, 0.5):
            print(f"height {height or 256}, IoU {least}")
            for name, tracks in rows.items():
                account = mm.MOTAccumulator(auto_id=True)
                for n, people in enumerate(tracks):
                    there = truth[truth[:, 0] == n + 1]
                    left, top, wide, high = there[:, 2:6].T - np.array([[1], [1], [0], [0]])
                    corners = np.stack([left, top, left + wide, top + high], axis=1)
                    overlap = iou(corners, person_boxes(people.poses.xy))
                    apart = np.where(overlap >= least, 1 - overlap, np.nan)
                    account.update(there[:, 1].tolist(), people.id.tolist(), apart)
                print_row(name, score(account))


def campus_poses(folder: Path, height: int | None) -> list[tuple[Frame, Poses]]:
    wanted = wish(str(folder / "TUD-Campus.mp4"), height=height, track=False)
    views = [view for result in stream(wanted) for view in result.views if view]
    return [(view.frame, view.tracks.poses) for view in views]


def bench_time() -> None:
    """Processor time of flow, matching and smoothing, on one thread."""
    cv2.setNumThreads(1)
    for scene in (apart(5), crowd(30)):
        steps = list(scene.steps())
        found = scene.detections(steps)
        frames = [frame_of(step.image, n, step.time) for n, step in enumerate(steps)]
        for every in (1, 3):
            spent = []
            people = CameraTracker(SKELETON, TrackSettings(smooth="one-euro"))
            for n, (frame, poses) in enumerate(zip(frames, found, strict=True)):
                began = time.process_time()
                people.update(frame, poses if n % every == 0 else None)
                spent.append(time.process_time() - began)
            middle, slow = np.percentile(np.array(spent[5:]) * 1000, (50, 95))
            print(
                f"{len(scene.walkers)} people at {scene.size[0]}x{scene.size[1]}, network on every "
                f"{every}: median {middle:.2f} ms a frame, 95 % below {slow:.2f} ms",
                flush=True,
            )


def bench_every() -> None:
    """--detect-every 3: frames a second, and OKS to the every-frame result."""
    video = DATA / "video"
    clips = (
        (video / "webcam-walk.mkv", None),
        (DATA / "mot-tud-campus" / "TUD-Campus.mp4", None),
        (video / "one-by-one.mp4", 260),
        (video / "street.avi", None),
    )
    sigmas = np.array(SKELETON.sigmas, np.float32)
    for path, end in clips:
        (whole, slow), (some, fast) = (carried(path, end, every) for every in (1, 3))
        alike, people, found = 0.0, 0, 0
        for one, other in zip(whole, some, strict=True):
            area = areas(one.poses.xy)[:, None]
            table, _ = oks(one.poses.xy, other.poses.xy, area, sigmas)
            rows, columns = assign(table, 0.3) if table.size else (np.zeros(0, int),) * 2
            alike += float(table[rows, columns].sum())
            found += len(rows)
            people += len(one)
        print(
            f"{path.name}: every frame {slow:.1f} frames/s, every third {fast:.1f} "
            f"(x{fast / slow:.2f}); mean OKS {alike / max(found, 1):.3f}, "
            f"{100 * found / max(people, 1):.1f} % of {people} people found in both",
            flush=True,
        )


def carried(path: Path, end: int | None, every: int) -> tuple[list[Tracks], float]:
    """The people of each frame, and frames a second from the second frame on."""
    model = "human-pose-estimation-0001"
    wanted = wish(str(path), end=end, model=model, precision="fp32", detect_every=every)
    began, tracks = 0.0, []
    for result in stream(wanted):
        began = began or time.perf_counter()
        tracks += [known(view.tracks) for view in result.views if view]
    return tracks, (len(tracks) - 1) / (time.perf_counter() - began)


PARTS = {
    "scenes": bench_scenes,
    "shelf": bench_shelf,
    "campus": bench_campus,
    "every": bench_every,
    "time": bench_time,
}


def main() -> None:
    """Run the parts that the command line names, or all."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    for part in ask.parse_args().parts or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
