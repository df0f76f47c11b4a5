"""How good landmarks are that nobody labelled: a rendered arm with known joints, and clips.

    python -m tests.bench.discover --folder OUT [--pan]             the arm, one camera
    python -m tests.bench.discover --folder OUT --rig [--seed 11]   the arm, four cameras
    python -m tests.bench.discover --folder OUT --clip clip.mp4 [--labels poses/]

Learns for --minutes of processor time, on one thread, and prints the measures and the time. The arm
is judged on another motion than the one it was learnt from, before the same wall.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from engines.models.card import load_card
from engines.networks.landmarks import POOLED
from engines.types.arrays import Doubles, Image
from posestream.commands.discover.job import discover
from posestream.commands.discover.main import Options
from posestream.commands.discover.sheet import write_sheet
from tests.articulated import AROUND, JOINTS, LINKS, SIZE, Camera, arm, camera, render, wall
from training.discover.clip import Clip, Pinholes, input_size, letterbox_into, make_clip
from training.discover.learner import Learner
from training.discover.measures import measure, places, regression_error
from training.discover.rig_measures import landmarks_3d, measure_rig
from training.discover.skeleton import limbs
from training.discover.train import DiscoverSettings, learn
from training.shipping.landmark_export import export_landmarks

PICTURE = (512, 384)
LEARN, TEST = 300, 80  # instants
OTHER = 7  # by which the seed of the motion differs on which the arm is judged


@dataclass(frozen=True, eq=False)
class Arm:
    """A motion: its clip, its joints (F, J, 3) in metres and in each view (F V, J, 2), -1..1."""

    clip: Clip
    joints: Doubles
    labels: Doubles


def rendered(count: int, seed: int, longer: int, *, rig: bool, pan: bool = False) -> Arm:
    """rig: of four cameras, and turned in depth; else about in the picture's plane. pan: by cameras
    in somebody's hand, before a far wall.
    """
    joints = arm(count, seed, flat=not rig)
    cameras = [camera(degrees, PICTURE) for degrees in (AROUND if rig else (0,))]
    box = letterbox_into(input_size(PICTURE, longer), PICTURE)
    walls = [wall(PICTURE, n) for n in range(len(cameras))]
    wide = [wall((2 * PICTURE[0], 2 * PICTURE[1]), n) for n in range(len(cameras))]
    pictures, which, labels = [], [], []
    for instant, one in enumerate(joints):
        for n, (seen_by, behind) in enumerate(zip(cameras, walls, strict=True)):
            if pan:
                seen_by, behind = swung(seen_by, wide[n], instant / 12)
            pictures.append(box.apply(render(one, seen_by, behind)))
            which.append(n)
            placed = box.to_network(seen_by.project(one)[:, :2].astype(np.float32))
            labels.append((placed + 0.5) / np.array(box.network) * 2 - 1)
    small = [_in_network(one, box.scale[0] / POOLED) for one in cameras]
    pinholes = Pinholes(
        np.stack([one.matrix for one in small]),
        np.stack([one.rotation for one in small]),
        np.stack([one.translation for one in small]),
    )
    clip = make_clip(pictures, which, pinholes if rig else None)
    return Arm(clip, joints, np.array(labels, np.float64))


def swung(seen_by: Camera, far: Image, seconds: float) -> tuple[Camera, Image]:
    """A camera that looks a few degrees aside, and what it sees of a wall far behind the thing.

    far: of twice the picture's size.
    """
    turns = np.radians([2 * np.sin(0.8 * seconds), 6 * np.sin(0.5 * seconds), 2 * np.sin(seconds)])
    turn, _ = cv2.Rodrigues(turns)
    at_first = seen_by.matrix.copy()
    at_first[:2, 2] = np.array(far.shape[1::-1]) / 2 - 0.5
    way = seen_by.matrix @ turn @ np.linalg.inv(at_first)
    moved = Camera(seen_by.matrix, turn @ seen_by.rotation, turn @ seen_by.translation)
    return moved, np.asarray(cv2.warpPerspective(far, way, PICTURE), np.uint8)


def _in_network(one: Camera, scale: float) -> Camera:
    matrix = one.matrix.copy()
    matrix[:2, 2] = (matrix[:2, 2] + 0.5) * scale - 0.5
    matrix[[0, 1], [0, 1]] *= scale
    return Camera(matrix, one.rotation, one.translation)


def on_arm(asked: argparse.Namespace) -> None:
    learnt = rendered(LEARN, asked.seed, asked.size, rig=asked.rig, pan=asked.pan)
    other = rendered(TEST, asked.seed + OTHER, asked.size, rig=asked.rig, pan=asked.pan)
    settings = DiscoverSettings(
        asked.folder / "arm.run",
        points=asked.points,
        minutes=asked.minutes,
        batch=asked.batch,
        edges=asked.edges,
        threads=1,
        device="cpu",
    )
    learner = learn(learnt.clip, settings, time.process_time)
    found = measure(learner.find, other.clip, other.clip.groups)
    print(f"processor time {learner.seconds / 60:.1f} min, {learner.step} steps")
    print(f"another motion: {found}")
    aspect = np.array(learnt.clip.aspect) / 2
    first, _ = places(learner.find, learnt.clip.pictures)
    second, sure = places(learner.find, other.clip.pictures)
    if not asked.rig:
        landmarks, labels = (
            np.concatenate(both) * aspect
            for both in ((first, second), (learnt.labels, other.labels))
        )
        tell("regression, of the longer side", landmarks, labels, len(first), 1.0)
    else:
        in_space(learner, learnt, other)
    card = asked.folder / "arm.toml"
    pairs = limbs(learner, first * np.array(learnt.clip.aspect))
    export_landmarks(learner, pairs, card, title="arm", minutes=learner.seconds / 60)
    write_sheet(card.with_suffix(".png"), other.clip, second, sure, load_card(str(card)).skeleton)


def in_space(learner: Learner, learnt: Arm, other: Arm) -> None:
    """Landmarks in 3D on the other motion, learnt on the first."""
    one = landmarks_3d(learner, learnt.clip.groups)
    moved = Learner(learner.points, other.clip, edges=False, seed=1, device="cpu", rate=0.0)
    moved.slow.load_state_dict(learner.slow.state_dict())
    two = landmarks_3d(moved, other.clip.groups)
    print(measure_rig(moved))
    joints = np.concatenate([learnt.joints, other.joints])
    for name in ("triangulated", "mean"):
        both = np.concatenate([getattr(one, name), getattr(two, name)])
        tell(f"3D regression, {name}, of the size", both, joints, len(learnt.joints), SIZE)
    moves = fixed(two.triangulated, other.joints, LINKS) / SIZE
    print(
        f"fixed to the arm, triangulated, of the size: mean {moves.mean():.2%}, median "
        f"{np.median(moves):.2%}, each {', '.join(f'{one:.1%}' for one in moves)}"
    )


def fixed(places: Doubles, joints: Doubles, links: Sequence[tuple[int, int]]) -> Doubles:
    """(K,) metres by which (F, K, 3) landmarks move, on average, in axes of the part that each
    stays with best. joints: (F, J, 3), NaN = not known; links: the parts' ends.
    """
    best = []
    for landmark in places.transpose(1, 0, 2):
        spreads = []
        for start, end in links:
            way = joints[:, end] - joints[:, start]
            way = way / np.linalg.norm(way, axis=1, keepdims=True)
            from_start = landmark - joints[:, start]
            along = (from_start * way).sum(1)
            across = np.linalg.norm(from_start - along[:, None] * way, axis=1)
            spread = np.hypot(along - np.nanmedian(along), across - np.nanmedian(across))
            spreads.append(np.nanmean(spread))
        best.append(min(spreads))
    return np.array(best)


def tell(what: str, landmarks: Doubles, labels: Doubles, learnt: int, size: float) -> None:
    seen, test = np.arange(learnt), np.arange(learnt, len(labels))
    errors = regression_error(landmarks, labels, seen, test, np.full(len(labels), size))
    each = ", ".join(f"{name} {error:.1%}" for name, error in zip(JOINTS, errors, strict=True))
    print(f"{what}: mean {errors.mean():.2%} ({each})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rig", action="store_true")
    parser.add_argument("--pan", action="store_true", help="the arm, before a camera in a hand")
    parser.add_argument("--edges", action="store_true")
    parser.add_argument("--clip", nargs="*", default=[])
    parser.add_argument("--labels", nargs="*", default=[])
    parser.add_argument("--start", type=int, default=0, help="first frame of the clip")
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the arm's motion")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if not asked.clip:
        on_arm(asked)
        return
    options = Options(
        tuple(asked.clip),
        asked.folder / "thing.toml",
        points=asked.points,
        minutes=asked.minutes,
        size=asked.size,
        batch=asked.batch,
        edges=asked.edges,
        labels=tuple(asked.labels),
        start=asked.start,
        threads=1,
        overwrite=True,
    )
    print(discover(options, time.process_time))


if __name__ == "__main__":
    main()
