"""Whether what several cameras teach makes a network better on a camera that taught nothing.

    python -m tests.bench.bootstrapping --rig rig.toml --held-out cam04 --videos cam*.mp4 \
        --photos people/ --people people.npz --movenet movenet-thunder.xml

Multiview bootstrapping (Simon et al., CVPR'17) as docs/training.md tells it: a run with all cameras
but one writes --bootstrap photos, crops-teach and crops-train go on with cropnet on these beside
other photos, and pafnet with cropnet, before and after, is compared on the camera held out. There
the truth is what the other cameras' 3D people are in its picture (PCK: keypoints that are off by
less than 0.2 and 0.1 of the torso), by a better model than the one that is judged. --labels and
--images are labelled photos, on which the network must not become worse (AP).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import posestream
from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Camera, Rig
from engines.types.arrays import Floats
from engines.types.skeleton import named_skeleton
from training.crops.people import People, load_people
from training.shipping.evaluate import photo_figures

COCO = named_skeleton("coco17")
ROOT = Path(__file__).parents[2]
SHARES = (0.2, 0.1)  # of the torso
MIN_VIEWS, MAX_ERROR = 3, 0.1  # of a 3D keypoint that is taken for the truth; shares of the torso
Truth = dict[int, list[Floats]]  # of a frame, (17, 2) a person


def in_coco(names: Sequence[str]) -> list[int]:
    return [names.index(name) for name in COCO.keypoints]


def taught(
    videos: list[Path], rig: Path, camera: Camera, folder: Path, model: str, refine: str
) -> Truth:
    """Photos for training in the folder, and the 3D people in the held-out camera's picture."""
    truth: Truth = {}
    options: dict[str, Any] = {"model": model, "refine": refine, "rig": rig, "bootstrap": folder}
    with posestream.stream(videos, **options) as frames:
        for number, seen in enumerate(frames):
            if seen.people3d is None or not len(seen.people3d):
                continue
            people = seen.people3d
            order = in_coco(people.names)
            pixels = camera.project(people.keypoints[:, order].astype(float))
            error = people.errors[:, order] / torso(pixels)[:, None]
            wide, high = camera.size
            sure = ((pixels >= 0) & (pixels <= (wide - 1, high - 1))).all(axis=-1)
            sure &= (people.views[:, order] >= MIN_VIEWS) & (error <= MAX_ERROR)
            truth[number] = [*np.where(sure[..., None], pixels, np.nan).astype(np.float32)]
    return truth


def torso(points: Any) -> Any:
    """Pixels from between the shoulders to between the hips of (..., 17, 2) points."""
    ends = points[..., [5, 6], :].mean(-2) - points[..., [11, 12], :].mean(-2)
    return np.linalg.norm(ends, axis=-1)


def pck(video: Path, truth: Truth, refine: str) -> list[float]:
    """The share of the truth's keypoints that pafnet and a crop network find, by SHARES."""
    right, every = np.zeros(len(SHARES)), 0
    with posestream.stream(video, model="pafnet", refine=refine) as frames:
        for number, seen in enumerate(frames):
            found = seen.people.keypoints[:, in_coco(seen.people.names)]
            for person in truth.get(number, []):
                known, size = ~np.isnan(person[:, 0]), float(torso(person))
                if size != size:
                    continue
                away = np.linalg.norm(found - person, axis=-1) / size
                near = np.stack([(away <= share)[:, known].sum(1) for share in SHARES])
                # Of all who were found, the one who is most of this person.
                best = int(near[0].argmax()) if len(found) else -1
                right += near[:, best] if best >= 0 else 0
                every += int(known.sum())
    return [float(one) / max(every, 1) for one in right]


def precision(images: Path, labels: Path, refine: str, folder: Path) -> float:
    results = folder / "results.json"
    words = ["--source", str(images), "--model", "pafnet", "--refine", refine, "--no-show"]
    command = [sys.executable, "run.py", *words, "--quiet", "--coco", str(results)]
    subprocess.run(command, check=True, cwd=ROOT)
    return photo_figures(labels, results)["AP"]


