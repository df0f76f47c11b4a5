"""Looks again at people, each cropped, with a network that knows one person."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.crops.affine import Crops
from engines.crops.fusion import (
    FusionSettings,
    agreement,
    confidence,
    fuse,
    person_scores,
    same_as_better,
)
from engines.crops.joint_owners import owned
from engines.crops.keypoint_cascade import KeypointCascade
from engines.crops.known_people import Known, Looked, covered, joined, unseen
from engines.crops.proposals import as_keypoints, boxes_of_people, centred, unclaimed
from engines.crops.rule import CropRule
from engines.decoders.crop_decoder import CropDecoder, CropPoints
from engines.runtimes.crop_network import CropNetwork
from engines.types.arrays import Floats, Image
from engines.types.evidence import JointCandidates
from engines.types.expected import Expected
from engines.types.oks import areas, expected_oks
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.skeleton_conversion import converted, origins
from engines.types.skeleton_groups import fitted

Points = Callable[[Sequence[Image], Sequence[Crops]], CropPoints]

MAX_WAIT_S = 1e3  # who was never looked at has waited for so long
Crowd = Literal["crops", "graph"]
PACE_SHARE = 0.1  # of the newest frame in what a crop is known to take


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """P people whom a tracker expected, in its order: (P,) whether the crop network looked at them,
    and (P,) whether it found them for sure.
    """

    poses: Poses
    at: NDArray[np.bool_]
    ok: NDArray[np.bool_]


class BoxFinder(Protocol):
    """A detector of people: (B, 4) corners in picture pixels of each picture."""

    def find(self, images: Sequence[Image]) -> Sequence[Floats]: ...
    def close(self) -> None: ...


class SecondLook:
    """Refines the people that another network found, or that a tracker expects.

    One batch a set of pictures, over all cameras; used and closed by one thread.
    skeleton: in which poses go: the first network's, in which they come, or that with groups added
    which the crop network knows. max_people: of a set of pictures look at so many at most. budget:
    seconds a set; as many people as fit into it by what a crop has taken so far, but one at least.
    Where not all can be looked at, the largest come first, and who has waited for long. cost: of a
    crop, in looks of the first network. points: what says where keypoints of crops are in place of
    the network and its decoder. detector: finds boxes of people whom the first network may have
    missed; a crop network looks into those that are nobody's, and then at whom it found there.
    boxes_alone: with a detector the first network's people count for nothing, as it takes a whole
    picture for a crop of one.
    crowd: whose a keypoint is that crops of several people show: crops, each crop's person; graph,
    one assignment over all crops of a picture, which asks the network itself. cascade: looks at
    each keypoint once more.
    """

    def __init__(
        self,
        network: CropNetwork,
        decoder: CropDecoder,
        rule: CropRule,
        fusion: FusionSettings,
        skeleton: Skeleton,
        max_people: int | None = None,
        budget: float | None = None,
        cost: float = 0.5,
        points: Points | None = None,
        detector: BoxFinder | None = None,
        crowd: Crowd = "crops",
        cascade: KeypointCascade | None = None,
        *,
        boxes_alone: bool = False,
    ) -> None:
        self._network = network
        self._decoder = decoder
        self._rule = rule
        self._fusion = fusion
        self._skeleton = skeleton
        self._known = np.array([bool(at) for at in origins(decoder.skeleton, skeleton)])
        self._max_people = max_people
        self._budget = budget
        self._pace: float | None = None
        self._detector = detector
        self._boxes_alone = boxes_alone
        self._crowd = crowd
        self._cascade = cascade
        self.cost = cost
        self._points = points or self._asked
        self.crops = 0  # looked at so far

    @property
    def most(self) -> int | None:
        """How many people of a set of pictures it looks at, None = all."""
        if self._budget is None:
            return self._max_people
        # Before the first crop nobody knows what one takes.
        fit = 1 if self._pace is None else max(1, int(self._budget / self._pace))
        return fit if self._max_people is None else min(fit, self._max_people)

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
        looks = self.look(images, [one.poses for one in known], [one.waited for one in known], most)
        out = []
        for one, look in zip(known, looks, strict=True):
            told = one.stand_in(look)
            poses = replace(one.poses, looked=look.at | (one.waited == 0))
            out.append(fuse(poses, look.poses, self._known, told, self._fusion, one.guess))
        return out

    def follow(
        self, images: Sequence[Image], expected: Sequence[Expected], most: int | None = None
    ) -> list[Followed]:
        """Where the people are whom a tracker expects, of each picture.

        Who was not found has no keypoints. most: how many to look at, as in `refine`.
        """
        out = []
        expected = [one.fitted(self._skeleton) for one in expected]
        people = [one.poses for one in expected]
        looks = self.look(images, people, [one.waited for one in expected], most)
        for one, look in zip(expected, looks, strict=True):
            seen, wanted = look.poses, self._fusion
            agree, sure = agreement(one.poses, seen), confidence(seen, self._known)
            ok = look.at & (agree >= wanted.guard) & (sure >= wanted.alone)
            weak = ~ok[:, None] | (seen.score < wanted.least)
            xy = np.where(weak[..., None], np.float32(np.nan), seen.xy)
            score = np.where(weak, np.float32(0), seen.score)
            person = person_scores(sure, agree, wanted) * expected_oks(xy, self._skeleton)
            person = np.where(ok, person, 0).astype(np.float32)
            poses = Poses(self._skeleton, xy, score, person)
            twins = same_as_better(poses, wanted.same)  # two expected people, one body
            out.append(Followed(poses, look.at, ok & (twins < 0)))
        return out

    def look(
        self,
        images: Sequence[Image],
        people: Sequence[Poses],
        waited: Sequence[Floats] | None = None,
        most: int | None = None,
    ) -> list[Looked]:
        """What the crop network says of these people of each picture.

        waited: (P,) seconds since it last looked at each, inf or None = it never has. Whom it has
        looked at just now, 0, it leaves out.
        """
        if waited is None:
            waited = [np.full(len(poses), np.inf, np.float32) for poses in people]
        size = self._decoder.size
        boxes = [self._rule.crops(poses.xy, poses.skeleton, size) for poses in people]
        extents = [crops.extent for crops, _ in boxes]
        ok = [ok & (since > 0) for (_, ok), since in zip(boxes, waited, strict=True)]
        chosen = self._chosen(extents, ok, waited, most)
        some = [crops.some(which) for (crops, _), which in zip(boxes, chosen, strict=True)]
        looks = [Looked(unseen(self._skeleton, len(which)), which) for which in chosen]
        if not sum(map(len, some)):
            return looks
        self.crops += sum(map(len, some))
        began = time.perf_counter()
        if self._crowd == "graph":
            arrays = self._network.run(images, some)
            xy, score = self._decoder.points(arrays)
            several = self._decoder.candidates(arrays)
        else:
            xy, score = self._points(images, some)
            several = None
        self._learn((time.perf_counter() - began) / len(score))
        begin = 0
        for image, look, crops, one in zip(images, looks, some, people, strict=True):
            end = begin + len(crops)
            placed, sure = crops.to_picture(xy[begin:end]), score[begin:end]
            if several is not None and len(crops) > 1:
                placed, sure = self._owned(several.of(begin, end), crops, one.xy[look.at])
            if self._cascade is not None:
                there = np.where((sure > 0)[..., None], placed, np.float32(np.nan))
                placed = self._cascade.refine(image, there)
            mine = Poses(self._decoder.skeleton, placed, sure, np.zeros(end - begin, np.float32))
            seen = converted(mine, self._skeleton)
            look.poses.xy[look.at], look.poses.score[look.at] = seen.xy, seen.score
            begin = end
        return looks

    def _owned(
        self, candidates: JointCandidates, crops: Crops, people: Floats
    ) -> tuple[Floats, Floats]:
        """Places in the picture and confidence of those people whose crops these are."""
        xy = crops.some(candidates.crop).to_picture(candidates.xy[:, None])[:, 0]
        return owned(replace(candidates, xy=xy), areas(people), self._decoder.skeleton.sigmas)

    def close(self) -> None:
        """Let the device go."""
        self._network.close()
        if self._cascade is not None:
            self._cascade.close()
        if self._detector is not None:
            self._detector.close()

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
        out = []
        for one, people, inside in zip(
            expected, known, self.look_into(images, boxes, most), strict=True
        ):
            sure = confidence(inside, self._known) >= self._fusion.alone
            there = inside.some(np.flatnonzero(sure))
            out.append(one.and_also(there.some(covered(people, there)[1]), seen=True))
        return out

    def look_into(
        self, images: Sequence[Image], corners: Sequence[Floats], most: int | None = None
    ) -> list[Poses]:
        """Who is in (B, 4) boxes of each picture that may be off: by a look into the box, and where
        somebody is there, by another around them (RMPE, Fang et al., ICCV'17, section 3.2, without
        its weights). Without keypoints where there was no time to look.
        """
        first = [one.poses for one in self.look(images, [*map(as_keypoints, corners)], most=most)]
        around = [centred(boxes, poses) for boxes, poses in zip(corners, first, strict=True)]
        rows = [np.flatnonzero(there) for _, there in around]
        boxes = [as_keypoints(one[which]) for (one, _), which in zip(around, rows, strict=True)]
        for poses, which, again in zip(
            first, rows, self.look(images, boxes, most=most), strict=True
        ):
            poses.xy[which[again.at]] = again.poses.xy[again.at]
            poses.score[which[again.at]] = again.poses.score[again.at]
        return first

    def _asked(self, images: Sequence[Image], crops: Sequence[Crops]) -> CropPoints:
        return self._decoder.points(self._network.run(images, crops))

    def _chosen(
        self,
        extents: Sequence[Floats],
        ok: Sequence[NDArray[np.bool_]],
        waited: Sequence[Floats],
        most: int | None,
    ) -> list[NDArray[np.bool_]]:
        """Of each picture's people those who are looked at, of all pictures together.

        Twice as large is worth twice the wait: all have their turn, the large more often.
        """
        bounds = [one for one in (most, self.most) if one is not None]
        if not ok or not bounds or sum(int(one.sum()) for one in ok) <= min(bounds):
            return list(ok)
        size = np.concatenate([extent[:, 1] for extent in extents])
        wait = np.minimum(np.concatenate(waited), MAX_WAIT_S)
        urgency = np.where(np.concatenate(ok), size * wait, -1)
        keep = np.zeros(len(size), bool)
        keep[np.argsort(-urgency, kind="stable")[: min(bounds)]] = True
        keep &= urgency >= 0
        return np.split(keep, np.cumsum([len(extent) for extent in extents])[:-1])

    def _learn(self, seconds: float) -> None:
        """What a crop takes; the first one, which warms up, is forgotten by the second."""
        if self._pace is None:
            self._pace = seconds
        else:
            self._pace = min(self._pace, seconds) + PACE_SHARE * max(seconds - self._pace, 0)
