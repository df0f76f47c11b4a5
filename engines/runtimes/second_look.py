"""Looks again at people, each cropped, with a network that knows one person."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.crops.fusion import (
    FusionSettings,
    agreement,
    confidence,
    fuse,
    person_scores,
    same_as_better,
)
from engines.crops.rule import CropRule
from engines.decoders.crop_decoder import CropDecoder
from engines.runtimes.crop_network import CropNetwork
from engines.types.arrays import Floats, Image
from engines.types.oks import areas, oks
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.skeleton_conversion import converted, origins
from engines.types.skeleton_groups import fitted

MIN_COVERED_OKS = 0.4  # at which somebody who is expected is one of those found
PACE_SHARE = 0.1  # of the newest frame in what a crop is known to take


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What the crop network says of P people: poses in the first network's skeleton, one a person
    and in their order, and (P,) whether it looked at all.
    """

    poses: Poses
    at: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """P people whom a tracker expected, in its order: (P,) whether the crop network looked at them,
    and (P,) whether it found them for sure.
    """

    poses: Poses
    at: NDArray[np.bool_]
    ok: NDArray[np.bool_]


class SecondLook:
    """Refines the people that another network found, or that a tracker expects.

    One batch a set of pictures, over all cameras; used and closed by one thread.
    skeleton: in which poses go: the first network's, in which they come, or that with groups added
    which the crop network knows. max_people: of a set of pictures look
    at so many at most, the largest. budget: seconds a set; as many people as fit into it by what a
    crop has taken so far, but one at least.
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

    @property
    def most(self) -> int | None:
        """How many people of a set of pictures it looks at, None = all."""
        if self._budget is None or self._pace is None:
            return self._max_people
        fit = max(1, int(self._budget / self._pace))
        return fit if self._max_people is None else min(fit, self._max_people)

    def refine(
        self,
        images: Sequence[Image],
        found: Sequence[Poses],
        expected: Sequence[Poses] | None = None,
    ) -> list[Poses]:
        """The people of each picture after a second look, best first.

        found: whom the first network found in each. expected: where a tracker expects people; those
        of them who are not among the found are looked for too.
        """
        found = [fitted(poses, self._skeleton) for poses in found]
        guesses = [np.zeros(len(poses), bool) for poses in found]
        if expected is not None:
            expected = [fitted(poses, self._skeleton) for poses in expected]
            missed = [
                guess.some(_uncovered(guess, poses))
                for guess, poses in zip(expected, found, strict=True)
            ]
            guesses = [
                np.repeat([False, True], [len(poses), len(guess)])
                for poses, guess in zip(found, missed, strict=True)
            ]
            found = [_joined(poses, guess) for poses, guess in zip(found, missed, strict=True)]
        looks = self.look(images, found)
        return [
            fuse(poses, look.poses, self._known, look.at, self._fusion, guess)
            for poses, look, guess in zip(found, looks, guesses, strict=True)
        ]

    def follow(self, images: Sequence[Image], expected: Sequence[Poses]) -> list[Followed]:
        """Where the people are whom a tracker expects, of each picture.

        Who was not found has no keypoints.
        """
        out = []
        expected = [fitted(poses, self._skeleton) for poses in expected]
        for guess, look in zip(expected, self.look(images, expected), strict=True):
            seen, wanted = look.poses, self._fusion
            agree, sure = agreement(guess, seen), confidence(seen, self._known)
            ok = look.at & (agree >= wanted.guard) & (sure >= wanted.alone)
            weak = ~ok[:, None] | (seen.score < wanted.least)
            xy = np.where(weak[..., None], np.float32(np.nan), seen.xy)
            score = np.where(weak, np.float32(0), seen.score)
            person = np.where(ok, person_scores(sure, agree, wanted), 0).astype(np.float32)
            poses = Poses(self._skeleton, xy, score, person)
            twins = same_as_better(poses, wanted.same)  # two expected people, one body
            out.append(Followed(poses, look.at, ok & (twins < 0)))
        return out

    def look(self, images: Sequence[Image], people: Sequence[Poses]) -> list[Looked]:
        """What the crop network says of these people of each picture."""
        size = self._decoder.size
        boxes = [self._rule.crops(poses.xy, self._skeleton, size) for poses in people]
        chosen = self._chosen([crops.extent for crops, _ in boxes], [ok for _, ok in boxes])
        some = [crops.some(which) for (crops, _), which in zip(boxes, chosen, strict=True)]
        looks = [Looked(_unseen(self._skeleton, len(which)), which) for which in chosen]
        if not sum(map(len, some)):
            return looks
        began = time.perf_counter()
        arrays = self._network.run(images, some)
        xy, score = self._decoder.points(arrays)
        self._learn((time.perf_counter() - began) / len(score))
        begin = 0
        for look, crops in zip(looks, some, strict=True):
            end = begin + len(crops)
            placed = crops.to_picture(xy[begin:end])
            mine = Poses(
                self._decoder.skeleton, placed, score[begin:end], np.zeros(end - begin, np.float32)
            )
            seen = converted(mine, self._skeleton)
            look.poses.xy[look.at], look.poses.score[look.at] = seen.xy, seen.score
            begin = end
        return looks

    def close(self) -> None:
        """Let the device go."""
        self._network.close()

    def _chosen(
        self, extents: Sequence[Floats], ok: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.bool_]]:
        """Of each picture's people those who are looked at: the largest of all pictures."""
        most = self.most
        if most is None or sum(int(one.sum()) for one in ok) <= most:
            return list(ok)
        size = np.concatenate([extent[:, 1] for extent in extents])
        size[~np.concatenate(ok)] = -1
        keep = np.zeros(len(size), bool)
        keep[np.argsort(-size, kind="stable")[:most]] = True
        keep &= size > 0
        return np.split(keep, np.cumsum([len(extent) for extent in extents])[:-1])

    def _learn(self, seconds: float) -> None:
        """What a crop takes; the first one, which warms up, is forgotten by the second."""
        if self._pace is None:
            self._pace = seconds
        else:
            self._pace = min(self._pace, seconds) + PACE_SHARE * max(seconds - self._pace, 0)


def _unseen(skeleton: Skeleton, people: int) -> Poses:
    """People of whom nothing is known."""
    shape = people, len(skeleton.keypoints)
    xy = np.full((*shape, 2), np.nan, np.float32)
    return Poses(skeleton, xy, np.zeros(shape, np.float32), np.zeros(people, np.float32))


def _uncovered(expected: Poses, found: Poses) -> NDArray[np.intp]:
    """Rows of those expected who are none of those found."""
    if not len(expected) or not len(found):
        return np.arange(len(expected))
    area = np.maximum(areas(expected.xy)[:, None], areas(found.xy)[None])
    sigmas = np.array(expected.skeleton.sigmas, np.float32)
    alike, _ = oks(expected.xy, found.xy, area, sigmas)
    return np.flatnonzero(alike.max(axis=1) < MIN_COVERED_OKS)


def _joined(one: Poses, other: Poses) -> Poses:
    """The people of both."""
    if not len(other):
        return one
    return replace(
        one,
        xy=np.concatenate([one.xy, other.xy]),
        score=np.concatenate([one.score, other.score]),
        person_score=np.concatenate([one.person_score, other.person_score]),
    )
