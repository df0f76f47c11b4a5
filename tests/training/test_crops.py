"""Crops of people: where their keypoints lie, what is wanted of the maps, and what is found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.types.arrays import Floats, Image

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)

from engines.networks.cropnet import CropNet, heatmaps  # noqa: E402
from engines.networks.depthwise import Depthwise  # noqa: E402
from training.crops import samples  # noqa: E402
from training.crops.boxes import around, cut, matrix_of, moved  # noqa: E402
from training.crops.head import HEAD  # noqa: E402
from training.crops.learner import Learner  # noqa: E402
from training.crops.likeness import fused, like, likes  # noqa: E402
from training.crops.loss import crop_loss, wanted  # noqa: E402
from training.crops.people import COCO, People, load_people  # noqa: E402
from training.crops.pretrained import start_from_classes  # noqa: E402
from training.crops.proposals import Proposals, normalised  # noqa: E402
from training.crops.samples import make_batch, plain, varied  # noqa: E402
from training.crops.teach import taught  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402
from training.data.photos import Photo  # noqa: E402

SIZE = 96, 128  # width, height


def dots(seed: int = 0) -> tuple[Photo, People]:
    """Black, but for a keypoint a dot, each in a colour of its own; one person."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(np.arange(5), np.arange(4)), -1).reshape(-1, 2)
    xy = (places[rng.permutation(20)[:17]] * 36 + 60).astype(np.float32)
    image = np.zeros((240, 300, 3), np.uint8)
    for n, (x, y) in enumerate(xy):
        cv2.circle(image, (int(x), int(y)), 5, colour(n), -1)
    ones = np.ones((1, 17), np.float32)
    box = xy[None].copy()
    return Photo(image), People(np.zeros(1, np.int32), xy[None], ones, ones, box, 1)


def colour(keypoint: int) -> tuple[int, int, int]:
    return 80 + 85 * (keypoint % 3), 80 + 85 * (keypoint // 3 % 3), 80 + 85 * (keypoint // 9)


def assert_dots(image: Image, xy: Floats, score: Floats, *, mirror: bool) -> None:
    """Each keypoint that is in the crop lies on the middle of the dot of its colour."""
    for n, (at, there) in enumerate(zip(xy, score, strict=True)):
        if not there or not ((at > 6) & (at < np.array(SIZE) - 7)).all():
            continue
        # What is left in a mirrored picture was painted as right.
        painted = COCO.mirror[n] if mirror else n
        like = np.abs(image.astype(int) - colour(painted)).max(2) <= 12
        y, x = np.nonzero(like)
        near = np.hypot(x - at[0], y - at[1]) < 12
        assert near.any(), n
        np.testing.assert_allclose([x[near].mean(), y[near].mean()], at, atol=1)


def test_the_crop_is_the_second_looks() -> None:
    xy = np.full((17, 2), np.nan, np.float32)
    assert around(xy, (200, 200)) is None
    xy[3], xy[8] = (10, 20), (30, 100)
    crop = around(xy, (200, 200))
    assert crop is not None
    np.testing.assert_allclose(crop.extent, [[100, 100]])
    # The middle of the box lies in the middle of the crop, and comes back from there.
    middle = moved(np.array([[20, 60]], np.float32), matrix_of(crop))
    np.testing.assert_allclose(middle, [[99.5, 99.5]], atol=1e-4)
    np.testing.assert_allclose(crop.to_picture(middle[None])[0], [[20, 60]], atol=1e-4)


def test_beyond_the_picture_a_crop_is_black() -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    xy = np.full((17, 2), np.nan, np.float32)
    xy[0], xy[5] = (0, 0), (0, 40)
    square = around(xy, (100, 100))
    assert square is not None
    crop = cut(image, matrix_of(square), (100, 100))
    assert crop[50, 20].max() == 0
    assert crop[50, 70].min() == 200


def test_keypoints_lie_where_they_are_painted() -> None:
    photo, people = dots()
    sample = plain(photo, people, 0, SIZE)
    assert sample.score.all()
    assert_dots(sample.image, sample.xy, sample.score, mirror=False)


def test_keypoints_go_along_however_the_crop_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "worsened", lambda image, rng: image)
    monkeypatch.setattr(samples, "STRIP", 0.0)
    photo, people = dots(1)
    mirrored = 0
    for seed in range(40):
        sample = varied(photo, people, 0, SIZE, np.random.default_rng(seed))
        # Whether it is mirrored is seen from the ears' side: the matrix of the points says so.
        known = people.xy[0], sample.xy
        direct = affine_error(*known)
        swapped = affine_error(known[0][list(COCO.mirror)], known[1])
        mirror = swapped < direct
        mirrored += mirror
        assert min(direct, swapped) < 0.01
        assert_dots(sample.image, sample.xy, sample.score, mirror=mirror)
    assert 8 < mirrored < 32


# Two poses, and how a network's boxes are off for each: too low and too small; too wide.
OFFSETS = np.array([[0.0, 0.2, 0.0, 0.0], [-0.15, 0.0, 0.15, 0.05]])
SPREADS = np.array([[0.01, 0.05, 0.01, 0.01], [0.06, 0.01, 0.06, 0.01]])


