"""The threads together: order, drops, age, errors with their stage, and a clean end."""

from __future__ import annotations

import csv
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from engines.types.arrays import Image
from engines.types.errors import DeviceError
from engines.types.poses import Candidates, Poses
from engines.types.skeleton import named_skeleton
from realtime.pipeline import Pipeline
from realtime.runtime.synchronizer import FrameSet
from realtime.sinks.files.recorder import Recorder
from realtime.types.errors import OutputError, SourceError, Stopped
from realtime.types.frames import Frame
from realtime.types.results import Poses3D, Result, Tracks, View
from tests.waiting import wait_for

NONE = Candidates(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32))


class Clip:
    """A source of `count` frames that hold their index; live ones come every `period` seconds."""

    rate: float | None = None
    notes: Sequence[str] = ()

    def __init__(
        self,
        count: int,
        period: float = 0.0,
        fails: Exception | None = None,
        name: str = "clip",
    ) -> None:
        self.name = name
        self.total: int | None = count
        self.live = period > 0
        self.period = period
        self.fails = fails

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        began = time.monotonic()
        for n in range(self.total or 0):
            if self.live:
                time.sleep(max(0.0, began + n * self.period - time.monotonic()))
            image = np.full((8, 8, 3), n % 256, np.uint8)
            now = time.monotonic()
            yield Frame(
                self.name, n, f"{self.name}_{n:012d}", now if self.live else n / 10, now, image
            )
        if self.fails:
            raise self.fails


class Slow:
    """An estimator that takes its time and checks that it is used as promised."""

    def __init__(self, depth: int = 1, seconds: float = 0.0, fails_at: int | None = None) -> None:
        self.depth = depth
        self.seconds = seconds
        self.fails_at = fails_at
        self.thread = threading.get_ident()
        self.flying: deque[list[int]] = deque()
        self.most_flying = 0
        self.closed = False

    def submit(self, images: Sequence[Image]) -> None:
        assert threading.get_ident() == self.thread
        self.flying.append([int(image[0, 0, 0]) for image in images])
        self.most_flying = max(self.most_flying, len(self.flying))

    def result(self) -> list[Candidates]:
        assert threading.get_ident() == self.thread
        values = self.flying.popleft()
        if self.fails_at in values:
            raise DeviceError("The device is gone; plug it in.")
        time.sleep(self.seconds)
        return [NONE] * len(values)

    @property
    def decoder(self) -> Self:
        return self

    def decode(self, evidence: Candidates) -> Poses:
        skeleton = named_skeleton("coco18")
        shape = (0, len(skeleton.keypoints))
        empty = np.zeros(shape, np.float32)
        return Poses(skeleton, np.zeros((*shape, 2), np.float32), empty, np.zeros(0, np.float32))

    def close(self) -> None:
        assert threading.get_ident() == self.thread
        self.closed = True


def threads() -> set[str]:
    stages = ("capture", "infer", "people")
    return {one.name for one in threading.enumerate() if one.name.startswith(stages)}


@pytest.mark.parametrize("depth", [1, 3])
def test_a_file_loses_no_frame_and_keeps_the_order(depth: int) -> None:
    made: list[Slow] = []

    def make() -> Slow:
        made.append(Slow(depth))
        return made[0]

    results = list(Pipeline([Clip(200)], make))
    frames = [view.frame for result in results for view in result.views if view]
    assert [frame.index for frame in frames] == list(range(200))
    assert [result.time for result in results] == [n / 10 for n in range(200)]
    assert made[0].closed
    assert made[0].most_flying == depth
    assert not threads()


def test_fewer_frames_than_requests_in_flight() -> None:
    assert len(list(Pipeline([Clip(2)], lambda: Slow(depth=5)))) == 2
    assert list(Pipeline([Clip(0)], lambda: Slow(depth=5))) == []


def test_a_slow_network_makes_a_live_source_drop_not_lag() -> None:
    """60 frames at 200 a second through a network that does 40: age stays, most are dropped."""
    pipeline = Pipeline([Clip(60, period=0.005)], lambda: Slow(seconds=0.025))
    captured = []
    arrived = []
    indices = []
    for result in pipeline:
        view = result.views[0]
        assert view is not None
        arrived.append(time.monotonic())
        captured.append(view.frame.captured)
        indices.append(view.frame.index)
    assert indices == sorted(set(indices))
    assert indices[-1] == 59
    assert len(indices) + pipeline.dropped == 60
    assert pipeline.dropped > 20
    # Age in results, as a busy machine is slow throughout: how many came out between a frame's
    # capture and its own. One waits, one is in the network, one comes out; a queue would let the
    # last ones wait for twelve and more.
    waits = [sum(one > moment for one in arrived[:n]) for n, moment in enumerate(captured)]
    assert max(waits) <= 5


