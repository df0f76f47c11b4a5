"""One person before a webcam, on one core: how fast, and how near to joints labelled by hand.

    python -m tests.bench.webcam [--mediapipe PYTHON] [--turns 5] [--core 0]

Our networks following by crops, alone, and MediaPipe's pose (complexity 1) where an interpreter is
named that has it (mediapipe 0.10.9, in an environment of its own). All take turns on the same core.
fps: frames a second of processor time, which other work on the machine hardly touches: of video
decoding, networks and tracking together, from the sixth frame to the last. PCK: the
share of the joints in webcam_joints.json within a tenth of the torso (mid-shoulder to mid-hip);
joints that are not found are wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import DATA, ROOT, with_weights

LABELS = Path(__file__).with_name("webcam_joints.json")
SHARE = 0.1  # of the torso
SKIPPED = 5  # frames in which networks warm up
CARDS = "tests/cards/movenet-{}.toml"
OURS = {
    "pafnet + Lightning, following": ("pafnet", CARDS.format("lightning"), "auto"),
    "pafnet + Thunder, following": ("pafnet", CARDS.format("thunder"), "auto"),
    "pafnet + cropnet, every frame": ("pafnet", "cropnet", "1"),
    "pafnet + cropnet, following": ("pafnet", "cropnet", "auto"),
    "without options": ("human-pose-estimation-0001", CARDS.format("lightning"), "auto"),
    "pafnet + Lightning, every frame": ("pafnet", CARDS.format("lightning"), "1"),
    "pafnet alone": ("pafnet", "off", "1"),
    "human-pose-estimation-0001 alone": ("human-pose-estimation-0001", "off", "1"),
}
# Runs in the other interpreter; what stands there for its landmarks are the names of ours.
THEIRS = """
import json, sys, time
import cv2, mediapipe
names = {0: "nose", 11: "left_shoulder", 12: "right_shoulder", 13: "left_elbow", 14: "right_elbow",
         15: "left_wrist", 16: "right_wrist", 23: "left_hip", 24: "right_hip"}
pose = mediapipe.solutions.pose.Pose(model_complexity=1)
clip, frames, times = cv2.VideoCapture(sys.argv[1]), [], []
while True:
    ok, image = clip.read()
    if not ok:
        break
    found = pose.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).pose_landmarks
    high, wide = image.shape[:2]
    frames.append({} if found is None else {
        name: [found.landmark[n].x * wide - 0.5, found.landmark[n].y * high - 0.5]
        for n, name in names.items()})
    times.append(time.process_time())
print(json.dumps({"frames": frames, "times": times}))
"""


def ours(clip: str, model: str, refine: str, every: str) -> dict[str, Any]:
    """Keypoints of the largest person of each frame by name, and when each result came."""
    from realtime import stream
    from realtime.settings.all import Settings
    from realtime.settings.model import ModelSettings
    from realtime.settings.sources import SourceSettings
    from realtime.settings.tracking import TrackSettings
    from realtime.settings.window import WindowSettings

    settings = Settings(
        SourceSettings((clip,)),
        ModelSettings(model, refine=refine),
        tracks=TrackSettings(detect_every="auto" if every == "auto" else int(every)),
        window=WindowSettings(show=False, quiet=True),
    )
    frames: list[dict[str, list[float]]] = []
    times = []
    for result in stream(settings):
        (view,) = result.views
        assert view is not None
        poses = view.tracks.poses
        people = np.nan_to_num(np.ptp(np.nan_to_num(poses.xy[..., 1]), axis=1))
        person = poses.xy[int(people.argmax())] if len(people) else np.empty((0, 2))
        frames.append(
            {
                name: [float(x), float(y)]
                for name, (x, y) in zip(poses.skeleton.keypoints, person, strict=False)
                if np.isfinite(x)
            }
        )
        times.append(time.process_time())
    return {"frames": frames, "times": times}


def errors(frames: list[dict[str, list[float]]], labels: dict[str, Any]) -> dict[str, list[float]]:
    """How far off each joint is in each frame, in torsos; infinitely far where it is not found."""
    off: dict[str, list[float]] = {}
    for frame, joints in labels.items():
        xy = {name: np.array(at[:2], float) for name, at in joints.items()}
        ends = [(xy[f"left_{part}"] + xy[f"right_{part}"]) / 2 for part in ("shoulder", "hip")]
        torso = float(np.linalg.norm(ends[0] - ends[1]))
        for name, (*_, seen) in joints.items():
            if seen < 2:
                continue
            found = frames[int(frame)].get(name, (np.inf, np.inf))
            off.setdefault(name, []).append(float(np.linalg.norm(xy[name] - found)) / torso)
    return off


def pck(off: dict[str, list[float]], *, hips: bool) -> str:
    """The share of joints that are right. Hips under long clothes are a guess, also by eye."""
    each = np.concatenate([one for name, one in off.items() if hips or not name.endswith("_hip")])
    right = each <= SHARE
    return (
        f"{right.mean():.3f} ({right.sum()} of {len(right)}), median {np.median(each):.3f} torsos"
    )


def run(command: list[str], core: int) -> dict[str, Any]:
    """What a child prints that has one core to itself."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=with_weights(),
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print a line for each clip and program."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.formatter_class = argparse.RawDescriptionHelpFormatter
    ask.add_argument("--mediapipe", metavar="PYTHON", help="an interpreter that has mediapipe")
    ask.add_argument("--turns", type=int, default=5)
    ask.add_argument("--core", type=int, default=0)
    ask.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.child:
        print(json.dumps(ours(*given.child)))
        return
    for name, labels in json.loads(LABELS.read_text())["clips"].items():
        clip = str(DATA / "video" / name)
        commands = {
            who: [sys.executable, "-m", "tests.bench.webcam", "--child", clip, *how]
            for who, how in OURS.items()
        }
        if given.mediapipe:
            commands["MediaPipe Pose, complexity 1"] = [given.mediapipe, "-c", THEIRS, clip]
        rates: dict[str, list[float]] = {who: [] for who in commands}
        found = {}
        for _ in range(given.turns):
            for who, command in commands.items():
                found[who] = run(command, given.core)
                times = found[who]["times"]
                rates[who].append((len(times) - 1 - SKIPPED) / (times[-1] - times[SKIPPED]))
        for who, each in rates.items():
            off = errors(found[who]["frames"], labels)
            print(
                f"{name:16} {who:36} fps median {np.median(each):6.1f} most {max(each):6.1f}   "
                f"PCK {pck(off, hips=True)}; without hips {pck(off, hips=False)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
