"""Hands, faces and feet on real pictures, through the program's own pipeline.

    python -m tests.bench.parts {clips,turns,photos,labelled,peer,rig,cost} ...
                                [--mediapipe PYTHON]

clips: hands of the webcam clips: how many, how far from their arms, sides exchanged. turns: the
same clips as of a live camera: processor time, and how well optical flow carries hands and faces.
photos: faces of coco-dev against labelled eyes, beside the body network's own eyes and what others
labelled, and faces that are nobody's. labelled: hands, faces and feet of shared/data/parts, cropped
by their labels. peer: hands beside MediaPipe's own, by an interpreter that has mediapipe 0.10.9.
rig: feet in 3D on rig-single. cost: processor time of a hand, a face and a person's feet beside the
INT8 PAF network. Run turns and cost on one core (taskset -c 0).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engines.models.card import load_card
from engines.opening import engine_opener
from engines.parts.boxes import eyes_of, forearms
from engines.parts.kinds import GROUPS
from engines.parts.opening import CARDS, PartsOpener, parts_opener
from engines.types.arrays import Doubles, Floats
from engines.types.skeleton import named_skeleton
from realtime.assembly import stream
from realtime.settings.model import ModelSettings
from realtime.types.results import Result, Tracks
from tests.bench.parts_labelled import around, labelled, part, photos_of
from tests.bench.parts_peer import beside_mediapipe
from tests.bench.parts_turns import turns
from tests.conftest import DATA, ROOT
from tests.realtime.wanted import settings

REFINE = str(ROOT / "tests" / "cards" / "movenet-lightning.toml")
NEAR = 0.25  # forearms between a hand's wrist and the body's
MIN_EYES_PX = 15.0
EYE_OFF = 0.10  # eye distances
STANDING_M_S = 0.5  # of a heel or a toe that rests, beside 3 m/s of one that swings
RIG_FPS = 60


def run(*sources: Path, **options: Any) -> Iterator[Result]:
    return stream(settings(*map(str, sources), **{"refine": REFINE, **options}))


def column(tracks: Tracks, name: str) -> Floats:
    return tracks.poses.xy[:, tracks.poses.skeleton.keypoints.index(name)]


def clips() -> None:
    """Of arms seen: hands told; of these, wrists near; nearer the other arm."""
    for clip in ("want", "walk"):
        arms, told, near, swapped = 0, 0, 0, 0
        for result in run(DATA / "video" / f"webcam-{clip}.mkv", hands=True):
            [view] = filter(None, result.views)
            tracks = view.tracks
            for side, other in (("left", "right"), ("right", "left")):
                joints = [column(tracks, f"{side}_{one}") for one in ("wrist", "elbow", "shoulder")]
                length = forearms(*joints)
                at = tracks.poses.skeleton.groups[f"{side}_hand"][0]
                there = ~np.isnan(tracks.poses.xy[:, at, 0]) & ~tracks.filled[:, at]
                off = np.linalg.norm(tracks.poses.xy[:, at] - joints[0], axis=-1)
                away = np.linalg.norm(
                    tracks.poses.xy[:, at] - column(tracks, f"{other}_wrist"), axis=-1
                )
                arms += int(np.isfinite(length).sum())
                told += int(there.sum())
                near += int((off[there] < NEAR * length[there]).sum())
                swapped += int((away[there] < off[there]).sum())
        print(f"webcam-{clip}: {arms} arms, {told} hands told, {near / max(told, 1):.3f} of their")
        print(f"  wrists within {NEAR} forearms, {swapped} nearer the other arm")


def photos() -> None:
    """Faces of coco-dev's people, bodies by the usual network at 368 rows and Lightning."""
    listed = json.loads((DATA / "coco-dev" / "person_keypoints.json").read_text())
    names = {one["id"]: one["file_name"] for one in listed["images"]}
    labels: dict[str, list[Doubles]] = {}
    for one in listed["annotations"]:
        points = np.array(one["keypoints"], float).reshape(-1, 3)
        labels.setdefault(Path(names[one["image_id"]]).stem, []).append(points)
    wanted, faces = 0, 0
    off: list[tuple[float, float]] = []  # the worse eye, and the middle of both
    bodies: list[float] = []
    strangers: list[str] = []
    for result in run(DATA / "coco-dev" / "images", face=True, height=368, track=False):
        [view] = filter(None, result.views)
        tracks = view.tracks
        xy = tracks.poses.xy[:, list(tracks.poses.skeleton.face)]
        right, left = eyes_of(xy[~np.isnan(xy[:, 0, 0])])
        faces += len(right)
        people = labels.get(view.frame.name, [])
        for points in people:
            if not labelled_eyes(points):
                continue
            wanted += 1
            if (found := eye_errors(points, right, left)) is not None:
                off.append(found)
            own = eye_errors(points, column(tracks, "right_eye"), column(tracks, "left_eye"))
            if own is not None:
                bodies.append(own[0])
        known = [one[:5][one[:5, 2] > 0, :2] for one in people]
        heads = np.concatenate([np.zeros((0, 2)), *known])
        for one, other in zip(right, left, strict=True):
            gaps = np.linalg.norm(heads - (one + other) / 2, axis=-1)
            if gaps.min(initial=np.inf) > 2 * np.linalg.norm(one - other):
                strangers.append(view.frame.name)
    close, middle = (np.array(off) < EYE_OFF).mean(axis=0)
    print(f"{wanted} labelled faces, {len(off) / wanted:.3f} found; of these both eyes within "
          f"{EYE_OFF}: {close:.3f}, their middle: {middle:.3f}")  # fmt: skip
    print(f"  the body network's eyes: {(np.array(bodies) < EYE_OFF).mean():.3f}; eyes that others "
          f"labelled, by COCO's: {human():.3f}")  # fmt: skip
    print(f"{faces} faces, {len(strangers)} on no labelled head, in {len({*strangers})} photos")


