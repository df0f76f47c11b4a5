"""How good and how fast 3D people are.

    python -m tests.bench.space [clips|shelf|unseen|crowd] ... [--heights 512]

clips: rig-multi and rig-single end to end with the network, at several heights of its input: who is
found and for how long, by how much bones vary, by how much keypoints miss the views that they rest
on. shelf: milliseconds a frame on the keypoints of five cameras. unseen: how far the 3D people of
four of these are from the rays of what the fifth surely sees, each in turn. crowd: milliseconds for
ten people before sixteen cameras, synthetic. Times are of one core (set OPENBLAS_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from calibration.files.rig_toml import read_rig
from calibration.geometry.camera import Camera, Rig
from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.assembly import stream
from realtime.multiview.bone_lengths import BoneLengths
from realtime.multiview.stage import RigStage
from realtime.types.results import Poses3D, Result, View
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.conftest import DATA
from tests.realtime.wanted import settings

SURE = 0.5  # score from which on a keypoint of the view that is left out counts
SAME_PERSON_M = 0.3  # median distance of keypoints up to which they are of one person
PARTS = {"shoulder", "elbow", "wrist", "hip", "knee", "ankle"}


def results(clip: str, sources: Sequence[str], height: int | None = None) -> list[Result]:
    """Those of a run without outputs."""
    folder = DATA / clip
    paths = [str(folder / name) for name in sources]
    return list(stream(settings(*paths, height=height, rig=folder / "rig.toml")))


def residuals(rig: Rig, result: Result, row: int) -> Doubles:
    """(V, K, 2) pixels from a person's keypoints to what the views saw, NaN = not seen."""
    poses = result.poses3d
    assert poses is not None
    off = rig.project(poses.xyz[row].astype(float))
    for v, view in enumerate(result.views):
        place = poses.detections[row, v]
        if view is None or place < 0:
            off[v] = np.nan
            continue
        seen = view.tracks.poses.found[place] & ~view.tracks.filled[place]
        scale = rig.cameras[v].scale(view.frame.size)
        off[v] -= (view.tracks.poses.xy[place] + 0.5) / scale - 0.5
        off[v, ~seen] = np.nan
    return off


def clips(heights: Sequence[int | None]) -> None:
    for clip in ("rig-multi", "rig-single"):
        rig = read_rig(DATA / clip / "rig.toml")
        for height in heights:
            began = time.monotonic()
            all_of = results(clip, [f"cam0{n}.mp4" for n in range(1, 5)], height)
            seconds = time.monotonic() - began
            rows = height or "by default"
            print(f"{clip}, height {rows}: {len(all_of)} frames in {seconds:.0f} s")
            assert all_of[0].poses3d is not None
            describe(rig, all_of, all_of[0].poses3d.skeleton)


def describe(rig: Rig, all_of: Sequence[Result], skeleton: Skeleton) -> None:
    """A line for each person."""
    limb = np.array([name.partition("_")[2] in PARTS for name in skeleton.keypoints])
    bones = BoneLengths(skeleton)
    ids = {one for r in all_of if r.poses3d is not None for one in r.poses3d.id.tolist()}
    for identity in sorted(ids):
        xyz, errors, views, off = [], [], [], []
        for result in all_of:
            poses = result.poses3d
            assert poses is not None
            for row in np.flatnonzero(poses.id == identity).tolist():
                xyz.append(poses.xyz[row].astype(float))
                errors.append(poses.error[row, limb])
                views.append(poses.views[row, limb])
                off.append(residuals(rig, result, row)[:, limb])
        lengths = bones.measured(np.array(xyz))[:, bones.rigid]
        middle = np.nanmedian(lengths, 0)
        vary = 100 * np.nanmedian(np.abs(lengths - middle), 0) / middle
        by_camera = np.moveaxis(np.array(off), 1, 0).reshape(len(rig), -1, 2)
        same = [np.median(one[np.isfinite(one[:, 0])], 0) for one in by_camera]
        print(
            f"  id {identity}: {len(xyz)} frames; bones vary {vary.mean():.1f} % "
            f"({vary.max():.1f} at most); error {np.nanmean(errors):.1f} px; "
            f"in 3 views or more {100 * (np.array(views) >= 3).mean():.0f} %; the same in all "
            f"frames, by cameras: {', '.join(f'{x:+.0f},{y:+.0f}' for x, y in same if x == x)} px"
        )


