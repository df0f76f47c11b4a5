"""Synthetic scenes with known answers.

People as 2D poses, the maps that a perfect network would give for them, and a tiny network that
reads such maps back out of a picture, so that the whole program runs without any download.
Coordinates are pixels of the network's input, (x, y), pixel centres at whole numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.models.card import load_card
from engines.types.arrays import Floats, Image
from engines.types.skeleton import Skeleton, named_skeleton

Points = NDArray[np.float64]  # (K, 2), NaN = not in the picture

SKELETON = named_skeleton("coco18")
CHANNELS = load_card("human-pose-estimation-0001").decoder.channels
STRIDE = 8


@dataclass(frozen=True, slots=True)
class Pose:
    """A posture; angles in degrees, 0 = straight down, 90 = towards the right of the picture.

    angles: upper arm, forearm, thigh, shin of the right side, then of the left.
    turn: of the whole body, clockwise. breadth: of shoulders, hips and face, 0 = from the side.
    look: how far the face points to the right of the picture. hidden: keypoints that nobody sees.
    """

    angles: tuple[float, ...]
    turn: float = 0
    breadth: float = 1
    look: float = 0
    hidden: tuple[str, ...] = ()


POSES = {
    "standing": Pose((-14, -8, -4, -2, 14, 8, 4, 2)),
    "walking": Pose((-32, 15, -24, -10, 28, 60, 26, -12), breadth=0.6, look=0.4),
    "arms up": Pose((-150, -172, -8, -4, 150, 172, 8, 4)),
    "arms out": Pose((-88, -92, -12, -8, 88, 92, 12, 8)),
    "lying": Pose((-30, -10, -5, -9, 30, 12, 8, 3), turn=90),
    "side": Pose(
        (20, 50, 18, 2, -20, 0, -14, -24),
        breadth=0.15,
        look=1,
        hidden=("left_eye", "left_ear", "left_elbow", "left_wrist"),
    ),
}


def person(
    centre: tuple[float, float],
    height: float,
    pose: str = "standing",
    rng: np.random.Generator | None = None,
) -> Points:
    """(18, 2) keypoints of somebody whose eyes are `height` above the ankles when standing.

    centre: of the box around the keypoints. rng: makes joints and lengths vary a little.
    """
    points = figure(POSES[pose], rng) * height
    middle: Points = (np.nanmin(points, axis=0) + np.nanmax(points, axis=0)) / 2
    return points - middle + centre


def figure(pose: Pose, rng: np.random.Generator | None) -> Points:
    """(18, 2) keypoints in units of the height, the neck at the origin."""
    angles = np.radians(pose.angles)
    lengths = np.array([0.19, 0.16, 0.28, 0.28] * 2)
    if rng is not None:
        angles = angles + rng.normal(0, np.radians(4), 8)
        lengths = lengths * rng.normal(1, 0.03, 8)
    bones = np.stack([np.sin(angles), np.cos(angles)], axis=1) * lengths[:, None]
    at: dict[str, Points] = {
        "neck": np.zeros(2),
        "nose": np.array([0.05 * pose.look, -0.11]),
    }
    # Somebody who faces us has the right side on the left of the picture.
    for side, sign, (upper, fore, thigh, shin) in (
        ("right", -pose.breadth, bones[:4]),
        ("left", pose.breadth, bones[4:]),
    ):
        at[f"{side}_eye"] = np.array([0.022 * sign + 0.035 * pose.look, -0.14])
        at[f"{side}_ear"] = np.array([0.045 * sign - 0.02 * pose.look, -0.125])
        at[f"{side}_shoulder"] = np.array([0.12 * sign, 0.01])
        at[f"{side}_elbow"] = at[f"{side}_shoulder"] + upper
        at[f"{side}_wrist"] = at[f"{side}_elbow"] + fore
        at[f"{side}_hip"] = np.array([0.075 * sign, 0.30])
        at[f"{side}_knee"] = at[f"{side}_hip"] + thigh
        at[f"{side}_ankle"] = at[f"{side}_knee"] + shin
    points = np.array([at[name] for name in SKELETON.keypoints])
    cos, sin = np.cos(np.radians(pose.turn)), np.sin(np.radians(pose.turn))
    return hide(points @ np.array([[cos, sin], [-sin, cos]]), *pose.hidden)


def hide(points: Points, *names: str) -> Points:
    """The same person without these keypoints."""
    points = points.copy()
    points[[SKELETON.keypoints.index(name) for name in names]] = np.nan
    return points


def cut(points: Points, size: tuple[int, int]) -> Points:
    """The same person without what lies outside a picture of this (width, height)."""
    outside = ((points < -0.5) | (points >= np.array(size) - 0.5)).any(axis=1)
    return np.where(outside[:, None], np.nan, points)


def behind(points: Points, front: Points) -> Points:
    """The same person without what the trunk and head of somebody in front cover."""
    trunk = [
        SKELETON.keypoints.index(f"{side}_{part}")
        for side in ("right", "left")
        for part in ("shoulder", "hip", "ear")
    ]
    low, high = np.nanmin(front[trunk], axis=0), np.nanmax(front[trunk], axis=0)
    covered = ((points >= low) & (points <= high)).all(axis=1)
    return np.where(covered[:, None], np.nan, points)


def crowd(
    count: int,
    size: tuple[int, int],
    rng: np.random.Generator,
    poses: Sequence[str] = tuple(POSES),
) -> list[Points]:
    """People side by side in rows, each in a cell of its own, in a picture of (width, height)."""
    wide, high = size
    rows = max(1, round(np.sqrt(count * high / wide / 2)))
    columns = -(-count // rows)
    cell = np.array([wide / columns, high / rows])
    people = []
    for n in range(count):
        points = person((0, 0), 1, poses[n % len(poses)], rng)
        scale = (cell / (np.nanmax(points, axis=0) - np.nanmin(points, axis=0))).min()
        row, column = divmod(n, columns)
        middle = cell * (column + 0.5, row + 0.5) + rng.uniform(-0.05, 0.05, 2) * cell
        people.append(points * (scale * rng.uniform(0.75, 0.85)) + middle)
    return people


def render(
    people: Iterable[Points],
    size: tuple[int, int],
    *,
    noise: float = 0,
    rng: np.random.Generator | None = None,
    sigma: float = 7,
    width: float = 8,
    skeleton: Skeleton = SKELETON,
    channels: Sequence[tuple[int, int]] = CHANNELS,
) -> tuple[Floats, Floats]:
    """What OpenPose trains its network to give (CVPR'17, sections 2.2 and 2.3) for these people.

    size: (width, height) of the network's input. Returns (K + 1, H, W) confidence maps, the last
    one for the background, and (2L, H, W) affinity fields, both at stride 8.
    sigma: of a keypoint's Gaussian, width: of half a limb, both in network pixels.
    """
    keypoints, limbs = len(skeleton.keypoints), skeleton.limbs
    x, y = (np.arange(length // STRIDE) * STRIDE + (STRIDE - 1) / 2 for length in size)
    heat = np.zeros((keypoints, len(y), len(x)))
    field = np.zeros((len(limbs), 2, len(y), len(x)))
    covering = np.zeros((len(limbs), len(y), len(x)))
    for points in people:
        across = np.exp(-((x - points[:, :1]) ** 2) / (2 * sigma**2))
        down = np.exp(-((y - points[:, 1:]) ** 2) / (2 * sigma**2))
        np.fmax(heat, down[:, :, None] * across[:, None, :], out=heat)  # fmax passes over NaN
        for limb, (a, b) in enumerate(limbs):
            length = np.linalg.norm(points[b] - points[a])
            if not length > 0:
                continue
            ux, uy = (points[b] - points[a]) / length
            dx, dy = x - points[a, 0], (y - points[a, 1])[:, None]
            along, aside = dx * ux + dy * uy, dx * uy - dy * ux
            # As in OpenPose's training a limb reaches beyond its ends by as much as it is wide.
            on = (np.abs(aside) <= width) & (along >= -width) & (along <= length + width)
            field[limb] += np.array([ux, uy])[:, None, None] * on
            covering[limb] += on
    field /= np.maximum(covering, 1)[:, None]
    heat = np.concatenate([heat, 1 - heat.max(axis=0, keepdims=True)])
    pafs = np.empty((2 * len(limbs), len(y), len(x)))
    pafs[np.array(channels).reshape(-1)] = field.reshape(pafs.shape)
    if noise:
        rng = rng or np.random.default_rng(0)
        heat += rng.normal(0, noise, heat.shape)
        pafs += rng.normal(0, noise, pafs.shape)
    return heat.astype(np.float32), pafs.astype(np.float32)


def encode(heat: Floats, pafs: Floats) -> Image:
    """A picture (8H, 8W, 3) that holds the maps; the tiny network reads them back out of it.

    Each 8x8 block holds one cell: K + 1 confidences, then 2L field values above zero and 2L below,
    as 255 x value. Black is therefore nothing, and so is a letterbox's padding.
    """
    values = np.concatenate([heat, np.maximum(pafs, 0), np.maximum(-pafs, 0)])
    cells = np.zeros((3 * STRIDE * STRIDE, *heat.shape[1:]), np.uint8)
    cells[: len(values)] = np.rint(255 * np.clip(values, 0, 1))
    high, wide = heat.shape[1:]
    blocks = cells.reshape(3, STRIDE, STRIDE, high, wide).transpose(3, 1, 4, 2, 0)
    return np.ascontiguousarray(blocks.reshape(high * STRIDE, wide * STRIDE, 3))


def scene(
    people: Iterable[Points],
    size: tuple[int, int],
    skeleton: Skeleton = SKELETON,
    channels: Sequence[tuple[int, int]] = CHANNELS,
) -> Image:
    """A picture in which the tiny network sees these people, and no one else."""
    return encode(*render(people, size, skeleton=skeleton, channels=channels))


def write_tiny_network(
    folder: Path,
    height: int = 256,
    skeleton: Skeleton = SKELETON,
    channels: Sequence[tuple[int, int]] = CHANNELS,
) -> Path:
    """Write a network that undoes `encode` as OpenVINO IR; returns the path of its card.

    height: the card's default. A picture must reach the network unscaled: give it that height.
    """
    import openvino as ov
    from openvino import opset13 as ops  # a machine with a GPU may have none

    taps = np.eye(3 * STRIDE * STRIDE, dtype=np.float32).reshape(-1, 3, STRIDE, STRIDE) / 255
    heats, fields = len(skeleton.keypoints) + 1, 2 * len(skeleton.limbs)
    picture = ops.parameter([-1, 3, -1, -1], np.float32, name="data")
    picture.output(0).set_names({"data"})
    results = []
    for name, kernel in (
        ("heat", taps[:heats]),
        ("paf", taps[heats : heats + fields] - taps[heats + fields : heats + 2 * fields]),
    ):
        maps = ops.convolution(picture, kernel, [STRIDE] * 2, [0, 0], [0, 0], [1, 1], name=name)
        maps.output(0).set_names({name})
        results.append(maps)
    graph = folder / "tiny.xml"
    ov.save_model(ov.Model(results, [picture], "tiny"), graph, compress_to_fp16=False)
    files = [
        f'{{ name = "{path.name}", size = {path.stat().st_size}, '
        f'sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}" }}'
        for path in (graph, graph.with_suffix(".bin"))
    ]
    card = folder / "tiny.toml"
    card.write_text(
        f'title = "Reads maps out of a picture"\n'
        f'licence = "Apache-2.0"\n'
        f'skeleton = "{skeleton.name}"\n'
        f"[input]\nstride = {STRIDE}\nheight = {height}\n"
        f'[decoder]\nkind = "paf"\npafs = {[list(pair) for pair in channels]}\n'
        f'[[weights]]\nprecision = ["fp32", "bf16", "int8"]\n'
        f'outputs = {{ heatmaps = "heat", pafs = "paf" }}\n'
        f"files = [{', '.join(files)}]\n"
    )
    return card


def write_picture(path: Path, picture: Image) -> Path:
    """Write a picture without loss (PNG)."""
    assert path.suffix == ".png", path
    assert cv2.imwrite(str(path), picture)
    return path


def write_video(path: Path, pictures: Sequence[Image], times: Iterable[float]) -> Path:
    """Write a video without loss (FFV1 in Matroska); times in seconds, exact to the millisecond."""
    import av  # after cv2, as in realtime/__init__.py

    assert path.suffix == ".mkv", path
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1000)  # the rate gives the clock, not the pace
        stream.pix_fmt = "bgr0"
        stream.height, stream.width = pictures[0].shape[:2]
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format="bgr0")
            frame.pts = round(time * 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
