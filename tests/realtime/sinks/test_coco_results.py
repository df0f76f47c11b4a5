"""COCO results, read back by Python's json module."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_groups import with_groups
from realtime.settings.files import CocoVariant
from realtime.sinks.files.coco_results import CocoSink
from realtime.types.errors import OutputError
from tests.conftest import ROOT
from tests.realtime.results import files_at_most, keypoints, result, tracks
from tests.synth import SKELETON, hide, person

COCO = named_skeleton("coco17")


def read(path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    return entries


def test_people_in_cocos_order_and_form(tmp_path: Path) -> None:
    points = hide(person((100, 100), 90), "left_wrist")
    with CocoSink(tmp_path / "new" / "r.json", []) as sink:
        sink.write(result(tracks([points, points]), name="000000000139"))
    entries = read(tmp_path / "new" / "r.json")
    assert [list(one) for one in entries] == 2 * [["image_id", "category_id", "keypoints", "score"]]
    assert [one["score"] for one in entries] == [10, 11]
    assert {(one["image_id"], one["category_id"]) for one in entries} == {(139, 1)}
    triples = np.array(entries[0]["keypoints"]).reshape(17, 3)
    for name, (x, y, v) in zip(COCO.keypoints, triples, strict=True):
        if name == "left_wrist":
            assert (x, y, v) == (0, 0, 0)
        else:
            assert v == 1
            assert (x, y) == pytest.approx(points[SKELETON.keypoints.index(name)], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "number"),
    [("000000000036", 36), ("walk_000000000012", 12), ("v2_photo7b", 7), ("portrait", 5)],
)
def test_image_id_is_the_last_number_of_the_name_else_the_index(
    tmp_path: Path, name: str, number: int
) -> None:
    with CocoSink(tmp_path / "r.json", []) as sink:
        sink.write(result(tracks([person((100, 100), 90)]), name=name, index=5))
    assert read(tmp_path / "r.json")[0]["image_id"] == number


def test_somebody_without_any_of_cocos_keypoints_is_left_out(tmp_path: Path) -> None:
    with CocoSink(tmp_path / "r.json", []) as sink:
        sink.write(result(tracks([keypoints(neck=(9, 9)), person((100, 100), 90)])))
    assert [one["score"] for one in read(tmp_path / "r.json")] == [11]


def test_the_file_is_whole_after_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    counts = []
    with CocoSink(path, []) as sink:
        for n in (0, 2, 0, 1, 3):
            sink.write(result(tracks([person((100, 100), 90)] * n)))
            counts.append(len(read(path)))
    assert counts == [0, 2, 2, 3, 6]
    assert len(read(path)) == 6


def test_a_full_disk_leaves_the_frames_before(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    begun: list[int] = []

    def write_on(sink: CocoSink) -> None:
        for n in range(100):
            begun.append(n)
            sink.write(result(tracks([person((100, 100), 90)]), name=f"a_{n}"))

    with CocoSink(path, []) as sink, files_at_most(2000):
        with pytest.raises(OutputError, match=r"r\.json cannot be written: file too large"):
            write_on(sink)
        assert [one["image_id"] for one in read(path)] == begun[:-1]
    assert [one["image_id"] for one in read(path)] == begun[:-1]
    assert len(begun) > 2


def test_a_killed_run_leaves_a_whole_file(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from realtime.sinks.files.coco_results import CocoSink\n"
        "from tests.realtime.results import result, tracks; from tests.synth import person\n"
        "with CocoSink(Path(sys.argv[1]), []) as sink:\n"
        "    for n in range(50):\n"
        "        sink.write(result(tracks([person((100, 100), 90)])))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "r.json")], cwd=ROOT, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert len(read(tmp_path / "r.json")) == 50


def test_a_model_without_cocos_keypoints_is_refused(tmp_path: Path) -> None:
    hand = Skeleton(
        "hand", ("wrist", "thumb"), ((0, 1),), frozenset(), (0.1,) * 2, ((0, 0, 0),) * 2
    )
    with pytest.raises(OutputError, match=r"--coco cannot be written: Skeleton hand has no nose"):
        CocoSink(tmp_path / "r.json", [], hand)
    seen = tracks([np.ones((2, 2))], skeleton=hand)
    with CocoSink(tmp_path / "r.json", []) as sink, pytest.raises(OutputError, match=r"--coco"):
        sink.write(result(seen))


def test_an_earlier_file_stays_until_the_run_begins(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("earlier")
    with pytest.raises(KeyboardInterrupt), CocoSink(path, []):
        raise KeyboardInterrupt
    assert path.read_text() == "earlier"
    with CocoSink(path, []) as sink:
        assert path.read_text() == "earlier"
        sink.write(result())
        assert read(path) == []
    with CocoSink(path, []):
        pass  # of a source without any frame
    assert read(path) == []


def test_a_disk_that_is_full_from_the_first_frame_leaves_an_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("earlier")
    with CocoSink(path, []) as sink, files_at_most(100):
        with pytest.raises(OutputError, match="file too large"):
            sink.write(result(tracks([person((100, 100), 90)])))
        sink.__exit__(OutputError)
        assert path.read_text() == "earlier"
        assert os.listdir(tmp_path) == ["r.json"]


def test_places_that_cannot_be_are_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(OutputError, match=r"--coco .* is a folder"):
        CocoSink(tmp_path, [])
    with pytest.raises(OutputError, match=r"--coco .* inside a file"):
        CocoSink(file / "r.json", [])
    with pytest.raises(OutputError, match=r"--coco .* is the source itself"):
        CocoSink(file, [file.resolve()])
    assert os.listdir(tmp_path) == ["file"]


def test_whole_bodies_are_written_as_coco_whole_body_has_them(tmp_path: Path) -> None:
    """Four more fields; the right hand was not found, and the face's pupils have no place."""
    whole = with_groups(named_skeleton("coco17"), ("left_hand", "right_hand", "face", "feet"))
    points = np.arange(2.0 * len(whole.keypoints)).reshape(-1, 2) + 1
    points[list(whole.right_hand)] = np.nan
    with CocoSink(tmp_path / "r.json", [], whole) as sink:
        sink.write(result(tracks([points], skeleton=whole), name="7"))
    [entry] = read(tmp_path / "r.json")
    layout, at = named_skeleton("coco133"), 0
    for name, count in (
        *(("keypoints", 17), ("foot_kpts", 6), ("face_kpts", 68)),
        *(("lefthand_kpts", 21), ("righthand_kpts", 21)),
    ):
        triples = np.array(entry[name]).reshape(count, 3)
        names = layout.keypoints[at : at + count]
        at += count
        if name == "righthand_kpts":
            assert not triples.any()
            continue
        expected = points[[whole.keypoints.index(one) for one in names]]
        np.testing.assert_allclose(triples[:, :2], expected)
        assert (triples[:, 2] == 1).all()


