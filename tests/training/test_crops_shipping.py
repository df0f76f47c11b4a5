"""Crop networks on their way out: what is exported is what was learnt, what is scored is fused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.decoders.crop_decoder import CropDecoder
from engines.models.card import load_card
from engines.models.weights import locate
from engines.types.arrays import Floats, Image
from engines.types.poses import Poses

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)
pytest.importorskip("pycocotools", reason=MISSING)

from engines.networks.cropnet import heatmaps  # noqa: E402
from engines.runtimes.openvino_cpu import load_openvino  # noqa: E402
from training.crops.boxes import Square  # noqa: E402
from training.crops.fusion import COCO  # noqa: E402
from training.crops.learner import Learner  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402
from training.shipping.crop_evaluate import second_look  # noqa: E402
from training.shipping.crop_export import CropsExportSettings, export_crops  # noqa: E402


def test_what_is_exported_gives_the_same_maps(tmp_path: Path) -> None:
    learner = Learner(1, pretrained=False)
    learner.save(tmp_path / "checkpoint.pt")
    card = load_card(
        str(export_crops(CropsExportSettings(tmp_path, tmp_path / "net.toml", size=64)))
    )
    assert isinstance(card.decoder, CropDecoder)
    (path,) = locate(card, "fp32").paths
    crops = np.random.default_rng(0).normal(0, 1, (2, 3, 64, 64)).astype(np.float32)
    with torch.inference_mode():
        wanted = heatmaps(*learner.slow.module(torch.from_numpy(crops))).numpy()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    found = load_openvino().Core().compile_model(str(path), "CPU", options)(crops)[0]
    assert found.shape == (2, 17, 16, 16)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    with pytest.raises(TrainingError, match="no checkpoint"):
        export_crops(CropsExportSettings(tmp_path / "none", tmp_path / "net.toml"))
    with pytest.raises(TrainingError, match=r"must end in \.toml"):
        export_crops(CropsExportSettings(tmp_path, tmp_path / "net.onnx"))


def test_the_second_look_is_what_is_scored() -> None:
    rng = np.random.default_rng(1)
    first = rng.uniform(100, 300, (1, 17, 2)).astype(np.float32)
    score = np.full((1, 17), 0.5, np.float32)
    poses = Poses(COCO, first, score, np.ones(1, np.float32))
    asked: list[Square] = []

    def looks(image: Image, squares: list[Square]) -> tuple[Floats, Floats]:
        asked.extend(squares)
        seen = np.full((1, 17), 0.9, np.float32)
        seen[0, 3] = 0.02
        return first + 2, seen

    (entry,) = second_look(looks, np.zeros((400, 400, 3), np.uint8), poses, 7, 0.1)
    assert len(asked) == 1
    assert entry["image_id"] == 7
    points = np.array(entry["keypoints"]).reshape(17, 3)
    np.testing.assert_allclose(points[3, :2], first[0, 3])  # the crop network does not see it
    np.testing.assert_allclose(np.delete(points, 3, 0)[:, :2], np.delete(first[0] + 2, 3, 0))
    assert points[:, 2].all()
    nobody = Poses.nobody(COCO)
    assert second_look(looks, np.zeros((9, 9, 3), np.uint8), nobody, 7, 0.1) == []