def test_a_failing_network_ends_the_run_with_its_stage() -> None:
    with pytest.raises(DeviceError, match="plug it in") as caught:
        list(Pipeline([Clip(100)], lambda: Slow(fails_at=7)))
    assert caught.value.__notes__ == ["in stage infer"]
    assert not threads()


def test_an_engine_that_does_not_open_ends_the_run() -> None:
    def make() -> Slow:
        raise DeviceError("No such device.")

    with pytest.raises(DeviceError, match="No such device"):
        list(Pipeline([Clip(100)], make))
    assert not threads()


def test_a_source_that_breaks_off_gives_its_good_frames_first() -> None:
    results: list[Result] = []
    pipeline = Pipeline([Clip(20, fails=SourceError("It ends."))], lambda: Slow(depth=3))
    with pytest.raises(SourceError, match="ends") as caught:
        results.extend(pipeline)
    assert len(results) == 20
    assert caught.value.__notes__ == ["in stage capture"]


def test_a_defect_in_a_source_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        list(Pipeline([Clip(3, fails=ZeroDivisionError())], Slow))
    assert not threads()


def test_leaving_early_ends_all_threads() -> None:
    results = iter(Pipeline([Clip(10_000)], Slow))
    for _ in range(3):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert not threads()


def test_ctrl_c_in_main_ends_all_threads() -> None:
    made: list[Slow] = []

    def make() -> Slow:
        made.append(Slow())
        return made[0]

    results = iter(Pipeline([Clip(10_000)], make))
    next(results)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert not threads()
    assert made[0].closed


def test_while_no_result_comes_the_caller_can_do_something_else() -> None:
    calls: list[float] = []

    class Waiting(Slow):
        """Each result takes until the caller has been idle five times more."""

        def result(self) -> list[Candidates]:
            enough = len(calls) + 5
            wait_for(lambda: len(calls) >= enough)
            return super().result()

    pipeline = Pipeline([Clip(2)], Waiting, idle=lambda: calls.append(time.monotonic()))
    assert len(list(pipeline)) == 2
    assert len(calls) >= 10
    assert np.median(np.diff(calls)) > 0.005  # it waits, and does not spin


def test_what_the_caller_does_meanwhile_can_end_the_run() -> None:
    made: list[Slow] = []

    def make() -> Slow:
        made.append(Slow(seconds=0.2))
        return made[0]

    def stop() -> None:
        raise Stopped

    results = iter(Pipeline([Clip(10_000)], make, idle=stop))
    with pytest.raises(Stopped):
        list(results)
    assert not threads()
    assert made[0].closed


def test_files_run_together_until_the_last_one_ends() -> None:
    results = list(Pipeline([Clip(5), Clip(3), Clip(4)], lambda: Slow(depth=3)))
    seen = [[view and view.frame.index for view in result.views] for result in results]
    assert seen == [[0, 0, 0], [1, 1, 1], [2, 2, 2], [3, None, 3], [4, None, None]]


def test_a_file_that_breaks_off_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    results: list[Result] = []
    broken = Clip(2, fails=SourceError("It ends."))
    with pytest.raises(SourceError, match="It ends"):
        results.extend(Pipeline([broken, Clip(6)], Slow))
    assert [result.views[1] is not None for result in results] == [True] * 6
    assert caplog.messages == ["It ends."]


def test_cameras_are_paired_and_one_that_ends_is_left_out() -> None:
    """A slow network: instants are dropped whole, both pictures of one are of the same time."""
    cameras = [Clip(60, period=0.01), Clip(200, period=0.01)]
    pipeline = Pipeline(cameras, lambda: Slow(seconds=0.02))
    apart = []
    alone = 0
    for result in pipeline:
        first, second = result.views
        assert second is not None
        if first is None:
            alone += 1
        else:
            apart.append(abs(first.frame.captured - second.frame.captured))
    assert len(apart) > 10
    assert np.median(apart) < 0.01
    assert alone > 10
    assert pipeline.dropped > 20
    assert not threads()


