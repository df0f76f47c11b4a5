"""Presets and defaults, on machines that have their weights and on those that can get none."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import engines.models.card
from engines.refining import OWN
from realtime import presets
from realtime.assembly import stream
from realtime.default_model import DEFAULT, REFINE, decided
from realtime.presets import PRESETS, with_preset
from realtime.settings.model import ModelSettings
from tests.conftest import ROOT
from tests.realtime.wanted import settings

LIGHTNING = str(ROOT / "tests" / "cards" / "movenet-lightning.toml")


@pytest.fixture
def cards(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The usual model and a crop network, whose weights are here."""
    folder = tmp_path / "cards"
    folder.mkdir()
    shutil.copy(ROOT / "engines" / "cards" / f"{DEFAULT}.toml", folder)
    shutil.copy(LIGHTNING, folder / f"{REFINE}.toml")
    monkeypatch.setattr(engines.models.card, "FOLDER", folder)
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    return folder


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("name", ["fast", "balanced", "best"])
def test_a_preset_runs_without_what_cannot_be_fetched(
    name: presets.PresetName, caplog: pytest.LogCaptureFixture
) -> None:
    taken = with_preset(ModelSettings(preset=name))
    assert (taken.model, taken.refine) == ("pafnet", OWN)
    # A height of another model is none.
    assert taken.height == {"fast": 256, "balanced": 368, "best": None}[name]
    said = [record.getMessage() for record in caplog.records]
    models = [one for one in said if "pafnet runs instead" in one]
    assert len(models) == (name == "best")
    assert len([one for one in said if f"The bundled {OWN}" in one]) == 1
    assert len(said) == len(models) + 1


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(("enough", "name"), [(1e9, "best"), (0.0, "fast")])
def test_auto_takes_what_keeps_up_and_says_so_in_one_line(
    enough: float, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(presets, "ENOUGH", enough)
    taken = with_preset(ModelSettings(model="pafnet", preset="auto"))
    assert (taken.model, taken.preset) == ("pafnet", name)
    said = [record.getMessage() for record in caplog.records]
    [line] = [one for one in said if one.startswith("Preset auto")]
    assert name in line
    assert (" ms a frame" in line) == (name == "best")


def test_auto_measures_the_crop_network_that_was_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    monkeypatch.setattr(presets, "ENOUGH", 1e9)
    taken = with_preset(ModelSettings("pafnet", refine=LIGHTNING, preset="auto"))
    assert (taken.refine, taken.preset) == (LIGHTNING, "best")
    assert len(caplog.records) == 1


@pytest.mark.usefixtures("nowhere")
def test_stats_say_which_preset_was_taken(tmp_path: Path) -> None:
    photo, stats = ROOT / "docs" / "astronaut.jpg", tmp_path / "stats.json"
    for _ in stream(settings(str(photo), preset="fast", stats=stats)):
        pass
    model = json.loads(stats.read_text())["model"]
    assert (model["name"], model["preset"], model["refine"]) == ("pafnet", "fast", OWN)


@pytest.mark.usefixtures("nowhere")
def test_what_is_bundled_runs_where_nothing_was_fetched(caplog: pytest.LogCaptureFixture) -> None:
    taken = decided(ModelSettings(), "cpu", rig=False)
    assert (taken.model, taken.refine) == ("pafnet", OWN)
    assert not caplog.records


@pytest.mark.usefixtures("cards")
def test_the_more_accurate_models_run_once_they_are_here() -> None:
    taken = decided(ModelSettings(), "cpu", rig=False)
    assert (taken.model, taken.refine) == (DEFAULT, REFINE)


def test_a_models_own_crop_network_looks_again_unless_something_else_is_asked_for() -> None:
    named = ModelSettings("pafnet")
    assert decided(named, "cpu", rig=False).refine == OWN
    assert decided(named, "cuda", rig=False) == named
    assert decided(named, "cpu", rig=True).refine == OWN
    for refine in ("off", "movenet-thunder"):
        assert decided(replace(named, refine=refine), "cpu", rig=False).refine == refine


@pytest.mark.usefixtures("cards")
def test_people_get_a_second_look_where_its_weights_are(tmp_path: Path, data: Path) -> None:
    clip, stats = data / "video" / "webcam-walk.mkv", tmp_path / "stats.json"
    options = {"end": 8, "stats": stats}
    results = list(stream(settings(str(clip), **options)))
    assert json.loads(stats.read_text())["model"]["refine"] == REFINE
    looked = [result.views[0].evidence is not None for result in results if result.views[0]]
    assert looked[0]
    assert sum(looked) < len(looked)  # and are followed by it
    stats.unlink()
    for _ in stream(settings(str(clip), refine="off", **options)):
        pass
    assert json.loads(stats.read_text())["model"]["refine"] is None


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize(
    "options",
    [{"track": False}, {"view": "heatmaps"}, {"detect_every": 1}, {"heatmaps": Path("maps")}],
)
def test_every_frame_is_looked_at_where_that_is_needed(
    options: dict[str, object], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = data / "video" / "webcam-walk.mkv"
    for result in stream(settings(str(clip), end=4, refine=LIGHTNING, **options)):
        assert result.views[0] is not None
        assert result.views[0].evidence is not None


def test_a_crop_network_that_is_no_more_exact_than_the_model_does_not_follow(
    data: Path, tmp_path: Path
) -> None:
    clip = str(data / "video" / "webcam-walk.mkv")
    weak = ROOT / "engines" / "cards" / "cropnet.toml"
    for one in weak.parent.glob("cropnet.*"):
        shutil.copy(one, tmp_path)
    text = weak.read_text()
    assert "\nweight = 2.0" in text
    (tmp_path / "weak.toml").write_text(text.replace("\nweight = 2.0", "\nweight = 1.0"))

    def looked(**options: object) -> list[bool]:
        results = stream(settings(clip, end=8, model="pafnet", **options))
        return [one.views[0] is not None and one.views[0].evidence is not None for one in results]

    card = str(tmp_path / "weak.toml")
    assert all(looked(refine=card))
    assert not all(looked(refine=card, detect_every="auto"))
    assert not all(looked())  # by cropnet, which is more exact than pafnet


@pytest.mark.parametrize(
    ("model", "auto"),
    [("pafnet", 5), ("human-pose-estimation-0001", 9)],  # to which crops are dear, and cheap
)
def test_crowds_of_a_video_are_looked_at_whole_in_every_frame_unless_auto_saves_on_crops(
    model: str, auto: int, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    clip = data / "mot-tud-campus" / "TUD-Campus.mp4"

    def looks(**options: object) -> int:
        wanted = settings(str(clip), model=model, end=9, refine=LIGHTNING, **options)
        views = [view for one in stream(wanted) for view in one.views if view]
        return sum(view.evidence is not None for view in views)

    assert looks() == 9
    assert looks(detect_every="auto") == auto


def test_a_presets_height_and_refinement_give_way_to_the_users(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    taller = with_preset(ModelSettings("pafnet", height=480, refine="off", preset="best"))
    assert (taller.model, taller.height, taller.refine) == ("pafnet", 480, "off")
    own = with_preset(ModelSettings("pafnet", refine="off", preset="fast"))
    assert (own.model, own.height) == ("pafnet", PRESETS["fast"].height)
    assert with_preset(ModelSettings()) == ModelSettings()
