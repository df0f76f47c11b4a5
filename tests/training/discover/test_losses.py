"""Mean places of maps, and the losses, where their values are known."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="for training: pip install -r requirements-train.txt")

from engines.networks.landmarks import LandmarkNet, mean_place, sureness  # noqa: E402
from training.discover.decoder import bells  # noqa: E402
from training.discover.edges import edge_features, limbs_of, line_maps, pairs, rigidity  # noqa: E402
from training.discover.losses import (  # noqa: E402
    APART,
    WIDE,
    concentration,
    coverage,
    equivariance,
    inside,
    presence,
    separation,
    unexplained,
)

SQUARE = torch.ones(2)


def one_cell(row: int, column: int, high: int = 12, wide: int = 16) -> torch.Tensor:
    maps = torch.zeros(1, 1, high, wide)
    maps[0, 0, row, column] = 1
    return maps


def test_the_mean_place_of_one_cell_is_its_middle() -> None:
    xy = mean_place(one_cell(0, 15))
    torch.testing.assert_close(xy[0, 0], torch.tensor([31 / 16 - 1, 1 / 12 - 1]))
    assert sureness(one_cell(6, 8)).item() == 1
    both = (one_cell(3, 4) + one_cell(3, 10)) / 2
    torch.testing.assert_close(mean_place(both)[0, 0, 0], torch.tensor(15 / 16 - 1))
    assert sureness(both).item() < 0.5
    assert sureness(torch.full((1, 1, 12, 16), 1 / 192)).item() == 0


def test_depth_is_the_mean_of_its_map_under_the_landmarks_own_weights() -> None:
    network = LandmarkNet(2, deep=True).eval()
    with torch.inference_mode():
        found = network(torch.rand(1, 3, 32, 32))
        out = network.head(found.features)
        maps, depths = out[0, :2].flatten(1).softmax(1), out[0, 2:].flatten(1)
    torch.testing.assert_close(found.depth[0], (maps * depths).sum(1))
    torch.testing.assert_close(found.maps.sum((2, 3)), torch.ones(1, 2))


def test_a_landmark_that_follows_the_warp_costs_nothing() -> None:
    here = torch.tensor([[[0.1, -0.4], [0.5, 0.5]]])
    seen = torch.tensor([[True, True]])
    assert equivariance(here, here.clone(), seen, SQUARE).item() == 0
    off = here + torch.tensor([0.2, 0.0])  # a tenth of the side
    assert equivariance(here, off, seen, SQUARE).item() == pytest.approx(0.1, abs=0.006)
    assert equivariance(here, off, ~seen, SQUARE).item() == 0


def test_only_those_that_are_near_each_other_are_pushed() -> None:
    for one in (2, 3):  # in the plane, and in space
        apart = torch.zeros(1, 2, one)
        apart[0, 1, -1] = 1.25 * APART
        assert separation(apart).item() == 0
        assert separation(apart / 2).item() > 0
        assert separation(torch.zeros(1, 2, one)).item() == pytest.approx(1)


def test_wide_maps_cost_their_standard_deviation() -> None:
    peak = one_cell(5, 5, 16, 16)
    assert concentration(peak, mean_place(peak), SQUARE).item() == 0
    even = torch.full((1, 1, 64, 64), 1 / 4096)
    cost = concentration(even, mean_place(even), SQUARE).item()
    assert cost == pytest.approx(math.sqrt(2 / 12) - WIDE * math.sqrt(2), abs=1e-3)


def test_landmarks_beside_what_moves_cost_more_than_those_on_it() -> None:
    change = one_cell(5, 5)[:, 0]
    on, off = one_cell(5, 5), one_cell(2, 12)
    assert coverage(on, change) < coverage(off, change)
    assert presence(on, change).item() == pytest.approx(0, abs=1e-3)
    assert presence(off, change) > 5
    # One of two on it covers it; the other is missed by presence alone.
    mixed = torch.cat([on, off], 1)
    assert coverage(mixed, change).item() == pytest.approx(math.log(2), abs=1e-3)
    assert presence(mixed, change) > 2


def test_a_map_that_is_half_on_the_thing_has_its_place_beside_it() -> None:
    thing = torch.zeros(1, 16, 16)
    thing[:, :, 6:10] = 1
    on, beside = torch.tensor([[[0.0, 0.3]]]), torch.tensor([[[0.4, 0.3]]])
    assert inside(on, thing).item() < 0.01 < 3 < inside(beside, thing).item()
    rim = torch.tensor([[[0.27, 0.3]]], requires_grad=True)
    inside(rim, thing).backward()
    assert rim.grad[0, 0, 0] > 1 > abs(rim.grad[0, 0, 1]).item()  # back across, not along


def test_nothing_is_unexplained_in_the_picture_itself() -> None:
    picture, base = torch.rand(1, 3, 16, 16), torch.zeros(1, 3, 16, 16)
    assert unexplained(picture, picture, base).item() == 0
    assert unexplained(base, picture, base).item() == pytest.approx(1, abs=0.02)


def test_bells_are_one_at_their_landmark() -> None:
    xy = mean_place(one_cell(3, 4))
    map_ = bells(xy, (12, 16), 0.05, torch.tensor([1.0, 0.75]))[0, 0]
    assert map_[3, 4].item() == pytest.approx(1)
    side = 1 / 16  # of a cell, as both directions have cells of one size
    for row, column in ((3, 5), (4, 4)):
        assert map_[row, column].item() == pytest.approx(math.exp(-(side**2) / (2 * 0.05**2)))


def test_lines_fall_off_with_the_distance_from_them() -> None:
    start, end = torch.tensor([[[-0.5, 0.125]]]), torch.tensor([[[0.5, 0.125]]])
    lines = line_maps(start, end, (8, 16), 0.1, torch.tensor([1.0, 0.5]))[0, 0]
    assert lines[4, 8].item() == pytest.approx(1)  # on the line, whose row is the fifth
    assert lines[6, 8].item() == pytest.approx(math.exp(-((2 / 16) ** 2) / 0.1**2))
    beyond = math.hypot(3.5 / 16, 0)  # the last cell's middle is 3.5 cells past the end
    assert lines[4, 15].item() == pytest.approx(math.exp(-(beyond**2) / 0.1**2), rel=1e-4)


def test_the_strongest_edge_shows_where_edges_cross() -> None:
    xy = torch.tensor([[[-0.9, 0.0], [0.9, 0.0], [0.0, 0.9]]])
    weights = torch.full((3,), -20.0)
    weights[pairs(3).index((0, 1))] = 5.0
    drawn, spread = edge_features(xy, weights, torch.eye(3)[None], (15, 15), 0.05, SQUARE)
    assert drawn.shape == (1, 1, 15, 15)
    assert spread.shape == (1, 3, 15, 15)
    assert drawn[0, 0, 7, 7].item() == pytest.approx(5.0067, abs=1e-3)  # softplus(5)
    assert drawn[0, 0, 13, 7].item() < 1e-3
    torch.testing.assert_close(
        spread[0, :, 7, 7], torch.tensor([0.5, 0.5, 0.0]) * drawn[0, 0, 7, 7]
    )


def test_limbs_are_the_strongest_tree_and_what_else_is_strong() -> None:
    import numpy as np

    strength = np.zeros(6)
    for pair, value in (((0, 1), 1.0), ((1, 2), 0.9), ((0, 2), 0.8), ((2, 3), 0.1)):
        strength[pairs(4).index(pair)] = value
    assert limbs_of(strength, 4, learnt=False) == [(0, 1), (1, 2), (2, 3)]
    assert limbs_of(strength, 4, learnt=True) == [(0, 1), (1, 2), (2, 3), (0, 2)]


def test_pairs_that_keep_their_distance_are_limbs() -> None:
    """Two rods that turn about a common end."""
    import numpy as np

    angle = np.linspace(0, 2, 20)[:, None]
    middle = np.zeros((20, 2))
    first = np.concatenate([np.cos(angle), np.sin(angle)], 1)
    second = np.concatenate([np.cos(3 - 2 * angle), -np.sin(3 - 2 * angle)], 1)
    xy = np.stack([first, middle, second], 1)
    assert set(limbs_of(rigidity(xy), 3, learnt=False)) == {(0, 1), (1, 2)}
