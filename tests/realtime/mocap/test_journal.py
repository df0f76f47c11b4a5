"""3D people on disk as they come, and what is left of them after kills and power cuts."""

from __future__ import annotations

import io
import logging
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.types.skeleton import named_skeleton
from realtime.mocap.journal import ENDING, Head, Journal, begin_journal, in_use, left_over
from realtime.mocap.outputs import take_files
from realtime.mocap.take import Take, take_of
from realtime.mocap.take_sink import TakeSink
from realtime.types.errors import OutputError
from tests.bodies import BODY25, body
from tests.calibration.cameras import ring
from tests.realtime.instants import instant
from tests.realtime.motions import people_of
from tests.realtime.results import files_at_most

RIG = ring(4, radius=5)


def fill(journal: Journal, frames: range) -> None:
    for n in frames:
        poses = instant([body((n / 30, 0.5))], [4], n / 30).poses3d
        assert poses is not None
        journal.add(n / 30, poses)


def taken(data: bytes) -> tuple[Take, int]:
    return take_of(io.BytesIO(data), "walk.takes")


def bytes_of(count: int) -> bytes:
    file = io.BytesIO()
    fill(Journal(file, Head(BODY25, 30)), range(count))
    return file.getvalue()


def test_a_torn_record_at_any_byte_costs_no_other() -> None:
    """Cut anywhere within the last instant, or filled up with zeros as ext4 leaves it."""
    data, four = bytes_of(5), len(bytes_of(4))
    for cut in range(four + 1, len(data), 7):
        for tail in (b"", bytes(4096)) if any(data[cut:]) else (b"",):
            take, damaged = taken(data[:cut] + tail)
            assert (len(take), damaged) == (4, 1), cut
    assert taken(data)[1] == 0
    (motion,) = people_of(taken(data[:-1])[0])
    expected = [body((n / 30, 0.5)) for n in range(4)]
    np.testing.assert_allclose(motion.xyz, expected, atol=1e-5)


def test_a_damaged_record_in_the_middle_is_a_gap() -> None:
    data = bytearray(bytes_of(5))
    data[(len(bytes_of(2)) + len(bytes_of(3))) // 2] ^= 1
    take, damaged = taken(bytes(data))
    assert damaged == 1
    (motion,) = people_of(take)
    assert np.isfinite(motion.xyz[2]).all()  # between its neighbours
    assert len(motion) == 5


@pytest.mark.parametrize("data", [b"", b"posestream takes 1\n", b"PathFileType\t4\n" * 20])
def test_what_is_no_journal_is_a_sentence(data: bytes) -> None:
    with pytest.raises(OutputError, match=r"walk.takes is not a journal of 3D people"):
        taken(data)


@pytest.mark.parametrize("name", ["coco17", "body25", "coco133"])
def test_every_skeleton_comes_back(name: str) -> None:
    file = io.BytesIO()
    skeleton = named_skeleton(name)
    Journal(file, Head(skeleton))
    assert taken(file.getvalue())[0].skeleton == skeleton


def test_a_full_disk_leaves_whole_records(tmp_path: Path) -> None:
    path, journal = begin_journal(tmp_path / "walk.takes", Head(BODY25, 30))
    fill(journal, range(3))
    with files_at_most(path.stat().st_size + 100), pytest.raises(OSError, match="too large"):
        fill(journal, range(3, 4))
    fill(journal, range(4, 6))  # there is room again
    take, damaged = take_of(journal.file, "")
    assert (len(take), damaged) == (6, 0)
    (motion,) = people_of(take)
    assert np.isfinite(motion.xyz).all()
    journal.file.close()


def test_journals_are_never_written_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One of a run that was killed, and one of a run that goes on."""
    outputs = take_files({"trc": tmp_path / "walk.trc"}, RIG)
    dead, journal = begin_journal(tmp_path / "walk.takes", Head(BODY25, 30))
    fill(journal, range(9))
    journal.file.close()
    before = dead.read_bytes()
    with caplog.at_level(logging.WARNING), TakeSink(outputs, Head(BODY25, 30), []) as sink:
        sink.write(instant([body((0, 0))], [1], 0.0))
        (other,) = [path for path in tmp_path.iterdir() if path != dead]
        assert other.name == f"walk_2{ENDING}"
        assert in_use(other)
        assert not in_use(dead)
        assert left_over(dead) == [dead]
    assert dead.read_bytes() == before
    assert not other.exists()  # its files are whole
    assert f"{dead} holds the 3D people of a run that was cut off" in caplog.text
    assert f"python -m posestream recover {dead}" in caplog.text


def test_names_with_signs_of_patterns(tmp_path: Path) -> None:
    for _ in range(2):
        begin_journal(tmp_path / "walk[1].takes", Head(BODY25, 30))[1].file.close()
    found = left_over(tmp_path / "walk[1].takes")
    assert [path.name for path in found] == ["walk[1].takes", "walk[1]_2.takes"]


def test_memory_stays_level_however_long_a_run_is(tmp_path: Path) -> None:
    """An hour of one person takes 50 MB on disk; what is kept in memory was that much too."""
    outputs = take_files({"trc": tmp_path / "walk.trc"}, RIG)
    seen = [instant([body((0, 0))], [1], n / 30) for n in range(3)]
    with TakeSink(outputs, Head(BODY25, 30), []) as sink:
        sink.write(seen[0])
        tracemalloc.start()
        for n in range(1, 3000):
            sink.write(replace(seen[n % 3], time=n / 30))
        held, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert held < 20_000
    assert most < 100_000
    assert len((tmp_path / "walk_person1.trc").read_text().splitlines()) == 3006


def test_the_disk_is_waited_for_every_five_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a clock that a test turns; a power cut takes no more than that."""
    now, synced = 0.0, []
    monkeypatch.setattr("os.fsync", lambda _: synced.append(now))
    outputs = take_files({"trc": tmp_path / "walk.trc"}, RIG)
    with TakeSink(outputs, Head(BODY25, 30), [], clock=lambda: now) as sink:
        for n in range(600):
            now = n / 30
            sink.write(instant([], [], now))
    assert synced == pytest.approx([5, 10, 15], abs=0.1)
