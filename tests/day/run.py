"""A day of runs, and what must hold after each of them."""

from __future__ import annotations

import csv
import gc
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from engines.types.poses import Poses
from realtime.mocap.journal import Head, instants, read_head
from realtime.mocap.outputs import take_files
from realtime.mocap.take_sink import TakeSink
from realtime.pipeline import Pipeline
from realtime.runtime.synchronizer import FrameSet
from realtime.settings.tracking import TrackSettings
from realtime.sinks.files.coco_results import CocoSink
from realtime.sinks.files.jsonl_csv_udp import CsvSink, JsonLinesSink
from realtime.sinks.files.openpose_json_2d import JsonSink
from realtime.sinks.protocol import Sink
from realtime.sinks.together import OneView, Together
from realtime.sources import enter_sources
from realtime.sources.reconnecting import LiveSource
from realtime.tracking.camera_tracker import CameraTracker
from realtime.tracking.track_table import TENTATIVE_ID
from realtime.types.errors import RealtimeError, losses
from realtime.types.frames import Frame
from realtime.types.results import Result, Tracks
from realtime.writing.header import Header
from tests.calibration.cameras import ring
from tests.day import web
from tests.day.cameras import PLACES, RATE, SCENE_EVERY, SKELETON, Camera, Network, Someone
from tests.day.director import DISKS, Director, faults
from tests.day.web import Served
from tests.virtual import Thread, World

DAY = 86_400.0
GIVE_UP = 2000.0
IN_FLIGHT = 6  # sets between the entrance and the outputs when a signal comes
UNPAIRED = 4  # frames of a camera that find no partner where another comes or goes
MAX_UNRECORDED = 5  # frames that wait for the encoder
CAMERAS = ("cam0", "cam1")
RIG = ring(2, radius=5)
Numbers = tuple[int | None, ...]


@dataclass
class Day:
    """What happened; sizes: how many objects of the program there were, each hour."""

    folder: Path
    runs: int = 0
    results: int = 0
    dropped: int = 0
    unrecorded: int = 0
    sent: int = 0
    people: int = 0
    clients: int = 0
    stalled: int = 0
    unpaired: int = 0
    switches: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    sizes: list[int] = field(default_factory=list)


class Ledger:
    """What results there were, in a test's own words; when which output failed."""

    def __init__(self) -> None:
        self.frames: list[Numbers] = []
        self.people: list[tuple[int, ...]] = []
        self.times: list[tuple[float | None, ...]] = []
        self.instants: list[float] = []
        self.failed: dict[str, int] = {}  # results before the one that an output failed at

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, result: Result) -> None:
        self.frames.append(tuple(view.frame.index if view else None for view in result.views))
        self.people.append(tuple(len(view.tracks) if view else 0 for view in result.views))
        self.times.append(tuple(view.frame.time if view else None for view in result.views))
        self.instants.append(result.time)

    def tell_failure(self, sentence: str) -> None:
        (disk,) = [disk for disk in DISKS if f"/{disk}/" in sentence]
        self.failed[disk] = len(self.frames) - 1


class Watched(Pipeline):
    """Notes all sets before anything is dropped."""

    admitted: list[Numbers]

    def _admit(self, frames: FrameSet) -> None:
        self.admitted.append(_numbers(frames))
        super()._admit(frames)


class Encoder:
    """In place of the recorder's: it mostly keeps up, and is held up now and then."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sets: list[Numbers] = []

    def write_all(self, tape: Any) -> None:
        draw = self._world.random
        for frames in tape:
            self._world.sleep(1.5 if draw.random() < 0.01 else draw.uniform(0.01, 0.06))
            self.sets.append(_numbers(frames))


class Video:
    """An output that takes its time on the main thread, where signals come."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.frames: list[Numbers] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, result: Result) -> None:
        draw = self._world.random
        self._world.sleep(1.0 if draw.random() < 0.005 else draw.uniform(0.001, 0.02))
        self.frames.append(_numbers([view.frame if view else None for view in result.views]))


class Followed(CameraTracker):
    """Notes who is where. seen: frame, time, and by id the place in widths of the picture."""

    def __init__(self) -> None:
        super().__init__(SKELETON, TrackSettings())
        self.seen: list[tuple[float, dict[int, float]]] = []

    def update(self, frame: Frame, poses: Poses | None) -> Tracks:
        tracks = super().update(frame, poses)
        places = np.nanmean(tracks.poses.xy[..., 0], axis=1) / frame.image.shape[1]
        self.seen.append((frame.time, dict(zip(tracks.id.tolist(), places.tolist(), strict=True))))
        return tracks


