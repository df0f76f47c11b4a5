"""Average precision of a bottom-up model with a crop network as its second look."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.crops.fusion import FusionSettings
from engines.decoders.crop_decoder import CropDecoder
from engines.decoders.crop_heatmaps import HeatmapDecoder
from engines.estimator import open_estimator
from engines.models.card import Card, load_card
from engines.models.weights import locate
from engines.networks.cropnet import heatmaps
from engines.runtimes.crop_network import CropsOnHost
from engines.runtimes.network import Network
from engines.runtimes.openvino_cpu import OpenVino
from engines.second_look.body_crops import BodyCrops
from engines.second_look.second_look import SecondLook
from engines.types.arrays import Arrays, Image
from engines.types.poses import Poses
from engines.types.skeleton_conversion import converted
from training.crops.boxes import RULE, Size
from training.crops.head import HEAD, prepared
from training.crops.people import BODY, COCO
from training.data.errors import TrainingError
from training.shipping.crop_export import network_of, trained
from training.shipping.evaluate import photo_figures

# From which on a crop network's keypoint goes before the first network's, of a run.
MIN_TRUSTED_SCORE = 0.1


@dataclass(frozen=True)
class CropsEvaluateSettings:
    """Score a PAF model alone and with each of some crop networks, on labelled photos."""

    networks: tuple[Path, ...]
    """Crop networks: a run's folder, or a model card (.toml) such as crops-export writes."""
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
    width: int = 160
    """Of the crops of a run."""
    crop_height: int = 224
    """Of the crops of a run."""
    trust: float | None = None
    """Crop keypoints below this score give way to the PAF model's; as the card says by default."""


class RunNetwork:
    """A run's network in torch, as a Network on crops of one size."""

    depth = 1

    def __init__(self, run: Path) -> None:
        self._network = network_of(trained(run))
        self._flying: deque[Image] = deque()

    def submit(self, pictures: Sequence[Image]) -> None:
        """Crops, (height, width, 3) BGR."""
        self._flying.append(np.stack(pictures))

    def result(self) -> list[Arrays]:
        """The heat maps of each."""
        import torch

        with torch.inference_mode():
            maps = heatmaps(*self._network(prepared(self._flying.popleft())))[:, :BODY]
        return [{"heatmaps": one} for one in maps.numpy()]

    def close(self) -> None:
        """There is nothing to let go of."""


def second_look_of(path: Path, first: Card, size: Size, trust: float | None) -> SecondLook:
    """The second look that run.py takes, with a card's network or with a run's."""
    network: Network
    if path.is_dir():
        network, rule = RunNetwork(path), RULE
        decoder: CropDecoder = HeatmapDecoder(COCO, size, HEAD)
        fusion = FusionSettings(own=MIN_TRUSTED_SCORE)
    else:
        card = load_card(str(path))
        if not isinstance(card.decoder, CropDecoder) or card.crop is None:
            raise TrainingError(f"{path} is no crop network's card.")
        network = OpenVino(card, locate(card, download=False), live=True, batched=True)
        decoder, rule, fusion = card.decoder, card.crop, card.fusion_beside(first.name)
    if trust is not None:
        fusion = replace(fusion, own=trust)
    crops = CropsOnHost(network, rule.border)
    return SecondLook(BodyCrops(crops, decoder, rule, first.skeleton), fusion)


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
            people.append((path, estimator.decoder.decode(estimator.result()[0])))
    estimator.close()
    entries = [one for path, poses in people for one in as_results(poses, ids[path.name])]
    _say(settings, f"{settings.model} alone", entries)
    size = settings.width, settings.crop_height
    for network in settings.networks:
        second = second_look_of(network, card, size, settings.trust)
        entries = []
        for path, poses in people:
            (seen,) = second.refine([_read(path)], [poses])
            entries += as_results(seen, ids[path.name])
        second.close()
        _say(settings, f"{settings.model} + {network.name}", entries)


def _read(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def as_results(poses: Poses, number: int) -> list[dict[str, Any]]:
    """The people of the picture of this number, as COCO's results."""
    entries = []
    people = converted(poses, COCO)
    for xy, score, total in zip(people.xy, people.score, people.person_score, strict=True):
        found = ~np.isnan(xy[:, 0]) & (score > 0)
        points = np.column_stack([np.nan_to_num(xy) + 0.0, found])
        points[~found] = 0
        entries.append(
            {
                "image_id": number,
                "category_id": 1,
                "keypoints": [float(one) for one in points.ravel()],
                "score": float(total),
            }
        )
    return entries


def _say(settings: CropsEvaluateSettings, what: str, entries: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        results.write_text(json.dumps([one for one in entries if any(one["keypoints"])]))
        figures = photo_figures(settings.labels, results)
    words = "  ".join(f"{key} {value:.4f}" for key, value in figures.items())
    sys.stdout.write(f"{what}:  {words}\n")
    sys.stdout.flush()
