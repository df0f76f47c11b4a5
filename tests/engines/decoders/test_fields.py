"""PifPaf's composite fields and Mask R-CNN's boxes with maps: from drawn people back to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engines.models.decoder_kinds import DECODERS
from engines.types.arrays import Arrays, Floats
from engines.types.poses import Poses
from tests.engines.decoders.test_bottom_up import (
    BOX,
    INPUT,
    PEOPLE_TREE,
    SKELETON,
    K,
    people,
    sorted_by_place,
)

STRIDE, SIDE = 8, 2  # cells to each side of a keypoint that know of it
MAP = 28  # cells a side of a box's maps


def found(kind: str, arrays: Arrays, **table: Any) -> Poses:
    decoder = DECODERS[kind](SKELETON, INPUT, table)
    assert all(need.fits(arrays[role].shape) for role, need in decoder.outputs.items())
    return decoder.decode(decoder.evidence(arrays, BOX))


def around(place: Floats, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The 4 x 4 cells around a place, which tell of it."""
    low = np.floor(place).astype(int) - SIDE + 1
    columns, rows = (
        slice(max(a, 0), max(min(a + 2 * SIDE, side), 0))
        for a, side in zip(low, shape[::-1], strict=True)
    )
    return rows, columns


def composite(xy: Floats, *, absolute: bool = True) -> Arrays:
    """What a network that knows these people gives; where two are near, the nearer one counts."""
    places = BOX.to_network(xy) / STRIDE
    shape = BOX.network[1] // STRIDE, BOX.network[0] // STRIDE
    y, x = np.mgrid[: shape[0], : shape[1]]
    cif = np.zeros((K, 5, *shape), np.float32)
    caf = np.zeros((len(PEOPLE_TREE), 9, *shape), np.float32)
    cif[:, 3], caf[:, 5:7] = 1, 1
    nearest = np.full((K, *shape), np.inf)
    for person in places:
        for kind, place in enumerate(person):
            if np.isnan(place).any():
                continue
            part = around(place, shape)
            apart = np.hypot(x - place[0], y - place[1])[part]
            mine = apart < nearest[kind][part]
            nearest[kind][part] = np.minimum(apart, nearest[kind][part])
            for channel, value in ((0, 1.0), (1, place[0]), (2, place[1]), (4, 1.0)):
                cif[kind, channel][part] = np.where(mine, value, cif[kind, channel][part])
        for edge, (a, b) in enumerate(PEOPLE_TREE):
            one, other = person[a], person[b]
            if np.isnan(one).any() or np.isnan(other).any():
                continue
            # Cells along the limb know of it; those of another person's are overwritten there.
            for share in np.linspace(0, 1, 9):
                column, row = np.rint(one + share * (other - one)).astype(int)
                if 0 <= row < shape[0] and 0 <= column < shape[1]:
                    caf[edge, 0, row, column] = 1
                    caf[edge, 1:5, row, column] = (*one, *other)
    if not absolute:
        for field, first in ((cif, 1), (caf, 1), (caf, 3)):
            field[:, first] -= x
            field[:, first + 1] -= y
    return {"cif": cif, "caf": caf}


@pytest.mark.parametrize("places", ["absolute", "offset"])
def test_composite_fields_give_back_the_people(places: str) -> None:
    truth = people()
    poses = found("pifpaf", composite(truth, absolute=places == "absolute"), places=places)
    assert len(poses) == len(truth)
    np.testing.assert_allclose(sorted_by_place(poses.xy), truth, atol=0.05)
    assert poses.person_score.min() > 0.7


def test_composite_fields_of_people_who_reach_into_each_other() -> None:
    truth = people(2)
    truth[1] -= truth[1].mean(axis=0) - truth[0].mean(axis=0) - np.array([75, 12], np.float32)
    poses = found("pifpaf", composite(truth))
    assert len(poses) == 2
    np.testing.assert_allclose(sorted_by_place(poses.xy), sorted_by_place(truth), atol=0.1)


def test_a_person_without_legs_has_none() -> None:
    truth = people(3)
    truth[1, 13:] = np.nan
    poses = found("pifpaf", composite(truth))
    np.testing.assert_allclose(sorted_by_place(poses.xy), truth, atol=0.05)


def test_connections_that_lead_astray_join_nobody() -> None:
    """One person's ankle is said to be below the other's knee, which does not lead back there."""
    truth = people(2)
    arrays = dict(composite(truth))
    edge = next(n for n, (_, b) in enumerate(PEOPLE_TREE) if SKELETON.keypoints[b] == "left_knee")
    knees = np.unique(arrays["caf"][edge, 3:5][:, arrays["caf"][edge, 0] > 0].T, axis=0)
    field = arrays["caf"][edge].copy()
    first = (field[0] > 0) & (np.hypot(*(field[3:5] - knees[0][:, None, None])) < 0.01)
    field[3, first], field[4, first] = knees[1]
    arrays["caf"] = np.concatenate([arrays["caf"][:edge], field[None], arrays["caf"][edge + 1 :]])
    off = np.linalg.norm(sorted_by_place(found("pifpaf", arrays).xy) - truth, axis=-1)
    assert np.nanmax(off) < 0.1  # nobody has a keypoint of the other's
    assert np.isnan(off).sum() == 1  # the ankle below that knee


def boxed(xy: Floats) -> Arrays:
    """Boxes around people and logits of where in them their keypoints are; the first one twice."""
    places = BOX.to_network(xy) + 0.5
    low, high = np.nanmin(places, axis=1) - 8, np.nanmax(places, axis=1) + 8
    y, x = np.mgrid[:MAP, :MAP]
    dets = np.concatenate([low, high, np.linspace(0.9, 0.6, len(xy))[:, None]], axis=1)
    cells = (places - low[:, None]) / (high - low)[:, None] * MAP - 0.5
    apart = (x - cells[..., 0, None, None]) ** 2 + (y - cells[..., 1, None, None]) ** 2
    logits = np.nan_to_num(-apart / (2 * 0.7**2), nan=0.0)  # what is not there is anywhere
    again = dets[:1] + np.array([3, -2, 3, -2, -0.1])
    return {
        "dets": np.concatenate([dets, again]).astype(np.float32),
        "heatmaps": np.concatenate([logits, logits[:1]]).astype(np.float32),
    }


def test_maps_in_boxes_give_back_the_people() -> None:
    truth = people()
    truth[2, 15:] = np.nan
    poses = found("box-heads", boxed(truth))
    assert len(poses) == len(truth)
    np.testing.assert_allclose(poses.person_score, np.linspace(0.9, 0.6, 4), atol=1e-6)
    np.testing.assert_allclose(sorted_by_place(poses.xy), truth, atol=0.05)
    assert poses.score[~np.isnan(poses.xy[..., 0])].min() > 0.6


@pytest.mark.parametrize("kind", ["pifpaf", "box-heads"])
def test_nobody_is_nobody(kind: str) -> None:
    arrays = composite(people(1)) if kind == "pifpaf" else boxed(people(1))
    nothing = {name: np.zeros_like(one) for name, one in arrays.items()}
    assert len(found(kind, nothing)) == 0
    if kind == "box-heads":
        none = {name: one[:0] for name, one in arrays.items()}
        assert len(found(kind, none)) == 0
