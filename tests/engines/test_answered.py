"""Networks that are asked only what nobody has asked before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np

from engines.answered import AnsweredEstimator
from engines.answers.network import AnsweredNetwork
from engines.answers.store import Found, Kept, question
from engines.decoders.decoder import Decoder
from engines.types.arrays import Arrays, Image
from engines.types.evidence import Evidence, FoundPeople
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton

COCO17 = named_skeleton("coco17")


def picture(value: int, size: tuple[int, int] = (8, 6)) -> Image:
    return np.full((size[1], size[0], 3), value, np.uint8)


class OfPeople:
    """A decoder, as far as it is asked for its skeleton."""

    skeleton = COCO17


class Direct:
    """An Estimator that finds somebody as far right as the picture is bright."""

    depth = 2
    decoder = cast(Decoder, OfPeople())

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.closed = False

    def submit(self, images: Sequence[Image]) -> None:
        self.asked.append([int(image[0, 0, 0]) for image in images])

    def result(self) -> list[Evidence]:
        return [FoundPeople(somebody(value)) for value in self.asked[-1]]

    def close(self) -> None:
        self.closed = True


def somebody(value: int) -> Poses:
    shape = 1, len(COCO17.keypoints)
    xy = np.full((*shape, 2), value, np.float32)
    return Poses(COCO17, xy, np.ones(shape, np.float32), np.ones(1, np.float32))


def looked(estimator: AnsweredEstimator, *values: int, size: tuple[int, int] = (8, 6)) -> Poses:
    estimator.submit([picture(value, size) for value in values])
    evidence = estimator.result()
    assert len(evidence) == len(values)
    assert isinstance(evidence[0], FoundPeople)
    return evidence[0].poses


def test_an_estimator_is_asked_once_and_answers_are_its_own() -> None:
    kept, first = Kept(), Direct()
    one = AnsweredEstimator(lambda: first, first.decoder, "direct", kept)
    for value in (1, 2, 2):
        assert looked(one, value).xy[0, 0, 0] == value
    assert first.asked == [[1], [2]]
    again = Direct()
    two = AnsweredEstimator(lambda: again, again.decoder, "direct", Found([lambda: kept.all]))
    for value in (1, 2, 3):
        poses = looked(two, value)
        assert np.array_equal(poses.xy, somebody(value).xy)
        assert poses.skeleton is COCO17
        poses.xy[:] = 0  # of whoever asked
    assert looked(two, 2).xy[0, 0, 0] == 2
    assert again.asked == [[1], [3]]  # the first always, as it decides how others are fitted
    two.close()
    assert again.closed


def test_what_was_said_of_other_networks_pictures_and_sizes_is_no_answer() -> None:
    kept, first = Kept(), Direct()
    one = AnsweredEstimator(lambda: first, first.decoder, "direct", kept)
    looked(one, 1)
    looked(one, 2)
    for name, size, values in (
        ("other", (8, 6), [2]),
        ("direct", (6, 8), [2]),
        ("direct", (8, 6), [2, 2]),
    ):
        again = Direct()
        found = Found([lambda: kept.all])
        two = AnsweredEstimator(lambda a=again: a, again.decoder, name, found)  # type: ignore[misc]
        looked(two, 5, size=size)
        looked(two, *values, size=size)
        assert again.asked == [[5], values]
        assert found.found == 0
    assert question("n", [picture(1, (8, 6))]) != question("n", [picture(1, (6, 8))])


class Doubling:
    """A Network whose arrays are overwritten by the next set, as a runtime's are."""

    depth = 1

    def __init__(self) -> None:
        self._array = np.zeros((1, 3), np.float32)
        self.sets = 0

    def submit(self, pictures: Sequence[Image]) -> None:
        self.sets += 1
        self._array[:] = 2 * int(pictures[0][0, 0, 0])

    def result(self) -> list[Arrays]:
        return [{"points": self._array}]

    def close(self) -> None: ...


def test_a_networks_answers_outlive_its_arrays() -> None:
    kept = Kept()
    one, network = partial(AnsweredNetwork, name="hand"), Doubling()
    asked = one(network, answers=kept)
    for value in (1, 2):
        asked.submit([picture(value)])
        asked.result()
    again = Doubling()
    known = one(again, answers=Found([lambda: kept.all]))
    for value in (2, 1):
        known.submit([picture(value)])
        assert (known.result()[0]["points"] == 2 * value).all()
    assert again.sets == 0


def test_parts_are_loaded_as_they_are_come_to_and_let_go() -> None:
    loaded: list[int] = []

    def part(number: int) -> dict[bytes, bytes]:
        loaded.append(number)
        return {b"%d" % number: b"said", b"%d" % (number + 1): b"said"}  # it overlaps the next

    answers = Found([partial(part, n) for n in range(6)])
    assert loaded == [0, 1]
    for number in range(6):
        assert answers.find(b"%d" % number) == b"said"
        assert loaded[-1] <= number + 2
    assert loaded == [*range(6)]
    assert answers.find(b"0") is None  # long gone
    assert (answers.found, answers.missed) == (6, 1)
