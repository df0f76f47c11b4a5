"""A video in parts gives what one run over it gives, and is divided where that helps."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from math import inf
from pathlib import Path

import pytest

from engines.answers.store import Found
from posestream.batch import parts as module
from posestream.batch.manifest import Manifest
from posestream.batch.parts import Part, look, parts
from posestream.batch.queue import Queue, Task
from posestream.batch.recordings import Recording
from posestream.batch.work import Job, Outcome, work
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings
from tests.conftest import ROOT
from tests.posestream.batch.walks import walk

SAMPLE = ROOT / "posestream" / "sample" / "two-people.mp4"
FRAMES, GROUP, FPS = 48, 8, 30  # of the clip made of it; GROUP: from one key frame to the next


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.264 with B-frames, some of which need pictures on both sides of a key frame."""
    import av  # after cv2, as in realtime/__init__.py
    from av.video.frame import PictureType

    path = tmp_path_factory.mktemp("clip") / "two.mp4"
    options = {"g": str(GROUP), "bf": "2", "x264-params": "open-gop=1:scenecut=0", "threads": "1"}
    with av.open(str(SAMPLE)) as source, av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for n, frame in enumerate(islice(source.decode(video=0), FRAMES)):
            small = frame.reformat(320, 240)
            small.pts, small.time_base = n, Fraction(1, FPS)
            small.pict_type = PictureType.NONE
            made.mux(stream.encode(small))
        made.mux(stream.encode())
    return path


def remuxed(clip: Path, path: Path) -> Path:
    """The same pictures in another kind of file."""
    import av

    with av.open(str(clip)) as source, av.open(str(path), "w") as made:
        given = source.streams.video[0]
        stream = made.add_stream_from_template(given)
        for packet in source.demux(given):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    return path


def job(video: Path, folder: Path, models: ModelSettings, tracks: TrackSettings) -> Job:
    one = Recording(video.stem, (str(video),))
    return Job(one, folder, ("csv", "json"), models, tracks, Manifest((), {}, {}))


def results(done: Outcome, folder: Path) -> dict[str, bytes]:
    assert done.error is None
    files = [one for one in folder.rglob("*") if one.is_file() and one.name != "manifest.json"]
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in files}


