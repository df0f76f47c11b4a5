"""Boxes that are off as a detector's are: pose-guided proposals (RMPE, Fang et al., ICCV'17,
section 3.4).

How far a box is off depends on the pose in it (a raised arm is cut, a crouch is not), so offsets
are learnt for each of a few atomic poses. The paper has a mixture of Gaussians for each; here it is
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from engines.types.arrays import Doubles, Floats
from engines.types.oks import boxes
from training.crops.people import People
from training.data.errors import TrainingError

ATOMS = 8  # atomic poses, where there are people enough
MIN_PEOPLE = 20  # of an atomic pose
MAX_OFFSET = 0.5  # of a side: a box that is further off is somebody else's, or a part of the body
MIN_SIDE_PX = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """Of A atomic poses: poses (A, 34), means (A, 4) and factors (A, 4, 4), square roots of the
    covariances, of the offsets of left, top, right and bottom in shares of the box's sides.
    """

    poses: Floats
    means: Doubles
    factors: Doubles

    @classmethod
    def learn(cls, people: People, atoms: int = ATOMS, seed: int = 1) -> Self:
        """From the boxes that a network found around people whose keypoints are known.

        TrainingError where there are too few.
        """
        truth, found = boxes(people.xy), boxes(people.box)
        side = np.tile(truth[:, 2:] - truth[:, :2], 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            offset = (found - truth) / side
        # Who was found by nobody has their own keypoints for a box.
        good = (side > MIN_SIDE_PX).all(1) & (np.abs(offset) < MAX_OFFSET).all(1)
        good &= (offset != 0).any(1)
        offsets, poses = offset[good].astype(np.float64), normalised(people.xy[good])
        if len(poses) < MIN_PEOPLE:
            raise TrainingError(
                f"Pose-guided proposals need {MIN_PEOPLE} people whom a network found and whose "
                f"keypoints are known, but there are {len(poses)}."
            )
        atoms = max(1, min(atoms, len(poses) // MIN_PEOPLE))
        cv2.setRNGSeed(seed)
        stop = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 50, 1e-4)
        start = np.zeros((len(poses), 1), np.int32)
        _, label, centres = cv2.kmeans(poses, atoms, start, stop, 3, cv2.KMEANS_PP_CENTERS)
        means, factors = np.zeros((atoms, 4)), np.zeros((atoms, 4, 4))
        everybody = _gaussian(offsets)
        for atom in range(atoms):
            own = offsets[label[:, 0] == atom]
            means[atom], factors[atom] = _gaussian(own) if len(own) >= MIN_PEOPLE else everybody
        return cls(np.asarray(centres, np.float32), means, factors)

    def box(self, xy: Floats, rng: np.random.Generator) -> Floats:
        """(2, 2) corners of a box that is off, around one person's (17, 2) keypoints."""
        corners = boxes(xy[None])[0]
        atom = int(((self.poses - normalised(xy[None])) ** 2).sum(axis=1).argmin())
        offset = self.means[atom] + self.factors[atom] @ rng.standard_normal(4)
        offset = np.clip(offset, -MAX_OFFSET, MAX_OFFSET) * 0.99  # a box keeps an inside
        side = np.tile(corners[2:] - corners[:2], 2)
        moved: Floats = (corners + offset * side).astype(np.float32).reshape(2, 2)
        return moved


def normalised(xy: Floats) -> Floats:
    """(P, K, 2) poses -> (P, 2K) places in their box, 0 to 1; the middle where nothing is known."""
    corners = boxes(xy)
    side = np.maximum(corners[:, 2:] - corners[:, :2], 1)
    share = np.nan_to_num((xy - corners[:, None, :2]) / side[:, None], nan=0.5)
    places: Floats = share.reshape(len(xy), 2 * xy.shape[1]).astype(np.float32)
    return places


def _gaussian(offsets: Doubles) -> tuple[Doubles, Doubles]:
    """(4,) mean and (4, 4) square root of the covariance."""
    values, vectors = np.linalg.eigh(np.cov(offsets.T))
    return offsets.mean(axis=0), vectors * np.sqrt(np.maximum(values, 0))