def labelled_eyes(points: Doubles) -> bool:
    """Whether both are labelled far enough apart."""
    apart = np.linalg.norm(points[1, :2] - points[2, :2])
    return bool(min(points[1, 2], points[2, 2]) > 0 and apart >= MIN_EYES_PX)


def eye_errors(points: Doubles, right: Floats, left: Floats) -> tuple[float, float] | None:
    """Of the nearest of F faces, by their eyes (F, 2): how far the worse eye, and the middle, are
    from those labelled, in distances between these.
    """
    apart = np.linalg.norm(points[1, :2] - points[2, :2])
    middle = np.linalg.norm((left + right) / 2 - (points[1, :2] + points[2, :2]) / 2, axis=-1)
    if not len(middle) or not np.nanmin(middle, initial=np.inf) < apart / 2:
        return None
    best = int(np.nanargmin(middle))
    worse = max(np.linalg.norm(eyes[best] - points[n, :2]) for eyes, n in ((left, 1), (right, 2)))
    return float(worse / apart), float(middle[best] / apart)


def human() -> float:
    """Of faces of any size whose eyes COCO and COCO-WholeBody have labelled: the share of which
    both are within EYE_OFF of each other.
    """
    near = []
    for _, people in photos_of("coco-wholebody"):
        for one in people:
            if "face" in one.parts and min(one.body[1:3, 2]) > 0:
                face = np.zeros((1, 70, 2), np.float32)
                face[0, :68] = one.parts["face"][:, :2]
                errors = eye_errors(one.body, *eyes_of(face))
                near.append(errors is not None and errors[0] < EYE_OFF)
    return float(np.mean(near))


def rig() -> None:
    """Feet of rig-single by BlazePose and by cropnet: views, heel to toe, height over the floor.

    A foot stands while its heel or its toe rests. The lowest of both is then the toe, a keypoint on
    the tip of the shoe, some 2 or 3 cm above the sole; the heel's is higher.
    """
    folder = DATA / "rig-single"
    ways: dict[str, dict[str, Any]] = {
        "BlazePose": {},
        "pafnet and cropnet": {"model": "pafnet", "refine": "cropnet"},
    }
    for way, options in ways.items():
        sources = sorted(folder.glob("cam*.mp4"))
        print(f"{way}:")
        describe_feet(run(*sources, feet=True, rig=folder / "rig.toml", **options))


