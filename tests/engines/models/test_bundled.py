"""Models that need no download, because their weights lie in the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engines.models import card as cards
from engines.models import places
from engines.models.bundled import shipped
from engines.models.weights import locate
from tests.engines.toy import put
from tests.synth import write_tiny_network

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's cards: one whose network lies beside it, one that must be fetched."""
    own = write_tiny_network(tmp_path / "cards", height=64)
    usual = Path(cards.__file__).parents[1] / "cards" / "human-pose-estimation-0001.toml"
    (own.parent / usual.name).write_text(usual.read_text())
    monkeypatch.setattr(cards, "FOLDER", own.parent)
    return own.parent


def networks(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix != ".toml"]


def move(folder: Path, to: Path) -> None:
    for path in networks(folder):
        put(to, path.name, path.read_bytes())
        path.unlink()


def test_a_network_beside_its_card_is_shipped(folder: Path) -> None:
    found = shipped()
    assert found is not None
    assert {path.parent for path in locate(found, download=False).paths} == {folder}


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_only_for_the_precisions_it_has(folder: Path, precision: cards.Precision) -> None:
    [own] = (cards.load_card(name) for name in cards.card_names() if not name.startswith("human"))
    serves = any(precision in form.precision for form in own.weights)
    assert (shipped(precision) is not None) == serves


def test_what_a_gpu_cannot_run_is_not_shipped_for_one(folder: Path) -> None:
    """Engines are built in fp16, which a card with INT8 alone does not serve."""
    assert shipped(device="cuda") is not None
    path = next(path for path in folder.glob("*.toml") if not path.stem.startswith("human"))
    path.write_text(re.sub(r"precision = \[.*\]", 'precision = ["int8"]', path.read_text()))
    assert shipped() is not None
    assert shipped(device="cuda") is None


def test_in_the_folder_of_the_packages_weights_too(folder: Path) -> None:
    move(folder, places.PACKAGE)
    assert shipped() is not None


def test_weights_of_the_users_own_are_not_shipped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move(folder, tmp_path / "mine")
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "mine"))
    assert shipped() is None


def test_a_damaged_network_is_not_shipped(folder: Path) -> None:
    for path in networks(folder):
        path.write_bytes(path.read_bytes()[:-1])
    assert shipped() is None