class KeptTake(TakeSink):
    """Tells which instants its journal had when the run ended."""

    kept: Sequence[float] = ()

    def __exit__(self, *end: object) -> None:
        if self._journal is not None:
            self.kept = _journalled(self._journal.file)
        super().__exit__(*end)


def _numbers(frames: Sequence[Frame | None]) -> Numbers:
    return tuple(frame.index if frame else None for frame in frames)


def _journalled(file: Any) -> list[float]:
    read_head(file, "")
    found = [*instants(file, len(SKELETON.keypoints))]
    assert None not in found, "a torn record"
    return [one.time for one in found if one]


def live_a_day(folder: Path, seed: int, patch: pytest.MonkeyPatch, seconds: float = DAY) -> Day:
    """Run it; what does not hold is an AssertionError."""
    world, day = World(seed), Day(folder)
    world.install(patch)
    web.install(world, patch)
    patch.setattr("realtime.pipeline.MAX_UNRECORDED", MAX_UNRECORDED)
    patch.setattr("os.fsync", lambda _: None)
    # Threads look up so often for Ctrl-C's sake alone, which here comes to those who wait.
    patch.setattr("realtime.runtime.channel.WAIT_SECONDS", 60.0)
    cameras = [Camera(world, name, n * 0.01) for n, name in enumerate(CAMERAS)]
    director = Director(world, cameras, seconds)
    director.each_scene = lambda: _measure(world, day)
    with faults(patch, director, folder):
        Thread(world, director.work, name="director").start()
        while not director.over.is_set():
            _run(world, cameras, director, day)
            with suppress(KeyboardInterrupt):
                world.sleep(10.0)  # as a service waits
    if director.wrong is not None:
        raise director.wrong
    day.faults, day.switches = director.drawn, world.switches
    return day


def _measure(world: World, day: Day) -> None:
    if world.now % 3600 < SCENE_EVERY:
        ours = ("realtime.", "engines.")
        day.sizes.append(
            sum(str(type(one).__module__).startswith(ours) for one in gc.get_objects())
        )


def _run(world: World, cameras: Sequence[Camera], director: Director, day: Day) -> None:
    """From start to whatever ends it."""
    out = day.folder / str(day.runs)
    ledger, encoder, video = Ledger(), Encoder(world), Video(world)
    served = Served(world, CAMERAS, RIG)
    followed = Followed()  # of one camera: the other's people would take as much time again
    sent = [camera.sent for camera in cameras]
    sources = [
        LiveSource(one.name, one.connect, range(10**9), give_up=GIVE_UP, clock=world.clock)
        for one in cameras
    ]
    takes = KeptTake(
        take_files({"trc": out / "takes" / "walk.trc"}, RIG),
        *(Head(SKELETON, RATE), []),
        clock=world.clock,
    )
    sinks: list[Sink] = [
        *(ledger, served, video),
        JsonLinesSink(out / "jsonl" / "a.jsonl", [], Header("m", SKELETON, sources)),
        CsvSink(out / "csv" / "a.csv", [], SKELETON),
        OneView(0, JsonSink(out / "json"), ""),
        OneView(1, CocoSink(out / "coco" / "a.json", []), ""),
        takes,
    ]
    pipeline: Watched | None = None
    end, said = "end", [""]
    try:
        with ExitStack() as stack:
            enter_sources(sources, stack)
            together = stack.enter_context(Together(sinks))
            director.served = served
            pipeline = Watched(
                *(sources, lambda: Network(world), encoder),  # type: ignore[arg-type]
                trackers=[followed, CameraTracker(SKELETON, TrackSettings(track=False))],
                clock=world.clock,
                reconstructor=Someone(),
            )
            pipeline.admitted = []
            for result in stack.enter_context(closing(iter(pipeline))):
                together.write(result)
    except (KeyboardInterrupt, RealtimeError) as error:
        end = type(error).__name__
        said = [str(error), *losses(error)]
    director.served = None
    day.clients += len(served.clients)
    day.stalled += sum(client.stalled for client, _ in served.clients)
    day.runs += 1
    day.ended[end] += 1
    day.failed.update([*ledger.failed])
    if pipeline is not None:
        _check_frames(ledger, pipeline.admitted, pipeline.dropped)
        assert video.frames == ledger.frames
        _check_recorded(encoder.sets, pipeline.admitted, pipeline._tape.dropped)
        day.people += _check_people(followed.seen)
        _check_outputs(out, ledger, takes.kept, said)
        day.results += len(ledger.frames)
        day.dropped += pipeline.dropped
        day.unrecorded += pipeline._tape.dropped
        for n, camera in enumerate(cameras):
            own = [numbers[n] for numbers in pipeline.admitted if numbers[n] is not None]
            day.sent += camera.sent - sent[n]
            day.unpaired += camera.sent - sent[n] - len(own)


