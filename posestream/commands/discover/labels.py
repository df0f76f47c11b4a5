"""Poses that another model, or a person, has told of the clip: what landmarks are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from engines.types.arrays import Doubles
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from posestream.commands.discover.reading import Footage
from realtime.settings.sources import SourceSettings
from realtime.sources import open_sources
from realtime.types.errors import SourceError
from training.discover.clip import Clip
from training.discover.measures import regression_error

MIN_SHARE = 0.5  # of the pictures in which a keypoint must be labelled
TORSO = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """xy: (P, J, 2) picture pixels for each of the clip's pictures, NaN = not labelled."""

    skeleton: Skeleton
    xy: Doubles


def read_labels(given: Sequence[str], footage: Footage) -> Labels:
    """OpenPose JSON, as --json writes it, of each source in their order. SourceError where it does
    not fit.
    """
    sources = open_sources(SourceSettings(tuple(given)))
    skeleton = sources[0].skeleton
    if skeleton is None or len(sources) != len(footage.boxes):
        raise SourceError(
            "--labels needs keypoints for each source, in their order: folders that --json wrote."
        )
    best: dict[tuple[int, int], Doubles] = {}
    with ExitStack() as stack:
        for n, source in enumerate(sources):
            for frame in stack.enter_context(source):
                if frame.poses is not None and len(frame.poses):
                    best[n, frame.index] = _best(frame.poses)
    nobody = np.full((len(skeleton.keypoints), 2), np.nan)
    return Labels(skeleton, np.stack([best.get(one, nobody) for one in footage.frames]))


def _best(poses: Poses) -> Doubles:
    """(J, 2) of the one who is seen best."""
    return np.asarray(poses.xy[poses.score.sum(1).argmax()], np.float64)


def compared(landmarks: Doubles, labels: Labels, clip: Clip) -> dict[str, tuple[float, float]]:
    """Error of a linear regression from (P, K, 2) landmarks to each keypoint, by its name, on
    pictures held back, in shares of the thing's size: of people the torso, else the diagonal; and
    that of the keypoint's mean place, which knows no landmarks.
    """
    learn, held = (part.reshape(-1) for part in clip.split())
    size = sizes(labels)
    errors = regression_error(landmarks, labels.xy, learn, held, size)
    blind = regression_error(np.zeros((len(landmarks), 1, 2)), labels.xy, learn, held, size)
    known = (~np.isnan(labels.xy[..., 0])).mean(0)
    return {
        name: (float(error), float(without))
        for name, error, without, share in zip(
            labels.skeleton.keypoints, errors, blind, known, strict=True
        )
        if share >= MIN_SHARE and not np.isnan(error)
    }


def sizes(labels: Labels) -> Doubles:
    """(P,) of the labelled thing in picture pixels; its median, where a picture does not say."""
    ends = []
    for pair in TORSO:
        if not set(pair) <= set(labels.skeleton.keypoints):
            break
        ends.append(labels.xy[:, [labels.skeleton.keypoints.index(name) for name in pair]].mean(1))
    size = np.full(len(labels.xy), np.nan)
    if len(ends) == 2:
        size = np.linalg.norm(ends[0] - ends[1], axis=1)
    if np.isnan(size).all():
        there = ~np.isnan(labels.xy[..., :1])
        low = np.where(there, labels.xy, np.inf).min(1)
        high = np.where(there, labels.xy, -np.inf).max(1)
        size = np.linalg.norm(high - low, axis=1)
        size[~np.isfinite(size)] = np.nan
    out: Doubles = np.where(np.isnan(size), np.nanmedian(size), size)
    return out
