"""Textured scenes of walking people with known identities, and what a network might find in them.

People are limbs of one colour each with dots that move along, before a background of noise, so
that optical flow has something to follow. Nearer people hide those behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import cv2
import numpy as np

from engines.types.arrays import Image
from engines.types.poses import Poses
from tests.synth import SKELETON, Points, Pose, figure

RATE = 25.0
LIMBS = tuple(
    tuple(f"{side}_{part}" for part in parts)
    for parts in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
    for side in ("right", "left")
)
TRUNK = "right_shoulder", "left_shoulder", "left_hip", "right_hip"
INDEX = {name: n for n, name in enumerate(SKELETON.keypoints)}

Path = Callable[[float], tuple[float, float]]  # seconds -> x, y of the middle, in the world


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody on a path; `height` in pixels; who is higher stands in front.

    pace: steps a second.
    """

    path: Path
    height: float
    pace: float = 1.8
    breadth: float = 0.55
    seed: int = 0

    def points(self, time: float) -> Points:
        """(18, 2) keypoints in the world."""
        swing = np.sin(np.pi * self.pace * time + self.seed)
        legs, arms = 26 * swing, 24 * swing
        bend = 12 + 10 * np.cos(np.pi * self.pace * time + self.seed)
        angles = (-arms, 18 - arms, legs, legs - bend, arms, 18 + arms, -legs, -legs - bend)
        body = figure(Pose(angles, breadth=self.breadth, look=0.3), None) * self.height
        middle: Points = np.nanmean(body, axis=0)
        return body - middle + self.path(time)


@dataclass(frozen=True, slots=True)
class Step:
    """A frame: its time, its picture, who is where (all keypoints, and which are to be seen)."""

    time: float
    image: Image
    people: dict[int, Points]
    visible: dict[int, np.ndarray]


@dataclass(frozen=True, slots=True)
class Scene:
    """walkers: from back to front. pillars: (left, right) in the world, before everybody.

    camera: seconds -> how far the world moved to the left and up in the picture.
    """

    name: str
    walkers: tuple[Walker, ...]
    seconds: float = 4.0
    size: tuple[int, int] = (640, 360)
    pillars: tuple[tuple[float, float], ...] = ()
    camera: Path = field(default=lambda _time: (0.0, 0.0))
    jitter: float = 0.012  # standard deviation of keypoints, in heights
    misses: float = 0.2  # share of people that a frame lacks
    gaps: float = 0.1  # share of keypoints
    false_people: float = 0.1  # a frame
    rate: float = RATE

    def steps(self) -> Iterator[Step]:
        """All frames."""
        wide, high = self.size
        world = _background()
        for n in range(round(self.seconds * self.rate)):
            time = n / self.rate
            shift = np.array(self.camera(time))
            move = np.array([[1.0, 0, 600 - shift[0]], [0, 1.0, 300 - shift[1]]])
            move[:, 2] -= 1000, 600
            image = cv2.warpAffine(world, move, self.size, borderMode=cv2.BORDER_REFLECT)
            bodies = [walker.points(time) - shift for walker in self.walkers]
            visible = [_inside(body, self.size) for body in bodies]
            for front, (walker, body) in enumerate(zip(self.walkers, bodies, strict=True)):
                _paint(image, body, walker)
                for behind in range(front):
                    visible[behind] &= ~_covered(bodies[behind], body, walker.height)
            for left, right in self.pillars:
                a, b = np.clip([left - shift[0], right - shift[0]], 0, wide).astype(int)
                image[:, a:b] = world[:high, 40 : 40 + b - a] // 2
                for body, seen in zip(bodies, visible, strict=True):
                    seen &= ~((body[:, 0] >= left - shift[0]) & (body[:, 0] < right - shift[0]))
            people = dict(enumerate(bodies))
            yield Step(time, image, people, dict(enumerate(visible)))

    def detections(self, steps: Iterable[Step], seed: int = 0) -> list[Poses]:
        """What a network finds in each frame: jitter, misses, gaps, false people, any order."""
        rng = np.random.default_rng(seed)
        return [self._detect(step, rng) for step in steps]

    def _detect(self, step: Step, rng: np.random.Generator) -> Poses:
        found = []
        for walker, body in step.people.items():
            height = self.walkers[walker].height
            seen = step.visible[walker] & (rng.random(len(body)) >= self.gaps)
            missed = rng.random() < self.misses
            if missed or seen.sum() < 4:
                continue
            points = body + rng.normal(0, self.jitter * height, body.shape)
            found.append((np.where(seen[:, None], points, np.nan), rng.uniform(0.5, 0.9)))
        if rng.random() < self.false_people:
            pose = Pose(tuple(rng.uniform(-60, 60, 8)), breadth=rng.uniform(0.3, 1))
            ghost = figure(pose, None) * rng.uniform(60, 140) + rng.uniform((0, 0), self.size)
            seen = _inside(ghost, self.size) & (rng.random(len(ghost)) >= 0.4)
            if seen.sum() >= 4:
                found.append((np.where(seen[:, None], ghost, np.nan), rng.uniform(0.2, 0.6)))
        rng.shuffle(found)
        xy = np.array([points for points, _ in found], np.float32).reshape(-1, len(INDEX), 2)
        sure = np.array([score for _, score in found], np.float32)
        score = np.where(np.isnan(xy[..., 0]), 0, sure[:, None]).astype(np.float32)
        return Poses(SKELETON, xy, score, sure)


