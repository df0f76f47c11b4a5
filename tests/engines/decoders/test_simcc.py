"""Coordinates as classes: rendered distributions with known answers."""

import numpy as np
import pytest

from engines.decoders.simcc import SimCC
from engines.types.arrays import Floats
from engines.types.errors import CardError

SIZE = (192, 256)
PLACES = np.array([[[0, 0], [191.5, 255.5], [50.5, 100], [63, 7.5], [12, 200.5]]], np.float32)


def rendered(at: Floats, length: int, sigma: float = 6.0, peak: float = 0.8) -> Floats:
    """(N, K, 2 length) Gaussians around places in pixels, two bins a pixel."""
    bins = np.arange(2 * length)
    gaussians = peak * np.exp(-((bins - 2 * at[..., None]) ** 2) / (2 * sigma**2))
    return gaussians.astype(np.float32)


def arrays(places: Floats, peaks: tuple[float, float] = (0.8, 0.8)) -> dict[str, Floats]:
    x, y = np.moveaxis(places, -1, 0)
    return {
        "x": rendered(x, SIZE[0], peak=peaks[0]),
        "y": rendered(y, SIZE[1], peak=peaks[1]),
    }


@pytest.mark.parametrize("subbin", [False, True])
def test_places_on_bins_are_exact(subbin: bool) -> None:
    xy, _ = SimCC(subbin=subbin).points(arrays(PLACES), SIZE)
    np.testing.assert_allclose(xy, PLACES, atol=1e-3)


def test_subbin_reads_places_between_bins() -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(10, 180, (3, 17, 2)).astype(np.float32)
    coarse, _ = SimCC().points(arrays(places), SIZE)
    fine, _ = SimCC(subbin=True).points(arrays(places), SIZE)
    assert np.abs(coarse - places).max() <= 0.25 + 1e-4
    assert np.abs(coarse - places).max() > 0.2
    assert np.abs(fine - places).max() < 0.01


def test_confidence_comes_from_both_maxima() -> None:
    made = arrays(PLACES[:, 2:3], peaks=(0.9, 0.4))
    _, least = SimCC().points(made, SIZE)
    _, mean = SimCC(score="mean").points(made, SIZE)
    np.testing.assert_allclose((least, mean), [[[0.4]], [[0.65]]], rtol=1e-5)


def test_confidence_stays_within_0_and_1() -> None:
    made = arrays(PLACES, peaks=(1.4, 1.2))
    assert SimCC().points(made, SIZE)[1].max() == 1
    made = {name: -np.ones_like(values) for name, values in made.items()}
    assert SimCC().points(made, SIZE)[1].min() == 0


def test_outputs_are_two_bins_a_pixel_or_what_the_card_says() -> None:
    needed = SimCC().outputs(17, SIZE)
    assert needed["x"].fits((17, 384))
    assert needed["y"].fits((17, 512))
    assert not needed["x"].fits((17, 512))
    assert not needed["x"].fits((26, 384))
    assert SimCC(split=3).outputs(17, SIZE)["y"].fits((17, 768))
    with pytest.raises(CardError, match="split"):
        SimCC(split=0)