@pytest.mark.parametrize("detect_every", [1, "auto"])
def test_a_video_in_parts_gives_what_one_run_gives(
    detect_every: object, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people, found and followed by the models in the box."""
    monkeypatch.setattr(module, "OVERLAP_SECONDS", 0.3)
    models = ModelSettings("pafnet", height=128, refine="cropnet")
    tracks = TrackSettings(detect_every=detect_every)  # type: ignore[arg-type]
    whole = job(clip, tmp_path / "whole", models, tracks)
    divided = job(clip, tmp_path / "divided", models, tracks)
    said = [look(Part(divided, 0, 0.8)), look(Part(divided, 0.8, inf))]
    answers = Found([lambda one=one: one for one in said])  # type: ignore[misc]
    one = results(work(whole), whole.folder)
    assert results(work(divided, answers), divided.folder) == one
    assert len(one) == FRAMES + 1
    asked = answers.found + answers.missed
    # People of the second part are cropped elsewhere until its tracks are those of the whole run.
    assert answers.missed <= (1 if detect_every == 1 else 0.6 * asked)
    lost = Found([dict, lambda: said[1]])  # a machine went, and what it had found
    assert results(work(divided, lost), divided.folder) == one
    assert detect_every == "auto" or lost.found > asked / 5


@pytest.mark.parametrize("kind", ["mp4", "ts"])
def test_a_part_begins_at_a_key_frame_and_ends_where_the_next_does(
    kind: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file's clock does not begin at 0, as that of transport streams."""
    if kind == "ts":
        clip = remuxed(clip, tmp_path / "two.ts")
    monkeypatch.setattr(module, "OVERLAP_SECONDS", 0.1)
    models, tracks = ModelSettings("pafnet", height=64, refine="off"), TrackSettings()
    one = job(clip, tmp_path / "out", models, tracks)
    first, second = look(Part(one, 0, 0.8)), look(Part(one, 0.8, inf))
    assert len(first) == 0.8 * FPS
    key = (0.8 - 0.1) * FPS // GROUP * GROUP
    if kind == "ts":  # it has no index, so FFmpeg comes near, and the overlap makes up for it
        assert FRAMES - key - 2 * GROUP <= len(second) <= FRAMES - key + 2 * GROUP
        return
    assert {*first.values()} & {*second.values()}
    assert FRAMES - key <= len(second) < FRAMES - key + GROUP  # with frames shown before it


def test_what_is_no_video_is_looked_at_in_no_part(tmp_path: Path) -> None:
    video = tmp_path / "poison.mp4"
    video.write_bytes(b"no video")
    one = job(video, tmp_path / "out", ModelSettings("pafnet", refine="off"), TrackSettings())
    assert parts(one, 1) == []
    assert look(Part(one, 0, inf)) == {}


def test_parts_follow_each_other_to_the_end(tmp_path: Path) -> None:
    video = walk(tmp_path / "a.mkv", 0, frames=70)  # 2.3 s
    one = job(video, tmp_path / "out", ModelSettings(), TrackSettings())
    found = parts(one, 1)
    assert [part.begin for part in found] == pytest.approx([0, 35 / 30], abs=0.1)
    assert [part.end for part in found] == [found[1].begin, inf]
    assert len(parts(one, 2)) == 1
    sparse = job(video, tmp_path / "out", ModelSettings(), TrackSettings(detect_every=3))
    assert parts(sparse, 1) == []
    rig = Recording("rig", (str(video), str(video)), tmp_path / "rig.toml")
    assert parts(Job(rig, tmp_path, (), ModelSettings(), TrackSettings(), one.manifest), 1) == []


def queue(tmp_path: Path, count: int) -> Queue:
    jobs = [
        job(walk(tmp_path / f"{n}.mkv", 0, frames=70), tmp_path, ModelSettings(), TrackSettings())
        for n in range(count)
    ]
    return Queue(jobs, retries=1, part_seconds=1)


def test_a_recording_stays_whole_while_there_are_enough(tmp_path: Path) -> None:
    waiting = queue(tmp_path, 2)
    assert [waiting.take(workers=2).part for _ in range(2)] == [None, None]
    assert not waiting
    assert queue(tmp_path, 1).take(workers=1).part is None


def test_the_results_are_made_when_all_parts_were_looked_at(tmp_path: Path) -> None:
    waiting = queue(tmp_path, 1)
    first, second = waiting.take(workers=2), waiting.take(workers=2)
    assert [one.number for one in (first, second)] == [0, 1]
    assert waiting.looked(second, "what was said of it") == "0: 1 of 2 parts seen"
    assert not waiting
    assert waiting.looked(first, None) is None
    again = waiting.take(workers=2)
    assert (again.number, again.attempt) == (0, 2)
    waiting.looked(again, None)  # once is enough: the last run asks the networks itself
    last = waiting.take(workers=2)
    assert last.part is None
    assert last.divided is not None
    assert last.divided.answers == [None, "what was said of it"]
    assert waiting.ended(last, Outcome("0")) == Outcome("0")
    assert waiting.busy == 0


def test_a_recording_that_fails_is_tried_again_and_not_divided(tmp_path: Path) -> None:
    waiting = queue(tmp_path, 2)
    taken = [waiting.take(workers=2) for _ in range(2)]
    assert waiting.ended(taken[0], Outcome("0", error="It failed.")) is None
    again: Task = waiting.take(workers=4)
    assert (again.part, again.attempt) == (None, 2)
    assert waiting.ended(again, Outcome("0", error="It failed.")) == Outcome(
        "0", error="It failed.", attempts=2
    )
