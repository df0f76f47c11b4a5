"""Crops of people: where their keypoints lie, and what of them is taught."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from engines.types.arrays import Floats, Image

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)

from tests.training.dotted import colour, dots  # noqa: E402
from training.crops import samples  # noqa: E402
from training.crops.boxes import around, cut, matrix_of, moved  # noqa: E402
from training.crops.people import COCO, People  # noqa: E402
from training.crops.proposals import Proposals, normalised  # noqa: E402
from training.crops.samples import make_batch, plain, varied  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402

SIZE = 96, 128  # width, height


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