def some_photos(photos: Path, people: Path, count: int, folder: Path) -> Path:
    """The first photos of a folder in a folder of their own, with their people beside it."""
    folder.mkdir()
    members = (
        (name, data) for shard in sorted(photos.glob("*.tar")) for name, data in _members(shard)
    )
    with tarfile.open(folder / "photos.tar", "w") as tar:
        for entry, data in islice(members, count):
            tar.addfile(entry, data)
    every = load_people(people)
    kept = every.photo < count
    rows = {one.name: getattr(every, one.name) for one in fields(People) if one.name != "done"}
    some = People(**{name: value[kept] for name, value in rows.items()}, done=count)
    path = folder.with_suffix(".npz")
    some.save(path)
    return path


def _members(shard: Path) -> Any:
    with tarfile.open(shard) as tar:
        for entry in tar:
            if entry.isfile() and entry.name.endswith((".webp", ".jpg", ".png")):
                yield entry, tar.extractfile(entry)


def trained(asked: argparse.Namespace, hall: Path, folder: Path) -> Path:
    """The card of cropnet after it went on with the hall's photos."""
    photos = folder / "photos"
    people = some_photos(asked.photos, asked.people, asked.count, photos)
    # A few instants of a hall beside hundreds of photos: each several times.
    given = ["--photos", str(photos), *[str(hall)] * asked.times]
    run, card = folder / "run", folder / "tuned.toml"
    for words in (
        ["crops-teach", *given, "--movenet", str(asked.movenet), "--output", str(people)],
        [
            *("crops-train", *given, "--people", str(people), "--run", str(run)),
            *("--card", "cropnet", "--rate", str(asked.rate), "--steps", str(asked.steps)),
            *("--decay", "0.7", "--minutes", "600"),
        ],
        ["crops-export", "--run", str(run), *map(str, asked.beside), "--output", str(card)],
    ):
        more = [] if words[0] == "crops-export" else ["--threads", str(asked.threads)]
        subprocess.run([sys.executable, "-m", "training", *words, *more], check=True, cwd=ROOT)
    return card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("rig", "photos", "people", "movenet"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--videos", type=Path, nargs="+", required=True, help="as in the rig")
    parser.add_argument("--held-out", required=True, help="camera's name in the rig")
    parser.add_argument("--images", type=Path, help="labelled photos")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--model", default="human-pose-estimation-0001", help="that teaches")
    parser.add_argument("--refine", default="tests/cards/movenet-thunder.toml", help="likewise")
    parser.add_argument("--count", type=int, default=600, help="of the photos")
    parser.add_argument("--times", type=int, default=4, help="that the hall's photos are given")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="runs to average with")
    parser.add_argument("--keep", type=Path, help="folder for what is made; goes on with it")
    asked = parser.parse_args()
    rig = read_rig(asked.rig)
    place = [camera.name for camera in rig.cameras].index(asked.held_out)
    others = [video for n, video in enumerate(asked.videos) if n != place]
    with tempfile.TemporaryDirectory() as name:
        folder = asked.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        hall, small, noted = folder / "hall", folder / "rig.toml", folder / "truth.json"
        if not noted.exists():
            cameras = tuple(one for n, one in enumerate(rig.cameras) if n != place)
            write_rig(Rig(cameras), small, force=True)
            truth = taught(others, small, rig.cameras[place], hall, asked.model, asked.refine)
            noted.write_text(json.dumps({n: np.array(one).tolist() for n, one in truth.items()}))
        known = json.loads(noted.read_text())
        truth = {int(n): [np.array(one, np.float32) for one in some] for n, some in known.items()}
        card = folder / "tuned.toml"
        if not card.exists():
            trained(asked, hall, folder)
        for refine in ("cropnet", str(card)):
            figures = pck(asked.videos[place], truth, refine)
            words = [f"PCK@{s} {x:.4f}" for s, x in zip(SHARES, figures, strict=True)]
            if asked.labels is not None:
                words.append(f"AP {precision(asked.images, asked.labels, refine, folder):.4f}")
            print(f"pafnet with {Path(refine).stem}: {', '.join(words)}", flush=True)


if __name__ == "__main__":
    main()
