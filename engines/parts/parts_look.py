"""Adds hands, faces and feet to people whose bodies were found."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from engines.crops.affine import Crops
from engines.crops.rule import CropRule
from engines.parts.faces import Heads
from engines.parts.feet import feet_of, has_shank
from engines.parts.hands import SIDES, Arms
from engines.parts.kinds import Part
from engines.parts.part_crops import PATIENCE, PartCrops
from engines.parts.part_network import PartNetwork
from engines.parts.turns import Turns
from engines.types.arrays import Floats, Image, Indices, Mask
from engines.types.oks import areas, oks
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.skeleton_groups import core, fitted

MIN_SAME_OKS = 0.3  # from which on somebody expected is somebody found
HANDS = ("left_hand", "right_hand")


class PartsLook:
    """Looks at the parts of people, one batch a kind over all pictures of a set.

    skeleton: that of the people it gives on: keypoints of the body as they come, then the groups'.
    hands, face, feet: what looks for them, None = nobody; rule: where the one for feet crops.
    budget: seconds a set of pictures for feet, as Turns has them. seconds: how long the last look
    took for each kind that had a turn. Used and closed by one thread.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        hands: PartCrops | None = None,
        face: PartCrops | None = None,
        feet: tuple[PartNetwork, CropRule] | None = None,
        budget: float | None = None,
    ) -> None:
        self.skeleton = skeleton
        self._hands = hands
        self._face = face
        self._feet = feet
        self._legs = Turns(budget)
        self._hurried = budget is not None
        self._sets = 0
        self._own = len(core(skeleton).keypoints)  # of the bodies; the groups' come after them
        groups = (np.array(skeleton.groups[name], np.intp) for name in (*HANDS, "face"))
        self._whole = [at[at >= self._own] for at in groups]
        self.seconds: dict[Part, float] = {}

    def look(
        self,
        images: Sequence[Image],
        people: Sequence[Poses],
        expected: Sequence[Poses] | None = None,
    ) -> list[Poses]:
        """The people of each picture, in their order, with what could be seen of their parts.

        people: in the skeleton without its groups. expected: where people should be by what came
        before, with their groups; a part is looked for where it should be.
        """
        found = [_copy(fitted(poses, self.skeleton)) for poses in people]
        self.seconds = {}
        self._sets += 1
        count = sum(map(len, found))
        if not count:
            return found
        if expected is None:
            expected = [Poses.nobody(self.skeleton)] * len(found)
        known = [self._known(one, other) for one, other in zip(found, expected, strict=True)]
        with self._timed("feet"):
            legs = self._begin_feet(images, found, known)  # the longest of all, at work meanwhile
        if self._hands is not None and self._hands.begin(2 * count):
            with self._timed("hands"):
                self._add_hands(images, found, known, self._hands)
        if self._face is not None and self._face.begin(count):
            with self._timed("face"):
                self._add_faces(images, found, known, self._face)
        if legs is not None:
            with self._timed("feet"):
                self._add_feet(found, *legs)
            self._legs.learn(self.seconds["feet"], sum(map(len, legs[1])))
        for image, poses in zip(images, found, strict=True):
            self._leave_out_beyond(poses, image)
        return found

    def close(self) -> None:
        """Let the device go."""
        for one in (self._hands, self._face, self._feet and self._feet[0]):
            if one is not None:
                one.close()

    @contextmanager
    def _timed(self, part: Part) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - began

    def _leave_out_beyond(self, poses: Poses, image: Image) -> None:
        """Without keypoints of groups beyond the picture's edge: a guess, seen by nobody.

        Of a hand or a face of which less than half can be seen all are left out.
        """
        high, wide = image.shape[:2]
        added = poses.xy[:, self._own :]
        beyond = np.zeros(poses.score.shape, bool)
        off = (added < -0.5) | (added >= (wide - 0.5, high - 0.5))  # never of NaN
        beyond[:, self._own :] = off[..., 0] | off[..., 1]
        if not beyond.any():
            return
        for at in self._whole:
            mostly = 2 * beyond[:, at].sum(axis=1) > len(at)
            beyond[np.ix_(np.flatnonzero(mostly), at)] = True
        poses.xy[beyond] = np.nan
        poses.score[beyond] = 0

    def _known(self, found: Poses, expected: Poses) -> Floats:
        """(P, K, 2) where each of those found should be by what came before; NaN = not known."""
        known = np.full(found.xy.shape, np.nan, np.float32)
        if not len(found) or not len(expected):
            return known
        body = np.array(self.skeleton.body)
        sigmas = np.array(self.skeleton.sigmas, np.float32)[body]
        one, other = found.xy[:, body], expected.xy[:, body]
        area = np.maximum(areas(one)[:, None], areas(other)[None])
        alike, _ = oks(one, other, area, sigmas)
        for row, column in enumerate(alike.argmax(axis=1).tolist()):
            if alike[row, column] >= MIN_SAME_OKS:
                known[row] = expected.xy[column]
        return known

    def _add_hands(
        self, images: Sequence[Image], people: list[Poses], known: list[Floats], hands: PartCrops
    ) -> None:
        groups = [np.array(self.skeleton.groups[name]) for name in HANDS]
        wrists = [self.skeleton.keypoints.index(f"{side}_wrist") for side in SIDES]
        arms = [Arms.of(poses) for poses in people]
        # With a look in every frame hands are found more often where they were.
        strays = np.float32(0 if self._hurried else np.nan)
        wanted = [
            arm.wanted(
                np.concatenate([xy[:, at] for at in groups]),
                np.concatenate([xy[:, at] for at in wrists]) + strays,
                np.tile(_tracked(xy), 2),
                hands.size,
            )
            for arm, xy in zip(arms, known, strict=True)
        ]
        looks = hands.look(images, wanted)
        for poses, arm, found in zip(people, arms, looks, strict=True):
            ok = arm.accepted(found)
            for side, at in enumerate(groups):
                rows = slice(side * len(poses), (side + 1) * len(poses))
                _place(poses, at, found.xy[rows], found.presence[rows], ok[rows])

    def _add_faces(
        self, images: Sequence[Image], people: list[Poses], known: list[Floats], faces: PartCrops
    ) -> None:
        at = np.array(self.skeleton.face)
        heads = [Heads.of(poses) for poses in people]
        wanted = [
            head.wanted(xy[:, at], _tracked(xy), faces.size)
            for head, xy in zip(heads, known, strict=True)
        ]
        looks = faces.look(images, wanted)
        for poses, head, found in zip(people, heads, looks, strict=True):
            _place(poses, at, found.xy, found.presence, head.accepted(found))

    def _begin_feet(
        self, images: Sequence[Image], people: list[Poses], known: list[Floats]
    ) -> tuple[list[Crops], list[Indices]] | None:
        """The crops of whom the network for feet was set to work on, and whose these are.

        Where time is short, feet of somebody known that were not found lately wait for every ninth
        set: all have a turn in every third.
        """
        if self._feet is None:
            return None
        network, rule = self._feet
        stand = [has_shank(poses) for poses in people]
        if not self._legs.begin(sum(int(some.sum()) for some in stand)):
            return None
        if self._hurried and self._sets % PATIENCE**2:
            feet = np.array(self.skeleton.feet)
            for some, xy in zip(stand, known, strict=True):
                some &= ~(_tracked(xy) & np.isnan(xy[:, feet, 0]).all(axis=1))
        found = [rule.crops(poses.xy, poses.skeleton, network.size) for poses in people]
        wanted = [ok & some for (_, ok), some in zip(found, stand, strict=True)]
        side = np.concatenate([boxes.extent[:, 1] for boxes, _ in found])
        chosen = self._legs.chosen(side, np.concatenate(wanted))
        ends = np.cumsum([len(one) for one in wanted])[:-1]
        rows = [np.flatnonzero(one) for one in np.split(chosen, ends)]
        crops = [boxes.some(some) for (boxes, _), some in zip(found, rows, strict=True)]
        if not sum(map(len, crops)):
            return None
        network.begin(images, crops)
        return crops, rows

    def _add_feet(self, people: list[Poses], crops: list[Crops], rows: list[Indices]) -> None:
        assert self._feet is not None
        network = self._feet[0]
        xy, score, _ = network.end(crops)
        begin = 0
        for poses, mine in zip(people, rows, strict=True):
            end = begin + len(mine)
            theirs = Poses(
                network.decoder.skeleton, xy[begin:end], score[begin:end], score[begin:end, 0]
            )
            names, places, sure = feet_of(poses.some(mine), theirs)
            for n, name in enumerate(names):
                at = self.skeleton.keypoints.index(name)
                poses.xy[mine, at], poses.score[mine, at] = places[:, n], sure[:, n]
            begin = end


def _tracked(known: Floats) -> Mask:
    """(P,) of whom anything is known by what came before, (P, K, 2)."""
    return np.asarray(~np.isnan(known[..., 0]).all(axis=1), bool)


def _place(poses: Poses, at: Indices, xy: Floats, presence: Floats, ok: Mask) -> None:
    """Keypoints of a group where they are taken."""
    rows = np.flatnonzero(ok)
    poses.xy[np.ix_(rows, at)] = xy[rows]
    poses.score[np.ix_(rows, at)] = presence[rows, None]


def _copy(poses: Poses) -> Poses:
    """To be changed in place."""
    return replace(poses, xy=poses.xy.copy(), score=poses.score.copy())
