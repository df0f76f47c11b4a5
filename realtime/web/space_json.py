"""3D people, and the cameras around them, as JSON for a page."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

import numpy as np

from calibration.files.corners_csv import Corners
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig
from calibration.plots.viewpoint import grid_step, reach, sight, upwards, worst
from realtime.types.results import Result
from realtime.writing.header import Header

SCRIPTS = "colours.js", "turning.js", "scene.js"  # each uses those before it alone
LATTICE = 6  # pieces of a picture that hangs before its camera, across and down


def space_header(header: Header, rig: Rig) -> str:
    """What comes first: the run, the keypoints, units, which way is up, and each camera's place and
    sight (metres, in the world of the rig).
    """
    units = {
        "time": header.clock,
        "xyz": "metres in the world of the rig",
        "ground": "metres along `up`, or null",
    }
    whole = {**header.common, "units": units, **scene_of(rig)}
    return json.dumps(whole, separators=(",", ":"))


def space_line(result: Result) -> str:
    """An instant's people; a keypoint is [x, y, z] in metres, null where it is not known."""
    people = []
    if (poses := result.poses3d) is not None:
        for identity, xyz, filled in zip(poses.id, poses.xyz, poses.filled, strict=True):
            points = [None if p[0] != p[0] else [round(x, 4) for x in p] for p in xyz.tolist()]
            people.append({"id": int(identity), "xyz": points, "filled": np.flatnonzero(filled)})
    ground = None if poses is None else poses.ground
    line = {"time": round(result.time, 6), "ground": ground, "people": people}
    return json.dumps(line, separators=(",", ":"), default=np.ndarray.tolist)


def still_page(
    rig: Rig,
    corners: Corners | None = None,
    pictures: Sequence[tuple[bytes, bytes] | None] = (),
) -> str:
    """The page of a rig alone, whole in itself; corners: of boards, coloured by residual. pictures:
    two JPEGs for each camera, one to look at and one without distortion to hang before it.
    """
    step = grid_step(0.6 * reach(rig))
    many = "1 camera" if len(rig) == 1 else f"{len(rig)} cameras"
    scene: dict[str, Any] = {**scene_of(rig), "reach": round(reach(rig), 4), "step": step}
    scene["about"] = f"{many}; ground squares are {step:.4g} m"
    if corners is not None and len(corners):
        share = (corners.error / worst(corners)).clip(0, 1)
        scene["corners"] = np.column_stack([corners.xyz.round(4), share.round(3)]).tolist()
        scene["about"] += (
            f"; {len(corners)} board corners, from green (0 px) to red "
            f"({worst(corners):.2f} px or more)"
        )
    for camera, both in zip(scene["cameras"], pictures, strict=False):
        if both is not None:
            camera["picture"], camera["hung"] = (
                f"data:image/jpeg;base64,{b64encode(one).decode()}" for one in both
            )
    # No name of a camera may end the element that holds it.
    text = json.dumps(scene, separators=(",", ":")).replace("<", "\\u003c")
    return space_page().replace(
        "<script>", f'<script type="application/json" id="still">{text}</script>\n<script>', 1
    )


def space_page() -> str:
    """The page of the 3D people, whole in itself: the scripts that it shares with the studio's,
    which are modules there, are part of it.
    """
    web = files("realtime.web")
    scripts = ((web / "scripts" / name).read_text(encoding="utf-8") for name in SCRIPTS)
    lines = [
        line.removeprefix("export ")
        for script in scripts
        for line in script.splitlines()
        if not line.startswith("import ")
    ]
    page = (web / "space.html").read_text(encoding="utf-8")
    return page.replace("/* scripts */", "\n".join(lines))


def scene_of(rig: Rig) -> dict[str, Any]:
    """Which way is up, and each camera's place and sight, metres in the world of the rig."""
    return {
        "up": upwards(rig).tolist(),
        "cameras": [
            {
                "name": camera.name,
                "centre": camera.centre.round(4).tolist(),
                "corners": sight(camera).round(4).tolist(),
                "lattice": lattice(camera).round(4).tolist(),
            }
            for camera in rig.cameras
        ],
    }


def lattice(camera: Camera) -> Doubles:
    """((LATTICE + 1)^2, 2) where in a camera's picture the points of a square grid upon its sight
    are, row by row, in shares of its width and height: a picture hung by them has no distortion.
    """
    lens = replace(camera, rotation=np.eye(3), translation=np.zeros(3))
    shares = np.arange(LATTICE + 1) / LATTICE
    pixels = np.stack(np.meshgrid(shares, shares), axis=-1).reshape(-1, 2) * camera.size - 0.5
    flat = (pixels - camera.matrix[:2, 2]) / camera.matrix.diagonal()[:2]
    seen = lens.project(np.concatenate([flat, np.ones((len(flat), 1))], axis=1))
    return np.asarray((seen + 0.5) / camera.size, np.float64)
