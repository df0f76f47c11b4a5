"""Hands beside MediaPipe's own, for tests/bench/parts.py.

Our network looks at each frame of the webcam clips where MediaPipe's hands of the frame before say;
so does MediaPipe, unless it looks for palms anew. Its landmarks are taken as it hands them out, in
shares of the picture's sides.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np

from engines.parts.boxes import hand_boxes
from engines.parts.part_crops import PartCrops
from engines.types.arrays import Doubles
from tests.conftest import DATA

SAME_HAND = 0.5  # of a hand's box, that it may have moved since the frame before
# Runs in the other interpreter.
THEIRS = """
import json, sys
import cv2, mediapipe
hands = mediapipe.solutions.hands.Hands(max_num_hands=2, model_complexity=1)
clip, frames = cv2.VideoCapture(sys.argv[1]), []
while True:
    ok, image = clip.read()
    if not ok:
        break
    found = hands.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).multi_hand_landmarks or []
    high, wide = image.shape[:2]
    frames.append([[(one.x * wide, one.y * high) for one in hand.landmark] for hand in found])
print(json.dumps(frames))
"""


def beside_mediapipe(python: str, hands: PartCrops) -> None:
    """Mean distances of landmarks in shares of the longer side of the hand's box."""
    off: list[float] = []
    for clip in ("want", "walk"):
        file = DATA / "video" / f"webcam-{clip}.mkv"
        off += _of_clip(file, _theirs(python, file), hands)
    print(
        f"{len(off)} hands beside MediaPipe's: off by {np.mean(off):.4f} of the box "
        f"(median {np.median(off):.4f}, nine of ten by less than {np.quantile(off, 0.9):.4f})"
    )


def _of_clip(file: Path, theirs: list[list[Doubles]], hands: PartCrops) -> list[float]:
    reader, before, off = cv2.VideoCapture(str(file)), list[Doubles](), list[float]()
    for found in theirs:
        _, image = reader.read()
        for hand in found if before else ():
            gaps = [np.linalg.norm(hand.mean(0) - one.mean(0)) for one in before]
            side = np.ptp(hand, axis=0).max()
            if min(gaps) < SAME_HAND * side:
                known = before[int(np.argmin(gaps))][None].astype(np.float32)
                crops, _ = hand_boxes(known, hands.size)
                xy, _, _ = hands._network.look([image], [crops])
                off.append(float(np.linalg.norm(xy[0] - hand, axis=-1).mean() / side))
        before = found
    return off


def _theirs(python: str, file: Path) -> list[list[Doubles]]:
    """Hands (21, 2) of each frame."""
    done = subprocess.run(
        [python, "-c", THEIRS, str(file)], check=True, capture_output=True, text=True
    )
    frames = json.loads(done.stdout.splitlines()[-1])
    return [[np.array(hand, float) for hand in frame] for frame in frames]
