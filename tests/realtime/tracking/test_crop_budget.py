"""How many crops come to a frame where a crop has a known cost."""

import pytest

from realtime.tracking.crop_budget import CROPS_SHARE, CROWD_SHARE, CropBudget


def spent(cost: float, frames: int, *, wanted: int, crowds: int = 0) -> int:
    budget, crops = CropBudget(cost), 0
    for _ in range(frames):
        now = min(budget.most(1, crowds), wanted)
        budget.spend(now)
        crops += now
    return crops


@pytest.mark.parametrize("cost", [0.07, 0.5, 1.4, 30.0])
def test_crops_cost_their_share_of_a_look_at_every_frame(cost: float) -> None:
    assert spent(cost, 1000, wanted=50) * cost == pytest.approx(1000 * CROPS_SHARE, abs=2 * cost)
    crowd = spent(cost, 1000, wanted=50, crowds=1) * cost
    assert crowd == pytest.approx(1000 * CROWD_SHARE, abs=2 * cost)


def test_quiet_times_save_for_two_looks_and_debts_are_paid_back() -> None:
    budget = CropBudget(0.1)
    for _ in range(100):
        budget.most(1, 0)
    assert budget.most(1, 0) == 26
    budget.spend(60)  # all who have just come
    assert [budget.most(1, 0) for _ in range(5)] == [0] * 5
    assert budget.most(1, 0) == 2
