"""The wiring: capture -> pair by time -> [entrance] -> infer -> people -> results."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Literal

from engines.decoders.decoder import Decoder
from engines.estimator import Estimator
from engines.parts.kinds import Part
from engines.parts.parts_look import PartsLook
from engines.second_look.second_look import SecondLook
from engines.types.evidence import Evidence
from realtime.looks import Looks, Seen, Views
from realtime.multiview.identity import share_ids
from realtime.runtime.capture import Capture
from realtime.runtime.channel import Channel
from realtime.runtime.rate_limit import RateLimit
from realtime.runtime.stages import Stages
from realtime.runtime.synchronizer import FrameSet
from realtime.sinks.files.recorder import Recorder
from realtime.types.frames import Frame, Source
from realtime.types.protocols import Reconstructor, Tracker
from realtime.types.results import Result

Clock = Callable[[], float]
MAX_UNRECORDED = 60  # frames that wait for the recorder's encoder: 2 s at 30 fps


@dataclass(frozen=True, slots=True, eq=False)
class Inferred:
    """A set of frames with what the network made of those that are there.

    evidence: None where it was not asked. decoder: what makes people of it; None where the frames
    brought their poses along.
    """

    frames: FrameSet
    evidence: list[Evidence] | None
    decoder: Decoder | None
    seconds: float

    def poses(self) -> Iterator[Seen | None]:
        """The people of each frame and what they were made of.

        None where a camera is out or the network was not asked.
        """
        found = iter(self.evidence or ())
        for frame in self.frames:
            if frame and frame.poses is not None:
                yield frame.poses, None
            elif frame and self.decoder is not None and self.evidence is not None:
                evidence = next(found)
                yield self.decoder.decode(evidence), evidence
            else:
                yield None


class Pipeline:
    """The frames of all sources as results, in order, worked on by several threads.

    Frames are paired by time before anything is dropped, so that instants are never mixed. Only
    the entrance of live sources drops frames (the oldest), so that results are as young as
    they can be; behind it, and everywhere for files, a full channel makes the stage before wait.
    open_engine: None where the frames bring their poses along. trackers: one for each source, None
    = no ids. every: how many sets come to one that the network is asked about; "auto": people are
    followed by crops, and the network looks when it is time or somebody is lost. That needs
    open_second, the network that looks again at each person, and one thread for all that looks: who
    is followed decides what is looked at next. frugal: as of Looks. whole: asked at each set
    whether somebody wants what whole looks give. open_parts: what looks at hands, faces and feet of
    all people, whose skeleton the trackers know. idle: called in iteration, again and again, while
    no result comes. reconstructor: where there is a rig; ids and max_people, which people to keep,
    are those in 3D then. limit: which sets are worked on at all; the recorder gets them all.
    min_score: leave out people with less, by what the last network that looked says.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        open_engine: Callable[[], Estimator] | None,
        recorder: Recorder | None = None,
        trackers: Sequence[Tracker] | None = None,
        every: int | Literal["auto"] = 1,
        clock: Clock = time.monotonic,
        idle: Callable[[], None] | None = None,
        reconstructor: Reconstructor | None = None,
        max_people: int | None = None,
        open_second: Callable[[], SecondLook] | None = None,
        open_parts: Callable[[], PartsLook] | None = None,
        whole: Callable[[], bool] = lambda: False,
        limit: RateLimit | None = None,
        min_score: float = 0.0,
        frugal: bool = False,
    ) -> None:
        assert every != "auto" or (open_engine and open_second), "nothing to follow people with"
        self._sources = sources
        self._live = sources[0].live
        self._open_engine = open_engine
        self._clock = clock
        self._trackers: Sequence[Tracker | None] = trackers or [None] * len(sources)
        self._every = every
        self._idle = idle
        self._reconstructor = reconstructor
        self._max_people = max_people
        self._open_second = open_second
        self._open_parts = open_parts
        self._whole = whole
        self._limit = limit
        self._min_score = min_score
        self._frugal = frugal
        self._entrance: Channel[FrameSet] = Channel(1, drop_oldest=self._live)
        self._inferred: Channel[Inferred] = Channel(1)
        self._results: Channel[Result] = Channel(1)
        self._recorder = recorder
        self._tape: Channel[FrameSet] = Channel(MAX_UNRECORDED, drop_oldest=self._live)
        self._stages = Stages(self._entrance, self._inferred, self._results, self._tape)

    @property
    def dropped(self) -> int:
        """Frames of a live source that came faster than the network is."""
        return self._entrance.dropped

    def __iter__(self) -> Generator[Result, None, None]:
        """Run to the end of the source; the first error of any stage is raised here.

        Leaving the iteration early ends all threads.
        """
        with self._stages as stages:
            if self._recorder is not None:
                stages.start("record", partial(self._record, self._recorder))
            capture = Capture(self._sources, stages, self._admit, self._close)
            capture.start()
            if self._open_engine is not None and self._every == "auto":
                stages.start("people", partial(self._watch, self._open_engine))
            elif self._open_engine is not None and self._every != "auto":
                stages.start("infer", partial(self._infer, self._open_engine, self._every))
                stages.start("people", self._people)
            else:
                stages.start("infer", self._pass_on)
                stages.start("people", self._people)
            try:
                yield from self._results.items(self._idle)
            finally:
                if self._limit is not None:
                    self._limit.stop()
                capture.stop()

    def _admit(self, frames: FrameSet) -> None:
        if self._recorder is not None:
            self._tape.put(frames)
        if self._limit is None or self._limit.admits():
            self._entrance.put(frames)

    def _close(self) -> None:
        self._tape.close()
        self._entrance.close()

    def _record(self, recorder: Recorder) -> None:
        """Every set, also those that the network has no time for. A full disk ends this alone."""
        if error := recorder.write_all(self._tape):
            self._stages.keep("record", error)

    def _pass_on(self) -> None:
        """In place of a network, for frames that bring their poses along."""
        for frames in self._entrance:
            self._inferred.put(Inferred(frames, [], None, 0.0))
        self._inferred.close()

    def _infer(self, open_engine: Callable[[], Estimator], every: int) -> None:
        """Owns the device: the engine is made, used and closed on this thread."""
        estimator = open_engine()
        decoder = estimator.decoder
        try:
            flying: deque[tuple[FrameSet, float, bool]] = deque()

            def finish() -> None:
                frames, began, asked = flying.popleft()
                evidence = estimator.result() if asked else None
                seconds = self._clock() - began
                self._inferred.put(Inferred(frames, evidence, decoder, seconds))

            for turn, frames in enumerate(self._entrance):
                asked = turn % every == 0
                flying.append((frames, self._clock(), asked))
                if asked:
                    estimator.submit([frame.image for frame in frames if frame])
                while flying and sum(one[2] for one in flying) >= estimator.depth:
                    finish()
            while flying:
                finish()
        finally:
            estimator.close()
        self._inferred.close()

    def _people(self) -> None:
        with closing(self._looks()) as looks:
            for item in self._inferred:
                began = self._clock()
                views = looks.meet(item.frames, list(item.poses()))
                self._give(item.frames, views, item.seconds, began, looks.part_seconds)
        self._results.close()

    def _watch(self, open_engine: Callable[[], Estimator]) -> None:
        """In place of infer and people: both networks and the trackers on this thread."""
        with closing(open_engine()) as estimator, closing(self._looks()) as looks:
            decoder, seconds = estimator.decoder, 0.0

            def look(frames: Sequence[Frame]) -> list[Seen]:
                nonlocal seconds
                began = self._clock()
                estimator.submit([frame.image for frame in frames])
                seen: list[Seen] = [(decoder.decode(one), one) for one in estimator.result()]
                seconds = self._clock() - began
                return seen

            for frames in self._entrance:
                began, seconds = self._clock(), 0.0
                views = looks.watch(frames, look, whole=self._whole())
                self._give(frames, views, seconds, began + seconds, looks.part_seconds)
        self._results.close()

    def _looks(self) -> Looks:
        second = self._open_second() if self._open_second else None
        parts = self._open_parts() if self._open_parts else None
        return Looks(self._trackers, second, parts, frugal=self._frugal)

    def _give(
        self,
        frames: FrameSet,
        views: Views,
        infer: float,
        began: float,
        parts: Mapping[Part, float],
    ) -> None:
        """The result of an instant. began: when its people's turn came."""
        moment = next(filter(None, frames)).time
        if self._min_score > 0:
            views = tuple(view and view.at_least(self._min_score) for view in views)
        poses3d = None
        if self._reconstructor is not None:
            poses3d = self._reconstructor.update(moment, views)
            views, poses3d = share_ids(views, poses3d, self._max_people)
        seconds = {"infer": infer, "people": self._clock() - began}
        self._results.put(Result(moment, views, seconds, self.dropped, poses3d, parts))
