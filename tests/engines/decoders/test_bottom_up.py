"""Tags, PersonLab's offsets and centre points: from fields drawn of known people back to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.decoders.decoder import Decoder
from engines.models.decoder_kinds import DECODERS
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError
from engines.types.letterbox import Letterbox
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton

SKELETON = named_skeleton("coco17")
K = len(SKELETON.keypoints)
INPUT = NetworkInput(32, height=256)
PICTURE = (960, 512)  # half as large in the network: 480 x 256
BOX = INPUT.letterbox(INPUT.sizing(), PICTURE)
SIDE = {"tags": 4.0, "personlab": 8.0, "centre-point": 4.0}
PEOPLE_TREE = SKELETON.drawn


def decoder(kind: str, **table: Any) -> Decoder:
    return DECODERS[kind](SKELETON, INPUT, {"stride": SIDE[kind], **table})


def people(count: int = 4, seed: int = 2) -> Floats:
    """(P, K, 2) picture pixels: bodies of their own shapes, side by side, hands among others'."""
    rng = np.random.default_rng(seed)
    x = [0, 8, -8, 16, -16, 28, -28, 44, -44, 60, -60, 18, -18, 20, -20, 20, -20]
    y = [-90, -96, -96, -90, -90, -60, -60, -20, -20, 15, 15, 25, 25, 75, 75, 125, 125]
    shape = np.array([x, y], float).T
    middles = np.stack([120 + 230 * np.arange(count), np.full(count, 240)], axis=1)
    xy = middles[:, None] + shape * rng.uniform(1.0, 1.4, (count, 1, 2))
    return (xy + rng.normal(0, 3, xy.shape)).astype(np.float32)


def cells_of(kind: str) -> tuple[int, int]:
    wide, high = BOX.network
    return int(high / SIDE[kind]), int(wide / SIDE[kind])


def gaussians(places: Floats, shape: tuple[int, int], sigma: float = 1.5) -> Floats:
    """(K, h, w) of (P, K, 2) places in cells, NaN = not there."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    maps = np.zeros((places.shape[1], *shape), np.float32)
    for person in places:
        for one, (a, b) in zip(maps, person, strict=True):
            if not np.isnan(a):
                bump = np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2))
                np.maximum(one, bump, out=one)
    return maps


def drawn(kind: str, xy: Floats) -> Arrays:
    """What a network of this kind that knows these people would give."""
    return {"tags": tags, "personlab": offsets, "centre-point": centres}[kind](BOX.to_network(xy))


def tags(xy: Floats) -> Arrays:
    stride, shape = SIDE["tags"], cells_of("tags")
    places = (xy + 0.5) / stride - 0.5
    marks = np.zeros((K, *shape), np.float32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    rng = np.random.default_rng(0)
    for person, one in enumerate(places):
        for kind, (a, b) in enumerate(one):
            if not np.isnan(a):
                near = (x - a) ** 2 + (y - b) ** 2 <= 9
                marks[kind][near] = 3 * person + rng.normal(0, 0.2)
    return {"heatmaps": gaussians(places, shape), "tags": marks}


def offsets(xy: Floats, radius: float = 32.0) -> Arrays:
    """Within a disk around a keypoint every cell knows where it is, and where its neighbours are;
    in disks that overlap the nearer one counts.
    """
    stride, shape = SIDE["personlab"], cells_of("personlab")
    y, x = np.mgrid[: shape[0], : shape[1]]
    at = np.stack([x, y], axis=-1) * stride
    maps = np.zeros((K, *shape), np.float32)
    short, owner = np.zeros((K, *shape, 2), np.float32), np.full((K, *shape), -1)
    for kind in range(K):
        apart = np.linalg.norm(at[None] - xy[:, kind][:, None, None], axis=-1)
        apart = np.where(np.isnan(apart), np.inf, apart)
        nearest = apart.argmin(axis=0)
        inside = apart.min(axis=0) <= radius
        maps[kind] = inside
        owner[kind] = np.where(inside, nearest, -1)
        short[kind][inside] = (xy[nearest, kind] - at)[inside]
    ways = {}
    for name, pairs in (("forward", PEOPLE_TREE), ("backward", [(b, a) for a, b in PEOPLE_TREE])):
        field = np.zeros((len(PEOPLE_TREE), *shape, 2), np.float32)
        for edge, (a, b) in enumerate(pairs):
            known = owner[a] >= 0
            field[edge][known] = (xy[owner[a], b] - at)[known]
        ways[name] = planes(np.nan_to_num(field))
    return {"heatmaps": maps, "offsets": planes(short), **ways}


def planes(field: Floats) -> Floats:
    """(N, h, w, 2) x, y -> (2N, h, w), all y first, as PoseNet has it."""
    return np.concatenate([field[..., 1], field[..., 0]]).astype(np.float32)


def centres(xy: Floats) -> Arrays:
    stride, shape = SIDE["centre-point"], cells_of("centre-point")
    places = xy / stride
    low, high = np.nanmin(places, axis=1), np.nanmax(places, axis=1)
    middle = np.rint((low + high) / 2).astype(int)
    row, column = middle[:, 1], middle[:, 0]
    sizes, shifts = np.zeros((2, *shape), np.float32), np.zeros((2 * K, *shape), np.float32)
    sizes[:, row, column] = (high - low).T
    # A regression is a cell or two off; the maps are exact.
    rough = np.nan_to_num(places) + np.random.default_rng(1).normal(0, 1, places.shape)
    shifts[:, row, column] = (rough - middle[:, None]).reshape(len(xy), -1).T
    within = np.zeros((2, *shape), np.float32)
    cell = np.rint(np.nan_to_num(places)).astype(int)
    for person in range(len(xy)):
        for kind in range(K):
            a, b = cell[person, kind]
            within[:, b, a] = places[person, kind] - (a, b)
    return {
        "centres": gaussians(middle[:, None].astype(np.float32), shape),
        "sizes": sizes,
        "keypoints": shifts,
        "heatmaps": gaussians(np.rint(places), shape),
        "keypoint_offsets": within,
    }


def found(kind: str, arrays: Arrays, box: Letterbox = BOX, **table: Any) -> Poses:
    one = decoder(kind, **table)
    for role, need in one.outputs.items():
        assert need.fits(arrays[role].shape), role
    return one.decode(one.evidence(arrays, box))


def sorted_by_place(xy: Floats) -> Floats:
    return xy[np.argsort(np.nanmean(xy[..., 0], axis=1))]


# Pixels of the picture that a place may be off: Gaussians overlap at the eyes, votes do not.
EXACT = {"tags": 1.0, "personlab": 0.05, "centre-point": 0.05}


@pytest.mark.parametrize("kind", list(SIDE))
def test_drawn_fields_give_back_the_people(kind: str) -> None:
    truth = people()
    poses = found(kind, drawn(kind, truth))
    assert len(poses) == len(truth)
    np.testing.assert_allclose(sorted_by_place(poses.xy), truth, atol=EXACT[kind])
    assert poses.score.min() > 0.8
    assert poses.person_score.min() > 0.8


@pytest.mark.parametrize("kind", list(SIDE))
def test_people_who_reach_into_each_other_keep_their_keypoints(kind: str) -> None:
    """Wrists beyond the other's shoulder: who they belong to is not a matter of distance."""
    truth = people(2)
    truth[1] -= truth[1].mean(axis=0) - truth[0].mean(axis=0) - np.array([75, 12], np.float32)
    poses = found(kind, drawn(kind, truth))
    assert len(poses) == 2
    np.testing.assert_allclose(sorted_by_place(poses.xy), sorted_by_place(truth), atol=2)


