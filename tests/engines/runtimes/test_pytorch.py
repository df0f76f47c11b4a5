"""Torch modules as networks; torch's form of the kernels is tested in test_kernels.py."""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.estimator import open_estimator
from engines.models.card import Card, load_card
from engines.models.weights import locate
from engines.networks import NETWORKS
from engines.types.errors import CardError, DeviceError, WeightsError
from engines.types.skeleton import named_skeleton
from posestream.commands.models.main import main
from tests import synth

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

SIZE = (256, 192)


class Tiny(torch.nn.Module):  # type: ignore[misc]
    """synth's network, which undoes `encode`, as a torch module."""

    def __init__(self, maps: int, fields: int) -> None:
        super().__init__()
        self.maps = torch.nn.Conv2d(3, maps + 2 * fields, 8, 8, bias=False)
        self.split = maps, fields, fields

    def forward(self, pictures: Any) -> Any:
        heat, above, below = self.maps(pictures).split(self.split, 1)
        return heat, above - below


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    monkeypatch.setitem(NETWORKS, "tiny", f"{__name__}:Tiny")
    module = Tiny(19, 38)
    taps = np.eye(192, dtype=np.float32)[:95].reshape(95, 3, 8, 8) / np.float32(255)
    torch.save({"maps.weight": torch.from_numpy(taps)}, tmp_path / "tiny.pt")
    assert module.maps.weight.shape == taps.shape
    path = synth.write_tiny_network(tmp_path, SIZE[1])
    return with_weights(path, tmp_path / "tiny.pt")


def with_weights(path: Path, weights: Path, network: str = "tiny") -> Card:
    text = path.read_text().partition("[[weights]]")[0]
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    file = f'name = "{weights.name}", size = {weights.stat().st_size}, sha256 = "{digest}"'
    path.write_text(
        f'{text}[[weights]]\nprecision = ["fp32", "bf16"]\nnetwork = "{network}"\n'
        f"files = [{{ {file} }}]\n"
    )
    return load_card(str(path))


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16", "fp16"])
def test_people_are_found_where_they_are(card: Card, precision: Any) -> None:
    crowd = synth.crowd(2, SIZE, np.random.default_rng(3))
    estimator = open_estimator(card, locate(card, precision))
    estimator.submit([synth.scene(crowd, SIZE), np.zeros((90, 70, 3), np.uint8)])
    found, nobody = (estimator.decoder.decode(candidates) for candidates in estimator.result())
    estimator.close()
    assert len(nobody) == 0
    assert len(found) == 2
    for points in crowd:
        apart = np.linalg.norm(found.xy - points, axis=2)
        assert np.nanmin(np.nanmedian(apart, axis=1)) < 1


