"""The pictures to learn from: of a clip, of photos, or of several calibrated cameras."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from engines.networks.landmarks import MULTIPLE, POOLED
from engines.types.arrays import Doubles, Image, Ints
from engines.types.letterbox import FixedSize, Letterbox
from training.data.errors import TrainingError
from training.discover.camera_motion import stands_still

HELD_OUT_EVERY = 8  # every so many pictures (instants) is kept for the measures
MIN_PICTURES = 16
STILL_LEVELS = 6.0  # grey levels by which most of a still camera's picture differs from its median
MEDIAN_OF = 60  # pictures


@dataclass(frozen=True, slots=True, eq=False)
class Pinholes:
    """Calibrated cameras without distortion, in pixels of the network's pictures.

    matrix: (V, 3, 3). rotation: (V, 3, 3), translation: (V, 3): world to camera, metres.
    """

    matrix: Doubles
    rotation: Doubles
    translation: Doubles

    @property
    def centres(self) -> Doubles:
        """(V, 3) where they stand."""
        return np.asarray(-np.einsum("vij,vi->vj", self.rotation, self.translation))

    @property
    def focus(self) -> Doubles:
        """(3,) the point nearest to all optical axes."""
        ahead = self.rotation[:, 2]
        across = np.eye(3) - ahead[:, :, None] * ahead[:, None]
        told = (across @ self.centres[:, :, None])[..., 0]
        return np.asarray(np.linalg.lstsq(across.sum(0), told.sum(0), rcond=None)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Pictures (P, H, W, 3) uint8 BGR, all letterboxed in the same way, POOLED times as large as
    what the network sees.

    camera: (P,) which source each is of. bases: (C, H, W, 3) what each source always sees, where
    its camera stands still; None = where some moves, or they are photos. views: (F, V) the pictures
    of each instant, where the cameras are calibrated. pinholes: these cameras. box: how pictures
    lie in the network's input.
    """

    pictures: Image
    camera: Ints
    bases: Image | None
    views: Ints | None = None
    pinholes: Pinholes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) that the network sees."""
        return self.pictures.shape[2] // POOLED, self.pictures.shape[1] // POOLED

    @property
    def aspect(self) -> tuple[float, float]:
        """Width and height as shares of the longer side."""
        wide, high = self.size
        return wide / max(self.size), high / max(self.size)

    @property
    def groups(self) -> Ints:
        """(F, V) pictures that belong together: those of an instant, else each alone."""
        return np.arange(len(self.pictures))[:, None] if self.views is None else self.views

    def split(self) -> tuple[Ints, Ints]:
        """Groups to learn from, and those held back."""
        held = np.arange(len(self.groups)) % HELD_OUT_EVERY == HELD_OUT_EVERY // 2
        return self.groups[~held], self.groups[held]


def input_size(picture: tuple[int, int], longer: int) -> tuple[int, int]:
    """(width, height) of a card's input for pictures of this shape, so that the longer side of what
    the network sees is `longer` after it has averaged POOLED x POOLED pixels.
    """
    scale = longer / max(picture)
    wide, high = (ceil(round(side * scale) / MULTIPLE) * MULTIPLE * POOLED for side in picture)
    return wide, high


def letterbox_into(size: tuple[int, int], picture: tuple[int, int]) -> Letterbox:
    """How a picture lies in a card's input, as `place = "centre"` says there."""
    return FixedSize(*size).letterbox(picture, MULTIPLE).centred()


def make_clip(pictures: list[Image], camera: list[int], pinholes: Pinholes | None = None) -> Clip:
    """From letterboxed pictures; with pinholes those of an instant follow each other.

    TrainingError where there are too few.
    """
    if len(pictures) < MIN_PICTURES:
        raise TrainingError(
            f"The source has {len(pictures)} pictures; at least {MIN_PICTURES} are needed, and "
            "some hundred are better."
        )
    every, which = np.stack(pictures), np.array(camera)
    views = None
    if pinholes is not None:
        views = np.arange(len(every)).reshape(-1, len(pinholes.matrix))
    return Clip(every, which, _bases(every, which), views, pinholes)


def _bases(pictures: Image, camera: Ints) -> Image | None:
    """Medians over time, unless a camera moves or most of a picture is not what its median is."""
    bases = []
    for source in range(camera.max() + 1):
        mine = np.flatnonzero(camera == source)
        some = pictures[mine[np.linspace(0, len(mine) - 1, min(len(mine), MEDIAN_OF)).astype(int)]]
        if not stands_still(pictures[mine]):
            return None
        base = np.median(some, axis=0).astype(np.uint8)
        away = np.abs(some.astype(np.int16) - base).mean(-1)
        if np.median(away, axis=(1, 2)).mean() > STILL_LEVELS:
            return None
        bases.append(base)
    return np.stack(bases)
