"""Pictures of a size that the user names."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.drawing.mosaic import Mosaic
from realtime.drawing.overlay import Overlay
from realtime.types.errors import SettingsError
from tests.realtime.results import grey, keypoints, result, tracks
from tests.realtime.wanted import settings
from tests.synth import SKELETON

NOSE = SKELETON.colours[0]


def nose_in(picture: np.ndarray) -> np.ndarray:
    """(2,) where its dot is."""
    y, x = np.nonzero(np.abs(picture.astype(int) - NOSE).max(axis=2) < 40)
    return np.array([x.mean(), y.mean()])


@pytest.mark.parametrize(
    ("size", "scale", "corner"),
    [
        ((640, 480), 2.0, (0, 0)),
        ((160, 120), 0.5, (0, 0)),
        ((640, 360), 1.5, (80, 0)),  # wider than the picture: black to the left and right
        ((240, 480), 0.75, (0, 150)),
    ],
)
def test_a_picture_is_scaled_then_drawn_upon(
    size: tuple[int, int], scale: float, corner: tuple[int, int]
) -> None:
    at = np.array([220.0, 90.0])
    seen = tracks([keypoints(nose=(220, 90))])
    (picture,) = Overlay(size=size).pictures(result(seen))
    assert picture.size == size
    expected = (at + 0.5) * scale - 0.5 + corner
    np.testing.assert_allclose(nose_in(picture.image), expected, atol=0.5)
    left, top = corner
    assert not picture.image[:top].any()
    assert not picture.image[:, :left].any()
    assert (picture.image[top + 2, left + 2] == 100).all()
    assert seen.poses.xy[0, 0, 0] == 220  # what other outputs get is as it was


def test_a_mosaic_has_that_size_too() -> None:
    (picture,) = Mosaic(["clip", "other"], size=(500, 300)).pictures(
        result(tracks([keypoints(nose=(220, 90))]), image=grey())
    )
    assert picture.size == (500, 300)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"output_size": "big"}, "--output-size 'big' is not WIDTHxHEIGHT, for example 1280x720"),
        ({"output_size": "0x20"}, "--output-size '0x20' is not"),
        ({"opacity": 1.5}, "--opacity must be from 0 to 1, not 1.5"),
    ],
)
def test_what_pictures_cannot_be(options: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings("a", **options)
