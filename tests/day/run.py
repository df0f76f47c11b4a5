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

import pytest

from realtime.mocap.journal import Head, instants, read_head
from realtime.mocap.outputs import take_files
from realtime.mocap.take_sink import TakeSink
from realtime.pipeline import Pipeline
from realtime.runtime.synchronizer import FrameSet
from realtime.sinks.files.coco_results import CocoSink
from realtime.sinks.files.jsonl_csv_udp import CsvSink, JsonLinesSink
from realtime.sinks.files.openpose_json_2d import JsonSink
from realtime.sinks.protocol import Sink
from realtime.sinks.together import OneView, Together
from realtime.sources import enter_sources
from realtime.sources.reconnecting import LiveSource
from realtime.types.errors import RealtimeError, losses
from realtime.types.results import Result
from realtime.writing.json_text import header_line
from tests.calibration.cameras import ring
from tests.day.cameras import RATE, SCENE_EVERY, SKELETON, Camera, Network, Served, Someone
from tests.day.director import DISKS, Director, faults
from tests.virtual import Thread, World

DAY = 86_400.0
GIVE_UP = 900.0
IN_FLIGHT = 6  # sets between the entrance and the outputs when a signal comes
UNPAIRED = 4  # frames of a camera that find no partner where another comes or goes
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
    sent: int = 0
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
        self.times: list[tuple[float | None, ...]] = []
        self.instants: list[float] = []
        self.failed: dict[str, int] = {}  # results before the one that an output failed at

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, result: Result) -> None:
        self.frames.append(tuple(view.frame.index if view else None for view in result.views))
        self.times.append(tuple(view.frame.time if view else None for view in result.views))
        self.instants.append(result.time)

    def tell_failure(self, sentence: str) -> None:
        (disk,) = [disk for disk in DISKS if f"/{disk}/" in sentence]
        self.failed[disk] = len(self.frames) - 1


class Tape:
    """In place of the recorder's encoder: which sets there were."""

    def __init__(self) -> None:
        self.sets: list[Numbers] = []

    def write_all(self, tape: Any) -> None:
        for frames in tape:
            self.sets.append(_numbers(frames))


class KeptTake(TakeSink):
    """Tells which instants its journal had when the run ended."""

    kept: Sequence[float] = ()

    def __exit__(self, *end: object) -> None:
        if self._journal is not None:
            self.kept = _journalled(self._journal.file)
        super().__exit__(*end)


def _numbers(frames: FrameSet) -> Numbers:
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
    ledger, tape, served = Ledger(), Tape(), Served(world, CAMERAS)
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
        *(ledger, served),
        JsonLinesSink(out / "jsonl" / "a.jsonl", [], header_line("m", SKELETON, CAMERAS)),
        CsvSink(out / "csv" / "a.csv", [], SKELETON),
        OneView(0, JsonSink(out / "json"), ""),
        OneView(1, CocoSink(out / "coco" / "a.json", []), ""),
        takes,
    ]
    pipeline: Pipeline | None = None
    end, said = "end", [""]
    try:
        with ExitStack() as stack:
            enter_sources(sources, stack)
            together = stack.enter_context(Together(sinks))
            director.served = served
            pipeline = Pipeline(
                *(sources, lambda: Network(world), tape),  # type: ignore[arg-type]
                clock=world.clock,
                reconstructor=Someone(),
            )
            for result in stack.enter_context(closing(iter(pipeline))):
                together.write(result)
    except (KeyboardInterrupt, RealtimeError) as error:
        end = type(error).__name__
        said = [str(error), *losses(error)]
    director.served = None
    day.runs += 1
    day.ended[end] += 1
    day.failed.update([*ledger.failed])
    if pipeline is not None:
        _check_frames(ledger, tape, pipeline.dropped)
        _check_outputs(out, ledger, takes.kept, said)
        day.results += len(ledger.frames)
        day.dropped += pipeline.dropped
        for n, camera in enumerate(cameras):
            own = [numbers[n] for numbers in tape.sets if numbers[n] is not None]
            day.sent += camera.sent - sent[n]
            day.unpaired += camera.sent - sent[n] - len(own)


def _check_frames(ledger: Ledger, tape: Tape, dropped: int) -> None:
    """In order, each once; what was recorded and is no result was counted as dropped."""
    for n in range(len(CAMERAS)):
        for rows in (ledger.frames, tape.sets, ledger.times):
            own = [row[n] for row in rows if row[n] is not None]
            assert own == sorted(set(own)), "frames out of order"
    recorded = set(tape.sets)
    unrecorded = [one for one in ledger.frames if one not in recorded]
    assert len(unrecorded) <= IN_FLIGHT
    missing = len(tape.sets) - (len(ledger.frames) - len(unrecorded))
    assert dropped - IN_FLIGHT <= missing <= dropped + IN_FLIGHT, (missing, dropped)


def _check_outputs(out: Path, ledger: Ledger, kept: Sequence[float], said: Sequence[str]) -> None:
    """All results are in every output, or up to where its disk was full, and whole."""

    def wanted(disk: str) -> list[Numbers]:
        return ledger.frames[: ledger.failed.get(disk, len(ledger.frames))]

    def views(disk: str, only: int | None = None) -> list[tuple[int, int]]:
        return [
            (camera, index)
            for row in wanted(disk)
            for camera, index in enumerate(row)
            if index is not None and only in (None, camera)
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
    assert [(CAMERAS.index(row["source"]), int(row["index"])) for row in rows] == views("csv")
    files = sorted((out / "json").iterdir())
    assert [int(path.name.split("_")[1]) for path in files] == [n for _, n in views("json", 0)]
    assert all(len(json.loads(path.read_text())["people"]) == 1 for path in files)
    coco = out / "coco" / "a.json"
    people = json.loads(coco.read_text()) if coco.exists() else []
    assert [one["image_id"] for one in people] == [n for _, n in views("coco", 1)]
    upto = ledger.failed.get("takes", len(ledger.frames))
    assert [*kept] == ledger.instants[:upto]
    left = out / "takes" / "walk.takes"
    if left.exists():  # its files found no room
        assert "takes" in ledger.failed or f"{left} keeps the 3D people" in " ".join(said)
        with left.open("rb") as file:
            assert _journalled(file) == [*kept]
