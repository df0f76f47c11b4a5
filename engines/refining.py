"""From a card of a crop network to a SecondLook, opened where and when it is needed."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace

from engines.answers.crops import AnsweredPoints
from engines.answers.store import Answers
from engines.crops.keypoint_cascade import KeypointCascade, Stage
from engines.decoders.crop_decoder import CropDecoder
from engines.decoders.crop_heatmaps import HeatmapDecoder
from engines.detecting import DetectorOpener, detector_opener
from engines.models.card import Card, load_card
from engines.models.download import download_bar
from engines.models.measured import crop_cost
from engines.models.weights import Device, Located, locate
from engines.runtimes.crop_network import CropNetwork, CropsOnHost, SparedCrops
from engines.runtimes.openvino_cpu import OpenVino
from engines.second_look.body_crops import BodyCrops, CropLimits, Crowd
from engines.second_look.second_look import SecondLook
from engines.types.errors import CardError, UnreachableError, WeightsError
from engines.types.skeleton import Skeleton
from engines.types.skeleton_conversion import origins
from engines.types.skeleton_groups import Group, with_groups

TELLING: dict[Group, tuple[str, ...]] = {  # keypoints that tell of a group
    "feet": ("left_heel", "left_big_toe", "right_heel", "right_big_toe"),
    "left_hand": ("left_thumb_4", "left_pinky_4"),
    "right_hand": ("right_thumb_4", "right_pinky_4"),
    "face": ("chin", "upper_lip"),
}
AUTO = ("movenet-lightning", "movenet-thunder")  # measured here; the one that is here already
OWN = "cropnet"  # comes with the program, for where no better one can be had
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SecondLookOpener:
    """Opens a SecondLook on the thread that will use it.

    first: the card of the network whose people it looks at. budget: seconds a set of pictures.
    skeleton: of the people it gives, the first's or one that `refined_skeleton` says. height: of
    the first's input, None = its own.
    on_gpu: the weights for a GPU, where one is to do it; where it cannot, the CPU does. gpu: its
    number, None = the first usable. answers: it asks only what has none yet. detector: of boxes of
    people, to look into them too. crowd: as of BodyCrops. stages: of the cascade that the card
    asks for.
    """

    card: Card
    located: Located
    first: Card
    max_people: int | None = None
    budget: float | None = None
    skeleton: Skeleton | None = None
    height: int | None = None
    on_gpu: Located | None = None
    gpu: int | None = None
    answers: Answers | None = None
    detector: DetectorOpener | None = None
    crowd: Crowd = "crops"
    stages: tuple[tuple[Card, Located], ...] = ()

    def __call__(self) -> SecondLook:
        decoder, rule = self.card.decoder, self.card.crop
        assert isinstance(decoder, CropDecoder)
        assert rule is not None
        crops = self._on_cpu() if self.on_gpu is None else SparedCrops(self._on_gpu, self._on_cpu)
        points = None
        if self.answers is not None:
            points = AnsweredPoints(crops, decoder, self.card.name, self.answers)
        bodies = BodyCrops(
            *(crops, decoder, rule, self.skeleton or self.first.skeleton),
            CropLimits(self.max_people, self.budget),
            points=points,
            crowd=self.crowd,
            cascade=self._cascade(),
        )
        return SecondLook(
            bodies,
            self.card.fusion_beside(self.first.name),
            self.cost,
            None if self.detector is None else self.detector(),
            boxes_alone=isinstance(self.first.decoder, CropDecoder),
        )

    def _cascade(self) -> KeypointCascade | None:
        stages: list[Stage] = []
        for card, located in self.stages:
            assert isinstance(card.decoder, CropDecoder)
            assert card.crop is not None
            network = OpenVino(card, located, live=True, batched=True)
            stages.append((CropsOnHost(network, card.crop.border), card.decoder))
        rule = self.card.cascade
        return None if rule is None else KeypointCascade(stages, rule.side)

    def _on_cpu(self) -> CropNetwork:
        assert self.card.crop is not None
        # Frames wait for their crops: all cores work on one set.
        network = OpenVino(self.card, self.located, live=True, batched=True)
        return CropsOnHost(network, self.card.crop.border)

    def _on_gpu(self) -> CropNetwork:
        from engines.nvidia.open import open_nvidia_crops

        assert self.on_gpu is not None
        assert self.card.crop is not None
        return open_nvidia_crops(self.card, self.on_gpu, self.card.crop.border, self.gpu)

    @property
    def model(self) -> str:
        return self.card.name

    @property
    def cost(self) -> float:
        """Of a crop, in looks at whole pictures by the first network."""
        return crop_cost(self.first.name, self.card.name, self.height)


def second_look_opener(
    refine: str,
    first: Card,
    *,
    max_people: int | None = None,
    budget: float | None = None,
    needed: bool = True,
    skeleton: Skeleton | None = None,
    height: int | None = None,
    device: Device = "cpu",
    gpu: int | None = None,
) -> SecondLookOpener | None:
    """Finds (or fetches) the weights of a crop network now, for what is opened later.

    refine: a crop network's name or card; "auto" for one of those that were measured; "off" for
    None. needed: whether to raise UnreachableError where a named one cannot be fetched; else, and
    with auto, the bundled one looks again, and one sentence says so.
    CardError where the network is none of one person, or knows none of the first's keypoints.
    """
    if refine == "off":
        return None
    card = _at_hand() if refine == "auto" else load_card(refine)
    _check(card, first.skeleton)
    try:
        with download_bar() as progress:
            located = locate(card, progress=progress)
    except UnreachableError as error:
        if needed and refine != "auto":
            raise
        LOG.warning(
            "The weights of %s cannot be fetched (%s). The bundled %s, which is less accurate, "
            "looks at people again.",
            *(card.name, str(error.__cause__).rstrip("."), OWN),
        )
        card = load_card(OWN)
        _check(card, first.skeleton)
        located = locate(card, download=False)
    on_gpu = _for_gpu(card) if device == "cuda" else None
    return SecondLookOpener(
        *(card, located, first, max_people, budget, skeleton, height, on_gpu, gpu),
        stages=_stages(card),
    )


def refined_skeleton(refine: str, first: Card, wanted: Collection[Group] = ()) -> Skeleton:
    """That of people after a second look: the first's, and the feet that the crop network finds
    unless its card has them on request.

    wanted: groups to take from a crop network that has them. A network has a group if it knows all
    of it, but for small toes.
    """
    if refine in ("off", "auto"):
        return first.skeleton
    card = load_card(refine)
    unasked = {"feet"} - {*card.on_request}
    has = [group for group, telling in TELLING.items() if {*telling} <= {*card.skeleton.keypoints}]
    return with_groups(first.skeleton, tuple(g for g in has if g in unasked or g in wanted))


def _for_gpu(card: Card) -> Located | None:
    """The weights that a GPU takes, of those that are here; None, and a sentence, without any."""
    try:
        located = locate(card, device="cuda", download=False)
    except WeightsError as error:
        LOG.warning("The CPU looks at people again: %s", error)
        return None
    if located.paths[0].suffix == ".tflite":
        LOG.warning("The CPU looks at people again: GPUs take no TFLite, which %s is.", card.name)
        return None
    return located


def _stages(card: Card) -> tuple[tuple[Card, Located], ...]:
    """The networks of a card's cascade; CardError where one does not know the same keypoints."""
    found = []
    for name in card.cascade.cards if card.cascade is not None else ():
        stage = load_card(str(card.folder / name))
        if not isinstance(stage.decoder, CropDecoder) or stage.skeleton != card.skeleton:
            raise CardError(
                f"{name} is no stage of the cascade of {card.name}: it must be a network of one "
                f"person with skeleton {card.skeleton.name}."
            )
        found.append((stage, locate(stage)))
    return tuple(found)


