"""A second look at people, through the command that users run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime.settings.all import Settings
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.tracking import TrackSettings
from realtime.types.errors import SettingsError
from tests import synth
from tests.conftest import ROOT
from tests.engines.simcc_network import write_card

LIGHTNING = "tests/cards/movenet-lightning.toml"


Program = Callable[..., subprocess.CompletedProcess[str]]
PAFNET = ("--no-show", "--model", "pafnet")


def people_of(path: Path) -> list[list[dict[str, object]]]:
    lines = path.read_text().splitlines()[1:]
    return [json.loads(line)["people"] for line in lines]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--refine", "pafnet"), "knows one person"),
        (("--refine", "movenet-thundr"), "did you mean movenet-thunder"),
        (("--refine", "nowhere.toml"), "no model card nowhere.toml"),
        (("--detect-every", "auto", "--refine", "off"), "--refine"),
        (("--detect-every", "auto", "--refine", LIGHTNING, "--no-track"), "--no-track"),
        (
            ("--refine", LIGHTNING, "--refine-people", "0"),
            "--refine-people must be 1 or more",
        ),
        (("--preset", "fastest"), "--preset"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    options: tuple[str, ...], said: str, program: Program
) -> None:
    picture = ROOT / "docs" / "astronaut.jpg"
    done = program(*PAFNET, "--source", picture, *options)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_followed_video_is_the_same_every_time(
    data: Path, tmp_path: Path, program: Program
) -> None:
    """Which frames are looked at whole rests on the frames alone, not on how busy the machine is.

    People are followed by default, and the poses are those of a second look at every frame, at a
    fraction of the looks.
    """
    clip = data / "video" / "webcam-walk.mkv"
    lines = []
    wanted = {"one": "auto", "default": None, "whole": "1"}
    for name, every in wanted.items():
        out = tmp_path / f"{name}.jsonl"
        asked = ("--detect-every", every) if every else ()
        done = program(
            *PAFNET,
            *("--source", clip, "--end", "30", "--refine", LIGHTNING, *asked),
            *("--quiet", "--jsonl", out),
        )
        assert done.returncode == 0, done.stderr
        lines.append(people_of(out))
    one, other, whole = lines
    assert one == other
    assert [len(people) for people in one] == [1] * len(one)
    assert {person["id"] for people in one for person in people} == {1}
    near = []
    for mine, theirs in zip(one, whole, strict=True):
        a, b = (np.array(people[0]["keypoints"], float).reshape(-1, 3) for people in (mine, theirs))
        both = (a[:, 2] > 0.3) & (b[:, 2] > 0.3)
        side = np.ptp(b[both, 1])
        near.append((np.linalg.norm(a[both, :2] - b[both, :2], axis=1) < 0.05 * side).mean())
    assert np.mean(near) > 0.9


def test_people_are_followed_by_what_runs_by_default(
    data: Path, tmp_path: Path, program: Program
) -> None:
    clip, out = data / "video" / "webcam-walk.mkv", tmp_path / "people.jsonl"
    options = ("--end", "4", "--detect-every", "auto", "--quiet", "--jsonl", out)
    done = program("--no-show", "--source", clip, *options)
    assert done.returncode == 0, done.stderr
    assert [len(people) for people in people_of(out)] == [1] * 4


def test_a_model_beside_which_nothing_looks_again_follows_nobody(
    tmp_path: Path, program: Program
) -> None:
    network = synth.write_tiny_network(tmp_path, height=128)
    picture = ROOT / "docs" / "astronaut.jpg"
    words = ("--no-show", "--model", network, "--source", picture, "--detect-every", "auto")
    done = program(*words)
    assert done.returncode == 2, done.stderr
    assert "name one, for example --refine auto" in done.stderr
    assert "Traceback" not in done.stderr


def test_following_needs_somebody_who_follows() -> None:
    sources, auto = SourceSettings("clip.mp4"), TrackSettings(detect_every="auto")
    Settings(sources, tracks=auto)  # by default a crop network is there
    with pytest.raises(SettingsError, match="--refine"):
        Settings(sources, ModelSettings(refine="off"), tracks=auto)
    Settings(sources, ModelSettings(preset="fast"), tracks=auto)


@pytest.mark.parametrize("awkward", ["nobody", "narrow", "crowd"])
def test_awkward_pictures_have_the_people_that_they_had(
    awkward: str, tmp_path: Path, program: Program
) -> None:
    """Nobody; a picture narrower than any crop; fifty people, of whom the largest are looked at.

    What the crop network sees in them is nobody's pose, so that all stay as the first one saw them.
    """
    size = {"nobody": (160, 128), "narrow": (40, 128), "crowd": (1600, 640)}[awkward]
    rng = np.random.default_rng(4)
    people = {
        "nobody": [],
        "narrow": [synth.person((20, 64), 100)],
        "crowd": synth.crowd(50, size, rng),
    }[awkward]
    picture = synth.write_picture(tmp_path / "picture.png", synth.scene(people, size))
    (tmp_path / "first").mkdir()
    first = synth.write_tiny_network(tmp_path / "first", height=size[1])
    second = write_card(tmp_path)
    second.write_text(second.read_text().replace("guard = 0.05", "guard = 0.9"))
    found = {}
    for refine in ("off", str(second)):
        out = tmp_path / f"{refine == 'off'}.jsonl"
        options = ("--refine", refine, "--jsonl", out, "--quiet", "--no-track")
        words = ("--no-show", "--source", picture, "--model", first, "--height", size[1])
        done = program(*words, *options)
        assert (done.returncode, done.stderr) == (0, "")
        (found[refine],) = people_of(out)
    plain, refined = (sorted(keypoints(one) for one in found[name]) for name in found)
    assert len(plain) == len(people)
    assert len(refined) == len(plain)
    np.testing.assert_allclose(refined, plain, atol=0.02)


def keypoints(person: dict[str, object]) -> list[float]:
    """The places of somebody's keypoints, the first two in front."""
    places = person["keypoints"]
    assert isinstance(places, list)
    return [float(value) for point in places for value in point[:2]]
