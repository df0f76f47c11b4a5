"""A run, put together from its settings: sources, model, people, outputs."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from math import inf
from typing import Literal

from calibration.geometry.camera import Rig
from engines.decoders.decoder import Showable, check_showable
from engines.models.card import load_card
from engines.models.weights import Device
from engines.nvidia.open import choose
from engines.opening import EngineOpener, engine_opener
from engines.refining import SecondLookOpener, second_look_opener
from engines.types.skeleton import Skeleton
from realtime.default_model import DEFAULT, usual_model
from realtime.multiview.stage import RigStage
from realtime.pipeline import Pipeline
from realtime.presets import with_preset
from realtime.settings.all import Settings
from realtime.settings.files import FileSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.window import UNSEEN
from realtime.sinks.files.recorder import Recorder
from realtime.sinks.files.stats_json import StatsSink
from realtime.sinks.opening import files_of, open_sinks
from realtime.sinks.paths import check_outputs, inputs_of, written_by
from realtime.sinks.stale_files import clear, tell
from realtime.sinks.together import Together
from realtime.sources import enter_sources
from realtime.sources.rig_sources import open_fitting
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.errors import Stopped
from realtime.types.frames import Source
from realtime.types.model import Keypoints, Model
from realtime.types.results import Result
from realtime.types.view_mode import Shown, ViewMode, parse_view_mode

# For the 3D people, and for the second looks, of an instant of live cameras: bound the latency.
RIG_BUDGET_SECONDS = 0.01
REFINE_BUDGET_SECONDS = 0.05


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
        settings = Settings(SourceSettings((settings,)), window=UNSEEN)
    models, tracks, files = with_preset(settings.models), settings.tracks, settings.files
    card = load_card(DEFAULT if models.model is None else models.model)
    with suppress(Stopped), ExitStack() as stack:
        announce = not settings.window.quiet
        sources, rig = open_fitting(settings.sources, settings.space.rig, announce=announce)
        enter_sources(sources, stack)
        model: Model = card
        open_engine: EngineOpener | None = None
        open_second: SecondLookOpener | None = None
        device: Device | None = None
        if (skeleton := sources[0].skeleton) is not None:
            model = Keypoints("OpenPose JSON", skeleton)
        elif models.model is None:
            device = choose(models.device)
            model = card = usual_model(models.precision, device)
        keypoints = model.skeleton.keypoints
        mode, shows = parse_view_mode(settings.pictures.view, keypoints), frozenset[Showable]()
        if skeleton is None:
            check_showable(card.decoder, card.name, _to_show(mode, settings.files))
            shows = card.decoder.shows
        shown = Shown(mode, keypoints, shows)
        space = None
        if rig is not None:
            space = _open_space(settings, sources, model.skeleton, rig)
            stack.callback(space.close)
        written = [*written_by(settings, sources)]
        check_outputs(written, inputs_of(settings, card))
        outputs = open_sinks(settings, sources, model, shown, rig)
        if skeleton is None:
            open_engine = engine_opener(
                card, models, live=sources[0].live, keep_maps=shown.wants_maps, device=device
            )
            open_second = second_look_opener(
                models.refine or "off",
                card,
                max_people=models.refine_people,
                budget=REFINE_BUDGET_SECONDS if sources[0].live else None,
                needed=models.preset is None,
                device=open_engine.device,
            )
        if files.stats is not None:  # entered first, it sees how all ends
            taken = files_of(settings.sources.source)
            step = settings.sources.step
            refine = open_second.model if open_second else None
            outputs = [StatsSink(files.stats, taken, sources, open_engine, step, refine), *outputs]
        sinks = stack.enter_context(Together(outputs, needed=files.record is None))
        recorder = None
        if files.record is not None:
            recorder = stack.enter_context(Recorder(files.record, sources, sinks.tell_failure))
        most = settings.models.max_people
        own = most if rig is None else None  # with a rig people are those in 3D
        pipeline = Pipeline(
            sources,
            open_engine,
            recorder,
            [CameraTracker(model.skeleton, tracks, own) for _ in sources],
            _every(tracks.detect_every, open_second),
            idle=sinks.idle,
            reconstructor=space,
            max_people=most,
            open_second=open_second,
        )
        fresh = files.overwrite
        if not fresh:
            tell(written)
        for result in stack.enter_context(closing(iter(pipeline))):
            if fresh:
                clear(written)
                fresh = False
            sinks.write(result)
            yield result


def _every(asked: int | Literal["auto"], second: SecondLookOpener | None) -> int | Literal["auto"]:
    """Without a network that follows people, every frame is looked at."""
    return 1 if asked == "auto" and second is None else asked


def _open_space(
    settings: Settings, sources: Sequence[Source], skeleton: Skeleton, rig: Rig
) -> RigStage:
    names = [source.name for source in sources]
    budget = RIG_BUDGET_SECONDS if sources[0].live else inf
    return RigStage(rig, skeleton, names, budget, ground=settings.space.ground)


def _to_show(mode: ViewMode, files: FileSettings) -> Iterator[Showable]:
    """What the outputs ask of a model beside its people."""
    if mode.needs is not None:
        yield mode.needs
    if files.heatmaps is not None:
        if files.heatmaps_parts or files.heatmaps_background:
            yield "heatmaps"
        if files.heatmaps_pafs:
            yield "pafs"
    if files.part_candidates:
        yield "candidates"
