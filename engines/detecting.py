"""From a card of a detector to boxes of people, for a second look to find who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.decoders.boxes.people_boxes import BoxDecoder
from engines.estimator import Estimator, open_estimator
from engines.models.card import Card, load_card
from engines.models.download import download_bar
from engines.models.weights import Located, locate
from engines.types.arrays import Floats, Image
from engines.types.errors import CardError


class PeopleDetector:
    """Boxes of the people of pictures; used and closed by one thread."""

    def __init__(self, network: Estimator) -> None:
        self._network = network

    def find(self, images: Sequence[Image]) -> list[Floats]:
        """(B, 4) left, top, right and bottom of each picture, in its pixels, best first."""
        self._network.submit(images)
        decoder = self._network.decoder
        return [decoder.decode(one).xy.reshape(-1, 4) for one in self._network.result()]

    def close(self) -> None:
        """Let the device go."""
        self._network.close()


@dataclass(frozen=True, slots=True)
class DetectorOpener:
    """Opens a detector on the thread that will use it, on the CPU."""

    card: Card
    located: Located

    def __call__(self) -> PeopleDetector:
        # Frames wait for their boxes: all cores work on one set.
        return PeopleDetector(open_estimator(self.card, self.located, live=True))


def detector_opener(detector: str) -> DetectorOpener:
    """Finds (or fetches) a detector's weights now; CardError where the card is of something else.

    detector: a card.
    """
    card = load_card(detector)
    if not isinstance(card.decoder, BoxDecoder):
        raise CardError(
            f"--detector needs a network that gives boxes of people; {card.name} gives "
            f"{card.decoder.gives}."
        )
    with download_bar() as progress:
        return DetectorOpener(card, locate(card, progress=progress))
