"""What runs on a machine that reaches no server and has no weights of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.models import card
from tests.conftest import ROOT, without_anything
from tests.synth import crowd, scene, write_picture, write_tiny_network

SIZE = (320, 256)
USUAL = "human-pose-estimation-0001"
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def posestream(cards: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> Program:
    """The package's cards are the usual one and a tiny network that the photo was made for."""
    environment = without_anything(cards)
    for name in [name for name in os.environ if name not in environment]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(card, "FOLDER", cards)
    return program


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    own = write_tiny_network(tmp_path / "cards", height=SIZE[1])
    usual = ROOT / "engines" / "cards" / f"{USUAL}.toml"
    (own.parent / usual.name).write_text(usual.read_text())
    return own.parent


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    people = crowd(2, SIZE, np.random.default_rng(0))
    return write_picture(tmp_path / "two.png", scene(people, SIZE))


def test_what_comes_with_the_program_runs_and_one_sentence_says_so(
    posestream: Program, photo: Path, tmp_path: Path
) -> None:
    done = posestream("--source", photo, "--json", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    [said] = [line for line in done.stderr.splitlines() if line.startswith("posestream:")]
    assert "posestream models fetch" in said
    assert "reach" not in done.stderr  # nothing was asked of the network
    assert (tmp_path / "out" / "two_keypoints.json").read_text().count("pose_keypoints_2d") == 2


def test_quiet_says_nothing_of_it(posestream: Program, photo: Path, tmp_path: Path) -> None:
    done = posestream("--source", photo, "--quiet", "--json", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_model_that_was_asked_for_is_not_replaced(
    posestream: Program, photo: Path, tmp_path: Path
) -> None:
    done = posestream("--source", photo, "--model", USUAL, "--json", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert "instead" not in done.stderr
    assert done.stderr.count("posestream:") == 1


def test_without_anything_shipped_the_error_is_what_it_was(
    posestream: Program, cards: Path, photo: Path, tmp_path: Path
) -> None:
    for path in cards.glob("*"):
        if path.stem != USUAL:
            path.unlink()
    done = posestream("--source", photo, "--json", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert f"weights of model {USUAL} are not on this machine: put " in done.stderr
    assert "Traceback" not in done.stderr
