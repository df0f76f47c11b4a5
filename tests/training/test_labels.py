"""Human labels: read, carried along with the crops, drawn into the maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.synth import CHANNELS, crowd, render

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)

from training.data import augmentation as augment  # noqa: E402
from training.data import photos  # noqa: E402
from training.data.augmentation import Crop, crop  # noqa: E402
from training.data.device_batches import DeviceBatches  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402
from training.data.facing import BEHIND_WEIGHT, importance  # noqa: E402
from training.data.photos import Photo  # noqa: E402
from training.data.target_maps import SKELETON, add_labels, mirrored, trusted  # noqa: E402


def drawn(people: list[np.ndarray], size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    heatmaps, pafs = torch.zeros(1, 19, size[1] // 8, size[0] // 8), torch.zeros(1, 38, 1, 1)
    heatmaps[:, 18] = 1
    pafs = pafs.repeat(1, 1, *heatmaps.shape[2:])
    points = torch.from_numpy(np.stack(people).astype(np.float32))
    add_labels(heatmaps, pafs, torch.zeros(len(people), dtype=torch.long), points)
    return heatmaps[0], pafs[0]


@pytest.mark.parametrize("count", [1, 4])
def test_labels_are_drawn_as_openpose_draws_them(count: int) -> None:
    people = crowd(count, (480, 320), np.random.default_rng(count))
    wanted = render(people, (480, 320))
    for have, want in zip(drawn(people, (480, 320)), wanted, strict=True):
        np.testing.assert_allclose(have.numpy(), want, atol=1e-4)


def test_what_nobody_labelled_is_left_to_the_teacher() -> None:
    (someone,) = crowd(1, (640, 640), np.random.default_rng(0), ["standing"])
    someone[4:] = np.nan
    heatmaps, pafs = torch.full((1, 19, 80, 80), 0.05), torch.full((1, 38, 80, 80), 0.05)
    points = torch.from_numpy(someone[None].astype(np.float32))
    add_labels(heatmaps, pafs, torch.tensor([0]), points)
    assert (heatmaps[0, 4:18] == 0.05).all()
    assert (heatmaps[0, :4].amax((1, 2)) > 0.7).all()
    assert ((pafs == 0.05).all(0).all(0).sum() > 200).item()  # cells without a limb


def test_what_the_teacher_saw_stands() -> None:
    """Weaker than a label would be drawn; what it missed beside it is drawn."""
    (someone,) = crowd(1, (160, 160), np.random.default_rng(0), ["standing"])
    heatmaps, pafs = (torch.from_numpy(0.5 * one)[None] for one in render([someone], (160, 160)))
    wrist, forearm = SKELETON.keypoints.index("left_wrist"), CHANNELS[5]
    heatmaps[:, wrist] = pafs[:, forearm[0]] = pafs[:, forearm[1]] = 0
    before = heatmaps.clone(), pafs.clone()
    points = torch.from_numpy(someone[None].astype(np.float32))
    add_labels(heatmaps, pafs, torch.tensor([0]), points)
    changed = {int(one) for one in (heatmaps - before[0])[0, :18].abs().amax((1, 2)).nonzero()}
    assert changed == {wrist}
    changed = {int(one) for one in (pafs - before[1])[0].abs().amax((1, 2)).nonzero()}
    assert changed == set(forearm)
    assert heatmaps[0, wrist].max() > 0.7


def test_people_too_small_to_be_told_apart_are_not_drawn() -> None:
    people = crowd(1, (24, 24), np.random.default_rng(0))
    heatmaps, pafs = drawn(people, (160, 160))
    assert not heatmaps[:18].any()
    assert not pafs.any()


def test_doubtful_labels_are_not_used() -> None:
    person = [[5.0, 6.0, 2]] + [[0, 0, 0]] * 17
    row = {"persons": [person], "label_check": [0.8, 0.1]}
    points = trusted(row)
    np.testing.assert_array_equal(points[0, 0], [5, 6])
    assert np.isnan(points[0, 1:]).all()
    for doubtful in ([0.5, 0.1], [0.65, 0.95], None):
        assert trusted({**row, "label_check": doubtful}).shape == (0, 18, 2)


def test_a_broken_line_of_labels_is_named(tmp_path: Path) -> None:
    good = json.dumps({"file": "a.webp", "persons": [], "boxes": None})
    (tmp_path / "labels.jsonl").write_text(good + "\n[]\n")
    with pytest.raises(TrainingError, match=r"^Line 2 of .*labels\.jsonl is no label"):
        photos.read_photos(tmp_path)


def dotted(seed: int) -> Photo:
    """A dark photo with a dot of its own brightness at each keypoint of one person."""
    rng = np.random.default_rng(seed)
    image = np.zeros((180, 240, 3), np.uint8)
    cells = rng.permutation(12)[:6]
    points = np.full((1, 18, 2), np.nan, np.float32)
    for n, cell in zip((0, 2, 5, 4, 7, 16), cells, strict=True):
        x, y = 30 + 60 * (cell % 4), 30 + 60 * (cell // 4)
        points[0, n] = x, y
        image[y - 5 : y + 6, x - 5 : x + 6] = 40 + 12 * n
    return Photo(image, points, np.array([[0, 0, 240, 180]], np.float32))


def on_their_dots(image: np.ndarray, persons: np.ndarray) -> tuple[int, int]:
    """How many labels lie on a dot of their own brightness, of how many within the picture."""
    right = every = 0
    for points in persons:
        x, y = np.nan_to_num(points, nan=-1).round().astype(int).T
        inside = (x > 1) & (y > 1) & (x < len(image) - 2) & (y < len(image) - 2)
        levels = image[y[inside], x[inside], 0].astype(float)
        as_is = np.abs(levels - (40 + 12 * np.arange(18)[inside])) < 6
        # In a mirrored crop what was painted as left is labelled as right.
        turned = np.abs(levels - (40 + 12 * np.array(SKELETON.mirror)[inside])) < 6
        right += max(int(as_is.sum()), int(turned.sum()))
        every += int(inside.sum())
    return right, every


def test_labels_go_along_with_the_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "PASTED", 0)
    several = [dotted(n) for n in range(6)]
    rng = np.random.default_rng(0)
    counts = [on_their_dots(*crop(several, 128, rng)) for _ in range(200)]
    right, every = np.sum(counts, axis=0)
    assert every > 400
    assert right > 0.93 * every  # some dots are too small to keep their brightness


def test_labels_go_along_with_the_crops_of_the_device() -> None:
    batches = DeviceBatches([dotted(n) for n in range(6)], torch.nn.Identity(), "cpu")
    chance = torch.Generator().manual_seed(0)
    places = batches.places(600, 128, chance)
    images = batches.crops(places, 600, 128, chance).permute(0, 2, 3, 1).numpy()
    where, points = batches.persons(places, 600)
    counts = [
        on_their_dots(images[n], points[where == n].numpy()) for n in range(600) if n in where
    ]
    right, every = np.sum(counts, axis=0)
    assert every > 1200
    assert right > 0.93 * every


def test_mirrored_people_have_their_sides_changed() -> None:
    persons = np.arange(36, dtype=np.float32).reshape(1, 18, 2)
    names = SKELETON.keypoints
    left, right = names.index("left_knee"), names.index("right_knee")
    np.testing.assert_array_equal(mirrored(persons)[0, left], persons[0, right])
    np.testing.assert_array_equal(mirrored(mirrored(persons)), persons)


def test_whoever_is_pasted_in_hides_what_is_behind() -> None:
    rng = np.random.default_rng(0)
    white = Photo(np.full((100, 100, 3), 255, np.uint8), boxes=np.array([[20, 20, 60, 60]]))
    everywhere = np.stack(np.meshgrid([10, 30, 50, 70, 90, 110], [20, 60, 100]), -1)
    onto = Crop(np.zeros((128, 128, 3), np.uint8), everywhere.reshape(1, 18, 2).astype(np.float32))
    for _ in range(20):
        made = augment._pasted(onto, white, rng)
        x, y = everywhere.reshape(18, 2).T
        covered = made.image[y, x, 0]
        hidden = np.isnan(made.persons[0]).any(-1)
        assert hidden[covered > 250].all()
        assert not hidden[covered < 5].any()
    assert augment._pasted(onto, Photo(white.image), rng) is onto


def test_people_seen_from_behind_count_for_more() -> None:
    front = crowd(1, (320, 320), np.random.default_rng(3))
    behind = [points[SKELETON.mirror, :] for points in front]  # the same places, the other side
    both = crowd(2, (320, 320), np.random.default_rng(4))
    both[1] = both[1][SKELETON.mirror, :]
    pafs = np.stack([render(people, (320, 320))[1] for people in (front, behind, both)])
    nobody = np.zeros_like(pafs[:1])
    weights = importance(torch.from_numpy(np.concatenate([pafs, nobody])))
    assert weights.mean() == pytest.approx(1)
    most = 1 + BEHIND_WEIGHT
    np.testing.assert_allclose(weights / weights[0], [1, most, (1 + most) / 2, 1], rtol=0.1)
