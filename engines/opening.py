"""From a model's card and what the user asks of it to an Estimator, opened when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

from engines.answered import AnsweredEstimator
from engines.answers.store import Answers
from engines.averaging import check_averaged, open_averaged
from engines.decoders.boxes.people_boxes import BoxDecoder
from engines.decoders.decoder import with_options
from engines.decoders.limb_matching import Matching
from engines.decoders.partition.ilp import Assembling, load_scipy
from engines.estimator import Estimator, check_height, open_estimator
from engines.fallback import Spared
from engines.models.card import Card, Precision
from engines.models.download import download_bar
from engines.models.weights import Device, Located, locate
from engines.nvidia.driver import Gpu, usable_gpus
from engines.nvidia.open import choose
from engines.spread import Spread
from engines.types.device import DeviceChoice
from engines.types.errors import CardError

# The thresholds of decoders, and what --recall lowers them to: OpenPose's maximize_positives.
RECALL: dict[str, float] = {
    "peak_threshold": 0.02,
    "limb_threshold": 0.01,
    "limb_share": 0.75,
    "min_keypoints": 2,
    "min_score": 0.05,
}


class ModelChoice(Protocol):
    """What a user may ask of a model; None = as its card says."""

    @property
    def device(self) -> str: ...
    @property
    def gpus(self) -> int: ...
    @property
    def precision(self) -> Precision | Literal["auto"]: ...
    @property
    def height(self) -> int | None: ...
    @property
    def peak_threshold(self) -> float | None: ...
    @property
    def limb_threshold(self) -> float | None: ...
    @property
    def limb_share(self) -> float | None: ...
    @property
    def match(self) -> Matching | None: ...
    @property
    def assemble(self) -> Assembling | None: ...
    @property
    def min_keypoints(self) -> int | None: ...
    @property
    def min_score(self) -> float | None: ...
    @property
    def recall(self) -> bool: ...
    @property
    def sizes(self) -> Sequence[float]: ...
    @property
    def flip_test(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class EngineOpener:
    """Opens the engine when and where it is called. answers: it asks only what has none yet."""

    card: Card
    located: Located
    wanted: ModelChoice
    live: bool
    keep_maps: Callable[[], bool]
    device: Device = "cpu"
    answers: Answers | None = None

    def __call__(self) -> Estimator:
        if self.answers is None:
            return self._on_device()
        return AnsweredEstimator(self._on_device, self.card.decoder, self.model, self.answers)

    def _on_device(self) -> Estimator:
        asked = DeviceChoice.parse(self.wanted.device)
        if self.device == "cpu":
            return self._open("cpu", self.located)
        if asked.kind == "cuda" or self.wanted.gpus > 1:
            return self._on_gpus(asked.number)
        return Spared(partial(self._on_gpus, asked.number), self._on_cpu)

    def _on_gpus(self, number: int | None) -> Estimator:
        if number is None and self.wanted.gpus == 1:
            return self._open("cuda", self.located)  # the first, which it finds itself
        gpus = usable_gpus(number, self.wanted.gpus)
        several = len(gpus) > 1
        openers = [partial(self._open, "cuda", self.located, gpu, several) for gpu in gpus]
        return Spread(openers) if several else openers[0]()

    def _on_cpu(self) -> Estimator:
        # What serves the GPU serves the CPU too, so that nothing is fetched here.
        located = locate(self.card, self.wanted.precision, download=False)
        return self._open("cpu", located)

    def _open(
        self, device: Device, located: Located, gpu: Gpu | None = None, beside: bool = False
    ) -> Estimator:
        wanted = self.wanted

        def open_at(
            card: Card, height: int | None, keep_maps: Callable[[], bool] = lambda: True
        ) -> Estimator:
            return open_estimator(
                card,
                located,
                device=device,
                height=height,
                live=self.live,
                decoder=self.card.decoder,
                keep_maps=keep_maps,
                gpu=gpu,
                beside=beside,
            )

        if not averages(wanted):
            return open_at(self.card, wanted.height, self.keep_maps)
        return open_averaged(
            *(self.card, wanted.height, wanted.sizes, open_at),
            flip=wanted.flip_test,
            keep_maps=self.keep_maps,
        )

    @property
    def model(self) -> str:
        return self.card.name

    @property
    def precision(self) -> str:
        return self.located.precision

    def network_size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the network's input for pictures that all have this size."""
        entry = self.card.input
        return entry.letterbox(entry.sizing(self.wanted.height), picture).network


def engine_opener(
    card: Card,
    wanted: ModelChoice,
    *,
    live: bool,
    keep_maps: Callable[[], bool] = lambda: False,
    device: Device | None = None,
) -> EngineOpener:
    """Finds (or fetches) the model's weights now, for an engine that is opened later.

    device: where it was chosen already. CardError for a threshold, height or size that the model
    has not.
    """
    refuse_detector(card)
    card = with_thresholds(card, wanted)
    check_height(card, wanted.height)
    if averages(wanted):
        check_averaged(card, wanted.height, wanted.sizes, flip=wanted.flip_test)
    device = device or choose(wanted.device, wanted.gpus)
    with download_bar() as progress:
        located = locate(card, wanted.precision, device=device, progress=progress)
    return EngineOpener(card, located, wanted, live, keep_maps, device)


def refuse_detector(card: Card) -> None:
    """CardError where a card is of a detector, which finds no keypoints."""
    if isinstance(card.decoder, BoxDecoder):
        raise CardError(f"{card.name} finds boxes, not keypoints; give it as --detector.")


def averages(wanted: ModelChoice) -> bool:
    """Whether people are made of the mean of several maps."""
    return wanted.flip_test or tuple(wanted.sizes) != (1.0,)


def with_thresholds(card: Card, wanted: ModelChoice) -> Card:
    """The card with what the user asks of its decoder; CardError names what that does not have.

    With recall the thresholds that the user leaves open are lowered, none is raised.
    """
    decoder = card.decoder
    options: dict[str, float | str | None] = {name: getattr(wanted, name) for name in RECALL}
    if wanted.recall:
        for name, low in RECALL.items():
            if options[name] is None and name in decoder.options:
                own = getattr(decoder.settings, decoder.options[name])
                # A PAF decoder has no least score of its own: nobody is left out by it then.
                options[name] = 0.0 if own is None else min(low, own)
    options["match"], options["assemble"] = wanted.match, wanted.assemble
    if wanted.assemble == "ilp":
        load_scipy()  # or say now that it is not here
    return replace(card, decoder=with_options(decoder, card.name, options))
