"""A run, put together from its settings: sources, model, people, outputs."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Literal

from calibration.geometry.camera import Rig
from engines.answers.store import Answers
from engines.console.import_errors import explain_import_error
from engines.decoders.decoder import Showable, check_showable
from engines.decoders.paf import paf_decoder
from engines.estimator import check_height
from engines.models.card import Card, load_card
from engines.models.weights import Device
from engines.nvidia.open import choose
from engines.opening import EngineOpener, engine_opener, refuse_detector, with_thresholds
from engines.parts.kinds import GROUPS, Part
from engines.parts.opening import PartsOpener, parts_opener
from engines.refining import SecondLookOpener, refined_skeleton, second_look_opener, with_finders
from engines.types.device import DeviceChoice
from engines.types.skeleton import Skeleton
from realtime.default_model import DEFAULT, decided, say_bundled, with_needed_refine
from realtime.multiview.stage import RigStage
from realtime.pipeline import Pipeline
from realtime.presets import with_preset
from realtime.runtime.rate_limit import RateLimit
from realtime.settings.all import NOBODY_FOLLOWS, Settings
from realtime.settings.files import FileSettings
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.window import UNSEEN
from realtime.sinks.files.recorder import Recorder
from realtime.sinks.files.stats_json import StatsSink
from realtime.sinks.opening import Pages, files_of, open_sinks
from realtime.sinks.paths import check_outputs, inputs_of, written_by
from realtime.sinks.stale_files import clear, tell
from realtime.sinks.together import Together
from realtime.sources import enter_sources
from realtime.sources.maps.map_source import MapReading
from realtime.sources.remote.web_files import fetched
from realtime.sources.rig_sources import open_fitting
from realtime.sources.video import VideoSource
from realtime.sports.analysis import MovementAnalysis
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.errors import OutputError, SettingsError, Stopped
from realtime.types.frames import Source
from realtime.types.model import Keypoints, Model, WithParts
from realtime.types.results import Result
from realtime.types.start import Start
from realtime.types.view_mode import Shown, ViewMode, parse_view_mode
from realtime.writing.header import Header
from realtime.writing.one_run import one_run_alone

if TYPE_CHECKING:
    from realtime.studio.studio import Studio

# For the 3D people, and for the second looks, of an instant of live cameras: bound the latency.
RIG_BUDGET_SECONDS = 0.01
REFINE_BUDGET_SECONDS = 0.05
# For hands, faces and feet each, of a live camera's frame: together less than half of the time at
# 30 fps.
PARTS_BUDGET_SECONDS = 0.005
MIN_FOLLOWED_FPS = 5  # below it a look is due at nearly every frame, as at photos
# Of a crop, in whole looks, from which on crops of three people cost as much as a whole look. Below
# it a frame left out saves above all the larger network's look, and people are lost with it.
MIN_FRUGAL_COST = 1 / 3


def run(settings: Settings) -> None:
    """The main job: from all sources to every output that the settings name."""
    with closing(stream(settings)) as results:
        for _ in results:
            pass


def stream(
    settings: Settings | str,
    *,
    answers: Answers | None = None,
    part: tuple[float, float] | None = None,
) -> Generator[Result, None, None]:
    """The results of a run, one an instant, after they went to the outputs that the settings name.

    A string is a source, without any output. Outputs are finished whatever ends the run: the
    source's end, the user, an error, or the caller who closes the generator.
    answers: what networks have said before; they are asked only what is not among it. part: of a
    single video, `VideoSource.between`.
    """
    if isinstance(settings, str):
        settings = Settings(SourceSettings((settings,)), window=UNSEEN)
    models, tracks, files = with_preset(settings.models), settings.tracks, settings.files
    card = load_card(DEFAULT if models.model is None else models.model)
    refuse_detector(card)
    with suppress(Stopped), ExitStack() as stack:
        announce, start = not settings.window.quiet, Start.now()
        settings = replace(settings, sources=fetched(settings.sources, stack))
        sources, rig = open_fitting(
            settings.sources,
            settings.space.rig,
            announce=announce,
            maps=partial(map_reading, card, models),
            origin=start.monotonic,
        )
        if part is not None:
            (source,) = sources
            assert isinstance(source, VideoSource)
            source.between(*part)
        enter_sources(sources, stack)
        model: Model = card
        open_engine: EngineOpener | None = None
        open_second: SecondLookOpener | None = None
        open_parts: PartsOpener | None = None
        device: Device | None = None
        if (skeleton := sources[0].skeleton) is not None:
            model = Keypoints("nodes" if sources[0].live else "OpenPose JSON", skeleton)
            refuse_parts(models.parts, models.detector)
        else:
            device = choose(models.device, models.gpus)
            usual = decided(models, device, rig=rig is not None)
            if announce and models.model is None and usual.model != DEFAULT:
                say_bundled()
            models = with_needed_refine(usual, settings.models)
            assert models.model is not None
            model = card = load_card(models.model)
        keypoints = model.skeleton.keypoints
        mode, shows = parse_view_mode(settings.pictures.view, keypoints), frozenset[Showable]()
        if skeleton is None:
            check_showable(card.decoder, card.name, _to_show(mode, settings.files))
            shows = card.decoder.shows
        threshold = settings.pictures.render_threshold
        shown = Shown(mode, keypoints, shows, threshold, settings.pictures.style)
        body = card.skeleton
        if skeleton is None:
            groups = {group for part in models.parts for group in GROUPS[part]}
            body = refined_skeleton(models.refine or "off", card, groups)
            budget = PARTS_BUDGET_SECONDS * len(sources) if sources[0].live else None
            open_parts = parts_opener(models.parts, body, budget=budget)
            whole = open_parts.skeleton if open_parts is not None else body
            if whole is not card.skeleton:
                model = WithParts(card.name, whole)
        space = None
        if rig is not None:
            space = _open_space(settings, sources, model.skeleton, rig)
            stack.callback(space.close)
        analysis = None
        if settings.movements:
            stature = settings.sports.person_height
            analysis = MovementAnalysis(model.skeleton, len(sources), rig, stature)
        written = [*written_by(settings, sources)]
        check_outputs(written, inputs_of(settings, card))
        studio = pages = None
        if settings.web.serve is not None:
            paced = settings.sources.realtime
            header = Header(model.name, model.skeleton, sources, rig, start, paced=paced)
            studio, pages = _open_studio(settings, header, sources)
        outputs = open_sinks(settings, sources, model, shown, rig, start, pages)
        if studio is not None:
            outputs.append(studio)  # entered last: a take is finished before the server stays
        stack.enter_context(one_run_alone(output.lock for output in written))
        if skeleton is None:
            open_engine = engine_opener(
                card, models, live=sources[0].live, keep_maps=shown.wants_maps, device=device
            )
            open_second = second_look_opener(
                models.refine or "off",
                card,
                max_people=models.refine_people,
                budget=REFINE_BUDGET_SECONDS if sources[0].live else None,
                needed=settings.models.refine is not None,
                skeleton=body,
                height=models.height,
                device=open_engine.device,
                gpu=DeviceChoice.parse(models.device).number,
            )
            if open_second is not None:
                open_second = with_finders(open_second, models.detector, models.crowd)
        if answers is not None:
            open_engine = open_engine and replace(open_engine, answers=answers)
            open_second = open_second and replace(open_second, answers=answers)
            open_parts = open_parts and replace(open_parts, answers=answers)
        every = _every(settings, sources, rig, open_second, card)
        if open_engine is not None and every == "auto":
            open_engine = replace(open_engine, live=True)  # nobody has the next frame in flight
        if files.stats is not None:  # entered first, it sees how all ends
            taken = files_of(settings.sources.source)
            step = settings.sources.step
            refine = open_second.model if open_second else None
            parts = (
                {part: one.name for part, (one, _) in open_parts.networks.items()}
                if open_parts
                else None
            )
            figures = StatsSink(
                files.stats, taken, sources, open_engine, step, refine, models.preset, parts
            )
            outputs = [figures, *outputs]
        sinks = stack.enter_context(Together(outputs, needed=files.record is None))
        recorder = None
        if files.record is not None:
            recorder = stack.enter_context(Recorder(files.record, sources, sinks.tell_failure))
        most = settings.models.max_people
        own = most if rig is None else None  # with a rig people are those in 3D
        limit = settings.sources.max_fps
        turns = open_parts is not None and sources[0].live
        moves = settings.movements
        pipeline = Pipeline(
            sources,
            open_engine,
            recorder,
            [
                CameraTracker(model.skeleton, tracks, own, turns=turns, camera=moves)
                for _ in sources
            ],
            every,
            idle=sinks.idle,
            reconstructor=space,
            max_people=most,
            open_second=open_second,
            open_parts=open_parts,
            whole=shown.wants_maps,
            limit=None if limit is None else RateLimit(limit, live=sources[0].live),
            min_score=models.min_score or 0.0,
            frugal=rig is None and _frugal(settings, sources, open_second),
        )
        fresh = files.overwrite
        if not fresh:
            tell(written)
        for result in stack.enter_context(closing(iter(pipeline))):
            if fresh:
                clear(written)
                fresh = False
            if analysis is not None:
                result = analysis.add_to(result)
            sinks.write(result)
            yield result


def map_reading(card: Card, models: ModelSettings) -> MapReading:
    """How heat maps of a model are read; CardError where it has none."""
    decoder = paf_decoder(with_thresholds(card, models).decoder, "a folder of heat maps")
    sizing = check_height(card, models.height)
    return MapReading(decoder, partial(card.input.letterbox, sizing))


def refuse_parts(parts: frozenset[Part], detector: str | None = None) -> None:
    """SettingsError where a source has keypoints alone, but pictures are to be looked at."""
    if detector is not None:
        raise SettingsError("--detector needs pictures, but the source contains keypoints.")
    if parts:
        raise SettingsError(
            f"--{min(parts)} needs pictures, but the source contains keypoints; those of hands, "
            "faces and feet that it has are used in any case."
        )


def _every(
    settings: Settings,
    sources: Sequence[Source],
    rig: Rig | None,
    second: SecondLookOpener | None,
    card: Card,
) -> int | Literal["auto"]:
    """How many frames come to one that is looked at; without a network that follows people, one.

    By default people are followed where frames come fast enough, no output needs every look, and
    the crop network is more exact than the first: on its own it loses wrists otherwise.
    """
    asked = settings.tracks.detect_every
    if asked is not None and (asked != "auto" or second is not None):
        return asked
    tracks, models = settings.tracks, settings.models
    if asked == "auto" and models.refine is None and models.preset is None:
        raise SettingsError(NOBODY_FOLLOWS)
    if second is None or rig is not None or not tracks.track or tracks.tracker != "ours":
        return 1
    if second.card.fusion_beside(card.name).weight <= 1:
        return 1
    fast = all(source.live or (source.rate or 0) >= MIN_FOLLOWED_FPS for source in sources)
    mode = parse_view_mode(settings.pictures.view, card.skeleton.keypoints)
    return "auto" if fast and not any(_to_show(mode, settings.files)) else 1


def _frugal(settings: Settings, sources: Sequence[Source], second: SecondLookOpener | None) -> bool:
    """Whether people are followed with half of the work. A camera's frames that are not looked at
    in time are lost; a video's are not, and ids come first there.
    """
    if sources[0].live or second is None:
        return sources[0].live
    return settings.tracks.detect_every == "auto" and second.cost >= MIN_FRUGAL_COST


def _open_space(
    settings: Settings, sources: Sequence[Source], skeleton: Skeleton, rig: Rig
) -> RigStage:
    names = [source.name for source in sources]
    budget = RIG_BUDGET_SECONDS if sources[0].live else inf
    return RigStage(
        rig,
        skeleton,
        names,
        budget,
        ground=settings.space.ground,
        min_views=settings.space.min_views,
    )


def _open_studio(
    settings: Settings, header: Header, sources: Sequence[Source]
) -> tuple[Studio, Pages]:
    # Imported here: a web server takes a fifth of a second that other runs need not pay.
    try:
        from realtime.studio.opening import studio_of
    except ModuleNotFoundError as error:
        raise OutputError(f"--serve does not work: {explain_import_error(error)}") from error
    web, pictures = settings.web, settings.sources
    options = {"--undistort": pictures.undistort is not None, "--flip": pictures.flip}
    altered = [option for option, given in options.items() if given]
    return studio_of(web.takes, web.serve_token, header, sources, altered)


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
