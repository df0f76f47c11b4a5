"""Which outputs the settings open, and several of them together."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from calibration.disk import replace as replace_module
from engines.models.card import load_card
from engines.types.skeleton import Skeleton
from realtime.sinks.files.stats_json import StatsSink
from realtime.sinks.opening import open_sinks
from realtime.sinks.protocol import Sink
from realtime.sinks.screens.progress import ProgressSink
from realtime.sinks.together import Together
from realtime.types.errors import OutputError, Stopped, add_loss, losses
from realtime.types.results import Result
from realtime.writing import whole_files
from tests.realtime.results import Origin, grey, result, tracks
from tests.realtime.wanted import settings
from tests.synth import person

CARD = load_card("human-pose-estimation-0001")


def kinds(source: Origin, origin: str = "", **wanted: object) -> list[str]:
    """The classes of the outputs for these settings."""
    return [type(sink).__name__ for sink in open_sinks(settings(origin, **wanted), [source], CARD)]


def test_each_setting_opens_its_output(tmp_path: Path) -> None:
    assert kinds(Origin()) == []
    assert kinds(Origin(), quiet=False) == ["ProgressSink"]
    assert kinds(Origin(), json=tmp_path, coco=tmp_path / "r.json") == ["JsonSink", "CocoSink"]
    assert kinds(Origin(), output=tmp_path / "v.MP4") == ["VideoSink"]
    assert kinds(Origin(), output=tmp_path / "folder") == ["ImagesSink"]
    assert kinds(Origin(total=1), output=tmp_path / "a.png") == ["ImageSink"]
    (tmp_path / "v2.0").mkdir()
    assert kinds(Origin(), output=tmp_path / "v2.0") == ["ImagesSink"]


def test_outputs_that_cannot_be_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.xyz files cannot be written; choose"):
        kinds(Origin(), output=tmp_path / "v.xyz")
    with pytest.raises(OutputError, match=r"is a single picture, but clip has more"):
        kinds(Origin(total=3), output=tmp_path / "a.jpg")
    hand = Skeleton("hand", ("wrist",), (), frozenset(), (0.1,), ((0, 0, 0),))
    wanted = settings("clip", coco=tmp_path / "r.json")
    with pytest.raises(OutputError, match=r"Skeleton hand has no nose"):
        open_sinks(wanted, [Origin()], replace(CARD, skeleton=hand))
    assert list(tmp_path.iterdir()) == []


def test_no_output_may_be_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "b.jpg", "v.mp4"):
        (tmp_path / name).write_bytes(b"precious")
    monkeypatch.chdir(tmp_path)
    for origin, wanted in (
        ("a.jpg", {"output": Path("a.jpg")}),
        ("a.jpg", {"output": Path()}),
        (str(tmp_path), {"output": Path()}),
        ("*.jpg", {"output": tmp_path}),
        ("v.mp4", {"output": tmp_path / "v.mp4"}),
        ("v.mp4", {"coco": tmp_path / "v.mp4"}),
    ):
        with pytest.raises(OutputError, match=r"source"):
            kinds(Origin(total=1), origin, **wanted)
    assert kinds(Origin(total=1), "*.jpg", output=tmp_path / "drawn") == ["ImagesSink"]
    assert kinds(Origin(), "v.mp4", output=tmp_path) == ["ImagesSink"]
    assert kinds(Origin(), "webcam", output=tmp_path / "v.mp4") == ["VideoSink"]
    assert all(file.read_bytes() == b"precious" for file in tmp_path.glob("*.*"))


def test_all_outputs_of_one_picture(tmp_path: Path) -> None:
    seen = tracks([person((160, 120), 200)])
    wanted = settings(
        "one.jpg", output=tmp_path / "one.png", json=tmp_path / "json", coco=tmp_path / "r.json"
    )
    with Together(open_sinks(wanted, [Origin(total=1)], CARD)) as sinks:
        sinks.write(result(seen, name="one"))
    drawn = cv2.imread(str(tmp_path / "one.png"))
    assert (drawn != grey()).any()
    assert np.array_equal(drawn[0, 0], grey()[0, 0])
    assert (tmp_path / "json" / "one_keypoints.json").is_file()
    assert (tmp_path / "r.json").read_text().count("image_id") == 1


class Notebook:
    """A sink that notes what happens to it, and fails where told to."""

    def __init__(self, name: str, log: list[str], fails: dict[str, BaseException]) -> None:
        self.name, self.log, self.fails = name, log, fails

    def _note(self, what: str) -> None:
        self.log.append(f"{what} {self.name}")
        if what in self.fails:
            raise self.fails[what]

    def __enter__(self) -> Notebook:
        self._note("open")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._note("close" if kind is None else f"close after {kind.__name__}")

    def write(self, result: Result) -> None:
        self._note("write")


def run(*fails: dict[str, BaseException], results: int = 1) -> list[str]:
    """What sinks that fail like this note of a run."""
    log: list[str] = []
    sinks: list[Sink] = [Notebook("abc"[n], log, fail) for n, fail in enumerate(fails)]
    try:
        with Together(sinks) as together:
            for _ in range(results):
                together.write(result())
    except (OutputError, Stopped, KeyboardInterrupt) as error:
        log.append(f"{error!r} {getattr(error, '__notes__', '')}".strip())
    return log


def test_sinks_open_and_write_in_order_and_close_in_reverse() -> None:
    assert " ".join(run({}, {})) == "open a open b write a write b close b close a"


def test_all_are_closed_and_the_first_error_is_raised() -> None:
    log = run({}, {"close after OutputError": OutputError("b")}, {"close": OutputError("c")})
    assert log[-4:] == [
        "close c",
        "close after OutputError b",
        "close after OutputError a",
        "OutputError('c') ['then: b']",
    ]


def test_every_loss_at_the_end_is_kept_of_an_interrupted_run_too() -> None:
    lost = OutputError("b")
    add_loss(lost, OutputError("b2"))
    sinks: list[Sink] = [
        Notebook("a", [], {"close after KeyboardInterrupt": OutputError("a")}),
        Notebook("b", [], {"close after KeyboardInterrupt": lost}),
    ]
    with pytest.raises(KeyboardInterrupt) as caught, Together(sinks):
        raise KeyboardInterrupt
    assert losses(caught.value) == ["b", "b2", "a"]


def test_one_that_cannot_write_is_left_out_and_raised_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    full = {"write": OutputError("full"), "close after OutputError": OutputError("shut")}
    log = run({}, full, {}, results=2)
    assert " ".join(log[3:]) == (
        "write a write b close after OutputError b write c write a write c close c close a "
        "OutputError('full') ['then: shut']"
    )
    assert [record.getMessage() for record in caplog.records] == [
        "full The other outputs continue."
    ]


def test_a_user_who_ends_the_run_hears_of_it_again() -> None:
    """Exit code 2, not 0 and not that of Ctrl-C, which losses of an interrupted run change too."""
    full = {"write": OutputError("full")}
    assert run({"write": Stopped()}, {})[-1] == "Stopped()"
    assert run(full, {}, {"write": Stopped()})[-1] == "OutputError('full')"
    assert run(full, {}, {"write": KeyboardInterrupt()})[-1] == (
        "KeyboardInterrupt() ['then: full']"
    )


def test_where_no_output_is_left_the_run_ends() -> None:
    log = run({"write": OutputError("a is full")}, {"write": OutputError("b is full")}, results=2)
    assert log[-1] == "OutputError('b is full') ['then: a is full']"
    assert log.count("write a") == log.count("write b") == 1


def test_what_only_tells_of_the_run_does_not_keep_it_up(tmp_path: Path) -> None:
    full = Notebook("full", [], {"write": OutputError("full")})
    progress = ProgressSink([Origin()], console=Console(file=io.StringIO()))
    stats = StatsSink(tmp_path / "s.json", [], [Origin()], None)
    sinks = Together([stats, progress, full]).__enter__()
    with pytest.raises(OutputError, match="full") as caught:
        sinks.write(result())
    sinks.__exit__(OutputError, caught.value, None)
    assert json.loads((tmp_path / "s.json").read_text())["error"] == "full"


def test_a_recording_keeps_the_run_up() -> None:
    sinks = Together([Notebook("full", [], {"write": OutputError("full")})], needed=False)
    sinks.__enter__()
    for _ in range(2):
        sinks.write(result())
    with pytest.raises(OutputError, match="full"):
        sinks.__exit__(None, None, None)


def test_those_that_are_open_are_closed_when_the_next_cannot_open() -> None:
    log = run({}, {"open": OutputError("no")}, {})
    assert log == ["open a", "open b", "close after OutputError a", "OutputError('no')"]


@pytest.mark.parametrize("end", [Stopped(), KeyboardInterrupt()])
def test_the_users_end_goes_through(end: BaseException) -> None:
    log = run({"write": end}, {})
    assert log[-1] == repr(end)
    assert f"close after {type(end).__name__} b" in log


def test_a_server_without_its_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.startswith(("aiohttp", "realtime.web.server", "realtime.sinks.screens.web_sink")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    wanted = settings("clip", serve="0")
    with pytest.raises(OutputError, match=r"--serve does not work: The package aiohttp is not"):
        open_sinks(wanted, [Origin()], CARD)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b"])
@pytest.mark.parametrize("option", ["output", "json", "coco", "jsonl", "csv"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, option: str, name: str) -> None:
    wanted = {option: tmp_path / (name + {"output": ".mp4"}.get(option, ".json"))}
    source = tmp_path / "people.json"
    source.write_text("{}")
    with pytest.raises(OutputError, match="cannot be written: ") as caught:
        open_sinks(settings(str(source), **wanted), [Origin()], CARD)
    assert str(caught.value).isprintable()
    with pytest.raises(OutputError, match="cannot be written: "):
        open_sinks(settings("clip", "clap", **wanted), [Origin("a"), Origin("b")], CARD)


def test_an_address_longer_than_any_name_of_a_file_is_no_hindrance(tmp_path: Path) -> None:
    address = f"rtsp://127.0.0.1/{'token' * 100}"
    assert kinds(Origin(live=True), address, json=tmp_path) == ["JsonSink"]


def test_ctrl_c_while_a_file_is_made_leaves_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made_but_not_returned(path: Path, _: str) -> None:
        path.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(replace_module, "_unnamed", lambda _: None)  # as elsewhere than on Linux
    monkeypatch.setattr(replace_module, "FileIO", made_but_not_returned)
    with pytest.raises(KeyboardInterrupt):
        whole_files.write_whole(tmp_path / "frame_keypoints.json", b"{}")
    assert list(tmp_path.iterdir()) == []
