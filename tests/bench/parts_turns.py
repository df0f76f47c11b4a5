"""Hands and faces in turns, for tests/bench/parts.py: what that saves, and what carrying costs.

The webcam clips go through networks and tracker frame by frame, bodies alone, and with hands, face
and feet, which a crop network that has them finds itself: as of files, where everybody is looked at
in every frame, and as of a live camera on a computer that has time for the fewest turns. Nothing is
dropped, so that all runs see the same frames. Each clip runs twice in a row; the second time
counts, when all networks are compiled. Of several rounds each frame's fastest counts, which other
programs disturb least.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from engines.estimator import Estimator
from engines.models.card import load_card
from engines.opening import engine_opener
from engines.parts.kinds import GROUPS
from engines.parts.opening import parts_opener
from engines.refining import refined_skeleton, second_look_opener
from engines.types.arrays import Doubles
from realtime.default_model import DEFAULT
from realtime.looks import Looks, Seen
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.tracking import TrackSettings
from realtime.sources import open_source
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.frames import Frame
from realtime.types.results import Tracks
from tests.conftest import DATA

ROUNDS = 3
FEWEST_TURNS = 1e-9  # seconds
PCK = 0.2  # of the longer side of a part's box
CLIPS = "want", "walk"
WANTED = "hands", "face", "feet"


def turns(refines: Sequence[str]) -> None:
    """Print processor time beside bodies alone, and how far carried parts are off."""
    for refine, clip in product(refines, CLIPS):
        frames = _frames(DATA / "video" / f"webcam-{clip}.mkv")
        kinds: dict[str, float | None] = {"every frame": None, "fewest turns": FEWEST_TURNS}
        spent: dict[str, list[Doubles]] = {"bodies": [], **{name: [] for name in kinds}}
        tracks = {}
        for _ in range(ROUNDS):
            spent["bodies"].append(_watched(frames, refine, None, parts=False)[0])
            for name, budget in kinds.items():
                seconds, tracks[name] = _watched(frames, refine, budget)
                spent[name].append(seconds)
        least = {name: np.min(some, axis=0).mean() for name, some in spent.items()}
        print(f"webcam-{clip}, {Path(refine).stem}: " + ", ".join(
            f"{name} {1e3 * each:.1f} ms a frame ({least['bodies'] / each:.2f} of the bodies' fps)"
            for name, each in least.items()))  # fmt: skip
        for part, groups in (("hands", ("left_hand", "right_hand")), ("face", ("face",))):
            _compare(part, groups, tracks["fewest turns"], tracks["every frame"])


def _frames(path: Path) -> list[Frame]:
    """Those of two laps."""
    with open_source(SourceSettings(str(path))) as source:
        lap = list(source)
    length = lap[-1].time + lap[1].time - 2 * lap[0].time
    return lap + [replace(frame, time=frame.time + length) for frame in lap]


def _watched(
    frames: Sequence[Frame], refine: str, budget: float | None, *, parts: bool = True
) -> tuple[Doubles, list[Tracks]]:
    """Seconds of processor time of each frame of the second lap, and its people."""
    card = load_card(DEFAULT)
    groups = [group for part in WANTED for group in GROUPS[part]] if parts else []
    skeleton = body = refined_skeleton(refine, card, groups)
    opener = parts_opener(WANTED, body, budget=budget) if parts else None
    if opener is not None:
        skeleton = opener.skeleton
    second = second_look_opener(refine, card, skeleton=body)
    assert second is not None
    engine = engine_opener(card, ModelSettings(), live=True)
    tracker = CameraTracker(skeleton, TrackSettings(), turns=budget is not None)
    looks = Looks([tracker], second(), opener and opener(), frugal=True)
    out, spent, lap = [], [], len(frames) // 2
    with closing(engine()) as estimator, closing(looks):
        for frame in frames:
            began = time.process_time()
            [view] = looks.watch((frame,), lambda some: _look(estimator, some))
            spent.append(time.process_time() - began)
            assert view is not None
            out.append(view.tracks)
    return np.array(spent[lap:]), out[lap:]


def _look(estimator: Estimator, frames: Sequence[Frame]) -> list[Seen]:
    estimator.submit([frame.image for frame in frames])
    return [(estimator.decoder.decode(one), one) for one in estimator.result()]


def _compare(
    part: str, groups: Sequence[str], some: Sequence[Tracks], every: Sequence[Tracks]
) -> None:
    """Of parts that a look in every frame has seen: told in turns, seen or carried, and how well.

    As off counts the mean over the keypoints, in sides of the part's box.
    """
    off: dict[bool, list[float]] = {False: [], True: []}
    count = 0
    for one, other in zip(some, every, strict=True):
        if not len(one) or not len(other):
            continue
        for group in groups:
            at = list(one.poses.skeleton.groups[group])
            a, b = one.poses.xy[0, at], other.poses.xy[0, at]
            if np.isnan(b).all() or other.filled[0, at].any():
                continue
            count += 1
            both = np.isfinite(a[:, 0] + b[:, 0])
            if both.any():
                gap = np.linalg.norm(a - b, axis=-1)[both].mean()
                side = (np.nanmax(b, axis=0) - np.nanmin(b, axis=0)).max()
                off[bool(one.filled[0, at].any())].append(float(gap / side))
    for carried, gaps in off.items():
        print(f"  {part} {'carried' if carried else 'seen'}: {len(gaps)} of {count}, off by "
              f"{np.median(gaps):.3f} of their box (median), {np.mean(np.array(gaps) < PCK):.2f} "
              f"within {PCK}")  # fmt: skip
