"""Files that behave like cameras: --loop and --realtime."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.playback import Paced
from realtime.types.errors import SourceError
from realtime.types.frames import Frame, Stoppable
from tests.realtime.results import Origin, grey
from tests.realtime.sources.test_video import coded, shown, write
from tests.waiting import PATIENCE

PTS = [0, 40, 120, 160]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.mkv", [coded(n) for n in range(4)], pts=PTS)


def test_a_looped_video_goes_on_counting(clip: Path) -> None:
    with open_source(SourceSettings(str(clip), loop=True)) as source:
        assert (source.live, source.total) == (False, None)
        frames = list(islice(source, 10))
        gap = 1 / (source.rate or 25)
    assert [shown(frame.image) for frame in frames] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert [frame.index for frame in frames] == list(range(10))
    assert [frame.name for frame in frames] == [f"clip_{n:012d}" for n in range(10)]
    lap = PTS[-1] / 1000 + gap
    times = [n // 4 * lap + PTS[n % 4] / 1000 for n in range(10)]
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=2e-3)


def test_a_lap_is_what_start_end_and_step_choose(clip: Path) -> None:
    chosen = SourceSettings(str(clip), loop=True, start=1, end=4, step=2)
    with open_source(chosen) as source:
        frames = list(islice(source, 5))
    assert [shown(frame.image) for frame in frames] == [1, 3, 1, 3, 1]
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert indices[:2] == [1, 3]


def test_photos_loop_under_names_of_their_own(tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        (tmp_path / name).write_bytes(cv2.imencode(".png", coded(1))[1].tobytes())
    with open_source(SourceSettings(str(tmp_path), loop=True, flip=True)) as source:
        frames = list(islice(source, 6))
    assert [frame.time for frame in frames] == list(range(6))
    assert [frame.name for frame in frames[:2]] == ["a", "b"]
    assert len({frame.name for frame in frames}) == 6


def test_a_file_that_is_broken_fails_in_a_loop_too(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with (
        open_source(SourceSettings(str(tmp_path / "bad.png"), loop=True)) as source,
        pytest.raises(SourceError),
    ):
        list(source)


def test_a_file_at_its_own_pace_gives_no_frame_before_its_time(clip: Path) -> None:
    with open_source(SourceSettings(str(clip), realtime=True)) as source:
        assert source.live
        came = [(time.monotonic(), frame) for frame in source]
    assert [shown(frame.image) for _, frame in came] == [0, 1, 2, 3]
    begin = came[0][1].captured
    for (moment, frame), pts in zip(came, PTS, strict=True):
        assert frame.time == pytest.approx(pts / 1000, abs=2e-3)
        assert frame.captured == pytest.approx(begin + pts / 1000, abs=2e-3)
        assert moment >= frame.captured


def test_what_comes_late_counts_as_old(clip: Path) -> None:
    def ticks() -> Iterator[float]:
        yield from (0.0, 0.0, 5.0, 5.0, 6.0, 6.0, 7.0, 7.0)  # decoding takes a second each

    moments = ticks()
    with open_source(SourceSettings(str(clip))) as plain:
        frames = list(Paced(plain, lambda: next(moments)))
    np.testing.assert_allclose([f.captured for f in frames], [0, 0.04, 0.12, 0.16], atol=2e-3)


def test_a_wait_for_a_frame_can_be_broken_off(tmp_path: Path) -> None:
    path = write(tmp_path / "slow.mkv", [coded(0), coded(1)], pts=[0, 60_000])
    with open_source(SourceSettings(str(path), realtime=True, rotate=90)) as source:
        assert isinstance(source, Stoppable)
        thread = threading.Thread(target=lambda: list(source))
        thread.start()
        time.sleep(0.1)
        source.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_damaged_time_does_not_hold_up_the_rest() -> None:
    class Damaged(Origin):
        skeleton = None

        def __iter__(self) -> Iterator[Frame]:
            for index, moment in enumerate((0.0, 0.01, 4e18)):
                yield Frame("clip", index, f"clip_{index}", moment, 0.0, grey())

    assert [frame.index for frame in Paced(Damaged())] == [0, 1, 2]