@pytest.mark.parametrize(
    ("variant", "first", "count"),
    [("body", 0, 17), ("foot", 17, 6), ("face", 23, 68), ("hand", 91, 42), ("wholebody", 0, 133)],
)
def test_a_part_alone_is_the_keypoints_of_its_own_file(
    tmp_path: Path, variant: CocoVariant, first: int, count: int
) -> None:
    """For evaluations that know one field. Somebody without the part is left out."""
    whole = with_groups(named_skeleton("coco17"), ("left_hand", "right_hand", "face", "feet"))
    points = np.arange(2.0 * len(whole.keypoints)).reshape(-1, 2) + 1
    bare, partless = points.copy(), points.copy()
    bare[17:] = np.nan
    partless[:17] = np.nan
    with CocoSink(tmp_path / "r.json", [], whole, variant) as sink:
        sink.write(result(tracks([bare, points, partless], skeleton=whole), name="7"))
    entries = read(tmp_path / "r.json")
    with_body, with_parts = variant in {"body", "wholebody"}, variant != "body"
    assert [one["score"] for one in entries] == [10] * with_body + [11] + [12] * with_parts
    assert [*entries[0]] == ["image_id", "category_id", "keypoints", "score"]
    names = named_skeleton("coco133").keypoints[first : first + count]
    triples = np.array(entries[int(with_body)]["keypoints"]).reshape(count, 3)
    np.testing.assert_allclose(triples[:, :2], points[[whole.keypoints.index(n) for n in names]])


def test_a_part_that_the_model_has_not_is_refused_at_once(tmp_path: Path) -> None:
    handless = with_groups(COCO, ("face", "feet"))
    for variant in ("hand", "wholebody"):
        with pytest.raises(OutputError, match=f"{variant} cannot .* has no left hand; add --hands"):
            CocoSink(tmp_path / "r.json", [], handless, variant)
    CocoSink(tmp_path / "r.json", [], handless, "face")
