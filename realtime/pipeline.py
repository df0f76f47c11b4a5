"""The wiring: capture -> [entrance] -> infer -> people -> results."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from typing import Any

from engines.card import Card, load_card
from engines.decoders.paf import PafSettings
from engines.download import download_bar
from engines.engine import Estimator, open_estimator
from engines.poses import Candidates
from engines.weights import locate
from realtime.channel import Channel
from realtime.config import ModelSettings, Settings
from realtime.errors import SourceError, Stopped
from realtime.frames import Frame, Source, Stoppable
from realtime.poses import Result, Tracks, View
from realtime.sinks import Together, open_sinks
from realtime.sources import open_source
from realtime.stages import Stages

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class Inferred:
    """A set of frames with what the network made of them."""

    frames: tuple[Frame, ...]
    candidates: list[Candidates]
    estimator: Estimator
    seconds: float


class Pipeline:
    """The frames of a source as results, in order, worked on by several threads.

    Only the entrance of a live source drops frames (the oldest), so that results are as young as
    they can be; behind it, and everywhere for files, a full channel makes the stage before wait.
    """

    def __init__(
        self, source: Source, open_engine: Callable[[], Estimator], clock: Clock = time.monotonic
    ) -> None:
        self._source = source
        self._open_engine = open_engine
        self._clock = clock
        self._entrance: Channel[tuple[Frame, ...]] = Channel(1, drop_oldest=source.live)
        self._inferred: Channel[Inferred] = Channel(1)
        self._results: Channel[Result] = Channel(1)
        self._stages = Stages(self._entrance, self._inferred, self._results)

    @property
    def dropped(self) -> int:
        """Frames of a live source that came faster than the network is."""
        return self._entrance.dropped

    def __iter__(self) -> Generator[Result, None, None]:
        """Run to the end of the source; the first error of any stage is raised here.

        Leaving the iteration early ends all threads.
        """
        with self._stages as stages:
            stages.start("capture", self._capture)
            stages.start("infer", self._infer)
            stages.start("people", self._people)
            try:
                yield from self._results
            finally:
                if isinstance(self._source, Stoppable):
                    self._source.stop()

    def _capture(self) -> None:
        try:
            for frame in self._source:
                self._entrance.put((frame,))
        except SourceError as error:
            # A file that breaks off: its good frames are still worked on.
            self._stages.keep("capture", error)
        self._entrance.close()

    def _infer(self) -> None:
        """Owns the device: the engine is made, used and closed on this thread."""
        estimator = self._open_engine()
        try:
            flying: deque[tuple[tuple[Frame, ...], float]] = deque()

            def finish() -> None:
                frames, began = flying.popleft()
                candidates = estimator.result()
                seconds = self._clock() - began
                self._inferred.put(Inferred(frames, candidates, estimator, seconds))

            for frames in self._entrance:
                flying.append((frames, self._clock()))
                estimator.submit([frame.image for frame in frames])
                if len(flying) >= estimator.depth:
                    finish()
            while flying:
                finish()
        finally:
            estimator.close()
        self._inferred.close()

    def _people(self) -> None:
        for item in self._inferred:
            began = self._clock()
            views = tuple(
                View(frame, Tracks.untracked(item.estimator.decode(candidates)))
                for frame, candidates in zip(item.frames, item.candidates, strict=True)
            )
            seconds = {"infer": item.seconds, "people": self._clock() - began}
            self._results.put(Result(views[0].frame.time, views, seconds))
        self._results.close()


def run(settings: Settings) -> None:
    """The main job: from a source to every output that the settings name.

    Outputs are finished whatever ends the run: the source's end, the user, or an error.
    """
    card = load_card(settings.models.model)
    with suppress(Stopped), ExitStack() as stack:
        source = stack.enter_context(open_source(settings.sources))
        outputs = open_sinks(settings.outputs, source, settings.sources.source, card.skeleton)
        open_engine = engine_opener(card, settings.models, live=source.live)
        sinks = stack.enter_context(Together(outputs))
        for result in stack.enter_context(closing(iter(Pipeline(source, open_engine)))):
            sinks.write(result)


def engine_opener(card: Card, wanted: ModelSettings, *, live: bool) -> Callable[[], Estimator]:
    """Finds (or fetches) the model's weights now, opens the engine when and where it is called."""
    with download_bar() as progress:
        located = locate(card, wanted.precision, progress=progress)

    def open_engine() -> Estimator:
        return open_estimator(
            card,
            located,
            height=wanted.height,
            live=live,
            settings=_thresholds(card, wanted),
            max_people=wanted.max_people,
        )

    return open_engine


def _thresholds(card: Card, wanted: ModelSettings) -> PafSettings:
    """The card's, where the settings have none of their own."""
    own: dict[str, Any] = {
        "peak_threshold": wanted.peak_threshold,
        "sample_threshold": wanted.limb_threshold,
        "min_keypoints": wanted.min_keypoints,
        "min_score": wanted.min_score,
    }
    return replace(card.settings, **{k: v for k, v in own.items() if v is not None})