def test_our_own_network_runs_at_any_multiple_of_eight(tmp_path: Path) -> None:
    """Its trunk goes down to stride 32; 321x250 is far from a multiple of that."""
    torch.save(made("pafnet", 18, 38).state_dict(), tmp_path / "own.pt")
    path = synth.write_tiny_network(tmp_path, 250)
    own = with_weights(path, tmp_path / "own.pt", "pafnet")
    estimator = open_estimator(own, locate(own), keep_maps=lambda: True)
    estimator.submit([np.zeros((70, 90, 3), np.uint8)])
    (found,) = estimator.result()
    estimator.close()
    assert found.maps is not None
    assert found.maps.heatmaps.shape == (19, 256 // 8, 328 // 8)
    assert found.maps.scaled == (321, 250)


def test_bench_measures_it_and_says_what_ran(
    card: Card, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", str(tmp_path / "tiny.toml"), "--frames", "2", "--height", "64"]
    assert main([*words, "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert f"torch {torch.__version__}" in out
    assert "114x64" in out or "120x64" in out


def test_weights_of_another_network_are_one_sentence(card: Card, tmp_path: Path) -> None:
    torch.save({"other.weight": torch.zeros(3)}, tmp_path / "other.pt")
    other = with_weights(tmp_path / "tiny.toml", tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"other\.pt holds no weights of tiny") as caught:
        open_estimator(other, locate(other))
    assert "\n" not in str(caught.value)


def test_a_pickle_that_would_run_code_is_refused(card: Card, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "run",)

    torch.save({"maps.weight": Evil()}, tmp_path / "evil.pt")
    evil = with_weights(tmp_path / "tiny.toml", tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match="holds no weights"):
        open_estimator(evil, locate(evil))
    assert not (tmp_path / "run").exists()


def test_a_network_that_is_not_known_is_refused_with_the_card(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"x")
    with pytest.raises(CardError, match="no network 'mine'; known are pafnet, openpose"):
        with_weights(synth.write_tiny_network(tmp_path), tmp_path / "a.pt", "mine")


def test_cuda_that_is_not_there_is_one_sentence(card: Card) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(DeviceError, match="sees no CUDA GPU"):
        open_estimator(card, locate(card), device="cuda")


def test_a_machine_without_torch_is_told_how_to_get_it(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    located = locate(card)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DeviceError, match="pip install torch"):
        open_estimator(card, located)


def made(network: str, keypoints: int, fields: int) -> Any:
    place, make = NETWORKS[network].split(":")
    return getattr(import_module(place), make)(keypoints + 1, fields)


def parameters(network: str, keypoints: int, fields: int) -> dict[str, Any]:
    return dict(made(network, keypoints, fields).named_parameters())


# Channels in, out and size of the kernel, layer by layer, as the papers' figures give them.
VGG = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), *[(256, 256)] * 3]
VGG += [(256, 512), (512, 512), (512, 256), (256, 128)]
Layers = list[tuple[int, int, int]]


def cvpr17_layers() -> Layers:
    layers = [(a, b, 3) for a, b in VGG]
    for out in (38, 19):
        layers += [(128, 128, 3)] * 3 + [(128, 512, 1), (512, out, 1)]
        layers += [
            *[(185, 128, 7)] * 5,
            *[(128, 128, 7)] * 20,
            *[(128, 128, 1)] * 5,
            *[(128, out, 1)] * 5,
        ]
    return layers


def tpami19_layers() -> Layers:
    layers = [(a, b, 3) for a, b in VGG]
    stages = [(128, 52), *[(180, 52)] * 3, (180, 26), (206, 26)]
    for n, (given, out) in enumerate(stages):
        wide, late = (96, 256) if n in (0, 4) else (128, 512)
        for block in range(5):
            layers += [(3 * wide if block else given, wide, 3), *[(wide, wide, 3)] * 2]
        layers += [(3 * wide, late, 1), (late, out, 1)]
    return layers


@pytest.mark.parametrize(
    ("network", "skeleton", "expected"),
    [
        ("openpose-cvpr17", "coco18", cvpr17_layers()),
        ("openpose-tpami19", "body25", tpami19_layers()),
    ],
)
def test_openposes_networks_have_the_published_layout(
    network: str, skeleton: str, expected: Layers
) -> None:
    one = named_skeleton(skeleton)
    found = parameters(network, len(one.keypoints), 2 * len(one.limbs))
    shapes = [p.shape for name, p in found.items() if name.endswith("weight") and p.ndim == 4]
    assert sorted((b, a, k) for a, b, k, _ in shapes) == sorted(expected)
    assert {"conv1_1.weight", "conv4_4_CPM.bias"} <= set(found)


@pytest.mark.parametrize(
    ("network", "skeleton", "last"),
    [
        ("openpose-cvpr17", "coco18", {"Mconv7_stage6_L1": 38, "Mconv7_stage6_L2": 19}),
        ("openpose-tpami19", "body25", {"Mconv7_stage3_L2": 52, "Mconv7_stage1_L1": 26}),
    ],
)
def test_openposes_networks_run_at_stride_8_and_use_every_parameter(
    network: str, skeleton: str, last: dict[str, int]
) -> None:
    one = named_skeleton(skeleton)
    module = made(network, len(one.keypoints), 2 * len(one.limbs))
    for name, channels in last.items():
        assert module.get_parameter(f"{name}.bias").shape == (channels,)
    maps, fields = module(torch.rand(1, 3, 16, 24))
    assert maps.shape == (1, len(one.keypoints) + 1, 2, 3)
    assert fields.shape == (1, 2 * len(one.limbs), 2, 3)
    (maps.sum() + fields.sum()).backward()
    assert all(p.grad is not None for p in module.parameters())
