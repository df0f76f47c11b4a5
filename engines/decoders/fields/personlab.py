"""Keypoints by Hough voting, people by following offsets along a tree.

PersonLab (Papandreou et al., ECCV'18, sections 3.1 and 3.2); PoseNet has such a head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from engines.decoders.decoder import NeededArray, Showable
from engines.decoders.direct import placed
from engines.decoders.peaks import find_peaks
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError
from engines.types.evidence import FoundPeople
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.toml_tables import build

REFINEMENTS = 2  # by short-range offsets, of where votes or a mid-range offset lead


@dataclass(frozen=True, slots=True)
class PersonLabSettings:
    """stride: input pixels a cell; the first cell is the first pixel. radius: of the disks around
    keypoints that the network was trained with, in input pixels. peak_threshold: of votes that
    begin a person. nms_radius: within so many input pixels of somebody's keypoint of the same kind
    nobody begins. order: which half of the offsets comes first, "yx" as PoseNet has it, or "xy".
    activation: what heat maps still need. keypoint_threshold: a keypoint with less confidence is
    not found. min_keypoints, min_score (mean confidence of all keypoints): what a person needs.
    """

    stride: float = 16.0
    radius: float = 32.0
    peak_threshold: float = 0.01
    nms_radius: float = 10.0
    order: Literal["yx", "xy"] = "yx"
    activation: Literal["none", "sigmoid"] = "none"
    keypoint_threshold: float = 0.1
    min_keypoints: int = 3
    min_score: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.stride <= 64 or self.radius <= 0 or self.nms_radius < 0:
            raise CardError("stride must be above 0 and at most 64, and radius above 0.")


@dataclass(frozen=True, slots=True)
class PersonLabDecoder:
    """heatmaps (K, h, w), offsets (2K, h, w) to the keypoint, forward and backward (2E, h, w) from
    one end of an edge to the other; all offsets in input pixels. edges: E pairs of keypoints, a
    tree, each from the one nearer to the root.
    """

    skeleton: Skeleton
    edges: tuple[tuple[int, int], ...]
    settings: PersonLabSettings

    kind: ClassVar[str] = "personlab"
    gives: ClassVar[str] = "keypoints and offsets between them"
    options: ClassVar[Mapping[str, str]] = {
        "peak_threshold": "keypoint_threshold",
        "min_keypoints": "min_keypoints",
        "min_score": "min_score",
    }
    shows: ClassVar[frozenset[Showable]] = frozenset()

    @classmethod
    def from_table(cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]) -> Self:
        """From the decoder's table of a card: `edges`, pairs of names, the skeleton's limbs if left
        out, and what PersonLabSettings has.
        """
        rest = {name: value for name, value in table.items() if name != "edges"}
        edges = tree_edges(skeleton, table.get("edges"))
        return cls(skeleton, edges, build(PersonLabSettings, "decoder", rest))

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """Maps, and two offsets a keypoint and four an edge."""
        keypoints, edges = len(self.skeleton.keypoints), len(self.edges)
        counts = {"heatmaps": keypoints, "offsets": 2 * keypoints}
        counts |= {"forward": 2 * edges, "backward": 2 * edges}
        return {role: NeededArray((count, None, None)) for role, count in counts.items()}

    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> FoundPeople:
        """The people, best first."""
        wanted = self.settings
        maps = np.asarray(arrays["heatmaps"], np.float32)
        if wanted.activation == "sigmoid":
            maps = np.reciprocal(1 + np.exp(-np.clip(maps, -50, 50))).astype(np.float32)
        short, forward, backward = (
            self._vectors(arrays[name]) for name in ("offsets", "forward", "backward")
        )
        seeds = find_peaks(self._votes(maps, short), wanted.peak_threshold)
        people: list[Floats] = []
        for kind, x, y, _ in seeds[np.argsort(-seeds[:, 3], kind="stable")]:
            n = int(kind)
            voted = np.array([x, y], np.float32) * np.float32(wanted.stride)
            start = self._refined(short[n], voted)
            if all(np.linalg.norm(one[n] - start) > wanted.nms_radius for one in people):
                people.append(self._followed(n, start, short, forward, backward))
        xy = np.array(people, np.float32).reshape(-1, len(maps), 2)
        cells = self._cells(xy, maps.shape[1:])
        score = maps[np.arange(len(maps)), cells[..., 1], cells[..., 0]]
        found = score >= wanted.keypoint_threshold
        xy = np.where(found[..., None], xy, np.float32(np.nan))
        score = np.where(found, score, 0).astype(np.float32)
        least = wanted.min_keypoints, wanted.min_score
        return FoundPeople(placed(self.skeleton, xy, score, letterbox, *least, whole=True))

    def decode(self, evidence: FoundPeople) -> Poses:
        """The people, which the evidence is."""
        return evidence.poses

    def _vectors(self, fields: Floats) -> Floats:
        """(2N, h, w) in the network's order -> (N, h, w, 2) x, y."""
        one, other = np.split(np.asarray(fields, np.float32), 2)
        pair = (other, one) if self.settings.order == "yx" else (one, other)
        return np.stack(pair, axis=-1)

    def _votes(self, maps: Floats, short: Floats) -> Floats:
        """(K, h, w) Hough scores: each cell votes where its offset leads (equation 1)."""
        count, high, wide = maps.shape
        y, x = np.mgrid[:high, :wide]
        votes = np.zeros_like(maps)
        at = np.stack([x, y], axis=-1) + short / np.float32(self.settings.stride)
        low = np.floor(at).astype(int)
        part = at - low
        kinds = np.broadcast_to(np.arange(count)[:, None, None], maps.shape)
        for dx in (0, 1):
            for dy in (0, 1):
                weight = np.abs(1 - dx - part[..., 0]) * np.abs(1 - dy - part[..., 1])
                column, row = low[..., 0] + dx, low[..., 1] + dy
                inside = (column >= 0) & (column < wide) & (row >= 0) & (row < high)
                places = kinds[inside], row[inside], column[inside]
                np.add.at(votes, places, (maps * weight)[inside])
        cells = np.pi * (self.settings.radius / self.settings.stride) ** 2
        scores: Floats = votes / np.float32(cells)
        return scores

    def _followed(
        self, seed: int, start: Floats, short: Floats, forward: Floats, backward: Floats
    ) -> Floats:
        """(K, 2) input pixels, from one keypoint along the tree to all others."""
        xy = np.full((len(short), 2), np.nan, np.float32)
        xy[seed] = start
        waiting = [seed]
        while waiting:
            here = waiting.pop()
            for edge, (a, b) in enumerate(self.edges):
                for one, other, way in ((a, b, forward), (b, a, backward)):
                    if one == here and np.isnan(xy[other, 0]):
                        led = xy[here] + self._at(way[edge], xy[here])
                        xy[other] = self._refined(short[other], led)
                        waiting.append(other)
        return xy

    def _refined(self, field: Floats, place: Floats) -> Floats:
        """(2,) where the short-range offsets around a place say that the keypoint is."""
        for _ in range(REFINEMENTS):
            place = place + self._at(field, place)
        return place

    def _at(self, field: Floats, place: Floats) -> Floats:
        """(2,) the offset of the cell that is nearest to an input pixel, from that very pixel."""
        x, y = self._cells(place, field.shape[:2])
        cell = np.array([x, y], np.float32) * np.float32(self.settings.stride)
        offset: Floats = cell + field[y, x] - place
        return offset

    def _cells(self, xy: Floats, shape: tuple[int, ...]) -> np.ndarray:
        """(..., 2) columns and rows of the nearest cells."""
        cells = np.rint(np.nan_to_num(xy) / np.float32(self.settings.stride)).astype(int)
        return np.asarray(np.clip(cells, 0, np.array(shape[::-1]) - 1))


def tree_edges(skeleton: Skeleton, named: Any) -> tuple[tuple[int, int], ...]:
    """The pairs of keypoints that a card names, or None for the skeleton's limbs.

    CardError unless they are pairs of keypoints that reach all of them.
    """
    edges = skeleton.drawn
    if named is not None:
        names = skeleton.keypoints
        if not isinstance(named, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and {*map(str, pair)} <= {*names}
            for pair in named
        ):
            raise CardError("edges must be pairs of names of keypoints, in the network's order.")
        edges = tuple((names.index(a), names.index(b)) for a, b in named)
    reached = {edges[0][0]} if edges else set()
    for _ in edges:
        for a, b in edges:
            if reached & {a, b}:
                reached |= {a, b}
    if len(reached) < len(skeleton.keypoints):
        raise CardError(
            f"edges must join all keypoints of {skeleton.name}; they reach {len(reached)} of "
            f"{len(skeleton.keypoints)}."
        )
    return edges
