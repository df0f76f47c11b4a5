"""Average precision of a bottom-up model with a crop network as its second look."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.estimator import open_estimator
from engines.models.card import load_card
from engines.models.weights import locate
from engines.runtimes.openvino_package import load_openvino
from engines.types.arrays import Floats, Image
from engines.types.poses import Poses
from engines.types.skeleton_conversion import converted
from training.crops.boxes import Square, around, back, cut
from training.crops.decode import decode
from training.crops.fusion import COCO, fuse
from training.crops.movenet import MoveNet
from training.learning.student import prepared
from training.shipping.crop_export import network_of, trained
from training.shipping.evaluate import photo_figures

MIN_TRUSTED_SCORE = 0.1  # from which on a crop network's keypoint goes before the first network's
MIN_WRITTEN_SCORE = 0.1  # keypoints of a lower score are not written

Looks = Callable[[Image, Sequence[Square]], tuple[Floats, Floats]]


@dataclass(frozen=True)
class CropsEvaluateSettings:
    """Score a PAF model alone and with each of some crop networks, on labelled photos."""

    networks: tuple[Path, ...]
    """Crop networks: a run's folder, an exported .xml or .onnx, or MoveNet (by its name)."""
    images: Path
    """Folder of labelled photos."""
    labels: Path
    """Their keypoints, in COCO's format."""
    model: str = "pafnet"
    """The PAF model."""
    height: int | None = None
    """Rows of its input; the card's by default."""
    precision: str = "auto"
    """Its arithmetic."""
    size: int = 192
    """Side of the crops of a run."""
    trust: float = MIN_TRUSTED_SCORE
    """Crop keypoints below this score give way to the PAF model's."""
    threads: int = 2
    """Processor threads."""


class OwnNet:
    """Our own crop network: of a run in torch, or exported in OpenVINO."""

    def __init__(self, path: Path, size: int) -> None:
        self._size = size
        self._run: Any = None
        if path.is_dir():
            self._network = network_of(trained(path))
        else:
            model = load_openvino().Core().read_model(str(path))
            self._size = int(model.input(0).partial_shape[2].get_length())
            self._run = load_openvino().Core().compile_model(model, "CPU")

    def __call__(self, image: Image, squares: Sequence[Square]) -> tuple[Floats, Floats]:
        """(P, 17, 2) pixels of the picture and (P, 17) scores of the person of each square."""
        matrices = [square.matrix(self._size) for square in squares]
        crops = prepared(np.stack([cut(image, one, self._size) for one in matrices]))
        if self._run is None:
            import torch

            from engines.networks.cropnet import heatmaps

            with torch.inference_mode():
                maps = heatmaps(*self._network(crops)).numpy()
        else:
            maps = np.asarray(self._run(crops.numpy())[0])
        xy, score = decode(maps)
        return np.stack([back(*one) for one in zip(xy, matrices, strict=True)]), score


def evaluate_crops(settings: CropsEvaluateSettings) -> None:
    """Print a line for the PAF model alone, and one for it with each crop network."""
    ids = {
        one["file_name"]: int(one["id"])
        for one in json.loads(settings.labels.read_text())["images"]
    }
    card = load_card(settings.model)
    precision: Any = settings.precision
    estimator = open_estimator(card, locate(card, precision), height=settings.height)
    people: list[tuple[Path, Poses]] = []
    for path in sorted(settings.images.iterdir()):
        if path.name in ids:
            estimator.submit([_read(path)])
            people.append((path, converted(estimator.decoder.decode(estimator.result()[0]), COCO)))
    entries = [
        _entry(ids[path.name], xy, score, total, 0)
        for path, poses in people
        for xy, score, total in zip(poses.xy, poses.score, poses.person_score, strict=True)
    ]
    _say(settings, f"{settings.model} alone", entries)
    for network in settings.networks:
        name = network.name
        looks: Looks = (
            MoveNet(network, settings.threads)
            if "movenet" in name
            else OwnNet(network, settings.size)
        )
        entries = []
        for path, poses in people:
            entries += second_look(looks, _read(path), poses, ids[path.name], settings.trust)
        _say(settings, f"{settings.model} + {name}", entries)


def _read(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def second_look(
    looks: Looks, image: Image, poses: Poses, number: int, trust: float
) -> list[dict[str, Any]]:
    """The people of one picture after the second look, as COCO's results."""
    firsts = list(zip(poses.xy, poses.score, strict=True))
    squares = [around(xy) for xy, _ in firsts]
    seen = [(one, square) for one, square in zip(firsts, squares, strict=True) if square]
    if not seen:
        return []
    seconds = looks(image, [square for _, square in seen])
    entries = []
    for (first, _), xy, score in zip(seen, *seconds, strict=True):
        points, scores, total, _ = fuse(*first, xy, score, trust)
        entries.append(_entry(number, points, scores, total, MIN_WRITTEN_SCORE))
    return entries


def _entry(number: int, xy: Floats, score: Floats, total: float, least: float) -> dict[str, Any]:
    found = ~np.isnan(xy[:, 0]) & (score > least)
    points = np.column_stack([np.nan_to_num(xy) + 0.0, found])
    points[~found] = 0
    return {
        "image_id": number,
        "category_id": 1,
        "keypoints": [float(one) for one in points.ravel()],
        "score": float(total),
    }


def _say(settings: CropsEvaluateSettings, what: str, entries: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        results.write_text(json.dumps([one for one in entries if any(one["keypoints"])]))
        figures = photo_figures(settings.labels, results)
    words = "  ".join(f"{key} {value:.4f}" for key, value in figures.items())
    sys.stdout.write(f"{what}:  {words}\n")
    sys.stdout.flush()
