"""The wiring: capture -> pair by time -> [entrance] -> infer -> people -> results."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from math import inf

from engines.decoders.decoder import Decoder, Showable, check_showable
from engines.estimator import Estimator
from engines.models.card import load_card
from engines.models.weights import Device
from engines.nvidia.open import choose
from engines.opening import EngineOpener, engine_opener
from engines.types.evidence import Evidence
from engines.types.poses import Poses
from realtime.default_model import DEFAULT, usual_model
from realtime.multiview.stage import Space
from realtime.runtime.channel import Channel
from realtime.runtime.stages import Stages
from realtime.runtime.synchronizer import FrameSet, Gate, merge
from realtime.settings.all import OutputSettings, Settings, SourceSettings
from realtime.sinks import Keypoints, Model, Together, open_sinks, open_stats
from realtime.sinks.files.recorder import Recorder
from realtime.sources import enter_sources
from realtime.sources.rig_sources import open_fitting
from realtime.tracking.camera_tracker import People
from realtime.types.errors import OutputError, SourceError, Stopped
from realtime.types.frames import Frame, Source, Stoppable
from realtime.types.results import Result, Tracks, View
from realtime.types.view_mode import Look, Shown, parse_look

Clock = Callable[[], float]
LOG = logging.getLogger(__name__)
BUDGET = 0.01  # seconds for people in space at an instant of live cameras
TAPE = 60  # frames that wait for the recorder's encoder, two seconds of a camera


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

    def poses(self) -> Iterator[tuple[Poses, Evidence | None] | None]:
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
    open_engine: None where the frames bring their poses along. people: of each source, None = no
    ids. every: how many sets come to one that the network is asked about. idle: called in
    iteration, again and again, while no result comes. space: where there is a rig.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        open_engine: Callable[[], Estimator] | None,
        recorder: Recorder | None = None,
        people: Sequence[People] | None = None,
        every: int = 1,
        clock: Clock = time.monotonic,
        idle: Callable[[], None] | None = None,
        space: Space | None = None,
    ) -> None:
        self._sources = sources
        self._live = sources[0].live
        self._open_engine = open_engine
        self._clock = clock
        self._cast: Sequence[People | None] = people or [None] * len(sources)
        self._every = every
        self._idle = idle
        self._space = space
        self._entrance: Channel[FrameSet] = Channel(1, drop_oldest=self._live)
        self._inferred: Channel[Inferred] = Channel(1)
        self._results: Channel[Result] = Channel(1)
        self._recorder = recorder
        self._tape: Channel[FrameSet] = Channel(TAPE, drop_oldest=self._live)
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
            if self._live:
                self._start_cameras()
            else:
                stages.start("capture", self._read)
            if self._open_engine is not None:
                stages.start("infer", partial(self._infer, self._open_engine))
            else:
                stages.start("infer", self._pass_on)
            stages.start("people", self._people)
            try:
                yield from self._results.items(self._idle)
            finally:
                for source in self._sources:
                    if isinstance(source, Stoppable):
                        source.stop()

    def _frames(self, source: Source) -> Iterator[Frame]:
        """A source that breaks off ends here, its error is kept: what is under way comes out."""
        try:
            yield from source
        except SourceError as error:
            if len(self._sources) > 1:
                LOG.error("%s", error)
            self._stages.keep("capture", error)

    def _read(self) -> None:
        """Files: one reader, every frame."""
        for frames in merge([self._frames(source) for source in self._sources]):
            self._admit(frames)
        self._close()

    def _start_cameras(self) -> None:
        """Live sources: a thread each; the last one to end closes the entrance."""
        gate = Gate(len(self._sources), self._admit, self._close)
        for camera, source in enumerate(self._sources):

            def capture(camera: int = camera, source: Source = source) -> None:
                for frame in self._frames(source):
                    gate.put(camera, frame)
                gate.leave()

            self._stages.start(f"capture {source.name}", capture)

    def _admit(self, frames: FrameSet) -> None:
        if self._recorder is not None:
            self._tape.put(frames)
        self._entrance.put(frames)

    def _close(self) -> None:
        self._tape.close()
        self._entrance.close()

    def _record(self, recorder: Recorder) -> None:
        """Every set, also those that the network has no time for. A full disk ends this alone."""
        working = True
        for frames in self._tape:
            try:
                if working:
                    recorder.write(frames)
            except OutputError as error:
                working = False
                LOG.error("%s", error)
                self._stages.keep("record", error)

    def _pass_on(self) -> None:
        """In place of a network, for frames that bring their poses along."""
        for frames in self._entrance:
            self._inferred.put(Inferred(frames, [], None, 0.0))
        self._inferred.close()

    def _infer(self, open_engine: Callable[[], Estimator]) -> None:
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
                asked = turn % self._every == 0
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
        for item in self._inferred:
            began = self._clock()
            views = tuple(
                _meet(frame, seen, people)
                for frame, seen, people in zip(item.frames, item.poses(), self._cast, strict=True)
            )
            moment = next(filter(None, item.frames)).time
            poses3d = None
            if self._space is not None:
                views, poses3d = self._space.place(moment, views)
            seconds = {"infer": item.seconds, "people": self._clock() - began}
            self._results.put(Result(moment, views, seconds, self.dropped, poses3d))
        self._results.close()


def _meet(
    frame: Frame | None, seen: tuple[Poses, Evidence | None] | None, people: People | None
) -> View | None:
    """What a camera saw: None where it is out. Without `people` nobody has an id."""
    poses, evidence = seen or (None, None)
    if frame is not None and people is not None:
        return View(frame, people.meet(frame, poses), evidence)
    return View(frame, Tracks.untracked(poses), evidence) if frame and poses is not None else None


def _to_show(look: Look, outputs: OutputSettings) -> Iterator[Showable]:
    """What the outputs ask of a model beside its people."""
    if look.needs is not None:
        yield look.needs
    if outputs.heatmaps is not None:
        if outputs.heatmaps_parts or outputs.heatmaps_background:
            yield "heatmaps"
        if outputs.heatmaps_pafs:
            yield "pafs"
    if outputs.part_candidates:
        yield "candidates"


def run(settings: Settings) -> None:
    """The main job: from all sources to every output that the settings name."""
    with closing(stream(settings)) as results:
        for _ in results:
            pass


def stream(settings: Settings | str) -> Generator[Result, None, None]:
    """The results of a run, one an instant, after they went to the outputs that the settings name.

    A string is a source, without any output. Outputs are finished whatever ends the run: the
    source's end, the user, an error, or the caller who closes the generator.
    """
    if isinstance(settings, str):
        quiet = OutputSettings(show=False, quiet=True)
        settings = Settings(SourceSettings((settings,)), outputs=quiet)
    named = settings.models.model
    card = load_card(DEFAULT if named is None else named)
    with suppress(Stopped), ExitStack() as stack:
        sources, rig = open_fitting(settings)
        enter_sources(sources, stack)
        model: Model = card
        open_engine: EngineOpener | None = None
        device: Device | None = None
        if (skeleton := sources[0].skeleton) is not None:
            model = Keypoints("OpenPose JSON", skeleton)
        elif named is None:
            device = choose(settings.models.device)
            model = card = usual_model(settings.models.precision, device)
        keypoints = model.skeleton.keypoints
        look, shows = parse_look(settings.outputs.view, keypoints), frozenset[Showable]()
        if skeleton is None:
            check_showable(card.decoder, card.name, _to_show(look, settings.outputs))
            shows = card.decoder.shows
        shown = Shown(look, keypoints, shows)
        space = None
        if rig is not None:
            names = [source.name for source in sources]
            budget = BUDGET if sources[0].live else inf
            ground = settings.outputs.ground
            space = Space(rig, model.skeleton, names, budget, ground=ground)
            stack.callback(space.close)
        outputs = open_sinks(settings.outputs, sources, settings.sources.source, model, shown, rig)
        if skeleton is None:
            live = sources[0].live
            open_engine = engine_opener(
                card, settings.models, live=live, keep_maps=shown.wants_maps, device=device
            )
        limit = settings.models.max_people
        people = [People(model.skeleton, settings.tracks, limit) for _ in sources]
        outputs = [*open_stats(settings, sources, open_engine), *outputs]
        sinks = stack.enter_context(Together(outputs, needed=settings.outputs.record is None))
        recorder = None
        if settings.outputs.record is not None:
            recorder = stack.enter_context(Recorder(settings.outputs.record, sources))
        every = settings.tracks.detect_every
        results = iter(
            Pipeline(sources, open_engine, recorder, people, every, idle=sinks.idle, space=space)
        )
        for result in stack.enter_context(closing(results)):
            sinks.write(result)
            yield result
