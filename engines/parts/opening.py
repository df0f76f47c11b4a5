"""From what a user wants of people's parts to a PartsLook, opened where and when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from engines.answers.network import AnsweredNetwork
from engines.answers.store import Answers
from engines.decoders.crop_decoder import CropDecoder
from engines.models.card import Card, load_card
from engines.models.download import download_bar
from engines.models.weights import Located, locate
from engines.parts.boxes import Boxes, face_boxes, hand_boxes
from engines.parts.kinds import GROUPS, Part
from engines.parts.part_crops import PartCrops
from engines.parts.part_network import PartNetwork
from engines.parts.parts_look import PartsLook
from engines.runtimes.network import Network
from engines.runtimes.openvino_cpu import OpenVino
from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.skeleton import Skeleton
from engines.types.skeleton_groups import with_groups

CARDS: dict[Part, str] = {
    "hands": "mediapipe-hand",
    "face": "mediapipe-face",
    "feet": "blazepose-full",
}
NEEDED: dict[Part, tuple[str, ...]] = {
    "hands": ("left_wrist", "left_elbow", "right_wrist", "right_elbow"),
    "face": ("left_eye", "right_eye"),
    "feet": ("left_ankle", "left_knee", "right_ankle", "right_knee"),
}
# Of the time for hands, that faces get: optical flow carries a face for two frames with an error of
# 1 % of its size, and a hand with one of 10 to 20 % (python -m tests.bench.parts turns).
FACE_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class PartsOpener:
    """Opens a PartsLook on the thread that will use it.

    skeleton: of the people it gives. networks: the card of each part, and its weights. budget:
    seconds a set of pictures for hands, as many for feet, and FACE_SHARE of them for faces.
    answers: networks are asked only what has none yet.
    """

    skeleton: Skeleton
    networks: dict[Part, tuple[Card, Located]]
    budget: float | None = None
    answers: Answers | None = None

    def __call__(self) -> PartsLook:
        feet = self.networks.get("feet")
        rule = feet[0].crop if feet else None
        return PartsLook(
            self.skeleton,
            self._part("hands", hand_boxes),
            self._part("face", face_boxes),
            (self._network("feet", rule.border), rule) if rule else None,
            self.budget,
        )

    def _part(
        self, part: Part, own: Callable[[Floats, tuple[int, int]], Boxes]
    ) -> PartCrops | None:
        if part not in self.networks:
            return None
        budget = self.budget
        if part == "face" and budget is not None:
            budget *= FACE_SHARE
        return PartCrops(self._network(part), own, budget)

    def _network(self, part: Part, border: int | None = None) -> PartNetwork:
        card, located = self.networks[part]
        assert isinstance(card.decoder, CropDecoder)
        network: Network = OpenVino(card, located, live=True, batched=True)
        if self.answers is not None:
            network = AnsweredNetwork(network, card.name, self.answers)
        return PartNetwork(network, card.decoder, border)


def parts_opener(
    wanted: Collection[Part], base: Skeleton, *, budget: float | None = None
) -> PartsOpener | None:
    """Finds (or fetches) the weights of the networks of these parts now; None where `base`, whose
    bodies they are added to, has all of them itself.

    CardError where a part cannot be found by such bodies; WeightsError where weights are not to be
    had.
    """
    networks: dict[Part, tuple[Card, Located]] = {}
    skeleton = base
    for part in CARDS:
        if part not in wanted or all(base.groups[group] for group in GROUPS[part]):
            continue
        missing = [name for name in NEEDED[part] if name not in base.keypoints]
        if missing:
            raise CardError(
                f"--{part} needs bodies with {', '.join(missing)}, which skeleton {base.name} "
                "has not; choose another model."
            )
        card = load_card(CARDS[part])
        with download_bar() as progress:
            networks[part] = card, locate(card, progress=progress)
        skeleton = with_groups(skeleton, GROUPS[part])
    return PartsOpener(skeleton, networks, budget) if networks else None
