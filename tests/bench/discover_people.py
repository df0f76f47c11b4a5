"""How well landmarks that nobody labelled keep to somebody before a calibrated rig.

    posestream CLIPS --rig rig.toml --json3d poses3d/
    python -m tests.bench.discover_people CLIPS --rig rig.toml --poses poses3d/ --folder OUT

Learns for --minutes of processor time, on one thread; with --minutes 0 judges what OUT has.
3D people of the pose pipeline are no ground truth: they are off by some centimetres.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from engines.types.arrays import Doubles
from posestream.commands.discover.job import discover
from posestream.commands.discover.main import Options
from posestream.commands.discover.reading import read_footage
from realtime.settings.sources import SourceSettings
from tests.bench.discover import fixed
from training.discover.learner import Learner
from training.discover.measures import regression_error
from training.discover.rig_measures import landmarks_3d

# OpenPose's COCO order: head, both sides of the trunk, upper and lower arms and legs.
BONES = ((1, 0), (1, 8), (1, 11), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (11, 12))
BONES += ((12, 13),)
KEYPOINTS = ("nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder")
KEYPOINTS += ("left elbow", "left wrist", "right hip", "right knee", "right ankle", "left hip")
KEYPOINTS += ("left knee", "left ankle")


def people(folder: Path, frames: list[int]) -> Doubles:
    """(F, J, 3) metres of the first person in these frames, NaN = not told."""
    out = np.full((len(frames), len(KEYPOINTS), 3), np.nan)
    for n, frame in enumerate(frames):
        (file,) = folder.glob(f"*_{frame:012d}_keypoints.json")
        found = json.loads(file.read_text())["people"]
        if found:
            points = np.array(found[0]["pose_keypoints_3d"]).reshape(-1, 4)[: len(KEYPOINTS)]
            out[n] = np.where(points[:, 3:] > 0, points[:, :3], np.nan)
    return out


def lasting(places: Doubles) -> Doubles:
    """(K,) metres by which the distance of each (F, K, 3) landmark to that other one changes from
    which it changes least (standard deviation).
    """
    change = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1).std(0)
    np.fill_diagonal(change, np.inf)
    return np.asarray(change.min(1))


def say(what: str, metres: Doubles) -> None:
    each = ", ".join(f"{100 * one:.1f}" for one in metres)
    middle = 100 * float(np.median(metres))
    print(f"  {what}: mean {100 * metres.mean():.1f}, median {middle:.1f}, each {each}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--rig", type=Path, required=True)
    parser.add_argument("--poses", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--size", type=int, default=80)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    options = Options(
        tuple(asked.clips),
        asked.folder / "thing.toml",
        points=asked.points,
        minutes=asked.minutes or 1.0,
        size=asked.size,
        rig=asked.rig,
        threads=1,
        overwrite=True,
    )
    if asked.minutes:
        print(discover(options, time.process_time))
    footage = read_footage(SourceSettings(options.source), asked.size, asked.rig)
    clip = footage.clip
    learner = Learner(asked.points, clip, edges=False, seed=1, device="cpu", rate=0.0)
    learner.load(asked.folder / "thing.run" / "checkpoint.pt")
    found = landmarks_3d(learner, clip.groups)
    bodies = people(asked.poses, [footage.frames[group[0]][1] for group in clip.groups])
    held = np.flatnonzero(np.isin(clip.groups[:, 0], clip.split()[1][:, 0]))
    learnt = np.setdiff1d(np.arange(len(clip.groups)), held)
    print(f"{len(held)} instants held back; centimetres:")
    moves = 100 * fixed(found.triangulated[held], bodies[held], BONES)
    print(
        f"  fixed to a bone: mean {moves.mean():.1f}, median {np.median(moves):.1f}, each", end=" "
    )
    print(", ".join(f"{one:.1f}" for one in moves))
    apart = 100 * lasting(found.triangulated[held])
    print(f"  distance to the steadiest other: mean {apart.mean():.1f}, each", end=" ")
    print(", ".join(f"{one:.1f}" for one in apart))
    ones = np.ones(len(bodies))
    told, blind = (
        100 * regression_error(places, bodies, learnt, held, ones)
        for places in (found.triangulated, np.zeros((len(bodies), 1, 3)))
    )
    for joint, name in enumerate(KEYPOINTS):
        print(f"  {name} by regression: {told[joint]:.1f}, by its mean place {blind[joint]:.1f}")


if __name__ == "__main__":
    main()
