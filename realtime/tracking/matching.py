"""Who is who: the people who are followed against the poses of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import lap
import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Indices
from engines.types.oks import boxes, oks_both_ways
from engines.types.skeleton import Skeleton
from realtime.tracking.appearance import bones_alike, colours_alike
from realtime.tracking.track_table import NOBODY, Living

Cue = Literal["oks", "iou"]

GATE = 0.2  # least affinity of somebody who was seen a moment ago
WEAK_GATE = 0.35  # of a weak pose
LOST_GATE = 0.25  # of somebody who was lost
LOOKS = 0.5  # what share of the affinity appearance decides
AGAIN = 0.8  # what that counts beside somebody who was seen a moment ago
TURNED = 0.8  # what the place of a body counts whose left and right are exchanged
SPREAD = 0.7  # sides of the area by which a lost person's whereabouts widen in a second
LONGEST = 1.5  # seconds after which they widen no more
COLOURS = 0.12  # standard deviation of how unlike one person's colours are at two times,
BONES = 0.45  # and of bones
KNOWN = 0.5  # seconds of acquaintance after which looks count in full: who comes in is half seen
BRIEF = 0.3  # seconds that somebody may be missing and still counts as just seen


@dataclass(frozen=True, slots=True, eq=False)
class Found:
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
    people: Living,
    expected: Floats,
    found: Found,
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
    sure = people.id != NOBODY
    brief = away <= BRIEF
    alike = _looks(people, found)
    acquainted = np.minimum((people.last - people.born) / KNOWN, 1).astype(np.float32)
    trust = LOOKS * acquainted[:, None]
    near = _nearness(people, expected, found, skeleton, cue) * (1 - trust + trust * alike)
    spread = SPREAD * np.minimum(away, LONGEST)
    far = _nearness(people, expected, found, skeleton, cue, spread) * alike if sure.any() else near

    def round_(
        rows: NDArray[np.bool_], columns: NDArray[np.bool_], table: Floats, gate: float
    ) -> None:
        row, column = (np.flatnonzero(a & b) for a, b in zip(rest, (rows, columns), strict=True))
        if len(row) and len(column):
            one, other = assign(table[np.ix_(row, column)], gate)
            row, column = row[one], column[other]
            rest[0][row], rest[1][column] = False, False
            pairs.append((row, column))

    back = np.where(far >= LOST_GATE, AGAIN * far, 0)
    round_(sure, found.strong, np.where(brief[:, None], near, back), GATE)
    round_(sure & brief, ~found.strong, near, WEAK_GATE)
    round_(sure, found.strong, far, LOST_GATE)
    round_(~sure, found.strong, near, GATE)
    if not pairs:
        return np.zeros(0, int), np.zeros(0, int)
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


def assign(affinity: Floats, gate: float) -> tuple[Indices, Indices]:
    """The pairing with the most affinity in all (Jonker and Volgenant), of pairs above the gate."""
    cost = np.where(affinity >= gate, 1 - affinity, 2).astype(np.float64)
    _, columns, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1 - gate + 1e-6)
    rows = np.flatnonzero(columns >= 0)
    return rows, columns[rows]


def _nearness(
    people: Living,
    expected: Floats,
    found: Found,
    skeleton: Skeleton,
    cue: Cue,
    spread: NDArray[np.float64] | None = None,
) -> Floats:
    """(N, P) OKS, less where it rests on few keypoints; or the IoU of the boxes."""
    if cue == "iou":
        body = np.array(skeleton.body)
        return iou(boxes(expected[:, body]), boxes(found.xy[:, body]))
    area = np.maximum(people.area[:, None], found.area[None])
    unsure = None if spread is None else spread[:, None].astype(np.float32)
    # Who is lost may be so far off that sides make no difference.
    worths = (1.0, TURNED) if spread is None else (1.0,)
    ways = oks_both_ways(expected, found.xy, area, skeleton, unsure)
    nearness = np.zeros(area.shape, np.float32)
    for worth, (alike, common) in zip(worths, ways, strict=False):
        nearness = np.maximum(nearness, worth * alike * (common / (common + 1)))
    return nearness.astype(np.float32)


def _looks(people: Living, found: Found) -> Floats:
    """(N, P) 0..1 how likely two looks of one person differ as much; 1 where nothing is known."""
    alike = np.ones((len(people), len(found.xy)), np.float32)
    for similar, deviation in (
        (colours_alike(people.colours, found.colours), COLOURS),
        (bones_alike(people.bones, found.bones), BONES),
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


def iou(one: Floats, other: Floats) -> Floats:
    """(N, 4) and (P, 4) boxes -> (N, P) intersection over union; 0 for NaN."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.maximum(high - low, 0).prod(axis=-1)
    sizes = [(box[:, 2:] - box[:, :2]).prod(axis=-1) for box in (one, other)]
    union = sizes[0][:, None] + sizes[1][None] - both
    overlap: Floats = np.nan_to_num(both / np.maximum(union, 1e-6)).astype(np.float32)
    return overlap