def describe_feet(results: Iterator[Result]) -> None:
    """A line for each foot of the first person."""
    views: list[Any] = []
    feet: list[Any] = []
    for result in results:
        if result.poses3d is None or not len(result.poses3d):
            continue
        names = result.poses3d.skeleton.keypoints
        at = [
            names.index(f"{side}_{one}")
            for side in ("left", "right")
            for one in ("heel", "big_toe")
        ]
        views.append(result.poses3d.views[0, at])
        feet.append(result.poses3d.xyz[0, at])
    seen, xyz = np.array(views), np.array(feet)
    for side, (heel, toe) in (("left", (0, 1)), ("right", (2, 3))):
        both = np.minimum(seen[:, heel], seen[:, toe])
        length = np.linalg.norm(xyz[:, toe] - xyz[:, heel], axis=-1)
        stands = np.fmin(*(speeds(xyz[:, n]) for n in (heel, toe))) < STANDING_M_S
        low = np.fmin(xyz[stands, heel, 2], xyz[stands, toe, 2])
        print(
            f"{side}: >= 3 views in {(both >= 3).mean():.2f} of {len(both)} instants, >= 2 in "
            f"{(both >= 2).mean():.2f}; heel to toe {np.nanmedian(length):.3f} m, "
            f"+- {np.nanstd(length) / np.nanmean(length):.3f}; standing in {stands.sum()} "
            f"instants, lowest point then {np.nanmedian(low):.3f} m, "
            f"heel {np.nanmedian(xyz[stands, heel, 2]):.3f} m"
        )


def speeds(xyz: Doubles) -> Doubles:
    """(N,) metres a second of a point (N, 3), over seven instants; NaN at the ends."""
    out = np.full(len(xyz), np.nan)
    out[3:-3] = np.linalg.norm(xyz[6:] - xyz[:-6], axis=-1) * RIG_FPS / 6
    return out


def cost() -> None:
    """Milliseconds of processor time, the least of 30, in turns."""
    card = load_card("human-pose-estimation-0001")
    body = engine_opener(card, ModelSettings(height=256, precision="int8"), live=True)()
    opener = parts_opener({*GROUPS}, named_skeleton("coco18"))
    assert isinstance(opener, PartsOpener)
    networks = {name: opener._network(name) for name in CARDS}
    picture = np.random.default_rng(0).integers(0, 256, (480, 852, 3), np.uint8)
    taken: dict[str, list[float]] = {"PAF 256": [], **{name: [] for name in networks}}
    for _ in range(30):
        began = time.process_time()
        body.submit([picture])
        body.decoder.decode(body.result()[0])
        taken["PAF 256"].append(time.process_time() - began)
        for name, network in networks.items():
            crops, _ = around(np.array([[200, 100], [400, 300]], float), 1.0, network.size)
            began = time.process_time()
            network.look([picture], [crops])
            taken[name].append(time.process_time() - began)
    least = {name: 1e3 * min(some) for name, some in taken.items()}
    for name, ms in least.items():
        print(f"{name}: {ms:.2f} ms, {ms / least['PAF 256']:.3f} of the PAF network")


WHAT = {
    "clips": clips,
    "turns": partial(turns, ("cropnet", REFINE)),
    "photos": photos,
    "labelled": labelled,
    "rig": rig,
    "cost": cost,
}
PEER = "peer"


def main(words: Sequence[str] | None = None) -> None:
    """What is asked for."""
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("what", nargs="+", choices=[*WHAT, PEER])
    ask.add_argument("--mediapipe", metavar="PYTHON", help="an interpreter that has mediapipe")
    given = ask.parse_args(words)
    if PEER in given.what and given.mediapipe is None:
        ask.error("peer needs --mediapipe PYTHON")
    for one in given.what:
        if one == PEER:
            beside_mediapipe(given.mediapipe, part("hands"))
        else:
            WHAT[one]()


if __name__ == "__main__":
    main()
