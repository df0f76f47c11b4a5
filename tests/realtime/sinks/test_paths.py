"""No output meets an input or another output: refused in a sentence, with nothing touched."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from engines.models.card import load_card
from realtime.assembly import run
from realtime.settings.all import Settings
from realtime.settings.files import FileSettings
from realtime.sinks.paths import check_outputs, inputs_of, written_by
from realtime.types.errors import OutputError
from tests.realtime.results import Origin
from tests.realtime.wanted import settings
from tests.synth import scene, write_picture, write_tiny_network, write_video


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of all kinds that a run may read, each with a content of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSE_WEIGHTS", raising=False)
    write_tiny_network(tmp_path / "net", height=64)
    for name in ("x/a.mp4", "photos/1.jpg", "photos/2.png", "cam0/a_keypoints.json", "rig.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    (tmp_path / "cam1").mkdir()
    shutil.copy("cam0/a_keypoints.json", "cam1/a_keypoints.json")
    os.link("x/a.mp4", "hard.mp4")
    os.symlink("x/a.mp4", "soft.mp4")
    os.symlink("x", "by")
    os.symlink("later.jsonl", "link.jsonl")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    """All that lies in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def check(wanted: Settings, *names: str) -> None:
    """What a run asks before its first frame."""
    model = wanted.models.model
    card = load_card("human-pose-estimation-0001" if model is None else model)
    sources = [Origin(name) for name in names or ("a",)]
    check_outputs([*written_by(wanted, sources)], inputs_of(wanted, card))


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("x/a.mp4", {"output": "x/a.mp4"}, "--output x/a.mp4 is the source itself"),
        ("x/a.mp4", {"output": "hard.mp4"}, "--output hard.mp4 is the source itself"),
        ("x/a.mp4", {"jsonl": "soft.mp4"}, "--jsonl soft.mp4 is the source itself"),
        ("soft.mp4", {"csv": "x/../hard.mp4"}, "is the source itself"),
        ("x/a.mp4", {"stats": "by/a.mp4"}, "is the source itself"),
        ("x/a.mp4", {"record": "x"}, "--record x would write to x/a.mp4, which is the source"),
        ("x/a.mp4", {"record": "by"}, "--record by would write to by/a.mp4, which is the source"),
        ("photos", {"heatmaps": "photos"}, "--heatmaps photos holds the source itself"),
        ("photos/*.jpg", {"heatmaps": "photos"}, "--heatmaps photos holds the source itself"),
        ("photos", {"output": "photos"}, "would overwrite 1.jpg of the source"),
        ("photos/1.jpg", {"output": "photos"}, "would overwrite 1.jpg of the source"),
        ("photos", {"output": "photos/new.png"}, "--output photos/new.png holds the source"),
        ("cam0", {"stats": "cam0/stats.json"}, "--stats cam0/stats.json holds the source"),
        ("cam0/*.json", {"json": "cam0"}, "would overwrite a_keypoints.json of the source"),
        ("cam0/a_keypoints.json", {"json": "cam0"}, "would overwrite a_keypoints.json"),
        ("x/a.mp4", {"jsonl": "net/tiny.toml", "model": "net/tiny.toml"}, "the --model card"),
        ("x/a.mp4", {"jsonl": "net/tiny.bin", "model": "net/tiny.toml"}, "weights of --model"),
        ("x/a.mp4", {"jsonl": "o", "csv": "o"}, "--jsonl o and --csv o would both write o"),
        ("x/a.mp4", {"jsonl": "later.jsonl", "csv": "link.jsonl"}, "would both write"),
        ("x/a.mp4", {"jsonl": "no/../o", "csv": "o"}, "would both write"),
        ("x/a.mp4", {"output": "v.mp4", "jsonl": "v.mp4"}, "would both write v.mp4"),
        ("x/a.mp4", {"mot": "m", "coco": "m"}, "would both write m"),
        ("x/a.mp4", {"stats": "m", "coco": "m"}, "would both write m"),
        ("x/a.mp4", {"output": "rec/a.mp4", "record": "rec"}, "would both write rec/a.mp4"),
        ("x/a.mp4", {"csv": "rec/timestamps.csv", "record": "rec"}, "rec/timestamps.csv"),
        ("x/a.mp4", {"json": "out", "jsonl": "out"}, "--jsonl out is a file, but --json out needs"),
        ("x/a.mp4", {"json": "out/in", "jsonl": "out"}, "needs a folder of that name"),
        ("x/a.mp4", {"coco": "out/b", "jsonl": "out"}, "needs a folder of that name"),
        ("x/a.mp4", {"json": "out", "stats": "out/a_keypoints.json"}, "would both write"),
    ],
)
def test_an_output_that_meets_an_input_or_another_is_refused(
    place: Path, source: str, options: dict[str, str], says: str
) -> None:
    before = contents(place)
    model = {"model": options["model"]} if "model" in options else {}
    paths = {option: Path(path) for option, path in options.items() if option != "model"}
    with pytest.raises(OutputError) as caught:
        check(settings(source, **paths, **model))
    assert says in str(caught.value)
    assert str(caught.value).count(". ") == 0  # a single sentence
    assert contents(place) == before


