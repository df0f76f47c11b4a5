"""What a network that knows one person says of people, each cropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from engines.crops.affine import Crops
from engines.crops.joint_owners import owned
from engines.crops.keypoint_cascade import KeypointCascade
from engines.crops.known_people import Looked, unseen
from engines.crops.rule import CropRule
from engines.decoders.crop_decoder import CropDecoder, CropPoints
from engines.runtimes.crop_network import CropNetwork
from engines.types.arrays import Floats, Image, Mask
from engines.types.evidence import JointCandidates
from engines.types.oks import areas
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.skeleton_conversion import converted, origins

Points = Callable[[Sequence[Image], Sequence[Crops]], CropPoints]
Crowd = Literal["crops", "graph"]

MAX_WAIT_S = 1e3  # who was never looked at has waited for so long
PACE_SHARE = 0.1  # of the newest frame in what a crop is known to take


@dataclass(frozen=True, slots=True)
class CropLimits:
    """people: of a set of pictures look at so many at most. seconds: a set; as many people as fit
    into it by what a crop has taken so far, but one at least. None = all.
    """

    people: int | None = None
    seconds: float | None = None


ALL = CropLimits()


class BodyCrops:
    """One batch a set of pictures, over all cameras; used and closed by one thread.

    skeleton: in which people go. Where not all can be looked at, the largest come first, and who
    has waited for long. points: what says where keypoints of crops are in place of the network and
    its decoder. crowd: whose a keypoint is that crops of several people show: crops, each crop's
    person; graph, one assignment over all crops of a picture, which asks the network itself.
    cascade: looks at each keypoint once more.
    """

    def __init__(
        self,
        network: CropNetwork,
        decoder: CropDecoder,
        rule: CropRule,
        skeleton: Skeleton,
        limits: CropLimits = ALL,
        *,
        points: Points | None = None,
        crowd: Crowd = "crops",
        cascade: KeypointCascade | None = None,
    ) -> None:
        self.skeleton = skeleton
        # (K,) which of its keypoints the network knows.
        self.known: Mask = np.array([bool(at) for at in origins(decoder.skeleton, skeleton)])
        self.looked = 0  # at so many crops so far
        self._network = network
        self._decoder = decoder
        self._rule = rule
        self._limits = limits
        self._points = points or self._asked
        self._crowd = crowd
        self._cascade = cascade
        self._pace: float | None = None

    @property
    def most(self) -> int | None:
        """How many people of a set of pictures it looks at, None = all."""
        people, seconds = self._limits.people, self._limits.seconds
        if seconds is None:
            return people
        # Before the first crop nobody knows what one takes.
        fit = 1 if self._pace is None else max(1, int(seconds / self._pace))
        return fit if people is None else min(fit, people)

    def look(
        self,
        images: Sequence[Image],
        people: Sequence[Poses],
        waited: Sequence[Floats] | None = None,
        most: int | None = None,
    ) -> list[Looked]:
        """What the crop network says of these people of each picture.

        waited: (P,) seconds since it last looked at each, inf or None = it never has. Whom it has
        looked at just now, 0, it leaves out. most: how many to look at, None = as many as there is
        time for.
        """
        if waited is None:
            waited = [np.full(len(poses), np.inf, np.float32) for poses in people]
        size = self._decoder.size
        boxes = [self._rule.crops(poses.xy, poses.skeleton, size) for poses in people]
        extents = [crops.extent for crops, _ in boxes]
        ok = [ok & (since > 0) for (_, ok), since in zip(boxes, waited, strict=True)]
        chosen = self._chosen(extents, ok, waited, most)
        some = [crops.some(which) for (crops, _), which in zip(boxes, chosen, strict=True)]
        looks = [Looked(unseen(self.skeleton, len(which)), which) for which in chosen]
        if not sum(map(len, some)):
            return looks
        self.looked += sum(map(len, some))
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
            seen = converted(mine, self.skeleton)
            look.poses.xy[look.at], look.poses.score[look.at] = seen.xy, seen.score
            begin = end
        return looks

    def close(self) -> None:
        """Let the device go."""
        self._network.close()
        if self._cascade is not None:
            self._cascade.close()

    def _owned(
        self, candidates: JointCandidates, crops: Crops, people: Floats
    ) -> tuple[Floats, Floats]:
        """Places in the picture and confidence of those people whose crops these are."""
        xy = crops.some(candidates.crop).to_picture(candidates.xy[:, None])[:, 0]
        return owned(replace(candidates, xy=xy), areas(people), self._decoder.skeleton.sigmas)

    def _asked(self, images: Sequence[Image], crops: Sequence[Crops]) -> CropPoints:
        return self._decoder.points(self._network.run(images, crops))

    def _chosen(
        self,
        extents: Sequence[Floats],
        ok: Sequence[Mask],
        waited: Sequence[Floats],
        most: int | None,
    ) -> list[Mask]:
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