def straight(x: float, y: float, across: float, down: float = 0) -> Path:
    """From (x, y) at so many pixels a second."""
    return lambda time: (x + across * time, y + down * time)


def apart(count: int = 5) -> Scene:
    """People who walk in lanes of their own, too far from each other to be mistaken."""
    walkers = [
        Walker(straight(70 + 120 * n, 180 + 20 * (n % 2), 12 * (-1) ** n), 190, seed=n)
        for n in range(count)
    ]
    return Scene("apart", tuple(walkers))


def crossing(seed: int = 0) -> Scene:
    """Four people in two pairs who pass each other, the nearer one before the other."""
    rng = np.random.default_rng(seed)
    walkers = []
    for n in range(4):
        way = 1 if n % 2 else -1
        speed = rng.uniform(90, 130) * way
        x = 320 - speed * rng.uniform(1.4, 2.2)
        walkers.append(Walker(straight(x, 170 + 6 * n, speed), 170 + 10 * n, seed=n + 10 * seed))
    return Scene("crossing", tuple(walkers))


def occlusion() -> Scene:
    """Three people behind pillars that hide them for 0.5, 1 and 2 seconds."""
    walkers = (
        Walker(straight(60, 180, 130), 190, seed=1),
        Walker(straight(600, 190, -75), 200, seed=2),
        Walker(straight(160, 170, 45), 180, seed=3),
    )
    return Scene("occlusion", walkers, seconds=6, pillars=((270, 360),), misses=0.1)


def pan() -> Scene:
    """People who walk while the camera swings to and fro, up to 28 pixels a frame."""
    walkers = tuple(
        Walker(straight(-100 + 150 * n, 175 + 10 * n, 50 * (-1) ** n), 165 + 8 * n, seed=n)
        for n in range(6)
    )
    return Scene(
        "pan", walkers, camera=lambda time: (200 * np.sin(3.5 * time), 20 * np.sin(5 * time))
    )


def crowd(count: int = 30) -> Scene:
    """Many people in rows at 1280x720 who pass each other."""
    rng = np.random.default_rng(3)
    walkers = []
    for n in range(count):
        row = n * 5 // count
        height = 110 + 45 * row
        x, y = rng.uniform(100, 1180), 150 + 95 * row
        speed = rng.uniform(20, 80) * rng.choice([-1, 1])
        walkers.append(Walker(straight(x, y, speed), height, seed=n))
    return Scene("crowd", tuple(walkers), size=(1280, 720), seconds=3)