NAMED = {"rig": "file", "undistort": "file", "key_file": "file", "refine": "card"}


def test_files_that_options_name_are_inputs(place: Path) -> None:
    """All options that take a path, but for the outputs themselves."""
    files = {field.name for field in fields(FileSettings)}
    paths = {
        name
        for kind in get_type_hints(Settings).values()
        for name, hint in get_type_hints(kind).items()
        if Path in (hint, *get_args(hint))
    }
    own = {"takes"}  # a folder in which every take has a new name
    assert paths - files - own == {*NAMED} - {"refine"}
    for option, what in NAMED.items():
        path = place / "rig.toml"
        given = str(path) if option == "refine" else path
        says = f"--jsonl {path} is the --{option.replace('_', '-')} {what} itself"
        with pytest.raises(OutputError, match=re.escape(says)):
            check(settings("x/a.mp4", jsonl=path, **{option: given}))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"json3d": "cam0"}, "--json3d cam0 holds the source itself"),
        ({"jsonl": "rig.toml"}, "--jsonl rig.toml is the --rig file itself"),
        ({"output": "poses.mp4", "stats": "poses_cam1.mp4"}, "would both write poses_cam1.mp4"),
        ({"csv": "poses.csv", "jsonl": "poses_3d.csv"}, "would both write poses_3d.csv"),
        ({"parquet": "p.parquet", "stats": "p_3d.parquet"}, "would both write p_3d.parquet"),
        ({"glb": "w.glb", "jsonl": "w.glb"}, "would both write w.glb"),
        ({"trc": "w.trc", "coco": "w_person1_cam0.trc"}, "would both write"),
        ({"trc": "w.trc", "jsonl": "w_person12.trc"}, "would both write"),
        ({"bvh": "w.bvh", "jsonl": "w_person3.bvh"}, "would both write"),
        ({"c3d": "w.c3d", "jsonl": "w_2.c3d"}, "would both write"),
        ({"json": "out", "json3d": "out/cam0"}, "would both write"),
        ({"json": "out", "jsonl": "out/cam1"}, "needs a folder of that name"),
        ({"bootstrap": "b", "jsonl": "b/labels.jsonl"}, "would both write"),
    ],
)
def test_names_that_are_derived_count_too(
    place: Path, options: Mapping[str, str], says: str
) -> None:
    paths = {option: Path(path) for option, path in options.items()}
    before = contents(place)
    with pytest.raises(OutputError) as caught:
        check(settings("cam0", "cam1", rig=Path("rig.toml"), **paths), "cam0", "cam1")
    assert says in str(caught.value)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("x/a.mp4", {"output": "x", "json": "x", "heatmaps": "x", "jsonl": "x/a.jsonl"}),
        ("x/a.mp4", {"output": "rec", "record": "rec", "stats": "rec/stats.json"}),
        ("photos", {"json": "photos", "jsonl": "photos/poses.jsonl", "output": "photos/drawn"}),
        ("cam0", {"output": "cam0", "csv": "cam0/poses.csv"}),
        ("rtsp://camera/live", {"output": "v.mp4", "record": "rec", "json": "json"}),
        ("webcam", {"output": "v.mp4", "stats": "v.json", "coco": "c.json", "mot": "c.txt"}),
    ],
)
def test_what_does_not_meet_goes_together(
    place: Path, source: str, options: Mapping[str, str]
) -> None:
    check(settings(source, **{option: Path(path) for option, path in options.items()}))


def test_a_run_is_refused_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way, with a video that can be read."""
    monkeypatch.chdir(tmp_path)
    write_tiny_network(tmp_path / "net", height=64)
    (tmp_path / "x").mkdir()
    film = write_video(tmp_path / "a.mkv", [scene([], (96, 64))] * 4, [0, 0.1, 0.2, 0.3])
    film.rename("x/a.mp4")  # readers look into it
    before = contents(tmp_path)
    wanted: list[dict[str, Any]] = [
        {"record": Path("x")},
        {"record": Path("rec"), "output": Path("rec/a.mp4")},
        {"jsonl": Path("new/o"), "csv": Path("new/o")},
    ]
    for options in wanted:
        with pytest.raises(OutputError, match=r"choose another"):
            run(settings("x/a.mp4", model="net/tiny.toml", **options))
        assert contents(tmp_path) == before


def test_a_folder_of_pictures_is_found_by_what_is_read_of_it(tmp_path: Path) -> None:
    """As the sources themselves do: pictures before JSON."""
    write_picture(tmp_path / "a.png", scene([], (96, 64)))
    (tmp_path / "a.json").write_text("{}")
    check(settings(str(tmp_path), stats=tmp_path / "stats.json"))
    with pytest.raises(OutputError, match="holds the source itself"):
        check(settings(str(tmp_path), heatmaps=tmp_path))