def _check_frames(ledger: Ledger, admitted: Sequence[Numbers], dropped: int) -> None:
    """In order, each once; what came in and is no result was counted as dropped."""
    for n in range(len(CAMERAS)):
        for rows in (ledger.frames, admitted, ledger.times):
            own = [row[n] for row in rows if row[n] is not None]
            assert own == sorted(set(own)), "frames out of order"  # type: ignore[type-var]
    assert {*ledger.frames} <= {*admitted}
    missing = len(admitted) - len(ledger.frames)
    assert dropped <= missing <= dropped + IN_FLIGHT, (missing, dropped)


def _check_recorded(sets: Sequence[Numbers], admitted: Sequence[Numbers], dropped: int) -> None:
    """In order, each once, but for those that the encoder had no time for."""
    places = [admitted.index(one) for one in sets]
    assert places == sorted(set(places)), "recorded out of order"
    missing = len(admitted) - len(sets)
    assert dropped <= missing <= dropped + MAX_UNRECORDED + 1, (missing, dropped)


def _check_people(seen: Sequence[tuple[float, dict[int, float]]]) -> int:
    """No id is of both people, and none changes while somebody is seen; how many ids there were."""
    places: dict[int, set[int]] = {}
    for _, people in seen:
        assert len(people) <= len(PLACES)
        for identity, at in people.items():
            if identity == TENTATIVE_ID:
                continue
            places.setdefault(identity, set()).add(int(at > 0.5))
    assert all(len(one) == 1 for one in places.values()), "an id went to somebody else"
    return len(places)


def _check_outputs(out: Path, ledger: Ledger, kept: Sequence[float], said: Sequence[str]) -> None:
    """All results are in every output, or up to where its disk was full, and whole."""

    def views(disk: str, only: int | None = None, *, people: bool = False) -> list[tuple[int, int]]:
        """Cameras and indices of the frames that are to be there; people: of each person."""
        upto = ledger.failed.get(disk, len(ledger.frames))
        return [
            (camera, index)
            for row, counts in zip(ledger.frames[:upto], ledger.people, strict=False)
            for camera, index in enumerate(row)
            if index is not None and only in (None, camera)
            for _ in range(counts[camera] if people else 1)
        ]

    if not ledger.frames:
        return
    lines = out / "jsonl" / "a.jsonl"
    text = lines.read_text() if lines.exists() else "\n"
    assert text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()[1:]]
    assert [(CAMERAS.index(one["source"]), one["index"]) for one in found] == views("jsonl")
    table = out / "csv" / "a.csv"
    rows = csv.DictReader(table.read_text().splitlines() if table.exists() else [])
    assert [(CAMERAS.index(row["source"]), int(row["index"])) for row in rows] == views(
        "csv", people=True
    )
    files = sorted((out / "json").iterdir())
    assert [int(path.name.split("_")[1]) for path in files] == [n for _, n in views("json", 0)]
    counts = [len(json.loads(path.read_text())["people"]) for path in files]
    assert sum(counts) == len(views("json", 0, people=True))
    coco = out / "coco" / "a.json"
    people = json.loads(coco.read_text()) if coco.exists() else []
    assert [one["image_id"] for one in people] == [n for _, n in views("coco", 1, people=True)]
    upto = ledger.failed.get("takes", len(ledger.frames))
    assert [*kept] == ledger.instants[:upto]
    left = out / "takes" / "walk.takes"
    if left.exists():  # its files found no room
        assert "takes" in ledger.failed or f"{left} keeps the 3D people" in " ".join(said)
        with left.open("rb") as file:
            assert _journalled(file) == [*kept]
