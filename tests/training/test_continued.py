"""A shipped crop network learns on: it answers as its graph does, and its normalisation is real."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.types.arrays import Image

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)

from engines.models.card import load_card  # noqa: E402
from engines.models.weights import locate  # noqa: E402
from engines.networks.cropnet import CropNet, heatmaps  # noqa: E402
from engines.runtimes.openvino_package import load_openvino  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from training.crops.continued import name_of, start_from_graph  # noqa: E402
from training.crops.head import prepared  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402


def crops() -> Image:
    """A portrait, cut in 40 places."""
    picture = cv2.imread(str(ROOT / "docs" / "astronaut.jpg"))
    rng = np.random.default_rng(0)
    out = []
    for _ in range(40):
        scale, (x, y) = rng.uniform(0.4, 0.8), rng.uniform(-30, 30, 2)
        matrix = np.array([[scale, 0, x - 60], [0, scale, y]], np.float32)
        out.append(cv2.warpAffine(picture, matrix, (160, 224)))
    return np.stack(out)


def test_what_was_shipped_goes_on_where_it_was() -> None:
    """Beside OpenVINO on the shipped file, which rounds activations to eight bits."""
    (graph, _) = locate(load_card("cropnet"), "int8").paths
    network, seen = CropNet(feet=True), crops()
    start_from_graph(network, graph, seen)
    core = load_openvino().Core()
    shipped = core.compile_model(
        str(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "NO"}
    )
    wanted = shipped(prepared(seen[:8]).numpy())[0]
    with torch.inference_mode():
        found = heatmaps(*network.eval()(prepared(seen[:8]))).numpy()
        # As it learns, each normalisation takes the moments of the batch in place of those kept.
        learning = heatmaps(*network.train()(prepared(seen))).numpy()[:8]
    assert wanted.max() > 0.4
    np.testing.assert_allclose(found, wanted, atol=0.15)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.98
    assert np.corrcoef(learning.ravel(), found.ravel())[0, 1] > 0.98


def test_other_graphs_are_told(tmp_path: Path) -> None:
    (graph, _) = locate(load_card("pafnet"), "int8").paths
    with pytest.raises(TrainingError, match=r"crop network"):
        start_from_graph(CropNet(), graph, crops())
    (tmp_path / "net.xml").write_text("none")
    with pytest.raises(TrainingError, match="holds no crop network of ours"):
        start_from_graph(CropNet(), tmp_path / "net.xml", crops())


def test_layers_have_the_names_that_they_had() -> None:
    path = "/network/trunk/stages.0/stages.0.0/parts/parts.2/parts.2.0/Conv/WithoutBiases"
    assert name_of(path) == "trunk.stages.0.0.parts.2.0"
    assert name_of("/network/nowhere/Gemm/WithoutBiases") == "nowhere"
