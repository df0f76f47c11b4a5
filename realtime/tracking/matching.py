"""Who is who: the people who are followed against the poses of a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import lap
import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles, Floats, Indices
from engines.types.oks import boxes, iou, oks_both_ways
from engines.types.skeleton import Skeleton
from realtime.tracking.appearance import bones_alike, colours_alike
from realtime.tracking.track_table import TENTATIVE_ID, TrackTable

Cue = Literal["oks", "iou"]

MIN_AFFINITY = 0.2  # to pair somebody who was seen a moment ago,
MIN_WEAK_AFFINITY = 0.35  # with a weak pose,
MIN_LOST_AFFINITY = 0.25  # or somebody who was lost
APPEARANCE_SHARE = 0.5  # of the affinity that appearance decides
LOST_WEIGHT = 0.8  # of a lost person's affinity beside one who was seen a moment ago
MIRRORED_WEIGHT = 0.8  # of the place of a body whose left and right are exchanged
LOST_STD_SIDES_PER_S = 0.7  # sides of the area by which a lost person's position grows uncertain
MAX_STD_GROWTH_S = 1.5  # after which it grows no more uncertain
COLOUR_STD = 0.12  # of how unlike one person's colours are at two times,
BONE_STD = 0.45  # and of bones
FULL_ACQUAINTANCE_S = 0.5  # after which appearance counts in full: who comes in is half seen
MAX_BRIEF_S = 0.3  # that somebody may be missing and still counts as just seen


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The poses of a frame with what matching needs of them.

    area, bones, strong: of their bodies. clear: (P,) 0..1 what share of each one's box no other box
    covers.
    """

    xy: Floats
    area: Floats
    bones: Floats
    colours: Floats
    strong: NDArray[np.bool_]
    clear: Floats


def match(
    people: TrackTable,
    expected: Floats,
    found: Detections,
    now: float,
    skeleton: Skeleton,
    cue: Cue = "oks",
) -> tuple[Indices, Indices]:
    """Pairs of rows (of people, of found).

    Confident poses first, then weak ones for those seen a moment ago (ByteTrack, ECCV'22). Who is
    lost takes part in the first round, by where they may have got to and how they look: somebody
    who passes by would take the pose of who comes back otherwise. Tentative people come last, so
    that who comes back is not taken for somebody new.
    """
    rest = np.ones(len(people), bool), np.ones(len(found.xy), bool)
    pairs: list[tuple[Indices, Indices]] = []
    away = now - people.last
    sure = people.id != TENTATIVE_ID
    brief = away <= MAX_BRIEF_S
    alike = _appearance(people, found)
    acquainted = np.minimum((people.last - people.born) / FULL_ACQUAINTANCE_S, 1).astype(np.float32)
    trust = APPEARANCE_SHARE * acquainted[:, None]
    near = _nearness(people, expected, found, skeleton, cue) * (1 - trust + trust * alike)

    @cache  # needed only where somebody was lost, or is left over
    def far() -> Floats:
        std = LOST_STD_SIDES_PER_S * np.minimum(away, MAX_STD_GROWTH_S)
        return _nearness(people, expected, found, skeleton, cue, std) * alike

    def first() -> Floats:
        if brief[sure].all():
            return near
        back = np.where(far() >= MIN_LOST_AFFINITY, LOST_WEIGHT * far(), 0)
        return np.where(brief[:, None], near, back)

    def round_(
        rows: NDArray[np.bool_],
        columns: NDArray[np.bool_],
        table: Callable[[], Floats],
        gate: float,
    ) -> None:
        if not rest[0].any() or not rest[1].any():
            return
        row, column = (np.flatnonzero(a & b) for a, b in zip(rest, (rows, columns), strict=True))
        if len(row) and len(column):
            one, other = assign(table()[np.ix_(row, column)], gate)
            row, column = row[one], column[other]
            rest[0][row], rest[1][column] = False, False
            pairs.append((row, column))

    round_(sure, found.strong, first, MIN_AFFINITY)
    round_(sure & brief, ~found.strong, lambda: near, MIN_WEAK_AFFINITY)
    round_(sure, found.strong, far, MIN_LOST_AFFINITY)
    round_(~sure, found.strong, lambda: near, MIN_AFFINITY)
    if not pairs:
        return np.zeros(0, int), np.zeros(0, int)
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def assign(affinity: Floats | Doubles, gate: float) -> tuple[Indices, Indices]:
    """The pairing with the most affinity in all (Jonker and Volgenant), of pairs above the gate."""
    cost = np.where(affinity >= gate, 1 - affinity, 2).astype(np.float64)
    _, columns, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1 - gate + 1e-6)
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows]


def _nearness(
    people: TrackTable,
    expected: Floats,
    found: Detections,
    skeleton: Skeleton,
    cue: Cue,
    position_std: NDArray[np.float64] | None = None,
) -> Floats:
    """(N, P) OKS, less where it rests on few keypoints; or the IoU of the boxes."""
    if cue == "iou":
        body = np.array(skeleton.body)
        return iou(boxes(expected[:, body]), boxes(found.xy[:, body]))
    area = np.maximum(people.area[:, None], found.area[None])
    unsure = None if position_std is None else position_std[:, None].astype(np.float32)
    # Who is lost may be so far off that sides make no difference.
    worths = (1.0, MIRRORED_WEIGHT) if position_std is None else (1.0,)
    ways = oks_both_ways(expected, found.xy, area, skeleton, unsure)
    nearness = np.zeros(area.shape, np.float32)
    for worth, (alike, common) in zip(worths, ways, strict=False):
        nearness = np.maximum(nearness, worth * alike * (common / (common + 1)))
    return nearness.astype(np.float32)


def _appearance(people: TrackTable, found: Detections) -> Floats:
    """(N, P) 0..1 how likely one person's appearance differs as much; 1 = nothing known."""
    alike = np.ones((len(people), len(found.xy)), np.float32)
    for similar, deviation in (
        (colours_alike(people.colours, found.colours), COLOUR_STD),
        (bones_alike(people.bones, found.bones), BONE_STD),
    ):
        unlike = np.where(np.isnan(similar), 0, 1 - similar)
        alike *= np.exp(-((unlike / deviation) ** 2) / 2)
    return alike


def clear(xy: Floats) -> Floats:
    """(P, K, 2) poses -> (P,) 0..1 what share of each one's box the others' leave to it at least.

    What lies before another shows the other's colours, and which of them is in front is unknown.
    """
    corners = boxes(xy)
    low = np.maximum(corners[:, None, :2], corners[None, :, :2])
    high = np.minimum(corners[:, None, 2:], corners[None, :, 2:])
    both = np.nan_to_num(np.maximum(high - low, 0)).prod(axis=-1)
    own = np.maximum(both.diagonal().copy(), 1)
    np.fill_diagonal(both, 0)
    free: Floats = (1 - (both / own[:, None]).max(axis=1, initial=0)).astype(np.float32)
    return free
