"""Torch networks as ONNX: the same numbers, in OpenVINO and back in torch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import openvino as ov
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

from engines.networks import NETWORKS  # noqa: E402
from engines.networks.from_onnx import Graph  # noqa: E402
from engines.networks.to_onnx import module_onnx  # noqa: E402
from engines.types.skeleton import named_skeleton  # noqa: E402


class Small(torch.nn.Module):  # type: ignore[misc]
    """What OpenPose's networks are made of, once each."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.prelu = torch.nn.PReLU(8)
        self.second = torch.nn.Conv2d(8, 8, 7, padding=3)
        self.heat = torch.nn.Conv2d(16, 4, 1)
        self.paf = torch.nn.Conv2d(20, 6, 1)

    def forward(self, pictures: Any) -> Any:
        features = torch.nn.functional.max_pool2d(self.prelu(self.first(pictures)), 2)
        both = torch.cat([features, torch.relu(self.second(features))], 1)
        heat = self.heat(both)
        return heat, self.paf(torch.cat([both, heat], 1))


def pictures(*shape: int) -> Any:
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def in_openvino(model: Any, given: Any) -> list[np.ndarray]:
    core = ov.Core()
    network = core.read_model(model.SerializeToString())
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    result = compiled(given.numpy())
    return [np.array(result[name]) for name in ("heat", "paf")]


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 3, 40, 96)])
def test_pictures_of_any_number_and_size(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    module, given = Small(), pictures(*shape)
    model = module_onnx(module)
    assert [one.name for one in model.graph.output] == ["heat", "paf"]
    with torch.inference_mode():
        expected = module(given)
        back = Graph(model, ("heat", "paf"))(given)
    for one, other, third in zip(expected, back, in_openvino(model, given), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
        np.testing.assert_allclose(third, one, atol=1e-5)


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize(
    ("network", "skeleton"), [("openpose-cvpr17", "coco18"), ("openpose-tpami19", "body25")]
)
def test_openposes_networks_agree(network: str, skeleton: str) -> None:
    torch.manual_seed(0)
    kind, (place, make) = named_skeleton(skeleton), NETWORKS[network].split(":")
    module = getattr(import_module(place), make)(len(kind.keypoints) + 1, 2 * len(kind.limbs))
    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d):  # else values fade away in sixty layers
            torch.nn.init.kaiming_normal_(layer.weight, a=0.25)
    given = pictures(1, 3, 48, 64)
    with torch.inference_mode():
        expected = module.eval()(given)
    for one, other in zip(expected, in_openvino(module_onnx(module), given), strict=True):
        assert one.abs().max() > 0.1
        np.testing.assert_allclose(other, one, atol=1e-4 * float(one.abs().max()))
