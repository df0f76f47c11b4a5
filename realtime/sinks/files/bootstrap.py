"""Training labels made by several cameras, with their pictures: the best instant of every while."""

from __future__ import annotations

import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

from calibration.geometry.camera import Rig
from engines.types.errors import CardError
from engines.types.oks import boxes
from engines.types.skeleton import Skeleton, named_skeleton
from realtime.multiview.bootstrap_labels import OUT, SEEN, Labeller, Labels
from realtime.types.errors import OutputError
from realtime.types.results import Result, View
from realtime.writing.whole_files import broken, check_folder, write_whole

WINDOW_SECONDS = 0.5  # of which the best instant is taken
JPEG_QUALITY = 95
PERSON_CATEGORY = 1  # COCO's person
PHOTOS_TAR = "photos.tar"


class BootstrapSink:
    """Writes `pictures/`, `person_keypoints.json` (COCO's 17 keypoints, best instants first), and
    for training/ `photos.tar` with `labels.jsonl` (18 keypoints).

    An instant's score is the confidence of the sightings that agree in it. All of its people are
    labelled in all views, also where a view saw them badly; whoever else a view saw comes as a box
    without keypoints. The files are whole after every instant that is taken.
    """

    def __init__(self, folder: Path, rig: Rig, skeleton: Skeleton) -> None:
        check_folder(folder, "--bootstrap")
        if len(rig) < 3:
            raise OutputError("--bootstrap needs at least three cameras: two agree by chance.")
        try:
            self._coco = skeleton.order_in(named_skeleton("coco17"))
            self._training = skeleton.order_in(named_skeleton("coco18"))
        except CardError as error:
            raise OutputError(f"--bootstrap cannot be written: {error}") from error
        self._folder = folder
        self.written = str(folder)
        self._labeller = Labeller(rig, skeleton)
        self._window: int | None = None
        self._best: tuple[Result, Labels] | None = None
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        check_folder(self._folder / "pictures", "--bootstrap")
        for name in (PHOTOS_TAR, "labels.jsonl"):
            (self._folder / name).unlink(missing_ok=True)
        self._write_coco()
        return self

    def __exit__(self, *_: object) -> None:
        self._take()

    def write(self, result: Result) -> None:
        """Look at an instant; the best of the window before is written when a new one begins."""
        window = int(result.time // WINDOW_SECONDS)
        if window != self._window:
            self._take()
            self._window = window
        labels = self._labeller.label(result)
        if labels is not None and (self._best is None or labels.score > self._best[1].score):
            self._best = result, labels

    def _take(self) -> None:
        if self._best is None:
            return
        (result, labels), self._best = self._best, None
        for v, view in enumerate(result.views):
            if view is not None and (labels.state[v] != OUT).any():
                self._label(v, view, result, labels)
        self._write_coco()

    def _label(self, v: int, view: View, result: Result, labels: Labels) -> None:
        name = f"{view.frame.name}.jpg"
        _, data = cv2.imencode(".jpg", view.frame.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        write_whole(self._folder / "pictures" / name, data.tobytes(), lasting=False)
        width, height = view.frame.size
        number = len(self._images) + 1
        self._images.append(
            {
                "id": number,
                "file_name": name,
                "width": width,
                "height": height,
                "camera": view.frame.camera,
                "index": view.frame.index,
                "score": round(labels.score, 4),
            }
        )
        triples = np.concatenate([labels.xy[v].round(2), labels.state[v][..., None]], -1)
        triples[labels.state[v] == OUT] = 0
        known = np.where((labels.state[v] != OUT)[..., None], labels.xy[v], np.nan)
        around = [*boxes(known.astype(np.float32)), *self._others(v, view, result)]
        around = [box for box in around if not np.isnan(box).any()]
        for person in triples[:, self._coco]:
            if (person[:, 2] != OUT).any():
                self._annotate(number, person)
        for box in self._others(v, view, result):
            self._annotate(number, np.zeros((len(self._coco), 3)), box)
        self._add_photo(name, data.tobytes())
        own = labels.state[v] == SEEN
        count = max(1, int((labels.state[v] != OUT).sum()))
        row = {
            "file": name,
            "persons": triples[:, self._training].tolist(),
            "boxes": [[round(float(x), 1) for x in _sides(box)] for box in around],
            "label_check": [
                round(float(own.sum()) / count, 3),
                round(float(labels.mirrored[v].sum()) / count, 3),
            ],
        }
        try:
            with open(self._folder / "labels.jsonl", "a", encoding="utf-8") as file:
                file.write(f"{json.dumps(row)}\n")
        except OSError as error:
            raise broken(self._folder / "labels.jsonl", error) from error

    def _others(self, v: int, view: View, result: Result) -> list[np.ndarray[Any, Any]]:
        """Boxes, left, top, right, bottom, of whom the view saw but nobody else."""
        assert result.poses3d is not None
        alone = np.setdiff1d(np.arange(len(view.tracks)), result.poses3d.detections[:, v])
        return [box for box in boxes(view.tracks.poses.xy[alone]) if not np.isnan(box).any()]

    def _annotate(
        self, image: int, person: np.ndarray[Any, Any], box: np.ndarray[Any, Any] | None = None
    ) -> None:
        if box is None:
            on = person[person[:, 2] != OUT, :2]
            box = np.concatenate([on.min(0), on.max(0)])
        sides = _sides(box)
        self._annotations.append(
            {
                "id": len(self._annotations) + 1,
                "image_id": image,
                "category_id": PERSON_CATEGORY,
                "iscrowd": 0,
                "num_keypoints": int((person[:, 2] != OUT).sum()),
                "keypoints": [float(f"{x:.2f}") for x in person.ravel()],
                "bbox": [float(f"{x:.2f}") for x in sides],
                "area": float(f"{sides[2] * sides[3]:.2f}"),
            }
        )

    def _add_photo(self, name: str, data: bytes) -> None:
        try:
            with tarfile.open(self._folder / PHOTOS_TAR, "a") as tar:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, BytesIO(data))
        except OSError as error:
            raise broken(self._folder / PHOTOS_TAR, error) from error

    def _write_coco(self) -> None:
        names = list(named_skeleton("coco17").keypoints)
        images = sorted(self._images, key=lambda image: -image["score"])
        data = {
            "images": images,
            "annotations": self._annotations,
            "categories": [{"id": PERSON_CATEGORY, "name": "person", "keypoints": names}],
        }
        path = self._folder / "person_keypoints.json"
        write_whole(path, json.dumps(data).encode(), lasting=False)


def _sides(box: np.ndarray[Any, Any]) -> tuple[float, float, float, float]:
    """Left, top, width, height."""
    left, top, right, bottom = (float(x) for x in box)
    return left, top, right - left, bottom - top
