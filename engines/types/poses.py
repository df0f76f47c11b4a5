"""What a network's maps are reduced to: candidates, then people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.skeleton import Skeleton


def check_shape(owner: str, field: str, array: NDArray[np.generic], *expected: int | None) -> None:
    """ValueError with both shapes unless `array` has the expected one (None = any length)."""
    shape = array.shape
    if shape == expected:
        return
    fits = len(shape) == len(expected) and all(
        want is None or have == want for have, want in zip(shape, expected, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in expected)
        raise ValueError(f"{owner}.{field} has shape {array.shape}, expected ({wanted})")


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """What a bottom-up network gave for one picture, before it is reduced to candidates.

    heatmaps: (C, h, w) a confidence map a keypoint, then those that the network has beside
    (OpenPose's: the background). pafs: (N, h, w) affinity fields, in the network's order.
    channels: x and y channel of the field of each limb of the skeleton. stride: network pixels a
    cell. scaled: (width, height) in network pixels that the picture covers, from the top left.
    """

    heatmaps: Floats
    pafs: Floats
    channels: tuple[tuple[int, int], ...]
    stride: int
    scaled: tuple[int, int]

    def __post_init__(self) -> None:
        check_shape("Maps", "heatmaps", self.heatmaps, None, None, None)
        check_shape("Maps", "pafs", self.pafs, None, *self.heatmaps.shape[1:])


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Evidence of a bottom-up network for one picture: a few kilobytes.

    peaks: (M, 4) keypoint type, x, y (image pixels), score; sorted by keypoint type.
    pairs: (Q, 4) limb, index of the first peak, index of the second peak, score.
    maps: what they were found in, where somebody wants to see it.
    """

    peaks: Floats
    pairs: Floats
    maps: Maps | None = None

    def __post_init__(self) -> None:
        check_shape("Candidates", "peaks", self.peaks, None, 4)
        check_shape("Candidates", "pairs", self.pairs, None, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """The P people of one picture.

    xy: (P, K, 2) image pixels, pixel centres at whole numbers; NaN = not found.
    score: (P, K) 0..1, 0 where not found.
    person_score: (P,) 0..1, how sure it is that this person is there as shown: the mean confidence
        of everything that was looked for in a body (keypoints, and limbs where the network knows
        them), 0 for what was not found; after a second look times how far both networks agree; and
        times what people of this size can be shown with (see oks.expected_oks). A network that
        gives people directly says it itself. Whole and large people score more than parts of people
        and small ones, and people are ranked by it.
    looked: (P,) whether a second network has looked at the person; None = at nobody.
    refined: (P,) whether it confirmed them, now or a moment ago; None = nobody.
    """

    skeleton: Skeleton
    xy: Floats
    score: Floats
    person_score: Floats
    refined: NDArray[np.bool_] | None = None
    looked: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        people, keypoints = len(self.xy), len(self.skeleton.keypoints)
        for name in ("refined", "looked"):
            if getattr(self, name) is not None:
                check_shape("Poses", name, getattr(self, name), people)
        check_shape("Poses", "xy", self.xy, people, keypoints, 2)
        check_shape("Poses", "score", self.score, people, keypoints)
        check_shape("Poses", "person_score", self.person_score, people)

    def __len__(self) -> int:
        return len(self.xy)

    @classmethod
    def nobody(cls, skeleton: Skeleton) -> Self:
        """A picture without people."""
        keypoints = len(skeleton.keypoints)
        xy = np.zeros((0, keypoints, 2), np.float32)
        return cls(skeleton, xy, np.zeros((0, keypoints), np.float32), np.zeros(0, np.float32))

    def some(self, which: NDArray[np.int_]) -> Self:
        """The people in these rows."""
        xy, score, person = self.xy[which], self.score[which], self.person_score[which]
        refined = None if self.refined is None else self.refined[which]
        looked = None if self.looked is None else self.looked[which]
        return replace(
            self, xy=xy, score=score, person_score=person, refined=refined, looked=looked
        )

    @property
    def found(self) -> NDArray[np.bool_]:
        """(P, K) whether a keypoint was found."""
        return ~np.isnan(self.xy[..., 0])