def timed(space: RigStage, instants: Sequence[tuple[float, Sequence[View | None]]]) -> None:
    seconds = []
    for moment, views in instants:
        began = time.process_time()
        space.update(moment, views)
        seconds.append(1e3 * (time.process_time() - began))
    late = seconds[5:]
    print(
        f"{np.median(late):.1f} ms a frame (median), {np.mean(late):.1f} mean, "
        f"{np.percentile(late, 95):.1f} of 95 %, the first {seconds[0]:.0f}"
    )


def shelf() -> None:
    cameras = [f"cam{n}" for n in range(5)]
    frames = results("shelf-dev", cameras)
    rig = read_rig(DATA / "shelf-dev" / "rig.toml")
    skeleton = skeleton_of(frames)
    print("shelf-dev, 4 people, 5 views:", end=" ")
    timed(RigStage(rig, skeleton), [(one.time, one.views) for one in frames])


def unseen() -> None:
    frames = results("shelf-dev", [f"cam{n}" for n in range(5)])
    rig = read_rig(DATA / "shelf-dev" / "rig.toml")
    off: dict[str, list[Doubles]] = {"without it": [], "with it": []}
    for out, camera in enumerate(rig.cameras):
        some = Rig(tuple(one for one in rig.cameras if one is not camera))
        stages = [RigStage(one, skeleton_of(frames)) for one in (some, rig)]
        for one in frames:
            view, others = one.views[out], [*one.views[:out], *one.views[out + 1 :]]
            for name, stage, views in zip(off, stages, (others, one.views), strict=True):
                poses = stage.update(one.time, views)
                if view is not None and len(poses) and len(view.tracks):
                    off[name].append(ray_misses(camera, view, poses))
    for name, metres in off.items():
        all_of = 100 * np.concatenate(metres)
        print(
            f"shelf-dev, 3D {name} to what a camera sees: {len(all_of)} keypoints, "
            f"{all_of.mean():.2f} cm mean, {np.median(all_of):.2f} median, "
            f"{100 * (all_of > 10).mean():.1f} % beyond 10"
        )


def ray_misses(camera: Camera, view: View, poses: Poses3D) -> Doubles:
    """(M,) metres from the rays of keypoints of limbs that a view surely sees to those in 3D."""
    seen = view.tracks.poses
    limb = [n for n, one in enumerate(seen.skeleton.keypoints) if one.partition("_")[2] in PARTS]
    way = poses.xyz[:, None, limb].astype(float) - camera.centre
    off = np.linalg.norm(np.cross(way, camera.rays(seen.xy[:, limb].astype(float))), axis=-1)
    sure = (seen.score >= SURE) & ~view.tracks.filled
    off[:, ~sure[:, limb]] = np.nan
    # Who is who, of those of whom half can be seen: each other's nearest by median distance.
    half = np.isfinite(off).sum(-1) >= len(limb) // 2
    middle = np.nanmedian(np.where(half[..., None], off, np.inf), -1)
    near = middle.argmin(0)
    same = (middle.argmin(1)[near] == np.arange(len(seen))) & (middle.min(0) < SAME_PERSON_M)
    own = off[near[same], np.flatnonzero(same)]
    return np.asarray(own[np.isfinite(own)], np.float64)


def skeleton_of(frames: Sequence[Result]) -> Skeleton:
    assert frames[0].poses3d is not None
    return frames[0].poses3d.skeleton


def crowd() -> None:
    rig, rng = ring(16, radius=6), np.random.default_rng(0)
    places = [(1.4 * (n % 4) - 2.1, 1.4 * (n // 4) - 1.4) for n in range(10)]
    instants = []
    for n in range(40):
        people = [
            body((x + 0.2 * np.sin(n / 20 + k), y), heading=k, phase=n / 4 + k)
            for k, (x, y) in enumerate(places)
        ]
        instants.append((n / 30, sightings(rig, people, n / 30, rng=rng, noise=2, missing=0.1)))
    print("10 people, 16 views, synthetic:", end=" ")
    timed(RigStage(rig, BODY25), instants)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", default=["clips", "shelf", "unseen", "crowd"])
    parser.add_argument("--heights", nargs="+", type=int, default=[None, 736])
    wanted = parser.parse_args()
    if "clips" in wanted.parts:
        clips(wanted.heights)
    if "shelf" in wanted.parts:
        shelf()
    if "unseen" in wanted.parts:
        unseen()
    if "crowd" in wanted.parts:
        crowd()


if __name__ == "__main__":
    main()