def jitter() -> Scene:
    """People apart whom the network finds badly: 4 % of their height off, a third missed."""
    scene = apart()
    return Scene("jitter", scene.walkers, jitter=0.04, misses=0.33, gaps=0.3, false_people=0.5)


def scenes() -> list[Scene]:
    """All of them."""
    crossings = [crossing(seed) for seed in range(4)]
    return [apart(), jitter(), *crossings, occlusion(), pan(), crowd()]


@cache
def _background() -> Image:
    """Noise with detail at several scales, as a wall or a street has."""
    rng = np.random.default_rng(9)
    picture = np.zeros((1500, 2600, 3), np.float32)
    for scale, strength in ((4, 30), (16, 30), (64, 40)):
        small = rng.normal(0, strength, (1500 // scale + 1, 2600 // scale + 1, 3)).astype(
            np.float32
        )
        picture += cv2.resize(small, (2600, 1500), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + 120, 0, 255).astype(np.uint8)


def _inside(body: Points, size: tuple[int, int]) -> np.ndarray:
    return ((body >= 0) & (body <= np.array(size) - 1)).all(axis=1)


def _covered(body: Points, front: Points, height: float) -> np.ndarray:
    """Which keypoints lie behind the trunk, the head or the legs of somebody in front."""
    outline = cv2.convexHull(front.astype(np.float32)[[INDEX[n] for n in TRUNK]])
    margin = 0.03 * height
    within = [cv2.pointPolygonTest(outline, tuple(map(float, p)), True) > -margin for p in body]
    head = np.linalg.norm(body - front[INDEX["nose"]], axis=1) < 0.08 * height
    return np.array(within) | head


def _paint(image: Image, body: Points, walker: Walker) -> None:
    rng = np.random.default_rng(walker.seed + 100)
    shirt, trousers, skin = rng.uniform(40, 220, (3, 3))
    high = walker.height

    def limb(a: Points, b: Points, colour: np.ndarray, width: float) -> None:
        ends = [tuple(map(int, np.rint(16 * p))) for p in (a, b)]
        cv2.line(image, *ends, colour.tolist(), max(1, round(width * high)), cv2.LINE_AA, 4)
        for _ in range(5):
            along, across = rng.uniform(0, 1), rng.uniform(-0.35, 0.35) * width * high
            way = (b - a) / max(1e-6, float(np.linalg.norm(b - a)))
            spot = a + along * (b - a) + across * np.array([-way[1], way[0]])
            dot = np.clip(colour + rng.uniform(-90, 90, 3), 0, 255).tolist()
            radius = max(1, round(0.16 * width * high))
            middle = tuple(map(int, np.rint(16 * spot)))
            cv2.circle(image, middle, radius * 16, dot, -1, cv2.LINE_AA, 4)

    at = {name: body[n] for name, n in INDEX.items()}
    for names in LIMBS[:1] + LIMBS[2:]:
        colour = shirt if "shoulder" in names[0] else trousers
        for a, b in pairwise(names):
            limb(at[a], at[b], colour, 0.075)
    top, foot = (
        (at["right_shoulder"] + at["left_shoulder"]) / 2,
        (at["right_hip"] + at["left_hip"]) / 2,
    )
    for shift in (-0.05, 0, 0.05):
        aside = np.array([shift * high, 0])
        limb(top + aside, foot + aside, shirt, 0.1)
    limb(at["neck"], at["nose"], skin, 0.09)
    cv2.circle(image, tuple(map(int, at["nose"])), max(2, round(0.07 * high)), skin.tolist(), -1)
    for name in ("nose", "left_eye", "right_eye", "left_ear"):
        dot = tuple(map(int, at[name]))
        cv2.circle(image, dot, max(1, round(0.012 * high)), rng.uniform(0, 255, 3).tolist(), -1)
    for a, b in pairwise(LIMBS[1]):
        limb(at[a], at[b], shirt * 0.8, 0.06)
