"""Joint angles as animation programs read them (BVH, Biovision): a file a person."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engines.types.arrays import Doubles
from realtime.mocap.inverse_kinematics import ROOT, Bone, Pose, posed
from realtime.mocap.number_rows import number_rows
from realtime.mocap.rotations import euler
from realtime.mocap.take import Take
from realtime.mocap.take_sink import of_person

LOG = logging.getLogger(__name__)


def bvh_files(path: Path, take: Take, turn: Doubles) -> Iterator[tuple[Path, bytes]]:
    """A file for each person whose hips and trunk were seen. turn: (3, 3) into a world with Y up.

    A file begins with the person's first frame; where that is not the run's, and how long joints
    were held, the log says.
    """
    for motion in take.people:
        name = of_person(path, motion.id, ".bvh")
        pose = posed(motion.xyz @ turn.T, take.skeleton)
        if pose is None:
            LOG.warning(
                "%s is not written, because hips and trunk were never seen together.", name.name
            )
            continue
        notes = []
        if motion.first:
            notes.append(f"begins at frame {motion.first + 1} of the run")
        joint = max(pose.unknown, key=lambda one: pose.unknown[one])
        if pose.unknown[joint]:
            seconds = pose.unknown[joint] / take.rate
            notes.append(
                f"holds unseen joints at their last angles ({joint} longest, for {seconds:.2g} s)"
            )
        if notes:
            LOG.warning("%s %s.", name.name, " and ".join(notes))
        yield name, bvh_bytes(pose, take.rate)


def bvh_bytes(pose: Pose, rate: float) -> bytes:
    """Metres and degrees."""
    ordered: list[Bone] = []
    lines = ["HIERARCHY", *_hierarchy(ROOT, pose, ordered, 0)]
    angles = [euler(pose.turns[bone.name], bone.order) for bone in ordered]
    table = np.concatenate([pose.root, *angles], axis=1)
    lines += ["MOTION", f"Frames: {len(table)}", f"Frame Time: {1 / rate:.9f}"]
    row = " ".join(["%.5f"] * 3 + ["%.4f"] * (table.shape[1] - 3))
    return "".join(f"{line}\n" for line in lines).encode() + number_rows(row, table)


def _hierarchy(bone: Bone, pose: Pose, ordered: list[Bone], depth: int) -> list[str]:
    """A joint and all below it; ordered: joints as they come."""
    ordered.append(bone)
    offset = np.zeros(3) if bone is ROOT else pose.offsets[bone.at]
    position = "6 Xposition Yposition Zposition" if bone is ROOT else "3"
    rotation = " ".join(f"{axis}rotation" for axis in bone.order)
    lines = [f"{'JOINT' if depth else 'ROOT'} {bone.name}", "{"]
    lines += [f"\t{_offset(offset)}", f"\tCHANNELS {position} {rotation}"]
    below = [one for one in pose.bones if one.parent == bone.name]
    for one in below:
        lines += [f"\t{line}" for line in _hierarchy(one, pose, ordered, depth + 1)]
    if not below:
        lines += ["\tEnd Site", "\t{", f"\t\t{_offset(pose.offsets[bone.to])}", "\t}"]
    return [*lines, "}"]


def _offset(values: Doubles) -> str:
    return "OFFSET " + " ".join(f"{value:.5f}" for value in values + 0.0)  # no -0
