"""Joint angles as animation programs read them (BVH, Biovision): a file a person."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from engines.types.arrays import Doubles
from realtime.mocap.bones import ROOT, Bone
from realtime.mocap.inverse_kinematics import Build, Pose, Posing, build_of
from realtime.mocap.number_rows import number_rows
from realtime.mocap.rotations import Euler
from realtime.mocap.take import Span, Take
from realtime.mocap.take_sink import of_person

LOG = logging.getLogger(__name__)


BvhUnit = Literal["m", "cm"]
PER_METRE: dict[BvhUnit, float] = {"m": 1.0, "cm": 100.0}
ORDER = "ZXY"  # of the angles of every joint, as most programs expect


def bvh_files(
    path: Path, take: Take, turn: Doubles, unit: BvhUnit = "m"
) -> Iterator[tuple[Path, Iterator[bytes]]]:
    """A file for each person whose hips and trunk were seen. turn: (3, 3) into a world with Y up.
    unit: of lengths and places, which the format does not say.

    A file begins with the person's first frame; where that is not the run's, and how long joints
    were held, the log says.
    """
    for span in take.spans:
        name = of_person(path, span.id, ".bvh")
        pieces = partial(_pieces, take, span, turn)
        build = build_of(pieces, take.skeleton)
        if build is None:
            LOG.warning(
                "%s is not written, because hips and trunk were never seen together.", name.name
            )
            continue
        posing = Posing(build, take.skeleton)
        poses = map(posing.pose, pieces())
        yield name, bvh_pieces(build, poses, span.count, take.rate, PER_METRE[unit])
        notes = []
        if span.first:
            notes.append(f"begins at frame {span.first + 1} of the run")
        held = posing.longest
        joint = max(held, key=lambda one: held[one], default="")
        if joint and held[joint]:
            seconds = held[joint] / take.rate
            notes.append(
                f"holds unseen joints at their last angles ({joint} longest, for {seconds:.2g} s)"
            )
        if notes:
            LOG.warning("%s %s.", name.name, " and ".join(notes))


def _pieces(take: Take, span: Span, turn: Doubles) -> Iterator[Doubles]:
    for piece in take.pieces(span):
        yield piece.xyz @ turn.T


def bvh_pieces(
    build: Build, poses: Iterable[Pose], count: int, rate: float, scale: float = 1.0
) -> Iterator[bytes]:
    """Degrees about moving Z, X and Y axes, and lengths in units of which a metre has `scale`.

    count: of all frames of the poses.
    """
    ordered: list[Bone] = []
    offsets = {name: scale * offset for name, offset in build.offsets.items()}
    lines = ["HIERARCHY", *_hierarchy(ROOT, build.bones, offsets, ordered, 0)]
    lines += ["MOTION", f"Frames: {count}", f"Frame Time: {1 / rate:.9f}"]
    yield "".join(f"{line}\n" for line in lines).encode()
    row = " ".join(["%.5f"] * 3 + ["%.4f"] * (3 * len(ordered)))
    angles = {bone.name: Euler(ORDER) for bone in ordered}
    for pose in poses:
        turned = [angles[bone.name].degrees(pose.turns[bone.name]) for bone in ordered]
        yield from number_rows(row, np.concatenate([scale * pose.root, *turned], axis=1))


def _hierarchy(
    bone: Bone,
    bones: Sequence[Bone],
    offsets: Mapping[str, Doubles],
    ordered: list[Bone],
    depth: int,
) -> list[str]:
    """A joint and all below it; ordered: joints as they come."""
    ordered.append(bone)
    offset = np.zeros(3) if bone is ROOT else offsets[bone.at]
    position = "6 Xposition Yposition Zposition" if bone is ROOT else "3"
    rotation = " ".join(f"{axis}rotation" for axis in ORDER)
    lines = [f"{'JOINT' if depth else 'ROOT'} {bone.name}", "{"]
    lines += [f"\t{_offset(offset)}", f"\tCHANNELS {position} {rotation}"]
    below = [one for one in bones if one.parent == bone.name]
    for one in below:
        lines += [f"\t{line}" for line in _hierarchy(one, bones, offsets, ordered, depth + 1)]
    if not below:
        lines += ["\tEnd Site", "\t{", f"\t\t{_offset(offsets[bone.to])}", "\t}"]
    return [*lines, "}"]


def _offset(values: Doubles) -> str:
    return "OFFSET " + " ".join(f"{value:.5f}" for value in values + 0.0)  # no -0
