"""From a model's card and what the user asks of it to an Estimator, opened when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol

from engines.decoders.paf import PafSettings
from engines.estimator import Estimator, open_estimator
from engines.fallback import Spared
from engines.models.card import Card, Precision
from engines.models.download import download_bar
from engines.models.weights import Device, Located, locate
from engines.nvidia.open import choose
from engines.types.letterbox import Letterbox, Rows


class ModelChoice(Protocol):
    """What a user may ask of a model; None = as its card says."""

    @property
    def device(self) -> Literal["auto", "cuda", "cpu"]: ...
    @property
    def precision(self) -> Precision | Literal["auto"]: ...
    @property
    def height(self) -> int | None: ...
    @property
    def peak_threshold(self) -> float | None: ...
    @property
    def limb_threshold(self) -> float | None: ...
    @property
    def min_keypoints(self) -> int | None: ...
    @property
    def min_score(self) -> float | None: ...
    @property
    def max_people(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class EngineOpener:
    """Opens the engine when and where it is called."""

    card: Card
    located: Located
    wanted: ModelChoice
    live: bool
    keep_maps: Callable[[], bool]
    device: Device = "cpu"

    def __call__(self) -> Estimator:
        if self.device == "cpu" or self.wanted.device == "cuda":
            return self._open(self.device, self.located)
        return Spared(partial(self._open, self.device, self.located), self._on_cpu)

    def _on_cpu(self) -> Estimator:
        # What serves the GPU serves the CPU too, so that nothing is fetched here.
        located = locate(self.card, self.wanted.precision, download=False)
        return self._open("cpu", located)

    def _open(self, device: Device, located: Located) -> Estimator:
        return open_estimator(
            self.card,
            located,
            device=device,
            height=self.wanted.height,
            live=self.live,
            settings=_thresholds(self.card, self.wanted),
            max_people=self.wanted.max_people,
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
        rows = Rows(self.wanted.height or entry.height, asked=self.wanted.height is not None)
        return Letterbox.fit(picture, rows.of(picture, entry.stride), entry.stride).network


def engine_opener(
    card: Card,
    wanted: ModelChoice,
    *,
    live: bool,
    keep_maps: Callable[[], bool] = lambda: False,
    device: Device | None = None,
) -> EngineOpener:
    """Finds (or fetches) the model's weights now, for an engine that is opened later.

    device: where it was chosen already.
    """
    device = device or choose(wanted.device)
    with download_bar() as progress:
        located = locate(card, wanted.precision, device=device, progress=progress)
    return EngineOpener(card, located, wanted, live, keep_maps, device)


def _thresholds(card: Card, wanted: ModelChoice) -> PafSettings:
    """The card's, where the settings have none of their own."""
    own: dict[str, Any] = {
        "peak_threshold": wanted.peak_threshold,
        "sample_threshold": wanted.limb_threshold,
        "min_keypoints": wanted.min_keypoints,
        "min_score": wanted.min_score,
    }
    return replace(card.settings, **{k: v for k, v in own.items() if v is not None})
