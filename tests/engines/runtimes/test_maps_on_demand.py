"""A network's maps beside its candidates: only on demand, and for good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.estimator import open_estimator
from engines.models.card import load_card
from engines.models.weights import locate
from engines.types.poses import Maps
from tests.synth import CHANNELS, STRIDE, encode, person, render, write_tiny_network

SIZE = (320, 256)


@pytest.mark.parametrize("live", [True, False])
def test_maps_come_when_asked_for_and_stay_as_they_were(tmp_path: Path, live: bool) -> None:
    """Several pictures are in flight, and the network uses its memory again."""
    card = load_card(str(write_tiny_network(tmp_path)))
    wanted = False
    estimator = open_estimator(card, locate(card, "fp32"), live=live, keep_maps=lambda: wanted)
    truth = [render([person((60 + 20 * n, 128), 180)], SIZE) for n in range(12)]
    seen: list[Maps | None] = []
    try:
        for n, maps in enumerate(truth):
            estimator.submit([encode(*maps)])
            if n >= estimator.depth - 1:
                wanted = len(seen) % 3 != 0
                seen.append(estimator.result()[0].maps)
    finally:
        estimator.close()
    assert len(seen) >= 6
    for n, (kept, (heat, pafs)) in enumerate(zip(seen, truth, strict=False)):
        if n % 3 == 0:
            assert kept is None
            continue
        assert kept is not None
        np.testing.assert_allclose(kept.heatmaps, np.clip(heat, 0, 1), atol=0.005)
        np.testing.assert_allclose(kept.pafs, pafs, atol=0.005)
        assert (kept.channels, kept.stride, kept.scaled) == (CHANNELS, STRIDE, SIZE)


def test_padding_is_told_from_the_picture(tmp_path: Path) -> None:
    card = load_card(str(write_tiny_network(tmp_path)))
    estimator = open_estimator(card, locate(card, "fp32"), height=256, keep_maps=lambda: True)
    try:
        estimator.submit([np.zeros((512, 500, 3), np.uint8)])
        maps = estimator.result()[0].maps
    finally:
        estimator.close()
    assert maps is not None
    assert maps.scaled == (250, 256)
    assert maps.heatmaps.shape == (19, 32, 32)
