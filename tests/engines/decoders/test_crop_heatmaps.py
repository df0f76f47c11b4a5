"""Places read from maps of one person: rendered Gaussians at places between cells."""

import numpy as np
import pytest
from scipy.special import softmax

from engines.decoders.crop_heatmaps import CropHeatmaps
from engines.types.arrays import Floats
from engines.types.errors import CardError

SIZE = (192, 256)
HIGH, WIDE = 64, 48
RNG = np.random.default_rng(5)
PLACES = RNG.uniform((8, 8), (WIDE - 9, HIGH - 9), (3, 17, 2)).astype(np.float32)  # cells


def rendered(places: Floats, sigma: float = 2.0, peak: float = 0.9) -> Floats:
    y, x = np.mgrid[:HIGH, :WIDE]
    away = (x - places[..., 0, None, None]) ** 2 + (y - places[..., 1, None, None]) ** 2
    return (peak * np.exp(-away / (2 * sigma**2))).astype(np.float32)


def read(maps: Floats, **settings: object) -> tuple[Floats, Floats]:
    """Places in cells."""
    head = CropHeatmaps(stride=1, **settings)  # type: ignore[arg-type]
    return head.points({"heatmaps": maps}, SIZE)


def test_cells_become_crop_pixels() -> None:
    maps = rendered(np.array([[[10, 20]]], np.float32))
    xy, score = CropHeatmaps(refine="none").points({"heatmaps": maps}, SIZE)
    np.testing.assert_allclose(xy, [[[40, 80]]])
    np.testing.assert_allclose(score, 0.9)
    xy, _ = CropHeatmaps(refine="none", offset=1.5).points({"heatmaps": maps}, SIZE)
    np.testing.assert_allclose(xy, [[[41.5, 81.5]]])


def test_highest_cell_is_within_half_a_cell() -> None:
    xy, _ = read(rendered(PLACES), refine="none")
    assert np.abs(xy - PLACES).max() <= 0.5 + 1e-4


def test_quarter_shift_goes_a_quarter_towards_the_higher_neighbour() -> None:
    xy, _ = read(rendered(PLACES), refine="quarter")
    wanted = np.rint(PLACES) + 0.25 * np.sign(PLACES - np.rint(PLACES))
    np.testing.assert_allclose(xy, wanted)
    assert np.abs(xy - PLACES).max() <= 0.25 + 1e-4


@pytest.mark.parametrize("sigma", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("peak", [0.1, 0.9])
def test_parabola_is_exact_for_gaussians(sigma: float, peak: float) -> None:
    xy, score = read(rendered(PLACES, sigma, peak), refine="parabola")
    assert np.abs(xy - PLACES).max() < 1e-3
    assert (score <= peak + 1e-6).all()
    flat = np.full((1, 1, HIGH, WIDE), 0.4, np.float32)  # no peak, nowhere to go
    flat[0, 0, 10, 10:12] = 0.5
    np.testing.assert_allclose(read(flat, refine="parabola")[0], [[[10.5, 10]]], atol=1e-4)


@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
def test_dark_is_exact_for_gaussians(sigma: float) -> None:
    """Whatever their width and height; smoothing a Gaussian leaves its centre."""
    xy, score = read(rendered(PLACES, sigma, peak=0.3), refine="dark", sigma=sigma)
    assert np.abs(xy - PLACES).max() < 0.02
    assert (score <= 0.3 + 1e-6).all()


def test_dark_smooths_noise_away() -> None:
    """Maps as networks give them have several maxima; the paper's point (section 3.2)."""
    maps = rendered(PLACES) + RNG.normal(0, 0.02, (3, 17, HIGH, WIDE)).astype(np.float32)
    dark, _ = read(maps, refine="dark")
    quarter, _ = read(maps, refine="quarter")
    assert np.abs(dark - PLACES).mean() < 0.6 * np.abs(quarter - PLACES).mean()


def test_integral_is_the_expected_place() -> None:
    """Against scipy's softmax over all cells; and exact where a Gaussian lies within the map."""
    maps = RNG.random((2, 3, HIGH, WIDE)).astype(np.float32)
    xy, _ = read(maps, refine="integral", sharpness=7.0)
    share = softmax(7.0 * maps.reshape(2, 3, -1).astype(np.float64), axis=-1)
    share = share.reshape(maps.shape)
    x = (share.sum(axis=2) * np.arange(WIDE)).sum(axis=-1)
    y = (share.sum(axis=3) * np.arange(HIGH)).sum(axis=-1)
    np.testing.assert_allclose(xy, np.stack([x, y], axis=-1), rtol=1e-4)
    exact, _ = read(rendered(PLACES, 1.5), refine="integral")
    assert np.abs(exact - PLACES).max() < 0.01


def test_integral_is_the_mean_place() -> None:
    """0.2, 0.4, 0.3, 0.1 in cells 0 to 3: 1.3; of their logarithms a softmax is the same."""
    row = np.array([0.2, 0.4, 0.3, 0.1], np.float32)
    for maps, settings in ((row, {}), (np.log(row), {"sharpness": 1.0})):
        xy, _ = read(maps.reshape(1, 1, 1, 4), refine="integral", **settings)
        np.testing.assert_allclose(xy, [[[1.3, 0]]], atol=1e-6)


@pytest.mark.parametrize("refine", ["none", "quarter", "parabola", "dark", "integral"])
def test_peaks_at_the_edge_and_empty_maps_stay_in_the_map(refine: str) -> None:
    corners = np.array([[[0, 0], [WIDE - 1, HIGH - 1], [0, 30], [20, HIGH - 1]]], np.float32)
    for maps in (rendered(corners), np.zeros((1, 4, HIGH, WIDE), np.float32)):
        xy, score = read(maps, refine=refine)
        assert np.isfinite(xy).all()
        assert (xy >= -0.5).all()
        assert (xy <= (WIDE - 0.5, HIGH - 0.5)).all()
        assert (score >= 0).all()
    if refine != "integral":
        np.testing.assert_allclose(read(rendered(corners), refine=refine)[0], corners)


def test_outputs_are_a_map_a_keypoint() -> None:
    needed = CropHeatmaps().outputs(17, SIZE)["heatmaps"]
    assert needed.fits((17, 64, 48))
    assert not needed.fits((16, 64, 48))
    with pytest.raises(CardError, match="stride"):
        CropHeatmaps(stride=0)
