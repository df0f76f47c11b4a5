"""Keypoints of crops that a network has looked at before."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

from engines.answers.store import Answers, question
from engines.crops.affine import Crops
from engines.decoders.crop_decoder import CropDecoder, CropPoints
from engines.runtimes.crop_network import CropNetwork
from engines.types.arrays import Image


class AnsweredPoints:
    """What a crop network and its decoder say, where it has not been said before.

    name: what tells its questions from those of others. The crops of a set of pictures are one
    question: the arithmetic may depend on how many there are.
    """

    def __init__(
        self, network: CropNetwork, decoder: CropDecoder, name: str, answers: Answers
    ) -> None:
        self._network = network
        self._decoder = decoder
        self._name = name
        self._answers = answers

    def __call__(self, images: Sequence[Image], crops: Sequence[Crops]) -> CropPoints:
        """As `CropDecoder.points` says, of all crops in their order."""
        where = [part.tobytes() for one in crops for part in (one.centre, one.extent, one.angle)]
        asked = question(self._name, images, where)
        if (known := self._answers.find(asked)) is not None:
            points: CropPoints = pickle.loads(known)
            return points
        xy, score = self._decoder.points(self._network.run(images, crops))
        self._answers.add(asked, pickle.dumps((xy, score), pickle.HIGHEST_PROTOCOL))
        return xy, score
