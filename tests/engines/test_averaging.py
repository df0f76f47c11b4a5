"""The mean of maps of several sizes and of mirrored pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.averaging import Averaged, at_scale, check_averaged, mirrored_channels, open_averaged
from engines.decoders.paf import PafDecoder
from engines.models.card import Card, load_card
from engines.opening import engine_opener
from engines.types.arrays import Image
from engines.types.errors import CardError
from engines.types.evidence import Evidence
from engines.types.poses import Maps, Poses
from realtime.settings.model import ModelSettings
from tests import synth

CARD = load_card("human-pose-estimation-0001")
PICTURE = (500, 300)  # its width in the network is no whole number of cells
PEOPLE = synth.crowd(3, PICTURE, np.random.default_rng(1))


class Perfect:
    """Sees PEOPLE in the picture, and their mirror images in the mirrored one."""

    depth = 2

    def __init__(self, card: Card, height: int | None) -> None:
        assert isinstance(card.decoder, PafDecoder)
        self.decoder = card.decoder
        self._box = card.input.letterbox(card.input.sizing(height), PICTURE)
        self._seen: list[list[Evidence]] = []
        self.closed = False

    def submit(self, images: Sequence[Image]) -> None:
        self._seen.append([self._evidence(mirrored=image[0, 0, 0] == 0) for image in images])

    def result(self) -> list[Evidence]:
        return self._seen.pop(0)

    def close(self) -> None:
        self.closed = True

    def _evidence(self, *, mirrored: bool) -> Evidence:
        people = [points.astype(np.float32) for points in PEOPLE]
        if mirrored:
            people = [
                np.stack([PICTURE[0] - 1 - points[:, 0], points[:, 1]], 1)[
                    list(self.decoder.skeleton.mirror)
                ]
                for points in people
            ]
        box = self._box
        maps = synth.render([box.to_network(points) for points in people], box.network)
        evidence = self.decoder.candidates(*maps, box)
        return replace(
            evidence, maps=Maps(*maps, self.decoder.channels, self.decoder.stride, box.scaled)
        )


def marked() -> Image:
    """A picture whose first pixel tells it from its mirror image."""
    image = np.zeros((PICTURE[1], PICTURE[0], 3), np.uint8)
    image[0, 0] = 255
    return image


def opened(scales: Sequence[float], *, flip: bool, keep: bool = False) -> Averaged:
    return open_averaged(CARD, 368, scales, Perfect, flip=flip, keep_maps=lambda: keep)


def distances(poses: Poses) -> np.ndarray:
    """Pixels from each keypoint to that of the person who is nearest."""
    truth = np.array(PEOPLE)
    away = np.linalg.norm(poses.xy[:, None] - truth, axis=-1)
    nearest = np.nanmean(away, axis=2).argmin(axis=1)
    assert sorted(nearest) == list(range(len(PEOPLE)))
    return away[np.arange(len(poses)), nearest]


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 0.75), (0.5, 1.0, 1.25)])
@pytest.mark.parametrize("flip", [False, True])
def test_people_are_where_they_are(scales: tuple[float, ...], flip: bool) -> None:
    averaged = opened(scales, flip=flip)
    averaged.submit([marked()])
    (evidence,) = averaged.result()
    poses = averaged.decoder.decode(evidence)
    assert len(poses) == len(PEOPLE)
    away = distances(poses)
    # A twelfth of a cell: what the shape of a peak on maps of 8 pixels tells.
    assert np.nanmax(away) < 1.0
    assert (np.isnan(away) == np.isnan(np.array(PEOPLE)[..., 0]).any()).all()
    assert evidence.maps is None


def test_the_mean_comes_along_where_maps_are_asked_for() -> None:
    plain = Perfect(CARD, 368)
    plain.submit([marked()])
    (expected,) = plain.result()
    averaged = opened((1.0,), flip=True, keep=True)
    averaged.submit([marked()])
    (found,) = averaged.result()
    assert expected.maps is not None
    assert found.maps is not None
    # Mirrored maps lie a part of a cell aside: cells between the two are interpolated.
    for own in ("heatmaps", "pafs"):
        pair = [getattr(one, own)[:18].ravel() for one in (found.maps, expected.maps)]
        assert np.corrcoef(*pair)[0, 1] > 0.95, own


def test_sets_of_pictures_keep_their_order() -> None:
    averaged = opened((1.0, 0.75), flip=True)
    assert averaged.depth == 2
    averaged.submit([marked(), marked()])
    averaged.submit([marked()])
    assert [len(averaged.result()) for _ in range(2)] == [2, 1]


def test_mirroring_twice_is_nothing() -> None:
    """Also for limbs that are the other way round on the other side."""
    assert isinstance(CARD.decoder, PafDecoder)
    mirror = mirrored_channels(CARD.decoder)
    rng = np.random.default_rng(0)
    maps = Maps(
        rng.random((19, 4, 5), np.float32),
        rng.random((38, 4, 5), np.float32),
        CARD.decoder.channels,
        8,
        (40, 32),
    )
    heatmaps, pafs = mirror.of(maps)
    assert (heatmaps != maps.heatmaps).any()
    assert (heatmaps[18] == maps.heatmaps[18]).all()  # the background
    again = mirror.of(replace(maps, heatmaps=heatmaps, pafs=pafs))
    assert (again[0] == maps.heatmaps).all()
    assert (again[1] == maps.pafs).all()


def test_what_is_open_is_closed_where_another_size_fails() -> None:
    found: list[Perfect] = []

    def open_at(card: Card, height: int | None) -> Perfect:
        if found:
            raise CardError("no more")
        found.append(Perfect(card, height))
        return found[0]

    with pytest.raises(CardError, match="no more"):
        open_averaged(CARD, None, (1, 0.5), open_at, flip=False, keep_maps=lambda: False)
    assert found[0].closed


def test_sizes_are_whole_cells_and_upright_pictures_stay_upright() -> None:
    card, height = at_scale(CARD, 368, 0.75)
    assert (card, height) == (CARD, 272)
    card, height = at_scale(CARD, None, 0.75)
    assert height is None
    box = card.input.letterbox(card.input.sizing(height), (300, 400))
    assert card.input.height == 192
    assert box.network[1] > 192


@pytest.mark.parametrize(
    ("model", "scales", "flip", "said"),
    [
        ("rtmo-s", (1.0, 0.5), False, "gives people directly and has no maps .* --scales"),
        ("rtmo-s", (1.0,), True, "gives people directly and has no maps .* --flip-test"),
        (CARD.name, (1.0, 40.0), False, r"--scales 40 of a network input of 256 .* 8 to 4096"),
        (CARD.name, (0.01,), False, r"--scales 0.01 of .* is 0; it must be from 8 to 4096"),
    ],
)
def test_what_cannot_be_averaged_is_one_sentence(
    model: str, scales: tuple[float, ...], flip: bool, said: str
) -> None:
    with pytest.raises(CardError, match=said):
        check_averaged(load_card(model), None, scales, flip=flip)


def test_a_photo_and_its_mirror_image_give_mirrored_people(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    wanted = ModelSettings(
        CARD.name, "cpu", precision="fp32", height=256, scales="1,0.75", flip_test=True
    )
    image = cv2.imread(str(sorted((data / "coco-dev" / "images").iterdir())[0]))
    assert image is not None
    with closing(engine_opener(CARD, wanted, live=False)()) as estimator:
        estimator.submit([np.ascontiguousarray(one) for one in (image, image[:, ::-1])])
        one, other = (estimator.decoder.decode(evidence) for evidence in estimator.result())
    assert len(one) == len(other) > 0
    mirror = list(one.skeleton.mirror)
    turned = other.xy[:, mirror] * (-1, 1) + (image.shape[1] - 1, 0)
    np.testing.assert_allclose(turned, one.xy, atol=0.05)
    np.testing.assert_allclose(other.score[:, mirror], one.score, atol=1e-4)