def _at_hand() -> Card:
    """The first of those that were measured whose weights are here; else the first of all."""
    cards = [load_card(name) for name in AUTO]
    for card in cards:
        with suppress(WeightsError):
            locate(card, download=False)
            return card
    return cards[0]


def with_finders(opener: SecondLookOpener, detector: str | None, crowd: Crowd) -> SecondLookOpener:
    """The same with the boxes of a detector's card, and with this rule for crowds.

    CardError where the card is of no detector, or the crop network cannot have the rule.
    """
    if crowd == "graph" and not isinstance(opener.card.decoder, HeatmapDecoder):
        raise CardError(
            f"--crowd graph needs a crop network with a map for each keypoint, such as {OWN}; "
            f"{opener.card.name} gives one place each."
        )
    finder = None if detector is None else detector_opener(detector)
    return replace(opener, detector=finder, crowd=crowd)


def _check(card: Card, first: Skeleton) -> None:
    if not isinstance(card.decoder, CropDecoder):
        raise CardError(
            f"--refine needs a network that knows one person, such as {' or '.join(AUTO)}; "
            f"{card.name} gives {card.decoder.gives}."
        )
    if not any(origins(card.skeleton, first)):
        raise CardError(
            f"--refine {card.name} knows none of the keypoints of skeleton {first.name}; choose a "
            f"network of people such as {' or '.join(AUTO)}."
        )
