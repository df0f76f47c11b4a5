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
from realtime.multiview.reconstructor import MultiViewReconstructor
from tests.bodies import sightings
from tests.calibration.cameras import ring
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


def car(skeleton: Skeleton, heading: float) -> Doubles:
    """(K, 3) metres of a car at the origin, Z up."""
    points = []
    for name in skeleton.keypoints:
        side, _, part = name.partition("_")
        sign = {"left": 1.0, "right": -1.0}.get(side)
        along, left, up = PLACES[part if sign is not None else name]
        x, y, z = along * LONG, left * (sign or 0.0) * WIDE, up * HIGH
        turned = x * np.cos(heading) - y * np.sin(heading)
        points.append((turned, x * np.sin(heading) + y * np.cos(heading), z))
    return np.array(points)


def pictured(car: Doubles, at: tuple[float, float], scale: float) -> Doubles:
    """(K, 2) pixels of it, seen from above at an angle; `scale` pixels a metre."""
    x, y, z = car.T
    return np.array(at) + scale * np.stack([x, -(z * np.cos(0.6) + y * np.sin(0.6))], axis=1)


def traffic(skeleton: Skeleton, n: int) -> list[Doubles]:
    """Two cars that meet, each in its lane, and one that turns."""
    return [
        pictured(car(skeleton, 0.35), (90 + 8 * n, 90), 34),
        pictured(car(skeleton, 0.35 + np.pi), (535 - 8 * n, 205), 34),
        pictured(car(skeleton, 0.9 + 0.02 * n), (535, 75), 24),
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


@pytest.mark.parametrize("name", ["car12", "car22"])
def test_cars_are_followed_in_three_dimensions(name: str) -> None:
    """Two cars that pass each other before four cameras, at 14 m, with 1 px of noise."""
    skeleton, rig, rng = (
        named_skeleton(name),
        ring(4, radius=14, height=4),
        np.random.default_rng(0),
    )
    reconstructor = MultiViewReconstructor(rig, skeleton)
    ids = set()
    for n in range(30):
        time = n / 25
        cars = [
            np.add(car(skeleton, 0.0), (4 * time - 3, -2, 0)),
            np.add(car(skeleton, np.pi), (3 - 4 * time, 2, 0)),
        ]
        views = sightings(rig, cars, time, rng=rng, noise=1.0, skeleton=skeleton)
        poses = reconstructor.update(time, views)
        assert len(poses) == 2
        away = np.linalg.norm(poses.xyz[:, None] - np.array(cars), axis=-1).mean(axis=-1)
        assert away.min(axis=1).max() < 0.05
        ids |= set(zip(away.argmin(axis=1).tolist(), poses.id.tolist(), strict=True))
    assert len(ids) == 2
