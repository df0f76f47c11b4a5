"""Composite fields: where keypoints are, and which two belong together, told by every cell.

PifPaf (Kreiss et al., CVPR'19, sections 3.2 to 3.4); OpenPifPaf (Kreiss et al., T-ITS 2021) calls
them CIF and CAF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, ClassVar, Literal, Self

import numpy as np

from engines.decoders.decoder import NeededArray, Showable
from engines.decoders.direct import PEOPLE_OPTIONS, placed
from engines.decoders.fields.personlab import tree_edges
from engines.types.arrays import Arrays, Floats, Mask
from engines.types.errors import CardError
from engines.types.evidence import FoundPeople
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.toml_tables import build

FINE = 4  # places of the confidence map a cell, along each axis
MIN_SIGMA = 0.15  # of a cell's vote in the confidence map, in cells
SIGMA_SHARE = 0.5  # of a keypoint's scale
VOTES = 16.0  # cells around a keypoint that vote for it, as the authors count them
REACH = 2.0  # in spreads of a field: beyond it a connection begins elsewhere
MIN_REACH = 1.0  # cells


@dataclass(frozen=True, slots=True)
class PifPafSettings:
    """stride: input pixels a cell; the first cell is the first pixel. places: whether vectors lead
    from their cell (offset) or are places in cells (absolute). activation: of confidences, what
    they still need. field_threshold: of cells that count. seed_threshold: of places that begin a
    person. peak_threshold: of a keypoint, beside its connection. min_keypoints, min_score (mean
    confidence of those found): what a person needs.
    """

    stride: float = 8.0
    places: Literal["offset", "absolute"] = "absolute"
    activation: Literal["none", "sigmoid"] = "none"
    field_threshold: float = 0.1
    seed_threshold: float = 0.3
    peak_threshold: float = 0.1
    min_keypoints: int = 3
    min_score: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.stride <= 64:
            raise CardError("stride must be above 0 and at most 64.")


@dataclass(frozen=True, slots=True, eq=False)
class _Connections:
    """The cells of an edge's field that count, from one of its ends to the other: (M,) confidence,
    (M, 2) and (M, 2) ends in cells, (M,) spread of the first.
    """

    score: Floats
    begin: Floats
    end: Floats
    spread: Floats


@dataclass(frozen=True, slots=True)
class PifPafDecoder:
    """cif (K, 5, h, w): confidence, x, y, spread, scale. caf (E, 9, h, w): confidence, x and y of
    one end and of the other, both spreads, both scales; in cells. edges: E pairs of keypoints.
    """

    skeleton: Skeleton
    edges: tuple[tuple[int, int], ...]
    settings: PifPafSettings

    kind: ClassVar[str] = "pifpaf"
    gives: ClassVar[str] = "composite fields of keypoints"
    options: ClassVar[Mapping[str, str]] = PEOPLE_OPTIONS
    shows: ClassVar[frozenset[Showable]] = frozenset()

    @classmethod
    def from_table(cls, skeleton: Skeleton, entry: NetworkInput, table: Mapping[str, Any]) -> Self:
        """From the decoder's table of a card: `edges`, pairs of names, the skeleton's limbs if left
        out, and what PifPafSettings has.
        """
        rest = {name: value for name, value in table.items() if name != "edges"}
        edges = tree_edges(skeleton, table.get("edges"))
        return cls(skeleton, edges, build(PifPafSettings, "decoder", rest))

    @property
    def outputs(self) -> dict[str, NeededArray]:
        """Both fields."""
        return {
            "cif": NeededArray((len(self.skeleton.keypoints), 5, None, None)),
            "caf": NeededArray((len(self.edges), 9, None, None)),
        }

    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> FoundPeople:
        """The people, best first."""
        wanted = self.settings
        cif, caf = (self._read(arrays[name]) for name in ("cif", "caf"))
        fine = _confidence_maps(cif, wanted.field_threshold)
        ways = [self._connections(field, fine, *edge) for field, edge in self._pairs(caf)]
        taken = np.zeros(fine.shape, bool)
        people = []
        for kind, xy, scale in self._seeds(cif, fine):
            if not _at(taken, kind, xy):
                person, score = self._grown(kind, xy, fine, ways)
                people.append((person, score))
                for one in np.flatnonzero(score > 0):
                    _take(taken[one], person[one], max(scale, MIN_REACH))
        shape = len(people), len(fine)
        xy = np.array([one for one, _ in people], np.float32).reshape(*shape, 2)
        score = np.array([one for _, one in people], np.float32).reshape(shape)
        pixels = np.where((score > 0)[..., None], xy * np.float32(wanted.stride), np.nan)
        least = wanted.min_keypoints, wanted.min_score
        return FoundPeople(
            placed(self.skeleton, pixels.astype(np.float32), score, letterbox, *least)
        )

    def decode(self, evidence: FoundPeople) -> Poses:
        """The people, which the evidence is."""
        return evidence.poses

    def _read(self, field: Floats) -> Floats:
        """The field with confidences 0 to 1 and places in cells."""
        field = np.array(field, np.float32)
        if self.settings.activation == "sigmoid":
            field[:, 0] = np.reciprocal(1 + np.exp(-np.clip(field[:, 0], -50, 50)))
        if self.settings.places == "offset":
            y, x = np.mgrid[: field.shape[2], : field.shape[3]]
            for first in (1, 3) if field.shape[1] == 9 else (1,):
                field[:, first] += x
                field[:, first + 1] += y
        return field

    def _pairs(self, caf: Floats) -> list[tuple[Floats, tuple[int, int, bool]]]:
        """The field of each edge, with the keypoints that it leads from and to, there and back."""
        out = []
        for field, (a, b) in zip(caf, self.edges, strict=True):
            out += [(field, (a, b, False)), (field, (b, a, True))]
        return out

    def _connections(
        self, field: Floats, fine: Floats, begin: int, end: int, back: bool
    ) -> tuple[int, int, _Connections]:
        """Those of an edge, as sure as there is a keypoint where they lead (equation 2)."""
        one, other = (3, 1) if back else (1, 3)
        cells = field[:, field[0] > self.settings.field_threshold]
        first, second = cells[one : one + 2].T, cells[other : other + 2].T
        score = cells[0] * np.array([_at(fine, end, xy) for xy in second], np.float32)
        spread = np.maximum(cells[6 if back else 5], 1e-3)
        return begin, end, _Connections(score, first, second, spread)

    def _seeds(self, cif: Floats, fine: Floats) -> list[tuple[int, Floats, float]]:
        """Keypoint, place and scale of what may begin a person, the surest first."""
        kind, row, column = np.nonzero(cif[:, 0] > self.settings.field_threshold)
        found = []
        for one, field in zip(kind.tolist(), cif[kind, :, row, column], strict=True):
            score = _at(fine, one, field[1:3])
            if score >= self.settings.seed_threshold:
                found.append((score * field[0], one, field[1:3], float(field[4])))
        found.sort(key=lambda one: -one[0])
        return [(one, xy, scale) for _, one, xy, scale in found]

    def _grown(
        self,
        seed: int,
        start: Floats,
        fine: Floats,
        ways: list[tuple[int, int, _Connections]],
    ) -> tuple[Floats, Floats]:
        """(K, 2) cells and (K,) confidence of a person: from the seed on, the surest first."""
        xy = np.zeros((len(fine), 2), np.float32)
        score = np.zeros(len(fine), np.float32)
        xy[seed], score[seed] = start, min(_at(fine, seed, start), 1)
        waiting: list[tuple[float, int, int, tuple[float, float]]] = []

        def look_from(kind: int) -> None:
            for n, (begin, end, field) in enumerate(ways):
                if begin != kind or score[end] > 0:
                    continue
                sure, place = _led(field, xy[kind])
                if sure <= 0:
                    continue
                # Back again it must lead to where it came from.
                back, origin = _led(ways[n ^ 1][2], place)
                if back > 0 and np.linalg.norm(origin - xy[kind]) <= REACH * MIN_REACH:
                    heappush(waiting, (-sure, n, end, (float(place[0]), float(place[1]))))

        look_from(seed)
        while waiting:
            _, _, kind, place = heappop(waiting)
            sure = min(_at(fine, kind, np.array(place, np.float32)), 1)
            if score[kind] > 0 or sure < self.settings.peak_threshold:
                continue
            xy[kind], score[kind] = place, sure
            look_from(kind)
        return xy, score


def _led(field: _Connections, start: Floats) -> tuple[float, Floats]:
    """How surely, and where to, the best connection leads that begins near a place."""
    apart = np.linalg.norm(field.begin - start, axis=1)
    near = apart <= np.maximum(REACH * field.spread, MIN_REACH)
    if not near.any():
        return 0.0, start
    sure = np.where(near, field.score * np.exp(-apart / field.spread), 0)
    best = int(sure.argmax())
    return float(sure[best]), field.end[best]


def _confidence_maps(cif: Floats, threshold: float) -> Floats:
    """(K, FINE h, FINE w): each cell votes around where it says that the keypoint is (equation 1);
    as sure as the network where all agree.
    """
    count, _, high, wide = cif.shape
    maps = np.zeros((count, high * FINE, wide * FINE), np.float32)
    for kind, row, column in zip(*np.nonzero(cif[:, 0] > threshold), strict=True):
        sure, x, y, _, scale = cif[kind, :, row, column]
        sigma = max(MIN_SIGMA, SIGMA_SHARE * scale)
        low = np.floor((np.array([x, y]) - 2 * sigma) * FINE).astype(int)
        far = np.ceil((np.array([x, y]) + 2 * sigma) * FINE).astype(int) + 1
        (left, top), (right, bottom) = np.maximum(low, 0), np.minimum(far, maps.shape[:0:-1])
        if left >= right or top >= bottom:
            continue
        b, a = np.mgrid[top:bottom, left:right]
        apart = (a / FINE - x) ** 2 + (b / FINE - y) ** 2
        bump = sure / VOTES * np.exp(-apart / (2 * sigma**2))
        maps[kind, top:bottom, left:right] += bump.astype(np.float32)
    return np.minimum(maps, 1)


def _at(maps: Floats | Mask, kind: int, xy: Floats) -> float:
    """The value of a fine map at a place in cells; 0 beyond its edge."""
    column, row = np.rint(np.asarray(xy) * FINE).astype(int)
    high, wide = maps.shape[1:]
    return float(maps[kind, row, column]) if 0 <= row < high and 0 <= column < wide else 0.0


def _take(taken: Mask, xy: Floats, radius: float) -> None:
    """Mark what lies around a place in cells."""
    low = np.maximum(np.floor((xy - radius) * FINE).astype(int), 0)
    far = np.maximum(np.ceil((xy + radius) * FINE).astype(int) + 1, 0)
    taken[low[1] : far[1], low[0] : far[0]] = True
