"""Heads of MediaPipe's networks for parts of a body: a hand, and a face's mesh.

MediaPipe Hands (Zhang et al. 2020), Face Mesh (Kartynnik et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from engines.decoders.crop_decoder import CropDecoder, CropPoints
from engines.decoders.decoder import NeededArray
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError

COORDINATES = 3  # x, y in crop pixels, and a depth that nobody asks for


class PartHead(Protocol):
    """A head that also says how sure its part is there. present: below it there is none."""

    @property
    def present(self) -> float: ...
    def presence(self, arrays: Arrays) -> Floats:
        """(N,) 0..1."""
        ...


@dataclass(frozen=True, slots=True)
class Hand:
    """Points (3 K): x, y, z in crop pixels; presence (1) and handedness (1, right), 0..1.

    A pixel's centre is a whole number, as MediaPipe crops for this network: of 99 hands and their
    mirror images x and x add up to 222.4 +- 0.2, where a crop is 224 wide. All keypoints of a hand
    are as sure as the hand is there.
    present: below it there is no hand.
    """

    present: float = 0.5

    def outputs(self, keypoints: int, size: tuple[int, int]) -> dict[str, NeededArray]:
        """One hand."""
        points = NeededArray((COORDINATES * keypoints,))
        return {"points": points, "presence": NeededArray((1,)), "right": NeededArray((1,))}

    def points(self, arrays: Arrays, size: tuple[int, int]) -> CropPoints:
        """The keypoints of N crops of this (width, height)."""
        return _placed(arrays["points"], self.presence(arrays), self.present, centre=0.0)

    def presence(self, arrays: Arrays) -> Floats:
        """(N,) 0..1."""
        return np.clip(arrays["presence"][:, 0], 0, 1)


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """Points (1, 1, 3 M): x, y, z of a mesh in crop pixels; the logit of its presence (1, 1, 1).

    A pixel's centre is at a half: x and x of 47 faces and their mirror images add up to
    191.8 +- 0.1, where a crop is 192 wide.
    present: below it there is no face. vertices: for each keypoint those of the mesh whose middle
    it is.
    """

    vertices: tuple[tuple[int, ...], ...]
    present: float = 0.5

    def __post_init__(self) -> None:
        for some in self.vertices:
            known = isinstance(some, (list, tuple)) and all(isinstance(n, int) for n in some)
            if not known or not some or min(some) < 0:
                raise CardError(f"vertices has {some!r}, which is no list of a mesh's vertices.")

    def outputs(self, keypoints: int, size: tuple[int, int]) -> dict[str, NeededArray]:
        """One face."""
        if len(self.vertices) != keypoints:
            raise CardError(
                f"vertices has {len(self.vertices)} entries, the skeleton {keypoints} keypoints."
            )
        return {"points": NeededArray((1, 1, None)), "presence": NeededArray((1, 1, 1))}

    def points(self, arrays: Arrays, size: tuple[int, int]) -> CropPoints:
        """The keypoints of N crops of this (width, height)."""
        raw = arrays["points"].reshape(len(arrays["points"]), -1)
        mesh, score = _placed(raw, self.presence(arrays), self.present, centre=0.5)
        count = np.array([len(some) for some in self.vertices])
        of_each = mesh[:, [n for some in self.vertices for n in some]]
        sums = np.add.reduceat(of_each, np.cumsum(count) - count, axis=1)
        xy = (sums / count[:, None]).astype(np.float32)
        return xy, score[:, : len(self.vertices)]

    def presence(self, arrays: Arrays) -> Floats:
        """(N,) 0..1."""
        return _sigmoid(arrays["presence"].reshape(-1))


def _placed(raw: Floats, presence: Floats, least: float, centre: float) -> CropPoints:
    """(N, 3 K) and (N,) as points in pixels and their confidence. centre: of the first pixel."""
    points = raw.reshape(len(raw), -1, COORDINATES)
    there = np.where(presence >= least, presence, 0)[:, None]
    score = np.broadcast_to(there, points.shape[:2]).astype(np.float32)
    return points[..., :2] - np.float32(centre), score


def _sigmoid(logit: Floats) -> Floats:
    share: Floats = (1 / (1 + np.exp(-np.clip(logit, -50, 50)))).astype(np.float32)
    return share


class HandDecoder(CropDecoder):
    """MediaPipe's hand."""

    kind: ClassVar[str] = "hand"
    head: ClassVar[type] = Hand
    gives: ClassVar[str] = "one hand"


class FaceMeshDecoder(CropDecoder):
    """MediaPipe's face."""

    kind: ClassVar[str] = "face-mesh"
    head: ClassVar[type] = FaceMesh
    gives: ClassVar[str] = "one face"
