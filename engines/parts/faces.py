"""Faces of people whose eyes are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.parts.boxes import eye_boxes, eyes_of
from engines.parts.part_crops import Found, Wanted
from engines.types.arrays import Floats, Mask
from engines.types.poses import Poses

MAX_EYES_OFF = 0.5  # eye distances between the face's eyes and the body's: else it is another's
SIZES = 0.5, 2.0  # of the face's eye distance in the body's
SAME_FACE = 0.5  # eye distances between the eyes of two faces that are one


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """P people's eyes, (P, 2) picture pixels each, NaN = not found; the right is the person's."""

    right: Floats
    left: Floats

    @classmethod
    def of(cls, people: Poses) -> Heads:
        """NaN as well where the skeleton has no eyes."""
        names = people.skeleton.keypoints
        nowhere = np.full((len(people), 2), np.nan, np.float32)
        right, left = (
            people.xy[:, names.index(name)] if name in names else nowhere
            for name in ("right_eye", "left_eye")
        )
        return cls(right, left)

    def wanted(self, known: Floats, tracked: Mask, size: tuple[int, int]) -> Wanted:
        """Their faces to look for. known: (P, 70, 2) where they should be, NaN = not known.

        tracked: (P,) whether the person was there before.
        """
        waits = tracked & np.isnan(known[:, 0, 0])
        near = self._near(known)
        known = np.where(near[:, None, None], known, np.float32(np.nan))
        return Wanted(eye_boxes(self.right, self.left, size), known, waits)

    def accepted(self, found: Found) -> Mask:
        """(P,) which faces found are these heads' own; of one that two crops found, the surer."""
        ok = (found.presence > 0) & self._near(found.xy)
        right, left = eyes_of(found.xy)
        middle, apart = (right + left) / 2, np.linalg.norm(left - right, axis=-1)
        rows = np.flatnonzero(ok)
        gaps = np.linalg.norm(middle[rows, None] - middle[None, rows], axis=-1)
        same = gaps < SAME_FACE * np.minimum(apart[rows, None], apart[None, rows])
        off = np.linalg.norm(middle - (self.right + self.left) / 2, axis=-1) / apart
        kept: list[int] = []
        for n in np.argsort(off[rows], kind="stable").tolist():
            if not same[n, kept].any():
                kept.append(n)
        ok[:] = False
        ok[rows[kept]] = True
        return np.asarray(ok, bool)

    def _near(self, faces: Floats) -> Mask:
        """(P,) whether faces (P, 70, 2) lie upon these eyes."""
        right, left = eyes_of(faces)
        own = np.linalg.norm(self.left - self.right, axis=-1)
        theirs = np.linalg.norm(left - right, axis=-1)
        off = np.linalg.norm((right + left) / 2 - (self.right + self.left) / 2, axis=-1)
        with np.errstate(invalid="ignore"):
            near = off <= MAX_EYES_OFF * np.maximum(own, theirs)
            near &= (theirs >= SIZES[0] * own) & (theirs <= SIZES[1] * own)
        return np.asarray(near, bool)