class Numbering:
    """A tracker of a single line: the one person of frame n has the id 100 n + its camera's."""

    def __init__(self, camera: int) -> None:
        self.camera = camera
        self.asked: list[bool] = []

    def update(self, frame: Frame, poses: Poses | None) -> Tracks:
        self.asked.append(poses is not None)
        one = np.full((1, 18, 2), frame.index, np.float32)
        score = np.ones((1, 18), np.float32)
        person = Poses(named_skeleton("coco18"), one, score, np.ones(1, np.float32))
        number = np.array([100 * frame.index + self.camera])
        return Tracks(number, person, np.zeros((1, 18), bool))


class Averaging:
    """A reconstructor of a single line: one person, where the views' ids say on the average."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, list[list[int] | None]]] = []

    def update(self, time: float, views: Sequence[View | None]) -> Poses3D:
        ids = [view and view.tracks.id.tolist() for view in views]
        self.seen.append((time, ids))
        there = [row[0] for row in ids if row]
        shape = 1, 18
        return Poses3D(
            *(named_skeleton("coco18"), np.array([7])),
            np.full((*shape, 3), np.mean(there), np.float32),
            *(np.zeros(shape, np.float32), np.full(shape, len(there)), np.zeros(shape, bool)),
            np.array([[0 if row else -1 for row in ids]]),
        )


def test_any_tracker_and_any_reconstructor_will_do() -> None:
    """Every frame of a camera goes to its tracker, every instant to the reconstructor, and the ids
    of 3D are those of the views.
    """
    trackers, reconstructor = [Numbering(1), Numbering(3)], Averaging()
    pipeline = Pipeline(
        [Clip(4), Clip(3)], Slow, trackers=trackers, every=2, reconstructor=reconstructor
    )
    results = list(pipeline)
    assert [one.asked for one in trackers] == [[True, False, True, False], [True, False, True]]
    assert reconstructor.seen == [
        (0.0, [[1], [3]]),
        (0.1, [[101], [103]]),
        (0.2, [[201], [203]]),
        (0.3, [[301], None]),
    ]
    means = [one.poses3d and float(one.poses3d.xyz[0, 0, 0]) for one in results]
    assert means == [2, 102, 202, 301]
    ids = [[view and view.tracks.id.tolist() for view in one.views] for one in results]
    assert ids == [[[7], [7]]] * 3 + [[[7], None]]


def test_the_recorder_gets_what_the_network_has_no_time_for(tmp_path: Path) -> None:
    """Two cameras at 100 frames a second, a network that does 40: the recording has them all."""
    cameras = [Clip(60, period=0.01, name="left"), Clip(60, period=0.01, name="right")]
    with Recorder(tmp_path, cameras) as recorder:
        pipeline = Pipeline(cameras, lambda: Slow(seconds=0.025), recorder)
        seen = len(list(pipeline))
    rows = list(csv.DictReader((tmp_path / "timestamps.csv").read_text().splitlines()))
    sets = [int(row["sync_index"]) for row in rows]
    assert max(sets) + 1 == seen + pipeline.dropped
    assert pipeline.dropped > 0  # which the recording has all the same
    by_set = {
        n: [float(row["frame_time"]) for row in rows if int(row["sync_index"]) == n] for n in sets
    }
    assert np.median([max(times) - min(times) for times in by_set.values()]) < 0.01
    import av  # after cv2

    for camera, name in enumerate(("left", "right")):
        own = [row for row in rows if row["cam_id"] == str(camera)]
        assert [int(row["frame_index"]) for row in own] == list(range(len(own)))
        assert {row["camera"] for row in own} == {name}
        with av.open(str(tmp_path / f"{name}.mp4")) as video:
            times = [frame.time for frame in video.decode(video=0)]
        began = float(own[0]["frame_time"])
        expected = [float(row["frame_time"]) - began for row in own]
        np.testing.assert_allclose(times, expected, atol=1e-3)


def test_a_recorder_without_room_ends_alone(tmp_path: Path) -> None:
    clip = Clip(30)
    results: list[Result] = []
    with Recorder(tmp_path, [clip]) as recorder:

        def full(frames: FrameSet) -> None:
            raise OutputError("No space left.")

        recorder.write = full  # type: ignore[method-assign]
        with pytest.raises(OutputError, match="No space left"):
            results.extend(Pipeline([clip], Slow, recorder))
    assert len(results) == 30


def test_a_recording_is_not_written_over(tmp_path: Path) -> None:
    with Recorder(tmp_path, [Clip(1)]):
        pass
    with pytest.raises(OutputError, match="already contains a recording"), Recorder(tmp_path, []):
        pass
