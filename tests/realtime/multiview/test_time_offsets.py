"""Cameras that are late or early, by the people they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.types.arrays import Doubles
from realtime.multiview.reconstructor import MultiViewReconstructor
from realtime.types.results import View
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring

RIG = ring(4, radius=5)


def people(seconds: float) -> list[Doubles]:
    return [
        body((-1.0 + np.sin(1.2 * seconds), 0.6), phase=5 * seconds),
        body((1.0, -0.4 - np.sin(1.4 * seconds)), heading=1.6, phase=5 * seconds),
    ]


def offsets(
    shift: list[float], *, told: bool = False, rate: float = 30.0
) -> tuple[Doubles, Doubles]:
    """What is measured where camera v shows what is `shift[v]` seconds later; told: as its frames'
    own times say.
    """
    rng = np.random.default_rng(1)
    reconstructor = MultiViewReconstructor(RIG, BODY25)
    for n in range(90):
        views: list[View | None] = []
        for v, late in enumerate(shift):
            view = sightings(RIG, people(n / rate + late), n / rate, rng=rng, noise=2.0)[v]
            assert view is not None
            if told:
                view = replace(view, frame=replace(view.frame, time=n / rate + late))
            views.append(view)
        reconstructor.update(n / rate, views)
    return reconstructor.timing.offsets()


@pytest.mark.parametrize("rate", [30.0, 60.0])
@pytest.mark.parametrize("late", [0.06, -0.1])
def test_the_offset_of_a_camera_is_measured(late: float, rate: float) -> None:
    found, spread = offsets([0, 0, late, 0], rate=rate)
    assert found[2] == pytest.approx(late, abs=0.015)
    assert np.abs(np.delete(found, 2)).max() < 0.015
    assert spread.max() < 0.01


def test_cameras_in_step_are_not_accused() -> None:
    found, _ = offsets([0, 0, 0, 0])
    assert np.abs(found).max() < 0.01


def test_times_that_frames_tell_themselves_are_no_offset() -> None:
    found, _ = offsets([0, 0.015, 0.008, -0.012], told=True)
    assert np.abs(found).max() < 0.006


def test_people_who_stand_say_nothing() -> None:
    reconstructor = MultiViewReconstructor(RIG, BODY25)
    for n in range(40):
        reconstructor.update(n / 30, sightings(RIG, [body((0.3, 0.2))], n / 30))
    assert np.isinf(reconstructor.timing.offsets()[1]).all()
