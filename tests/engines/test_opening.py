"""What the user asks of a decoder, in place of what its card says."""

from dataclasses import replace

import pytest

from engines.models.card import load_card
from engines.opening import with_thresholds
from engines.types.errors import CardError
from realtime.settings.model import ModelSettings


def test_recall_lowers_the_thresholds_that_are_left_open() -> None:
    card = load_card("human-pose-estimation-0001")
    assert card.decoder.settings.peak_threshold == 0.05
    found = with_thresholds(card, ModelSettings(recall=True)).decoder.settings
    assert found == replace(
        card.decoder.settings,
        peak_threshold=0.02,
        sample_threshold=0.01,
        least_above=0.75,
        min_keypoints=2,
        min_score=0.0,
    )
    given = ModelSettings(recall=True, peak_threshold=0.3, min_keypoints=6)
    settings = with_thresholds(card, given).decoder.settings
    assert (settings.peak_threshold, settings.min_keypoints, settings.min_score) == (0.3, 6, 0.0)


def test_recall_raises_nothing() -> None:
    card = load_card("human-pose-estimation-0001")
    low = replace(card.decoder.settings, min_score=0.01, min_keypoints=1)
    card = replace(card, decoder=replace(card.decoder, settings=low))
    settings = with_thresholds(card, ModelSettings(recall=True)).decoder.settings
    assert (settings.min_score, settings.min_keypoints) == (0.01, 1)


def test_recall_is_for_every_kind_of_decoder_with_thresholds() -> None:
    card = load_card("rtmo-s")
    settings = with_thresholds(card, ModelSettings(recall=True)).decoder.settings
    assert (settings.peak_threshold, settings.min_score) == (0.02, 0.05)


def test_matching_and_share_are_of_limbs() -> None:
    card = load_card("human-pose-estimation-0001")
    wanted = ModelSettings(match="hungarian", limb_share=0.5)
    settings = with_thresholds(card, wanted).decoder.settings
    assert (settings.match, settings.least_above) == ("hungarian", 0.5)
    for wanted, said in (
        (ModelSettings(match="hungarian"), "rtmo-s gives people directly and has no --match"),
        (ModelSettings(limb_share=0.5), "has no --limb-share; what it has is --peak-threshold"),
    ):
        with pytest.raises(CardError, match=said):
            with_thresholds(load_card("rtmo-s"), wanted)