def test_a_person_whose_legs_are_not_seen_lacks_them() -> None:
    truth = people(3)
    truth[1, 13:] = np.nan
    poses = found("tags", drawn("tags", truth))
    seen = sorted_by_place(poses.xy)
    np.testing.assert_array_equal(np.isnan(seen), np.isnan(truth))
    np.testing.assert_allclose(seen, truth, atol=EXACT["tags"])


@pytest.mark.parametrize("kind", list(SIDE))
def test_nobody_and_what_is_too_weak(kind: str) -> None:
    arrays = drawn(kind, people(2))
    weak = {name: one * 0.05 if "maps" in name or name == "centres" else one
            for name, one in arrays.items()}  # fmt: skip
    assert len(found(kind, weak)) == 0
    nothing = {name: np.zeros_like(one) for name, one in arrays.items()}
    assert len(found(kind, nothing)) == 0


def test_a_heat_map_before_the_sigmoid() -> None:
    truth = people(2)
    arrays = dict(drawn("personlab", truth))
    arrays["heatmaps"] = np.where(arrays["heatmaps"] > 0, 8, -8).astype(np.float32)
    poses = found("personlab", arrays, activation="sigmoid")
    assert len(poses) == 2
    np.testing.assert_allclose(sorted_by_place(poses.xy), truth, atol=0.2)


def test_a_centre_whose_keypoint_has_no_peak_is_where_its_offset_says() -> None:
    truth = people()
    arrays = dict(drawn("centre-point", truth))
    arrays["heatmaps"] = arrays["heatmaps"].copy()
    arrays["heatmaps"][9] = 0
    poses = found("centre-point", arrays)
    off = np.linalg.norm(sorted_by_place(poses.xy) - truth, axis=-1)
    assert off[:, 9].min() > 0.5
    assert off[:, 9].max() < 40
    assert np.delete(off, 9, axis=1).max() < 0.05


def test_edges_that_leave_out_a_keypoint_are_refused() -> None:
    with pytest.raises(CardError, match="they reach 2 of 17"):
        decoder("personlab", edges=[["nose", "left_eye"]])
    with pytest.raises(CardError, match="pairs of names"):
        decoder("personlab", edges=[["nose", "tail"]])
