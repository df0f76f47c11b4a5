"""Networks of one person: their sizes, published names, what they learn, and the way to a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from engines.decoders.crop_decoder import CropDecoder
from engines.models.card import load_card
from engines.models.decoder_kinds import DECODERS
from engines.models.weights import locate
from engines.networks import CROP_NETWORKS
from engines.refining import second_look_opener
from engines.runtimes.pytorch import load_module
from engines.types.errors import CardError, WeightsError
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from posestream.commands.models.main import main

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnx", reason="the package onnx is not installed")
published = import_module("engines.networks.single_person.published")

COCO = named_skeleton("coco17")
SIZE = (192, 256)
TABLES: dict[str, dict[str, Any]] = {"simcc": {"split": 2}, "regression": {"order": "xy"}}


def decoder_of(name: str, size: tuple[int, int] = SIZE, skeleton: Any = COCO) -> CropDecoder:
    kind = CROP_NETWORKS[name][1]
    stride = 8 if name == "cpm" else 4
    table = TABLES.get(kind, {"stride": stride})
    made = DECODERS[kind](skeleton, NetworkInput(stride=32, size=size), table)
    assert isinstance(made, CropDecoder)
    return made


def module_of(name: str, size: tuple[int, int] = SIZE, skeleton: Any = COCO) -> Any:
    place, make = CROP_NETWORKS[name][0].split(":")
    shapes = {role: one.shape for role, one in decoder_of(name, size, skeleton).outputs.items()}
    return getattr(import_module(place), make)(shapes, size)


@cache
def weightless(name: str) -> Any:
    """A network that takes no memory."""
    # Of cpm a map is computed, for which PyTorch would load a lot if there was no memory.
    with torch.device("cpu" if name == "cpm" else "meta"):
        return module_of(name)


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("simple-baselines-r50", 34.0),  # Xiao et al., and Sun et al., CVPR'19, table 1
        ("simple-baselines-r101", 53.0),
        ("simple-baselines-r152", 68.6),
        ("hrnet-w32", 28.5),
        ("hrnet-w48", 63.6),
        ("hourglass-8", 25.6),  # of its PyTorch release; 25.1 in tables of later papers
        ("cpn-r50", 27.4),  # of its PyTorch release; 27.0 in tables of later papers
    ],
)
def test_parameters_are_as_many_as_the_papers_say(name: str, millions: float) -> None:
    count = sum(one.numel() for one in weightless(name).parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize("name", list(CROP_NETWORKS))
def test_outputs_are_what_the_decoder_needs(name: str) -> None:
    size = (368, 368) if name == "cpm" else (256, 256) if "hourglass" in name else SIZE
    with torch.inference_mode():
        found = module_of(name, size).eval()(torch.zeros(2, 3, size[1], size[0]))
    wanted = decoder_of(name, size).outputs.values()
    assert all(need.fits(tuple(one.shape[1:])) for need, one in zip(wanted, found, strict=True))
    if CROP_NETWORKS[name][1] == "heatmap":
        stride = 8 if name == "cpm" else 4
        assert tuple(found[0].shape) == (2, 17, size[1] // stride, size[0] // stride)


# What each release calls some of its parameters, with their shapes.
NAMES: dict[str, dict[str, tuple[int, ...]]] = {
    "simple-baselines-r50": {
        "layer1.0.downsample.1.running_mean": (256,),
        "layer4.2.conv2.weight": (512, 512, 3, 3),
        "deconv_layers.0.weight": (2048, 256, 4, 4),
        "deconv_layers.7.bias": (256,),
        "final_layer.weight": (17, 256, 1, 1),
    },
    "hrnet-w32": {
        "conv2.weight": (64, 64, 3, 3),
        "layer1.3.bn3.weight": (256,),
        "transition1.0.0.weight": (32, 256, 3, 3),
        "transition1.1.0.0.weight": (64, 256, 3, 3),
        "transition3.3.0.0.weight": (256, 128, 3, 3),
        "stage2.0.branches.1.3.conv2.weight": (64, 64, 3, 3),
        "stage2.0.fuse_layers.0.1.0.weight": (32, 64, 1, 1),
        "stage3.3.fuse_layers.2.0.0.0.weight": (32, 32, 3, 3),
        "stage3.3.fuse_layers.2.0.1.0.weight": (128, 32, 3, 3),
        "stage4.2.fuse_layers.0.3.1.weight": (32,),
        "final_layer.bias": (17,),
    },
    "hourglass-8": {
        "layer2.0.downsample.0.weight": (256, 128, 1, 1),
        "hg.7.hg.0.3.0.conv2.weight": (128, 128, 3, 3),
        "hg.0.hg.3.2.0.bn1.weight": (256,),
        "res.7.0.conv3.bias": (256,),
        "fc.0.1.running_var": (256,),
        "score.7.weight": (17, 256, 1, 1),
        "fc_.6.weight": (256, 256, 1, 1),
        "score_.6.weight": (256, 17, 1, 1),
    },
    "cpn-r50": {
        "resnet.layer3.5.conv1.weight": (256, 1024, 1, 1),
        "global_net.laterals.0.0.weight": (256, 2048, 1, 1),
        "global_net.upsamples.2.1.bias": (256,),
        "global_net.predict.3.3.weight": (17, 256, 3, 3),
        "global_net.predict.3.5.weight": (17,),
        "refine_net.cascade.0.2.downsample.0.weight": (256, 256, 1, 1),
        "refine_net.final_predict.0.conv1.weight": (128, 1024, 1, 1),
        "refine_net.final_predict.1.weight": (17, 256, 3, 3),
    },
    "cpm": {
        "conv1_stage1.weight": (128, 3, 9, 9),
        "conv5_stage1.weight": (512, 32, 9, 9),
        "conv7_stage1.bias": (18,),
        "conv3_stage2.weight": (128, 128, 9, 9),
        "Mconv1_stage2.weight": (128, 32 + 18 + 1, 11, 11),
        "Mconv5_stage6.weight": (18, 128, 1, 1),
    },
    "deeppose-r50": {"fc.weight": (34, 2048)},
    "simcc-r50": {"mlp_head_x.weight": (384, 48), "mlp_head_y.weight": (512, 48)},
}


@pytest.mark.parametrize("name", list(NAMES))
def test_parameters_have_their_published_names(name: str) -> None:
    state = weightless(name).state_dict()
    assert {one: tuple(state[one].shape) for one in NAMES[name]} == NAMES[name]


def as_published(state: dict[str, Any], head: str) -> dict[str, Any]:
    """As MMPose names them: a trunk and a head of their own."""
    heads = ("deconv_layers", "final_layer", "fc.", "mlp_head")
    return {
        f"{head if name.startswith(heads) else 'backbone.'}{name}": value
        for name, value in state.items()
    }


@pytest.mark.parametrize("name", ["simple-baselines-r50", "hrnet-w32", "deeppose-r50", "simcc-r50"])
@pytest.mark.parametrize(
    "form",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}},
        lambda state: as_published(state, "keypoint_head."),
        lambda state: {"meta": {}, "state_dict": as_published(state, "head.")},
        lambda state: {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")},
    ],
    ids=["plain", "parallel", "mmpose 0", "mmpose 1", "before torch 0.4.1"],
)
def test_every_published_form_loads(name: str, form: Callable[[Any], Any]) -> None:
    module = weightless(name)
    state = form(module.state_dict())
    module.load_state_dict(published.renamed(state, module), assign=True)


@pytest.mark.usefixtures("thin")
def test_a_trunk_with_its_classes_lacks_a_head() -> None:
    module = module_of("simple-baselines-r50")
    state = {k: v for k, v in module.state_dict().items() if "deconv" not in k and "final" not in k}
    state |= {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    with pytest.raises(RuntimeError, match="Missing") as error:
        module.load_state_dict(published.renamed(state, module))
    assert "fc.weight" not in str(error.value)


STEPS = 20
RATE = 1e-3
TINY_SKELETON = named_skeleton("mpi15")


@pytest.mark.slow
def test_two_crops_are_learned_by_heart() -> None:
    """The smallest; python -m tests.bench.by_heart_networks has all, which take minutes."""
    assert learnt_by_heart("hourglass-2", STEPS) >= 0.95


def learnt_by_heart(name: str, steps: int) -> float:
    """Crops of noise whose keypoints lie anywhere: the share of them that the decoder of a run
    finds again within a cell.
    """
    torch.manual_seed(0)
    # SimCC tells all bins of an axis from its cells, one for each 32 pixels: of 64 there are four.
    side, count = 128 if name == "simcc-r50" else 64, len(TINY_SKELETON.keypoints)
    size = side, side
    decoder, module = (make(name, size, TINY_SKELETON) for make in (decoder_of, module_of))
    rng = np.random.default_rng(1)
    pictures = torch.from_numpy(rng.normal(0, 1, (2, 3, side, side)).astype(np.float32))
    stride = 8 if name == "cpm" else 4
    truth = rng.integers(1, side // stride - 1, (2, count, 2)) * stride
    norms = [one for one in module.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    for one in norms:
        one.momentum = 0.3  # so that what it keeps is of these pictures
    optimiser = torch.optim.Adam(module.parameters(), RATE)
    wanted = targets(decoder, truth, stride, side)
    for step in range(steps):
        if step == steps // 2:  # of few values, what is kept is not what a step sees: learn with it
            for one in norms:
                one.eval()
        if norms:  # without them a network still learns at the end
            optimiser.param_groups[0]["lr"] = RATE * min(1, 2 * (1 - step / steps))
        stages = getattr(module, "stages", None)
        found = stages(pictures) if stages else module(pictures)
        loss = loss_of(CROP_NETWORKS[name][1], found, wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.inference_mode():
        found = module.eval()(pictures)
    arrays = dict(zip(decoder.outputs, (one.numpy() for one in found), strict=True))
    xy, _ = decoder.points(arrays)
    off = np.linalg.norm(xy - truth, axis=-1)
    return float((off <= stride).mean())


def targets(decoder: CropDecoder, truth: np.ndarray, stride: int, side: int) -> list[Any]:
    """What each output should be: the cell of a map, shares of the crop, or bins."""
    if decoder.kind == "regression":
        return [torch.from_numpy((truth + 0.5) / side).float()]
    if decoder.kind == "simcc":
        return [torch.from_numpy(2 * truth[..., axis]) for axis in (0, 1)]
    column, row = (truth // stride).transpose(2, 0, 1)
    return [torch.from_numpy(row * (side // stride) + column)]


def loss_of(kind: str, found: Any, wanted: list[Any]) -> Any:
    """found: for maps those of all stages, which all are supervised.

    Cells are classes here: the papers' squared error to Gaussians takes hundreds of steps before
    maps leave zero.
    """
    entropy = torch.nn.functional.cross_entropy
    if kind == "regression":
        return (found[0][:, 0, :, :2] - wanted[0]).abs().mean()
    if kind == "heatmap":
        (cells,) = wanted
        found = [one[:, : cells.shape[1]].flatten(2) for one in found]
        wanted = [cells] * len(found)
    pairs = zip(found, wanted, strict=True)
    return sum(entropy(one.flatten(0, 1), right.flatten()) for one, right in pairs)


def test_the_hardest_keypoints_alone_count_for_refinenet() -> None:
    cpn = import_module("engines.networks.single_person.cpn")
    error = torch.arange(17.0).repeat(2, 1)
    assert float(cpn.hardest_keypoints(error)) == pytest.approx(np.arange(9, 17).mean())


def test_the_centre_map_of_a_pose_machine_is_highest_in_the_middle() -> None:
    cpm = import_module("engines.networks.single_person.cpm")
    cells = cpm.centre_map((368, 368))[0, 0].numpy()
    assert cells.shape == (46, 46)
    y, x = np.unravel_index(cells.argmax(), cells.shape)
    assert {y, x} <= {22, 23}
    assert 0.9 < cells.max() <= 1
    assert cells[0, 0] < 1e-6


def in_openvino(graph: bytes, given: np.ndarray) -> list[np.ndarray]:
    core = ov.Core()
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(graph), "CPU", exact)
    return [np.array(one) for one in compiled(given).values()]


@pytest.mark.slow
@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize(
    "name", ["hourglass-2", "simcc-r50", "deeppose-r50", "hrnet-w32", "cpn-r50", "cpm", "mspn-2"]
)
def test_the_onnx_file_says_what_the_module_says(name: str) -> None:
    to_onnx = import_module("engines.networks.to_onnx")
    torch.manual_seed(0)
    size = (64, 128)
    module, roles = module_of(name, size).eval(), decoder_of(name, size).outputs
    graph = to_onnx.module_onnx(module, {role: role for role in roles}, size).SerializeToString()
    given = np.random.default_rng(0).normal(0, 1, (2, 3, 128, 64)).astype(np.float32)
    with torch.inference_mode():
        expected = [one.numpy() for one in module(torch.from_numpy(given))]
    for one, other in zip(expected, in_openvino(graph, given), strict=True):
        assert one.shape[0] == 2
        np.testing.assert_allclose(other, one, atol=1e-4 * np.abs(one).max())


@pytest.fixture
def own(thin: None, tmp_path: Path) -> Path:
    """A card of somebody's Simple Baselines, and its weights as MMPose would write them."""
    torch.manual_seed(0)
    module = module_of("simple-baselines-r50", (64, 64))
    state = {"state_dict": as_published(module.state_dict(), "head.")}
    torch.save(state, tmp_path / "own.pth")
    path = tmp_path / "own.toml"
    path.write_text(
        """skeleton = "coco17"
[input]
stride = 32
size = [64, 64]
colour = "rgb"
mean = [123.675, 116.28, 103.53]
scale = [58.395, 57.12, 57.375]
[decoder]
kind = "heatmap"
[[weights]]
network = "simple-baselines-r50"
precision = ["fp32"]
files = [{ name = "own.pth" }]
"""
    )
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_own_weights_run_as_a_second_look(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trusted, exported, and then the crops' maps are those of the module."""
    digest = hashlib.sha256((own.parent / "own.pth").read_bytes()).hexdigest()
    assert main(["fetch", str(own), "--trust", digest]) == 0
    new = tmp_path / "exported.toml"
    assert main(["export", str(own), "-o", str(new)]) == 0
    assert f"--refine {new}" in capsys.readouterr().out
    card = load_card(str(own))
    module = load_module(torch, card, locate(card, "fp32")).eval()
    given = np.random.default_rng(0).normal(0, 1, (2, 3, 64, 64)).astype(np.float32)
    with torch.inference_mode():
        (maps,) = module(torch.from_numpy(given))
    (theirs,) = in_openvino(new.with_suffix(".onnx").read_bytes(), given)
    np.testing.assert_allclose(theirs, maps.numpy(), atol=1e-3)
    opener = second_look_opener(str(new), card)
    assert opener is not None
    look = opener()
    picture = np.random.default_rng(0).integers(0, 255, (200, 150, 3)).astype(np.uint8)
    xy = np.random.default_rng(1).uniform(40, 110, (1, 17, 2)).astype(np.float32)
    people = Poses(COCO, xy, np.full((1, 17), 0.9, np.float32), np.ones(1, np.float32))
    (seen,) = look.refine([picture], [people])
    look.close()
    assert seen.looked is not None
    assert seen.looked.tolist() == [True]


def test_a_network_and_another_kind_of_decoder_do_not_go_together(own: Path) -> None:
    own.write_text(own.read_text().replace("simple-baselines-r50", "simcc-r50"))
    card = load_card(str(own))
    form = type("Located", (), {"weights": card.weights[0], "paths": (own.parent / "own.pth",)})
    with pytest.raises(CardError, match="needs a model with a simcc decoder"):
        load_module(torch, card, form)
    own.write_text(own.read_text().replace("simcc-r50", "hrnet-w32"))
    card = load_card(str(own))
    form = type("Located", (), {"weights": card.weights[0], "paths": (own.parent / "own.pth",)})
    with pytest.raises(WeightsError, match="holds no weights of hrnet-w32"):
        load_module(torch, card, form)
