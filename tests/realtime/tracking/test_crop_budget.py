"""How many crops come to a frame where a crop has a known cost."""

import pytest

from realtime.tracking.crop_budget import ALONE_SHARE, WORK_SHARE, CropBudget


def spent(cost: float, frames: int, *, people: int, looks: int = 0) -> list[int]:
    """Crops of each frame; everybody is to be looked at in each. looks: frames from one to next."""
    budget, crops = CropBudget(cost), []
    for n in range(frames):
        whole = int(looks > 0 and n % looks == 0)
        crops.append(min(budget.most(1, people, whole), people))
        budget.spend(crops[-1])
    return crops


@pytest.mark.parametrize("cost", [0.2, 0.58, 1.4, 30.0])
@pytest.mark.parametrize("looks", [0, 2, 5])
def test_looks_cost_half_of_what_all_cost_in_every_frame(cost: float, looks: int) -> None:
    people, frames = 50, 1000
    whole = frames / looks if looks else 0
    work = whole + cost * sum(spent(cost, frames, people=people, looks=looks))
    assert work == pytest.approx(WORK_SHARE * frames * (1 + people * cost), rel=0.05)


def test_the_work_is_even_though_whole_pictures_are_looked_at_in_every_second_frame() -> None:
    cost, crops = 0.5, spent(0.5, 100, people=6, looks=2)
    work = [crop * cost + (n % 2 == 0) for n, crop in enumerate(crops)]
    assert max(work) - min(work) <= 2 * cost


@pytest.mark.parametrize("cost", [0.1, 0.58, ALONE_SHARE])
@pytest.mark.parametrize("looks", [0, 1, 3])
def test_somebody_alone_is_looked_at_in_every_frame_by_a_small_network(
    cost: float, looks: int
) -> None:
    assert spent(cost, 200, people=1, looks=looks) == [1] * 200


def test_a_crop_that_is_dearer_than_the_whole_picture_takes_its_turn_too() -> None:
    crops = sum(spent(3.0, 300, people=1, looks=3))
    assert 300 * ALONE_SHARE / 3 - 1 <= crops < 300


def test_quiet_times_save_for_two_looks_and_debts_are_paid_back() -> None:
    budget = CropBudget(0.1)
    for _ in range(100):
        budget.most(1, 10, 0)
    assert budget.most(1, 10, 0) == 30
    budget.spend(60)  # all who have just come
    assert [budget.most(1, 10, 0) for _ in range(4)] == [0, 0, 0, 10]
