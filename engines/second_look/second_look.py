"""Looks again at people, each cropped, with a network that knows one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from engines.crops.fusion import (
    FusionSettings,
    agreement,
    confidence,
    fuse,
    person_scores,
    same_as_better,
)
from engines.crops.known_people import Known, covered, joined
from engines.crops.proposals import as_keypoints, boxes_of_people, centred, unclaimed
from engines.second_look.body_crops import BodyCrops
from engines.types.arrays import Floats, Image, Mask
from engines.types.expected import Expected
from engines.types.oks import expected_oks
from engines.types.poses import Poses
from engines.types.skeleton_groups import fitted

SAME_BODY = 0.5  # OKS of a crop's pose to where optical flow has brought the same person


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """P people whom a tracker expected, in its order: (P,) whether the crop network looked at them,
    and (P,) whether it found them for sure.
    """

    poses: Poses
    at: Mask
    ok: Mask


class BoxFinder(Protocol):
    """A detector of people: (B, 4) corners in picture pixels of each picture."""

    def find(self, images: Sequence[Image]) -> Sequence[Floats]: ...
    def close(self) -> None: ...


class SecondLook:
    """Refines the people that another network found, or that a tracker expects.

    Used and closed by one thread. bodies: what looks at crops of people, in the skeleton in which
    poses go: the first network's, in which they come, or that with groups added which the crop
    network knows. fusion: how both networks' keypoints become one person. cost: of a crop, in looks
    of the first network. detector: finds boxes of people whom the first network may have missed;
    those that are nobody's are looked into, and then at whom was found there. boxes_alone: with a
    detector the first network's people count for nothing, as it takes a whole picture for a crop of
    one.
    """

    def __init__(
        self,
        bodies: BodyCrops,
        fusion: FusionSettings,
        cost: float = 0.5,
        detector: BoxFinder | None = None,
        *,
        boxes_alone: bool = False,
    ) -> None:
        self.cost = cost
        self.bodies = bodies
        self._skeleton = bodies.skeleton
        self._fusion = fusion
        self._detector = detector
        self._boxes_alone = boxes_alone

    @property
    def most(self) -> int | None:
        """How many people of a set of pictures it looks at, None = all."""
        return self.bodies.most

    @property
    def crops(self) -> int:
        """How many it has looked at so far."""
        return self.bodies.looked

    def close(self) -> None:
        """Let the device go."""
        self.bodies.close()
        if self._detector is not None:
            self._detector.close()

    def refine(
        self,
        images: Sequence[Image],
        found: Sequence[Poses],
        expected: Sequence[Expected] | None = None,
        most: int | None = None,
    ) -> list[Poses]:
        """The people of each picture after a second look, best first.

        found: whom the first network found in each. expected: whom a tracker expects in each; those
        of them who are not among the found are looked for too, and who is not looked at is where
        the last look has seen them. most: how many to look at, None = as many as there is time for.
        """
        found = [fitted(poses, self._skeleton) for poses in found]
        if self._detector is not None and self._boxes_alone:
            found = [Poses.nobody(self._skeleton) for _ in found]
        if expected is None:
            expected = [Expected.of(poses.some(np.zeros(0, int))) for poses in found]
        expected = [one.fitted(self._skeleton) for one in expected]
        if self._detector is not None:
            expected = self._proposed(images, found, expected, self._detector, most)
        known = [Known.of(poses, one) for poses, one in zip(found, expected, strict=True)]
        people, waited = [one.poses for one in known], [one.waited for one in known]
        looks = self.bodies.look(images, people, waited, most)
        out = []
        for one, look in zip(known, looks, strict=True):
            told = one.stand_in(look)
            poses = replace(one.poses, looked=look.at | (one.waited == 0))
            out.append(fuse(poses, look.poses, self.bodies.known, told, self._fusion, one.guess))
        return out

    def follow(
        self, images: Sequence[Image], expected: Sequence[Expected], most: int | None = None
    ) -> list[Followed]:
        """Where the people are whom a tracker expects, of each picture.

        Who was not found has no keypoints. most: how many to look at, as in `refine`.
        """
        out = []
        expected = [one.fitted(self._skeleton) for one in expected]
        people, waited = [one.poses for one in expected], [one.pressing for one in expected]
        looks = self.bodies.look(images, people, waited, most)
        for one, look in zip(expected, looks, strict=True):
            seen, wanted = look.poses, self._fusion
            agree, sure = agreement(one.poses, seen), confidence(seen, self.bodies.known)
            guard = np.where(one.carried.any(axis=1), max(SAME_BODY, wanted.guard), wanted.guard)
            ok = look.at & (agree >= guard) & (sure >= wanted.alone)
            weak = ~ok[:, None] | (seen.score < wanted.least)
            xy = np.where(weak[..., None], np.float32(np.nan), seen.xy)
            score = np.where(weak, np.float32(0), seen.score)
            person = person_scores(sure, agree, wanted) * expected_oks(xy, self._skeleton)
            person = np.where(ok, person, 0).astype(np.float32)
            poses = Poses(self._skeleton, xy, score, person)
            # Two expected people, one body: it is that of who was expected nearer to it.
            twins = same_as_better(replace(poses, person_score=np.where(ok, agree, 0)), wanted.same)
            out.append(Followed(poses, look.at, ok & (twins < 0)))
        return out

    def look_into(
        self, images: Sequence[Image], corners: Sequence[Floats], most: int | None = None
    ) -> list[Poses]:
        """Who is in (B, 4) boxes of each picture that may be off: by a look into the box, and where
        somebody is there, by another around them (RMPE, Fang et al., ICCV'17, section 3.2, without
        its weights). Without keypoints where there was no time to look.
        """
        looks = self.bodies.look(images, [*map(as_keypoints, corners)], most=most)
        first = [one.poses for one in looks]
        around = [centred(boxes, poses) for boxes, poses in zip(corners, first, strict=True)]
        rows = [np.flatnonzero(there) for _, there in around]
        boxes = [as_keypoints(one[which]) for (one, _), which in zip(around, rows, strict=True)]
        looks = self.bodies.look(images, boxes, most=most)
        for poses, which, again in zip(first, rows, looks, strict=True):
            poses.xy[which[again.at]] = again.poses.xy[again.at]
            poses.score[which[again.at]] = again.poses.score[again.at]
        return first

    def _proposed(
        self,
        images: Sequence[Image],
        found: Sequence[Poses],
        expected: Sequence[Expected],
        detector: BoxFinder,
        most: int | None,
    ) -> list[Expected]:
        """Those expected, and whom the crop network sees in boxes that are nobody's."""
        known = [joined(one, two.poses) for one, two in zip(found, expected, strict=True)]
        boxes = [
            unclaimed(one, boxes_of_people(people.xy))
            for one, people in zip(detector.find(images), known, strict=True)
        ]
        seen = self.look_into(images, boxes, most)
        out = []
        for one, people, inside in zip(expected, known, seen, strict=True):
            sure = confidence(inside, self.bodies.known) >= self._fusion.alone
            there = inside.some(np.flatnonzero(sure))
            out.append(one.and_also(there.some(covered(people, there)[1]), seen=True))
        return out
