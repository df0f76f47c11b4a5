"""Skeletons that move, for Blender, three.js and game engines: one glTF file of all people."""

from __future__ import annotations

import colorsys
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engines.types.arrays import Doubles, Floats
from engines.types.skeleton import Skeleton
from realtime.mocap.bones import ROOT, Bone
from realtime.mocap.glb import TRIANGLES, VERTICES, Arrays, glb_pieces
from realtime.mocap.inverse_kinematics import Build, Posing, build_of, seen_points
from realtime.mocap.rotations import quaternions
from realtime.mocap.take import Span, Take
from realtime.types.errors import OutputError
from realtime.writing.header import PROGRAM

LOG = logging.getLogger(__name__)
GOLDEN = 0.618  # of the colour circle, between the colours of two people
WIDTH = 0.12  # of a bone's picture, in its lengths
WAIST = 0.2  # where on its length it is widest
SIDES = [(n, n % 4 + 1) for n in range(1, 5)]
FACES = np.array([(0, *one) for one in SIDES] + [(5, *one[::-1]) for one in SIDES])


def gltf_files(path: Path, take: Take, turn: Doubles) -> Iterator[tuple[Path, Iterator[bytes]]]:
    """One file. turn: (3, 3) into a world with Y up, which looks along z, as glTF has it."""
    scene, arrays = Scene(take.skeleton, take.rate), Arrays()
    for span in take.spans:
        pieces = partial(_pieces, take, span, turn)
        build = build_of(pieces, take.skeleton)
        if build is None:
            LOG.warning(
                "%s: person %d is not in it, because hips and trunk were never seen together.",
                *(path.name, span.id),
            )
            continue
        scene.add(span, build, pieces, arrays)
    if scene.people:
        try:
            yield path, glb_pieces(scene.all, arrays)
        except ValueError as error:
            raise OutputError(f"{path} cannot be written: {error}; make shorter runs.") from error


def _pieces(take: Take, span: Span, turn: Doubles) -> Iterator[Doubles]:
    for piece in take.pieces(span):
        yield piece.xyz.astype(np.float64) @ turn.T


class Scene:
    """People, each a skin with its joints, a figure of sticks, and an animation of their name.

    Metres, Y up. Joints are where the keypoints are, so that bones are as long as they were seen in
    each frame; a joint that was not seen hangs on the one before it as it did last. A person stands
    still before their first frame and after their last. Times are the run's.
    """

    def __init__(self, skeleton: Skeleton, rate: float) -> None:
        self._skeleton, self._rate = skeleton, rate
        self.people = 0
        self._lists: dict[str, list[Any]] = {
            key: [] for key in ("nodes", "skins", "meshes", "materials", "animations")
        }
        self._roots: list[int] = []

    def add(
        self, span: Span, build: Build, pieces: Callable[[], Iterator[Doubles]], arrays: Arrays
    ) -> None:
        """A person. pieces: gives their keypoints (T, K, 3), y up, when they are written."""
        nodes, name = self._lists["nodes"], f"person{span.id}"
        joints = joints_of(build)
        first = len(nodes)
        number = {joint.name: first + n for n, joint in enumerate(joints)}
        rest = rest_places(joints, build)
        for joint in joints:
            start = rest[joint.name] - rest.get(joint.parent, np.zeros(3))
            node: dict[str, Any] = {"name": joint.name, "translation": start.tolist()}
            if below := [number[one.name] for one in joints if one.parent == joint.name]:
                node["children"] = below
            nodes.append(node)
        inverse = np.tile(np.eye(4), (len(joints), 1, 1))
        inverse[:, :3, 3] = [-rest[joint.name] for joint in joints]
        # Matrices are stored column by column.
        bind = arrays.add(inverse.swapaxes(1, 2).reshape(-1, 16), "MAT4")
        skin = {"name": name, "joints": [*number.values()], "skeleton": first}
        self._lists["skins"].append({**skin, "inverseBindMatrices": bind})
        self._figure(span.id, joints, build, rest, arrays)
        # At the root, as only its joints move a skin.
        figure = {"name": f"{name}_figure", "mesh": self.people, "skin": self.people}
        nodes += [figure, {"name": name, "children": [first]}]
        self._roots += [len(nodes) - 1, len(nodes) - 2]
        self._animate(span, joints, number, arrays)
        arrays.follow(partial(moves, build, joints, self._skeleton, span.count, pieces))
        self.people += 1

    def _figure(
        self,
        identity: int,
        joints: Sequence[Bone],
        build: Build,
        rest: dict[str, Doubles],
        arrays: Arrays,
    ) -> None:
        sticks, owners = [], []
        for n, joint in enumerate(joints):
            if joint.to and (length := np.linalg.norm(build.offsets[joint.to])) > 0:
                sticks.append(stick(rest[joint.name], joint.rest * length))
                owners.append(n)
        corners = len(sticks[0])
        places = np.concatenate(sticks)
        faces = np.concatenate([FACES + corners * n for n in range(len(sticks))])
        who = np.zeros((len(places), 4), np.int64)
        who[:, 0] = np.repeat(owners, corners)
        share = np.zeros((len(places), 4))
        share[:, 0] = 1
        attributes = {
            "POSITION": arrays.add(places, "VEC3", target=VERTICES, bounds=True),
            "JOINTS_0": arrays.add(who, "VEC4", component="u2", target=VERTICES),
            "WEIGHTS_0": arrays.add(share, "VEC4", target=VERTICES),
        }
        indices = arrays.add(faces.ravel(), "SCALAR", component="u2", target=TRIANGLES)
        part = {"attributes": attributes, "indices": indices, "material": self.people}
        self._lists["meshes"].append({"name": f"person{identity}", "primitives": [part]})
        colour = [*colorsys.hsv_to_rgb(identity * GOLDEN % 1, 0.55, 0.9), 1.0]
        surface = {"baseColorFactor": colour, "metallicFactor": 0.0, "roughnessFactor": 0.8}
        self._lists["materials"].append(
            {"name": f"person{identity}", "pbrMetallicRoughness": surface}
        )

    def _animate(
        self, span: Span, joints: Sequence[Bone], number: dict[str, int], arrays: Arrays
    ) -> None:
        """Promises what `moves` gives."""
        seconds = (span.first + np.arange(span.count)) / self._rate
        times = arrays.add(seconds[:, None], "SCALAR", bounds=True)
        samplers: list[dict[str, Any]] = []
        channels = []
        for joint in joints:
            outputs = {"translation": arrays.promise(span.count, "VEC3")}
            if joint.to:
                outputs["rotation"] = arrays.promise(span.count, "VEC4")
            for path, output in outputs.items():
                target = {"node": number[joint.name], "path": path}
                channels.append({"sampler": len(samplers), "target": target})
                samplers.append({"input": times, "output": output, "interpolation": "LINEAR"})
        name = f"person{span.id}"
        self._lists["animations"].append({"name": name, "samplers": samplers, "channels": channels})

    @property
    def all(self) -> dict[str, Any]:
        """As the file has it, without its arrays."""
        return {
            "asset": {"version": "2.0", "generator": PROGRAM},
            "scene": 0,
            "scenes": [{"nodes": self._roots, "extras": {"fps": self._rate}}],
            **self._lists,
        }


