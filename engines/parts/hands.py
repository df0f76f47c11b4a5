"""Hands of people whose forearms are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.parts.boxes import forearm_boxes, forearms, lengths
from engines.parts.part_crops import Found, Wanted
from engines.types.arrays import Floats, Mask
from engines.types.poses import Poses

SIDES = ("left", "right")
MAX_WRIST_OFF = 0.35  # forearms between the hand's wrist and the arm's: else it is another's hand
MAX_PALM = 0.8  # forearms from wrist to middle knuckle: a hand is no larger
MIDDLE_KNUCKLE = 9
SAME_HAND = 0.5  # palms, mean over the keypoints, below which two hands are one
WRONG_SIDE = 0.25  # forearms that a hand of the other side counts as further off


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """P people's arms, the left ones, then the right ones: (2 P, 2) picture pixels each, and the
    forearms' lengths (2 P,).
    """

    wrist: Floats
    elbow: Floats
    forearm: Floats

    @classmethod
    def of(cls, people: Poses) -> Arms:
        """NaN where a joint was not found, or the skeleton has none of this name."""
        wrist, elbow, shoulder = (_joint(people, name) for name in ("wrist", "elbow", "shoulder"))
        return cls(wrist, elbow, forearms(wrist, elbow, shoulder))

    def wanted(self, known: Floats, wrist: Floats, tracked: Mask, size: tuple[int, int]) -> Wanted:
        """Their hands to look for. known: (2 P, 21, 2) where they should be, and wrist: (2 P, 2)
        where the arms' wrists should, NaN = not known.

        tracked: (2 P,) whether the person was there before. A hand has gone with its wrist. Nobody
        looks where a hand was that its arm has left.
        """
        off = lengths(known[:, 0] - self.wrist)
        with np.errstate(invalid="ignore"):
            near = off <= MAX_WRIST_OFF * self.forearm
        waits = tracked & np.isnan(off)
        strayed = self.wrist - wrist
        strayed[np.isnan(strayed)] = 0
        known = np.where(near[:, None, None], known + strayed[:, None], np.float32(np.nan))
        return Wanted(forearm_boxes(self.wrist, self.elbow, self.forearm, size), known, waits)

    def accepted(self, found: Found) -> Mask:
        """(2 P,) which hands found are these arms' own.

        One hand that two crops have found is that of the nearer wrist, sides considered.
        """
        forearm, hands = self.forearm, found.xy
        palm = lengths(hands[:, MIDDLE_KNUCKLE] - hands[:, 0])
        off = lengths(hands[:, 0] - self.wrist) / forearm
        with np.errstate(invalid="ignore"):
            ok = (found.presence > 0) & (off <= MAX_WRIST_OFF) & (palm <= MAX_PALM * forearm)
        count = len(hands) // 2
        is_right = np.arange(len(hands)) >= count
        wrong = np.where(is_right, 1 - found.right, found.right) > 0.5
        rows = np.flatnonzero(ok)
        if len(rows) < 2:
            return np.asarray(ok, bool)
        apart = lengths(hands[rows, None] - hands[None, rows]).mean(axis=-1)
        same = apart < SAME_HAND * np.minimum(palm[rows, None], palm[None, rows])
        kept: list[int] = []
        for n in np.argsort(off[rows] + WRONG_SIDE * wrong[rows], kind="stable").tolist():
            if not same[n, kept].any():
                kept.append(n)
        ok[:] = False
        ok[rows[kept]] = True
        return np.asarray(ok, bool)


def _joint(people: Poses, name: str) -> Floats:
    """(2 P, 2) of the left, then of the right."""
    names, sides = people.skeleton.keypoints, []
    for side in SIDES:
        at = f"{side}_{name}"
        there = at in names
        nowhere = np.full((len(people), 2), np.nan, np.float32)
        sides.append(people.xy[:, names.index(at)] if there else nowhere)
    return np.concatenate(sides)
