"""Crop networks on their way out: what is exported is what was learnt, what is scored is fused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.decoders.crop_decoder import CropDecoder
from engines.models.card import load_card
from engines.models.weights import locate
from engines.types.poses import Poses

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)
pytest.importorskip("pycocotools", reason=MISSING)

from engines.networks.cropnet import heatmaps  # noqa: E402
from engines.runtimes.openvino_cpu import load_openvino  # noqa: E402
from training.crops.boxes import RULE  # noqa: E402
from training.crops.head import HEAD  # noqa: E402
from training.crops.learner import Learner  # noqa: E402
from training.crops.people import COCO  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402
from training.shipping.crop_evaluate import as_results, second_look_of  # noqa: E402
from training.shipping.crop_export import CropsExportSettings, averaged, export_crops  # noqa: E402


def test_what_is_exported_gives_the_same_maps(tmp_path: Path) -> None:
    learner = Learner(1)
    learner.save(tmp_path / "checkpoint.pt")
    card = load_card(
        str(
            export_crops(
                CropsExportSettings((tmp_path,), tmp_path / "net.toml", width=64, height=96)
            )
        )
    )
    assert isinstance(card.decoder, CropDecoder)
    assert (card.decoder.settings, card.crop) == (HEAD, RULE)
    (path,) = locate(card, "fp32").paths
    crops = np.random.default_rng(0).normal(0, 1, (2, 3, 96, 64)).astype(np.float32)
    with torch.inference_mode():
        wanted = heatmaps(*learner.slow.eval().module(torch.from_numpy(crops))).numpy()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    found = load_openvino().Core().compile_model(str(path), "CPU", options)(crops)[0]
    assert found.shape == (2, 17, 24, 16)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    with pytest.raises(TrainingError, match="no checkpoint"):
        export_crops(CropsExportSettings((tmp_path / "none",), tmp_path / "net.toml"))
    with pytest.raises(TrainingError, match=r"must end in \.toml"):
        export_crops(CropsExportSettings((tmp_path,), tmp_path / "net.onnx"))


def test_the_weights_of_several_runs_are_averaged() -> None:
    first, second = Learner(1), Learner(2)
    second.crops = 10
    wanted = {
        name: (one + second.slow.module.state_dict()[name]) / 2
        for name, one in first.slow.module.state_dict().items()
        if one.is_floating_point()
    }
    mean = averaged([first, second])
    assert mean.crops == 10
    for name, one in mean.slow.module.state_dict().items():
        if name in wanted:
            torch.testing.assert_close(one, wanted[name])


def test_a_run_and_what_is_exported_of_it_see_the_same(tmp_path: Path) -> None:
    """The second look of the one in torch, and of the other as run.py takes it."""
    Learner(1).save(tmp_path / "checkpoint.pt")
    card = export_crops(
        CropsExportSettings((tmp_path,), tmp_path / "net.toml", width=64, height=96)
    )
    first = load_card("pafnet")
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (400, 400, 3)).astype(np.uint8)
    xy = rng.uniform(100, 300, (2, 18, 2)).astype(np.float32)
    score = np.full((2, 18), 0.5, np.float32)
    people = Poses(first.skeleton, xy, score, score.sum(axis=1))
    looks = [
        second_look_of(path, first, (64, 96), trust).bodies.look([image], [people])[0].poses
        for path, trust in ((tmp_path, None), (card, 0.1))
    ]
    assert looks[0].found.any()
    np.testing.assert_array_equal(looks[0].found, looks[1].found)
    np.testing.assert_allclose(looks[0].score, looks[1].score, atol=0.03)
    with pytest.raises(TrainingError, match="no crop network's card"):
        second_look_of(Path("engines/cards/pafnet.toml"), first, (64, 96), None)


def test_results_are_those_of_coco() -> None:
    xy = np.random.default_rng(1).uniform(100, 300, (1, 17, 2)).astype(np.float32)
    score = np.full((1, 17), 0.5, np.float32)
    xy[0, 3], score[0, 3] = np.nan, 0
    (entry,) = as_results(Poses(COCO, xy, score, np.full(1, 0.7, np.float32)), 7)
    assert (entry["image_id"], entry["category_id"]) == (7, 1)
    assert entry["score"] == pytest.approx(0.7)
    points = np.array(entry["keypoints"]).reshape(17, 3)
    np.testing.assert_allclose(np.delete(points, 3, 0)[:, :2], np.delete(xy[0], 3, 0))
    np.testing.assert_array_equal(points[3], 0)
    assert as_results(Poses.nobody(COCO), 7) == []