def found_people(count: int = 200) -> People:
    """Half of them in either pose, at any size; boxes as two keypoints, the others unknown."""
    rng = np.random.default_rng(4)
    atoms = rng.uniform(0, 1, (2, 17, 2))
    atoms[:, 0], atoms[:, 1] = 0, 1  # so that a pose fills its box
    xy, box = np.zeros((2, count, 17, 2), np.float32)
    box[:] = np.nan
    for n in range(count):
        side, corner = rng.uniform(50, 300, 2), rng.uniform(0, 500, 2)
        xy[n] = atoms[n % 2] * side + corner
        off = rng.normal(OFFSETS[n % 2], SPREADS[n % 2]) * np.tile(side, 2)
        box[n, :2] = np.stack([corner, corner + side]) + off.reshape(2, 2)
    ones = np.ones((count, 17), np.float32)
    return People(np.zeros(count, np.int32), xy, ones, ones, box, 1)


def test_proposals_are_off_as_the_networks_boxes_are_for_each_pose() -> None:
    people = found_people()
    proposals = Proposals.learn(people, atoms=2)
    rng = np.random.default_rng(0)
    for n in (0, 1):
        low, high = people.xy[n].min(0), people.xy[n].max(0)
        drawn = np.array([proposals.box(people.xy[n], rng) for _ in range(400)])
        off = ((drawn - np.stack([low, high])) / (high - low)).reshape(-1, 4)
        np.testing.assert_allclose(off.mean(axis=0), OFFSETS[n], atol=0.02)
        np.testing.assert_allclose(off.std(axis=0), SPREADS[n], rtol=0.3)


def test_poses_are_alike_wherever_and_however_large_they_are() -> None:
    one = found_people(1).xy
    np.testing.assert_allclose(normalised(one), normalised(3 * one + 40), atol=1e-5)


def test_proposals_need_people_whom_a_network_found() -> None:
    _, people = dots()  # whose boxes are their own keypoints
    with pytest.raises(TrainingError, match=r"need 20 people .* there are 0"):
        Proposals.learn(people)


def test_crops_follow_the_proposals() -> None:
    """The one person lies in the crop as in the proposed box, not as in their own."""
    photo, people = dots()
    kept = []
    for shift in (0.0, 0.35):
        means = np.array([[shift, 0.0, shift, 0.0]])
        proposals = Proposals(normalised(people.xy), means, np.zeros((1, 4, 4)))
        crops = [
            varied(photo, people, 0, SIZE, np.random.default_rng(seed), proposals)
            for seed in range(40)
        ]
        kept.append(np.mean([one.score.mean() for one in crops]))
    assert kept[1] < kept[0] - 0.1
    assert kept[1] > 0.5


def affine_error(from_: Floats, to: Floats) -> float:
    """Pixels by which the points do not follow the best affine map."""
    ones = np.column_stack([from_, np.ones(len(from_))])
    solution = np.linalg.lstsq(ones, to, rcond=None)[0]
    return float(np.abs(ones @ solution - to).max())


def test_what_is_cut_off_is_taught_as_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "worsened", lambda image, rng: image)
    monkeypatch.setattr(samples, "STRIP", 1.0)
    photo, people = dots(1)
    lost = 0
    for seed in range(20):
        sample = varied(photo, people, 0, SIZE, np.random.default_rng(seed))
        at = np.rint(sample.xy).astype(int)
        inside = ((at >= 0) & (at < SIZE)).all(1)
        shown = sample.image[at[inside, 1], at[inside, 0]].any(1)
        np.testing.assert_array_equal(shown, sample.score[inside] > 0)
        lost += int((~shown).sum())
    assert lost > 10


def test_what_lies_outside_is_taught_as_not_there() -> None:
    photo, people = dots(2)
    people.box[0, 1:] = people.xy[0, 1]  # a box of two points alone
    sample = plain(photo, people, 0, SIZE)
    outside = ((sample.xy < -4) | (sample.xy > np.array(SIZE) + 3)).any(1)
    assert outside.any()
    assert (sample.score[outside] == 0).all()
    assert (sample.weight == 1).all()


def test_batches_are_the_same_for_the_same_seed() -> None:
    photo, people = dots()
    chosen = np.zeros(3, np.intp)
    with ThreadPoolExecutor(2) as pool:
        one, same, other = (
            make_batch([photo], people, chosen, (64, 64), seed, pool)
            for seed in ((1, 0), (1, 0), (1, 1))
        )
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.images, other.images)


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
    whole, first, second = (Learner(seed) for seed in (1, 1, 2))
    for batch in batches:
        whole.learn(batch, 1e-3)
    for batch in batches[:2]:
        first.learn(batch, 1e-3)
    first.save(tmp_path / "checkpoint.pt")
    second.load(tmp_path / "checkpoint.pt")
    for batch in batches[2:]:
        second.learn(batch, 1e-3)
    assert second.crops == whole.crops == 8
    for name, value in whole.slow.state_dict().items():
        torch.testing.assert_close(second.slow.state_dict()[name], value)
    (tmp_path / "checkpoint.pt").write_bytes(b"none")
    with pytest.raises(TrainingError, match="no checkpoint"):
        second.load(tmp_path / "checkpoint.pt")
