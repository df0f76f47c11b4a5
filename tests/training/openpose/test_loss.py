"""OpenPose's loss: the sum of the papers, of every stage, and nothing where nobody labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.synth import crowd, render

torch = pytest.importorskip("torch", reason="for training: pip install -r requirements-train.txt")

from engines.networks.openpose import Cvpr17, Tpami19  # noqa: E402
from engines.types.skeleton import named_skeleton  # noqa: E402
from training.openpose.learner import made  # noqa: E402
from training.openpose.loss import Wanted, stages_loss  # noqa: E402
from training.openpose.targets import draw_targets, make_targets  # noqa: E402

COCO18 = named_skeleton("coco18")


def random_stages(rng: np.random.Generator, n: int = 2) -> tuple[list[Any], list[Any], Wanted]:
    """Three stages of maps, four of fields, of 5 and 6 channels, in double precision."""

    def draw(channels: int) -> Any:
        return torch.from_numpy(rng.normal(0, 1, (n, channels, 7, 9)))

    maps = [draw(5).requires_grad_() for _ in range(3)]
    fields = [draw(6).requires_grad_() for _ in range(4)]
    weights = [(draw(channels) > 0).double() for channels in (5, 6)]
    return maps, fields, Wanted(draw(5), draw(6), *weights)


def by_hand(found: Any, wanted: Any, weight: Any) -> float:
    """CVPR'17, eq. 3 and 4, number by number."""
    total = 0.0
    for n, c, y, x in np.ndindex(*found.shape):
        off = float(found[n, c, y, x]) - float(wanted[n, c, y, x])
        total += float(weight[n, c, y, x]) * off * off
    return total / len(found)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_the_sum_of_the_paper(seed: int) -> None:
    maps, fields, wanted = random_stages(np.random.default_rng(seed))
    loss = float(stages_loss(maps, fields, wanted).detach())
    hand = sum(by_hand(one.detach(), wanted.maps, wanted.maps_weight) for one in maps)
    hand += sum(by_hand(one.detach(), wanted.fields, wanted.fields_weight) for one in fields)
    assert loss == pytest.approx(hand, rel=1e-6)


def test_where_nobody_labelled_the_gradient_is_nothing_at_all() -> None:
    maps, fields, wanted = random_stages(np.random.default_rng(5))
    stages_loss(maps, fields, wanted).backward()
    for found, target, weight in (
        *((one, wanted.maps, wanted.maps_weight) for one in maps),
        *((one, wanted.fields, wanted.fields_weight) for one in fields),
    ):
        assert (found.grad[weight == 0] == 0).all()
        expected = 2 * (found.detach() - target) / len(found)
        torch.testing.assert_close(found.grad[weight == 1], expected[weight == 1])


@pytest.mark.parametrize(("network", "count"), [(Cvpr17, (6, 6)), (Tpami19, (2, 4))])
def test_every_stage_is_supervised(network: Any, count: tuple[int, int]) -> None:
    """Each stage's own output learns, also of the first."""
    torch.manual_seed(0)
    module = network(4, 6)
    pictures = torch.rand(1, 3, 32, 32)
    maps, fields = module.stages(pictures)
    assert (len(maps), len(fields)) == count
    for one, last in zip((maps[-1], fields[-1]), module(pictures), strict=True):
        torch.testing.assert_close(one, last)
    for one in (*maps, *fields):
        one.retain_grad()
    ones = [torch.ones_like(one[0])[None] for one in (maps[0], fields[0])]
    stages_loss(maps, fields, Wanted(*(5 * one for one in ones), *ones)).backward()
    assert all((one.grad != 0).all() for one in (maps[-1], fields[0]))
    assert all(one.grad.abs().sum() > 0 for one in (*maps, *fields))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_targets_are_drawn_as_the_papers_draw_them(count: int) -> None:
    """Beside what the tests' own renderer makes of them, which the decoder reads back."""
    size = 480, 320
    people = crowd(count, size, np.random.default_rng(count)) if count else []
    points = np.array(people, np.float32).reshape(-1, 18, 2)
    pairs = [(2 * n, 2 * n + 1) for n in range(len(COCO18.limbs))]
    wanted = render(people, size, channels=pairs)
    for have, want in zip(draw_targets(points, COCO18, size), wanted, strict=True):
        np.testing.assert_allclose(have, want, atol=1e-4)


def test_keypoints_without_labels_are_not_judged() -> None:
    """The feet of BODY_25, where labels are COCO's."""
    body25 = named_skeleton("body25")
    labelled = np.array(["toe" not in name and "heel" not in name for name in body25.keypoints])
    judged = np.ones((64, 96), bool)
    judged[:, :48] = False
    points = np.full((0, 25, 2), np.nan, np.float32)
    targets = make_targets(points, labelled, judged, body25, (96, 64))
    assert targets.maps_weight.shape == targets.maps.shape
    assert (targets.maps_weight[:-1][~labelled] == 0).all()
    assert (targets.maps_weight[:-1][labelled][:, :, 6:] == 1).all()
    assert (targets.maps_weight[..., :6] == 0).all()
    assert (targets.maps_weight[-1, :, 6:] == 1).all()
    for limb, (a, b) in enumerate(body25.limbs):
        known = labelled[a] and labelled[b]
        assert (targets.fields_weight[2 * limb : 2 * limb + 2, :, 6:] == known).all()
    assert (targets.fields_weight[..., :6] == 0).all()


@pytest.mark.parametrize("skeleton", ["body25", "coco17", "hand21", "car12"])
def test_any_skeleton_has_a_network(skeleton: str) -> None:
    known = named_skeleton(skeleton)
    maps, fields = made("pafnet", known).eval()(torch.zeros(1, 3, 32, 32))
    assert maps.shape[1] == len(known.keypoints) + 1
    assert fields.shape[1] == 2 * len(known.limbs)