def moves(
    build: Build,
    joints: Sequence[Bone],
    skeleton: Skeleton,
    count: int,
    pieces: Callable[[], Iterator[Doubles]],
) -> Iterator[Floats]:
    """Of each joint where it is, (T, 3) from the one above, and, but of ends, how it is turned,
    (T, 4), for a person's whole span: an hour takes 70 MB.
    """
    offsets = {joint.name: np.empty((count, 3), np.float32) for joint in joints}
    turns = {joint.name: np.empty((count, 4), np.float32) for joint in joints if joint.to}
    posing, start = Posing(build, skeleton), 0
    for xyz in pieces():
        pose, points = posing.pose(xyz), seen_points(xyz, skeleton)
        at = slice(start, start + len(xyz))
        worlds: dict[str, Doubles] = {"": np.broadcast_to(np.eye(3), (len(xyz), 3, 3))}
        places: dict[str, Doubles] = {"": np.zeros((len(xyz), 3))}
        for joint in joints:
            above = worlds[joint.parent]
            hanging = pose.root
            if joint.parent:
                hanging = places[joint.parent] + above @ build.offsets[joint.at]
            seen = points.get(joint.at, np.full(hanging.shape, np.nan))
            place = np.where(np.isnan(seen), hanging, seen)
            offsets[joint.name][at] = ((place - places[joint.parent])[:, None] @ above)[:, 0]
            places[joint.name], worlds[joint.name] = place, above
            if joint.to:
                turn = pose.turns[joint.name]
                worlds[joint.name] = above @ turn
                before = turns[joint.name][start - 1].astype(np.float64) if start else None
                turns[joint.name][at] = quaternions(turn, before)
        start += len(xyz)
    for joint in joints:
        yield offsets[joint.name]
        if joint.to:
            yield turns[joint.name]


def joints_of(build: Build) -> list[Bone]:
    """The joints, each after its parent, with one at the end of each bone that has none below."""
    parents = {bone.parent for bone in build.bones}
    ends = [
        Bone(f"{bone.name}End", bone.name, bone.to, "", bone.rest)
        for bone in build.bones
        if bone.name not in parents
    ]
    root = ROOT._replace(to="waist")
    return [root, *build.bones[1:], *ends]


def rest_places(joints: Sequence[Bone], build: Build) -> dict[str, Doubles]:
    """(3,) of each joint at rest, standing on the ground at the origin."""
    legs = (build.offsets[f"left_{one}"] for one in ("knee", "ankle", "big_toe"))
    places = {"": np.zeros(3)}
    for joint in joints:
        offset = build.offsets[joint.at] if joint.parent else -sum(legs) * (0, 1, 0)
        places[joint.name] = places[joint.parent] + offset
    return places


def stick(start: Doubles, along: Doubles) -> Doubles:
    """(6, 3) corners of a slim octahedron, as Blender draws bones."""
    other = np.eye(3)[np.abs(along).argmin()]
    aside = np.cross(along, other)
    aside *= WIDTH / 2 * np.linalg.norm(along) / np.linalg.norm(aside)
    across = np.cross(along, aside) / np.linalg.norm(along)
    middle = start + WAIST * along
    around = [middle + one for one in (aside, across, -aside, -across)]
    return np.array([start, *around, start + along])
