"""What the driver says, with a small library that answers as drivers do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engines.nvidia.driver import find_gpus, usable_gpu, usable_gpus
from engines.types.errors import DeviceError
from tests.engines.drivers import make_driver

Driver = Callable[..., str]


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    def make(init: int = 0, capabilities: tuple[int, ...] = (90,)) -> str:
        return str(make_driver(tmp_path / "driver.so", init, capabilities))

    return make


def test_gpus_are_told_with_their_memory_and_capability(driver: Driver) -> None:
    first, second = find_gpus(driver(capabilities=(75, 120)))
    assert (first.name, first.capability, first.memory) == ("First", (7, 5), 8 << 30)
    assert (second.index, second.name, second.capability) == (1, "Second", (12, 0))
    assert second.driver == 13000


def test_the_first_gpu_that_is_new_enough_is_taken(driver: Driver) -> None:
    assert usable_gpu(driver(capabilities=(61, 86))).index == 1


def test_an_old_gpu_is_named(driver: Driver) -> None:
    with pytest.raises(DeviceError, match=r"First \(6\.1\) is too old.* 7\.5"):
        usable_gpu(driver(capabilities=(61,)))


@pytest.mark.parametrize(
    ("code", "said"),
    [(100, "--gpus all"), (803, "restart the machine"), (804, "update the host"), (999, "999")],
)
def test_a_driver_that_fails_says_why(driver: Driver, code: int, said: str) -> None:
    with pytest.raises(DeviceError, match=said) as caught:
        find_gpus(driver(init=code))
    assert f"error {code}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_driver_without_gpus(driver: Driver) -> None:
    with pytest.raises(DeviceError, match="sees no GPU"):
        find_gpus(driver(capabilities=()))


def test_no_driver_at_all(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"no NVIDIA driver.*nvidia\.com"):
        find_gpus(str(tmp_path / "libcuda.so.1"))


def test_the_gpu_of_a_number_is_taken(driver: Driver) -> None:
    library = driver(capabilities=(75, 86, 90))
    assert usable_gpu(library, 1).index == 1
    assert [gpu.index for gpu in usable_gpus(None, 2, library)] == [0, 1]
    assert [gpu.index for gpu in usable_gpus(1, 2, library)] == [1, 2]


def test_old_gpus_between_others_are_passed_over(driver: Driver) -> None:
    library = driver(capabilities=(75, 61, 90))
    assert [gpu.index for gpu in usable_gpus(None, 2, library)] == [0, 2]


@pytest.mark.parametrize(
    ("number", "count", "said"),
    [
        (2, 1, r"no GPU cuda:2; this machine has cuda:0 \(First\), cuda:1 \(Second\)"),
        (None, 3, r"3 GPUs are wanted, but there is only cuda:0 \(First\), cuda:1 \(Second\)"),
        (1, 2, r"2 GPUs are wanted, but there is only cuda:1 \(Second\)"),
    ],
)
def test_more_gpus_than_there_are(driver: Driver, number: int, count: int, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        usable_gpus(number, count, driver(capabilities=(75, 86)))
