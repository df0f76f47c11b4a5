"""Faces of people whose eyes are known, or one eye and its ear."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engines.parts.boxes import Boxes, either, eye_boxes, eyes_of, lengths, profile_boxes
from engines.parts.part_crops import Found, Wanted
from engines.types.arrays import Floats, Mask
from engines.types.poses import Poses

MAX_EYES_OFF = 0.5  # eye distances between the face's eyes and the body's: else it is another's
SIZES = 0.5, 2.0  # of the face's eye distance in the body's
SAME_FACE = 0.5  # eye distances between the eyes of two faces that are one
# Metres (as multiview/body_proportions.py has them): what turned heads show of the distance between
# the eyes, by the eye that is seen, its ear and the nose.
EYES_M, EYE_TO_EAR_M, EYE_TO_NOSE_M = 0.065, 0.11, 0.05
TURNED = 0.5  # eye distances that eyes are apart, below which a head is turned to the side
EAR_BY_NOSE = 1 / 3, 1.5  # of two such measures; they are equal in profile, 0.45 from the front
FACE_HEIGHTS = 0.5  # eye distances in heights from brows to chin, which no turn to the side changes
BROWS, CHIN = slice(17, 27), 8  # of OpenPose's 70


@dataclass(frozen=True)
class Heads:
    """P people's heads: right and left eye and ear (P, 2) picture pixels each, NaN = not found.

    The right is the person's.
    """

    eyes: tuple[Floats, Floats]
    ears: tuple[Floats, Floats]
    nose: Floats

    @classmethod
    def of(cls, people: Poses) -> Heads:
        """NaN as well where the skeleton has no such keypoint."""
        names = people.skeleton.keypoints
        nowhere = np.full((len(people), 2), np.nan, np.float32)

        def one(name: str) -> Floats:
            return people.xy[:, names.index(name)] if name in names else nowhere

        return cls(
            (one("right_eye"), one("left_eye")), (one("right_ear"), one("left_ear")), one("nose")
        )

    def wanted(self, known: Floats, tracked: Mask, size: tuple[int, int]) -> Wanted:
        """Their faces to look for. known: (P, 70, 2) where they should be, NaN = not known.

        tracked: (P,) whether the person was there before.
        """
        waits = tracked & np.isnan(known[:, 0, 0])
        near = self._near(known)
        known = np.where(near[:, None, None], known, np.float32(np.nan))
        return Wanted(self._boxes(size), known, waits)

    def accepted(self, found: Found) -> Mask:
        """(P,) which faces found are these heads' own; of one that two crops found, the nearer."""
        ok = (found.presence > 0) & self._near(found.xy)
        right, left = eyes_of(found.xy)
        middle, apart = (right + left) / 2, _apart(found.xy)
        rows = np.flatnonzero(ok)
        gaps = lengths(np.asarray(middle[rows, None] - middle[None, rows], np.float32))
        same = gaps < SAME_FACE * np.minimum(apart[rows, None], apart[None, rows])
        off = self._off(found.xy) / apart
        kept: list[int] = []
        for n in np.argsort(off[rows], kind="stable").tolist():
            if not same[n, kept].any():
                kept.append(n)
        ok[:] = False
        ok[rows[kept]] = True
        return np.asarray(ok, bool)

    @cached_property
    def _profiles(self) -> tuple[Floats, Mask]:
        """(2, P) eye distances as the right and the left side of a turned head say, and which of
        the two is seen, both False where the head is not turned.
        """
        eyes = np.stack(self.eyes)
        by_ear = lengths(eyes - self.ears) * np.float32(EYES_M / EYE_TO_EAR_M)
        by_nose = lengths(eyes - self.nose) * np.float32(EYES_M / EYE_TO_NOSE_M)
        scale = np.maximum(by_ear, by_nose)
        apart = lengths(eyes[1] - eyes[0])
        across = self._across
        nose = self.nose - eyes
        below = across[..., 0] * nose[..., 1] - across[..., 1] * nose[..., 0]
        with np.errstate(invalid="ignore"):
            one_head = (
                (below > 0)
                & (by_ear > EAR_BY_NOSE[0] * by_nose)
                & (by_ear < EAR_BY_NOSE[1] * by_nose)
            )
            length = np.where(one_head, scale, 0)
            turned = np.isnan(apart) | (apart < TURNED * length.max(axis=0))
        seen = (length == length.max(axis=0)) & (length > 0) & turned
        seen[1] &= ~seen[0]
        return scale, np.asarray(seen, bool)

    @cached_property
    def _across(self) -> Floats:
        """(2, P, 2) towards the person's left, as the right and the left eye and ear have it."""
        right, left = (eye - ear for eye, ear in zip(self.eyes, self.ears, strict=True))
        return np.stack([right, -left])

    @cached_property
    def _scale(self) -> Floats:
        """(P,) pixels between the eyes, were the head not turned; NaN = not known."""
        scale, seen = self._profiles
        apart = lengths(self.eyes[1] - self.eyes[0])
        scales: Floats = np.where(seen.any(axis=0), np.where(seen[0], *scale), apart)
        return scales

    def _boxes(self, size: tuple[int, int]) -> Boxes:
        """Crops by both eyes; of heads that are turned, by the side that is seen."""
        boxes = eye_boxes(self.eyes[0], self.eyes[1], size)
        for n, seen in enumerate(self._profiles[1]):
            if not seen.any():
                continue
            eye, ear, across = self.eyes[n], self.ears[n], self._across[n]
            side = profile_boxes(eye, ear, self.nose, across, self._scale, size)
            boxes = either(seen, side[0], boxes[0]), np.where(seen, side[1], boxes[1])
        return boxes

    def _off(self, faces: Floats) -> Floats:
        """(P,) pixels from the eyes of faces (P, 70, 2) to these, or to the one that is seen."""
        right, left = (face - own for face, own in zip(eyes_of(faces), self.eyes, strict=True))
        seen = self._profiles[1]
        gap = np.where(
            seen[0, :, None], right, np.where(seen[1, :, None], left, (right + left) / 2)
        )
        off: Floats = lengths(gap)
        return off

    def _near(self, faces: Floats) -> Mask:
        """(P,) whether faces (P, 70, 2) lie upon these eyes."""
        own, theirs = self._scale, _apart(faces)
        with np.errstate(invalid="ignore"):
            near = self._off(faces) <= MAX_EYES_OFF * np.maximum(own, theirs)
            near &= (theirs >= SIZES[0] * own) & (theirs <= SIZES[1] * own)
        return np.asarray(near, bool)


def _apart(faces: Floats) -> Floats:
    """(P,) pixels between the eyes of faces (P, 70, 2), were they not turned to the side."""
    right, left = eyes_of(faces)
    high = lengths(faces[:, BROWS].mean(axis=1) - faces[:, CHIN])
    apart: Floats = np.maximum(lengths(left - right), FACE_HEIGHTS * high)
    return apart
