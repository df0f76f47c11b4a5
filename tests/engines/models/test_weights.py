"""Weights: found by content in many folders, chosen by precision, refused where not right."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from engines.models.card import Precision, load_card
from engines.models.places import cache_folder
from engines.models.weights import Located, locate
from tests.engines.toy import card, content, form, put, refusal
from tests.engines.webserver import Site

pytestmark = pytest.mark.usefixtures("own_cache")


# Found


@pytest.mark.parametrize("place", ["package", "card", "first", "second", "below", "cache"])
def test_files_are_found_by_content_in_every_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    monkeypatch.setenv("POSE_WEIGHTS", os.pathsep.join(map(str, folders)))
    model = card(tmp_path, form("net.xml", "net.bin"))
    folder = {
        "package": tmp_path / "package",
        "card": model.folder,
        "first": folders[0],
        "second": folders[1],
        "below": folders[1] / "intel" / "FP32",
        "cache": cache_folder(),
    }[place]
    graph = put(folder, "called-otherwise", content("net.xml"))
    rest = put(folder, "net.bin")
    assert locate(model, download=False) == Located(model.weights[0], "fp32", (graph, rest))


def test_files_of_one_form_may_lie_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "one"))
    model = card(tmp_path, form("net.xml", "net.bin"))
    paths = put(model.folder, "net.xml"), put(tmp_path / "one", "net.bin")
    assert locate(model).paths == paths


def test_folders_are_not_searched_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "one"))
    put(tmp_path / "one" / "a" / "b" / "c", "net.onnx")
    refusal(card(tmp_path, form("net.onnx")))


def test_broken_links_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    path = put(tmp_path, "net.onnx")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    assert locate(card(tmp_path, form("net.onnx"))).paths == (path,)


# Chosen


def test_auto_takes_the_fastest_that_is_here(tmp_path: Path) -> None:
    floats = form("float.onnx", precision=("fp32", "bf16"))
    model = card(tmp_path, floats, form("quick.onnx", precision=("int8",)))
    plain = put(cache_folder(), "float.onnx")
    assert locate(model) == Located(floats, "bf16", (plain,))
    quick = put(cache_folder(), "quick.onnx")
    assert locate(model) == Located(model.weights[1], "int8", (quick,))
    assert locate(model, "fp32") == Located(floats, "fp32", (plain,))


def test_what_is_here_goes_before_what_must_be_fetched(tmp_path: Path, site: Site) -> None:
    quick = form("quick.onnx", precision=("int8",), site=site)
    model = card(tmp_path, form("float.onnx"), quick)
    path = put(cache_folder(), "float.onnx")
    assert locate(model).paths == (path,)
    assert site.asked == []


def test_auto_fetches_the_fastest_where_nothing_is_here(tmp_path: Path, site: Site) -> None:
    floats = form("float.xml", "float.bin", precision=("fp32", "bf16"), site=site)
    quick = form("quick.xml", "quick.bin", precision=("int8",), site=site)
    assert locate(card(tmp_path, floats, quick)).precision == "int8"
    assert {name for name, _ in site.asked} == {"quick.xml", "quick.bin"}


def test_a_form_that_is_not_published_is_passed_over(tmp_path: Path, site: Site) -> None:
    model = card(tmp_path, form("private.onnx"), form("public.onnx", site=site))
    assert locate(model, "fp32").weights == model.weights[1]


def test_a_precision_that_the_model_lacks_is_refused_with_those_it_has(tmp_path: Path) -> None:
    model = card(tmp_path, form("net.onnx", precision=("fp32", "bf16")))
    said = refusal(model, "int8")
    assert "toy" in said
    assert "int8" in said
    assert "bf16, fp32" in said


@pytest.mark.parametrize(
    ("wish", "served", "name"),
    [
        ("auto", "int8", "human-pose-estimation-0001-fp16int8.xml"),
        ("int8", "int8", "human-pose-estimation-0001-fp16int8.xml"),
        ("fp32", "fp32", "human-pose-estimation-0001.onnx"),
        ("bf16", "bf16", "human-pose-estimation-0001.onnx"),
    ],
)
def test_the_real_files_are_found(
    wish: Precision, served: str, name: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    found = locate(load_card("human-pose-estimation-0001"), wish, download=False)
    assert (found.precision, found.paths[0].name) == (served, name)


# Refused


@pytest.mark.parametrize("body", [content("other"), content("net.bin")[:-1], b""])
def test_a_file_with_the_right_name_alone_is_refused_and_left_alone(
    body: bytes, tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "mine"))
    wrong = put(tmp_path / "mine", "net.bin", body)
    model = card(tmp_path, form("net.bin", site=site))
    said = refusal(model)
    assert str(wrong) in said
    assert hashlib.sha256(body).hexdigest()[:12] in said
    assert model.weights[0].files[0].sha256[:12] in said
    assert wrong.read_bytes() == body
    assert site.asked == []


def test_a_wrong_file_is_no_matter_where_the_right_one_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "mine"))
    put(tmp_path / "mine", "net.bin", content("other"))
    right = put(tmp_path / "mine", "backup", content("net.bin"))
    assert locate(card(tmp_path, form("net.bin"))).paths == (right,)


def test_another_form_under_the_same_name_is_not_a_wrong_file(tmp_path: Path, site: Site) -> None:
    """The Open Model Zoo calls the files of all precisions alike."""
    quick, plain = form("quick", precision=("int8",)), form("plain", site=site)
    plain = replace(plain, files=(replace(plain.files[0], name="quick"),))
    model = card(tmp_path, quick, plain)
    put(cache_folder(), "quick")
    assert locate(model, "fp32").paths[0].read_bytes() == content("plain")
