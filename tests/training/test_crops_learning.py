"""What is wanted of a crop network's maps, who teaches it, and what it learns."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)

from engines.networks.cropnet import CropNet, heatmaps  # noqa: E402
from engines.networks.depthwise import Depthwise  # noqa: E402
from tests.training.dotted import dots  # noqa: E402
from training.crops import samples  # noqa: E402
from training.crops.head import HEAD  # noqa: E402
from training.crops.learner import Learner  # noqa: E402
from training.crops.likeness import fused, like, likes  # noqa: E402
from training.crops.loss import crop_loss, wanted  # noqa: E402
from training.crops.people import COCO, load_people  # noqa: E402
from training.crops.pretrained import start_from_classes  # noqa: E402
from training.crops.samples import make_batch, plain  # noqa: E402
from training.crops.teach import taught  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402


def test_the_shares_wanted_add_up_to_one() -> None:
    xy = torch.tensor([[[31.5, 63.5], [400.0, 3.0], [torch.nan, torch.nan]]])
    want = wanted(xy, torch.tensor([[0.7, 0.9, 0.4]]), (32, 24))
    torch.testing.assert_close(want.sum(2), torch.ones(1, 3))
    assert float(want[0, 0, -1]) == pytest.approx(0.3)
    # 31.5, 63.5: on the border of cells 7 and 8 along x, of 15 and 16 along y.
    places = want[0, 0, :-1].reshape(32, 24)
    top = places[15:17, 7:9]
    assert float(top.max() - top.min()) < 1e-6
    assert float(top.max()) == pytest.approx(float(places.max()))
    # What lies outside or nowhere is nowhere.
    assert want[0, 1:, -1].tolist() == [1, 1]


def test_the_loss_on_sums_by_hand() -> None:
    """Four cells and "nowhere", all equally likely, of somebody who is nowhere: log 5."""
    places, nowhere = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2)
    xy, score = torch.zeros(1, 2, 2), torch.zeros(1, 2)
    loss = crop_loss(places, nowhere, xy, score, torch.ones(1, 2))
    assert float(loss) == pytest.approx(np.log(5))
    # Of two keypoints one does not count; the other is exactly as wanted.
    want = wanted(xy, torch.full((1, 2), 0.5), (2, 2)).log()
    loss = crop_loss(
        torch.stack([want[:, 0, :4].reshape(1, 2, 2), places[:, 1]], 1),
        torch.stack([want[:, 0, 4], nowhere[:, 1]], 1),
        xy,
        torch.full((1, 2), 0.5),
        torch.tensor([[1.0, 0.0]]),
    )
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_a_map_as_wanted_gives_the_point_and_its_score() -> None:
    xy = torch.tensor([[[60.3, 41.9], [88.0, 100.6]]])
    score = torch.tensor([[0.8, 0.35]])
    logs = wanted(xy, score, (32, 32)).clamp(min=1e-12).log()
    maps = heatmaps(logs[..., :-1].reshape(1, 2, 32, 32), logs[..., -1])
    found, confidence = HEAD.points({"heatmaps": maps.numpy()}, (128, 128))
    np.testing.assert_allclose(found, xy.numpy(), atol=0.05)
    np.testing.assert_allclose(confidence, score.numpy(), atol=0.05)


def test_both_looks_are_fused_as_the_second_look_does() -> None:
    rng = np.random.default_rng(3)
    first = rng.uniform(0, 200, (17, 2)).astype(np.float32)
    first_score = np.full(17, 0.6, np.float32)
    first[16], first_score[16] = np.nan, 0
    second = first + 1
    second[16] = 50
    second_score = np.full(17, 0.8, np.float32)
    second_score[:2], second_score[16] = 0.05, 0.01
    xy, score, same = fused(first, first_score, second, second_score)
    np.testing.assert_array_equal(xy[:2], first[:2])  # unsure: the first network's
    np.testing.assert_allclose(xy[2:16], first[2:16] + 2.4 / 3, rtol=1e-5)  # near: the mean
    np.testing.assert_array_equal(xy[16], second[16])
    assert same
    assert score[16] == np.float32(0.01)  # that it is hardly there is to be learnt
    # Somebody else: the first look stands.
    xy, score, same = fused(first, first_score, second + 500, second_score)
    np.testing.assert_array_equal(xy, first)
    np.testing.assert_array_equal(score, first_score)
    assert not same


def test_likeness_is_object_keypoint_similarity() -> None:
    """Two points, one in place and one a known number of sigmas off; of nobody there is none."""
    one = np.full((17, 2), np.nan, np.float32)
    one[0], one[15] = (100, 100), (200, 300)
    off = 2 * COCO.sigmas[15] * np.sqrt(0.53 * 1.4 * 100 * 200)
    other = one.copy()
    other[15, 1] += off
    wanted = [1, (1 + np.exp(-0.5)) / 2]
    np.testing.assert_allclose(likes(one, np.stack([one, other])), wanted, rtol=1e-5)
    known = np.arange(17) == 0
    assert like(one, other, known) == 1
    assert len(likes(one, np.empty((0, 17, 2), np.float32))) == 0


def test_labels_go_before_both_networks_and_doubt_weighs_less() -> None:
    first = np.random.default_rng(4).uniform(0, 200, (17, 2)).astype(np.float32)
    score = np.full(17, 0.6, np.float32)
    label = np.full((17, 2), np.nan, np.float32)
    label[9] = 7
    xy, sure, weight = taught(first, score, first, score, label)
    np.testing.assert_array_equal(xy[9], [7, 7])
    assert sure[9] > sure[8]
    assert weight[8] == 1
    xy, sure, weight = taught(first, score, first + 900, score, None)
    assert weight[8] < 1
    assert sure[8] < 0.6


def test_people_are_read_as_they_were_written(tmp_path: Path) -> None:
    _, people = dots()
    people.save(tmp_path / "people.npz")
    again = load_people(tmp_path / "people.npz")
    np.testing.assert_array_equal(again.xy, people.xy)
    assert again.done == 1
    (tmp_path / "other.npz").write_bytes(b"none")
    with pytest.raises(TrainingError, match="crops-teach"):
        load_people(tmp_path / "other.npz")


def test_the_trunk_starts_with_the_weights_of_a_file(tmp_path: Path) -> None:
    """EfficientNet-Lite0's own names and order; what comes after the trunk's part is not taken."""
    network = CropNet()
    state = {}
    for name, value in network.trunk.state_dict().items():
        stage = f"_blocks.{name}"
        state[stage] = torch.rand_like(value) if value.is_floating_point() else value
    state["_fc.weight"] = torch.zeros(1000, 1280)
    torch.save(state, tmp_path / "lite0.pth")
    start_from_classes(network, tmp_path / "lite0.pth")
    for name, value in network.trunk.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, state[f"_blocks.{name}"])
    assert sum(one.numel() for one in network.parameters()) <= 3e6
    torch.save({"other.weight": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("none")
    for path in ("other.pth", "text.pth", "missing.pth"):
        with pytest.raises(TrainingError, match="holds no weights"):
            start_from_classes(network, tmp_path / path)


def test_large_maps_learn_nothing_and_the_rest_does() -> None:
    photo, people = dots()
    batch = samples.stacked([plain(photo, people, 0, (64, 64))] * 2)
    learner = Learner(1)
    before = {name: one.clone() for name, one in learner.network.state_dict().items()}
    learner.learn(batch, 1e-3)
    changed = {
        name
        for name, one in learner.network.state_dict().items()
        if not torch.equal(one, before[name])
    }
    frozen = ("trunk.stem", "trunk.stages.0", "trunk.stages.1")
    assert not [name for name in changed if name.startswith(frozen)]
    assert {"trunk.stages.2.0.parts.0.0.weight", "keypoints.weight", "places"} <= changed


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_depthwise_gradients_in_bfloat16_are_those_of_float32(size: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = Depthwise(16, size, stride, size // 2)
    x = torch.randn(2, 16, 12, 10)
    found = []
    for number in (torch.float32, torch.bfloat16):
        into = x.detach().to(number).requires_grad_()
        out = layer(into)
        out.float().square().sum().backward()
        found.append((out.float(), into.grad.float(), layer.weight.grad.clone()))
        layer.weight.grad = None
    for exact, rounded in zip(*found, strict=True):
        scale = exact.abs().max().item()
        torch.testing.assert_close(rounded, exact, atol=0.02 * scale, rtol=0)


def test_a_few_crops_are_learnt_by_heart() -> None:
    photo, people = dots()
    batch = samples.stacked([plain(photo, people, 0, (64, 64))] * 2)
    learner = Learner(1)
    for _ in range(100):
        learner.learn(batch, 2e-3)
    figures = learner.check(batch)
    assert figures["check"] < 0.2
    assert figures["pck"] == 1


def test_a_run_gone_on_with_is_the_same_as_one_not_stopped(tmp_path: Path) -> None:
    photo, people = dots()
    with ThreadPoolExecutor(1) as pool:
        batches = [
            make_batch([photo], people, np.zeros(2, np.intp), (64, 64), (1, n), pool)
            for n in range(4)
        ]
    whole, first = Learner(1), Learner(1)
    for batch in batches:
        whole.learn(batch, 1e-3)
    for batch in batches[:2]:
        first.learn(batch, 1e-3)
    first.save(tmp_path / "checkpoint.pt")
    second = Learner.saved(tmp_path / "checkpoint.pt", 2)
    for batch in batches[2:]:
        second.learn(batch, 1e-3)
    assert second.crops == whole.crops == 8
    for name, value in whole.slow.state_dict().items():
        torch.testing.assert_close(second.slow.state_dict()[name], value)
    (tmp_path / "checkpoint.pt").write_bytes(b"none")
    with pytest.raises(TrainingError, match="no checkpoint"):
        Learner.saved(tmp_path / "checkpoint.pt")
