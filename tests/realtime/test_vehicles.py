"""Cars of known places, drawn as a network's maps, through the whole program."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import posestream
from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton, named_skeleton
from tests.synth import scene, write_tiny_network, write_video

SIZE = (640, 256)
FRAMES, FPS = 24, 25
LONG, WIDE, HIGH = 4.2, 1.8, 1.5  # metres
# Along the car, to its left and up, in shares of these.
PLACES = {
    "front_wheel": (0.32, 0.5, 0.2),
    "back_wheel": (-0.32, 0.5, 0.2),
    "front_light": (0.48, 0.42, 0.5),
    "back_light": (-0.48, 0.42, 0.6),
    "front_top": (0.1, 0.38, 0.95),
    "back_top": (-0.25, 0.38, 1.0),
    "fog_light": (0.5, 0.36, 0.25),
    "mirror": (0.2, 0.55, 0.68),
    "back_corner": (-0.5, 0.45, 0.2),
    "grille": (0.5, 0.0, 0.45),
    "front_bumper": (0.52, 0.0, 0.25),
    "trunk": (-0.5, 0.0, 0.7),
    "back_bumper": (-0.52, 0.0, 0.25),
}


def car(skeleton: Skeleton, at: tuple[float, float], heading: float, scale: float) -> Doubles:
    """(K, 2) pixels of a car, seen from above at an angle; `scale` pixels a metre."""
    points = []
    for name in skeleton.keypoints:
        side, _, part = name.partition("_")
        sign = {"left": 1.0, "right": -1.0}.get(side)
        along, left, up = PLACES[part if sign is not None else name]
        x, y, z = along * LONG, left * (sign or 0.0) * WIDE, up * HIGH
        turned = x * np.cos(heading) - y * np.sin(heading)
        away = x * np.sin(heading) + y * np.cos(heading)
        points.append((turned, -(z * np.cos(0.6) + away * np.sin(0.6))))
    return np.array(at) + scale * np.array(points)


def traffic(skeleton: Skeleton, n: int) -> list[Doubles]:
    """Two cars that meet, each in its lane, and one that turns."""
    return [
        car(skeleton, (90 + 8 * n, 90), 0.35, 34),
        car(skeleton, (535 - 8 * n, 205), 0.35 + np.pi, 34),
        car(skeleton, (535, 75), 0.9 + 0.02 * n, 24),
    ]


@pytest.fixture(scope="module", params=["car12", "car22"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cars.mkv, and the card of a network that sees them."""
    folder = tmp_path_factory.mktemp(request.param)
    skeleton = named_skeleton(request.param)
    pairs = [(2 * n, 2 * n + 1) for n in range(len(skeleton.limbs))]
    write_tiny_network(folder, SIZE[1], skeleton, pairs)
    pictures = [scene(traffic(skeleton, n), SIZE, skeleton, pairs) for n in range(FRAMES)]
    write_video(folder / "cars.mkv", pictures, [n / FPS for n in range(FRAMES)])
    (folder / "skeleton").write_text(request.param)
    return folder


def test_cars_are_found_followed_and_written(clip: Path, tmp_path: Path) -> None:
    skeleton = named_skeleton((clip / "skeleton").read_text())
    posestream.run(
        clip / "cars.mkv",
        lambda _: None,
        model=clip / "tiny.toml",
        smooth="off",
        json=tmp_path / "json",
        jsonl=tmp_path / "cars.jsonl",
        csv=tmp_path / "cars.csv",
        mot=tmp_path / "cars.txt",
        output=tmp_path / "cars.mp4",
        heatmaps=tmp_path / "maps",
    )
    head, *lines = map(json.loads, (tmp_path / "cars.jsonl").read_text().splitlines())
    assert head["skeleton"]["keypoints"] == list(skeleton.keypoints)
    assert len(lines) == FRAMES
    who: dict[int, int] = {}
    for n, line in enumerate(lines):
        truth = np.array(traffic(skeleton, n))
        assert len(line["people"]) == len(truth)
        for one in line["people"]:
            found = np.array(one["keypoints"])
            assert (found[:, 2] > 0).all()
            away = np.linalg.norm(found[None, :, :2] - truth, axis=-1)
            place = int(away.mean(axis=1).argmin())
            assert away[place].max() <= 1.0
            assert who.setdefault(place, one["id"]) == one["id"]
    assert len(set(who.values())) == len(who) == 3
    rows = list(csv.DictReader((tmp_path / "cars.csv").read_text().splitlines()))
    assert len(rows) == 3 * FRAMES
    last = {row["id"]: row for row in rows[-3:]}
    for place, number in who.items():
        x = float(last[str(number)]["left_front_wheel_x"])
        wheel = skeleton.keypoints.index("left_front_wheel")
        assert x == pytest.approx(traffic(skeleton, FRAMES - 1)[place][wheel, 0], abs=1)
    files = sorted((tmp_path / "json").iterdir())
    assert len(files) == FRAMES
    people = json.loads(files[-1].read_text())["people"]
    assert {one["person_id"][0] for one in people} == set(who.values())
    assert all(len(one["pose_keypoints_2d"]) == 3 * len(skeleton.keypoints) for one in people)
    boxes = [line.split(",") for line in (tmp_path / "cars.txt").read_text().splitlines()]
    assert len(boxes) == 3 * FRAMES
    assert len(list((tmp_path / "maps").iterdir())) == FRAMES
    video = cv2.VideoCapture(str(tmp_path / "cars.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == FRAMES
    video.release()
