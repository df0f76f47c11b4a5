"""People straight from the network: each layout, made from people that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engines.decoders.decoder import check_outputs, check_showable, with_options
from engines.decoders.direct import DirectDecoder, suppressed
from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.letterbox import FixedSize, Letterbox, LongerSide
from engines.types.network_input import NetworkInput
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton

SKELETON = named_skeleton("coco17")
K = len(SKELETON.keypoints)
PICTURE = (640, 400)
MOVENET = NetworkInput(32, longer=256, colour="rgb", element="i32", layout="nhwc")
SQUARE = NetworkInput(32, size=(640, 640), pad=114)
CENTRED = NetworkInput(32, size=(640, 640), pad=114, place="centre")
LAYOUTS = {"movenet-multipose": MOVENET, "rtmo": SQUARE, "yolo-pose": CENTRED}


def decoder(layout: str, **settings: Any) -> DirectDecoder:
    return DirectDecoder.from_table(SKELETON, LAYOUTS[layout], {"layout": layout, **settings})


def box_of(layout: str, picture: tuple[int, int] = PICTURE) -> Letterbox:
    entry = LAYOUTS[layout]
    return entry.letterbox(entry.sizing(), picture)


def people(count: int, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """(P, K, 2) places in the picture, (P, K) and (P,) scores, best first, far from each other."""
    rng = np.random.default_rng(seed)
    corner = np.stack([np.arange(count) * 90 + 5, rng.uniform(5, 250, count)], axis=1)
    xy = corner[:, None] + rng.uniform(0, 80, (count, K, 2))
    score = rng.uniform(0.5, 1, (count, K))
    person = np.sort(rng.uniform(0.4, 1, count))[::-1]
    return xy.astype(np.float32), score.astype(np.float32), person.astype(np.float32)


def arrays(
    layout: str, box: Letterbox, xy: Floats, score: Floats, person: Floats
) -> Mapping[str, Floats]:
    """What a network of this layout gives for such people."""
    at = box.to_network(xy)
    low, high = at.min(axis=1, initial=1e9), at.max(axis=1, initial=-1e9)
    if layout == "movenet-multipose":
        size = np.array(box.network, np.float32)
        share = np.concatenate([(at + 0.5) / size, score[..., None]], axis=2)[..., [1, 0, 2]]
        edges = np.hstack([low / size, high / size])[:, [1, 0, 3, 2]]
        rows = np.hstack([share.reshape(len(xy), 3 * K), edges, person[:, None]])
        empty = np.zeros((max(0, 6 - len(xy)), 3 * K + 5))
        return {"people": np.vstack([rows, empty]).astype(np.float32)}
    points = np.concatenate([at, score[..., None]], axis=2).astype(np.float32)
    if layout == "rtmo":
        return {
            "dets": np.hstack([low, high, person[:, None]]).astype(np.float32),
            "keypoints": points,
        }
    rows = np.hstack(
        [(low + high) / 2, high - low, person[:, None], points.reshape(len(xy), 3 * K)]
    )
    return {"people": rows.T.astype(np.float32)}


def found(one: DirectDecoder, given: Mapping[str, Floats], box: Letterbox) -> Poses:
    return one.decode(one.evidence(given, box))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("picture", [PICTURE, (400, 640), (97, 53), (640, 640)])
def test_known_people_come_back_where_they_are(layout: str, picture: tuple[int, int]) -> None:
    xy, score, person = people(3)
    xy = xy * np.float32(min(picture) / 400)
    box = box_of(layout, picture)
    poses = found(decoder(layout), arrays(layout, box, xy, score, person), box)
    np.testing.assert_allclose(poses.xy, xy, atol=1e-3 * max(picture) / 256)
    np.testing.assert_allclose(poses.score, score, atol=1e-6)
    np.testing.assert_allclose(poses.person_score, person, atol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_network_means_nothing(layout: str, seed: int) -> None:
    xy, score, person = people(6, seed)
    box, order = box_of(layout), np.random.default_rng(seed).permutation(6)
    one = decoder(layout, nms=0.45)
    right = found(one, arrays(layout, box, xy, score, person), box)
    mixed = found(one, arrays(layout, box, xy[order], score[order], person[order]), box)
    np.testing.assert_array_equal(mixed.xy, right.xy)
    assert (np.diff(right.person_score) <= 0).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nobody_is_nobody(layout: str) -> None:
    xy, score, person = people(0)
    box = box_of(layout)
    poses = found(decoder(layout), arrays(layout, box, xy, score, person), box)
    assert poses.xy.shape == (0, K, 2)
    assert decoder(layout).evidence(arrays(layout, box, xy, score, person), box).maps is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_lies_outside_the_picture_is_not_found(layout: str) -> None:
    """In the padding, or beyond the input: at the border itself it is."""
    xy, score, person = people(1)
    xy[0, :6] = [(0, 0), (639, 399), (-40, 50), (50, 420), (700, 10), (639.4, -0.4)]
    box = box_of(layout)
    poses = found(decoder(layout), arrays(layout, box, xy, score, person), box)
    assert poses.found[0, :6].tolist() == [True, True, False, False, False, True]
    assert (poses.score[0] > 0).tolist() == poses.found[0].tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weak_keypoints_and_people_are_left_out(layout: str) -> None:
    xy, score, person = people(3)
    score[0, 3] = 0.2
    score[1, 2:] = 0.2
    person[2] = 0.05
    box = box_of(layout)
    one = decoder(layout, peak_threshold=0.25, min_keypoints=3, min_score=0.1)
    poses = found(one, arrays(layout, box, xy, score, person), box)
    assert len(poses) == 1
    assert not poses.found[0, 3]
    assert np.isnan(poses.xy[0, 3]).all()
    assert poses.found[0].sum() == K - 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_of_two_who_are_one_the_better_stays(layout: str) -> None:
    xy, score, person = people(2)
    xy[1] = xy[0] + 2
    box = box_of(layout)
    given = arrays(layout, box, xy, score, person)
    assert len(found(decoder(layout, nms=1.0), given, box)) == 2
    (kept,) = found(decoder(layout, nms=0.45), given, box).person_score
    assert kept == pytest.approx(person[0])


def test_suppression_is_that_of_intersection_over_union() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    assert suppressed(boxes, 0.49).tolist() == [0, 2, 3]  # 1/2, then 1/3
    assert suppressed(boxes, 0.51).tolist() == [0, 1, 2, 3]
    assert suppressed(boxes, 0.32).tolist() == [0, 3]
    assert suppressed(np.zeros((2, 4), np.float32), 0.45).tolist() == [0, 1]
    assert suppressed(np.zeros((0, 4), np.float32), 0.45).tolist() == []


SHAPES: list[tuple[str, dict[str, tuple[int | None, ...]], str]] = [
    ("movenet-multipose", {"a": (6, 51)}, r"is \(6, 51\).*must be \(any, 56\)"),
    ("movenet-multipose", {"b": (6, 56)}, "no output a, which its card names; it has b"),
    ("yolo-pose", {"a": (56, 8400, 1)}, r"must be \(56, any\)"),
    ("yolo-pose", {"a": (84, None)}, r"is \(84, any\)"),
]


@pytest.mark.parametrize(("layout", "shapes", "said"), SHAPES)
def test_a_network_that_does_not_fit_is_one_sentence(
    layout: str, shapes: dict[str, tuple[int | None, ...]], said: str
) -> None:
    with pytest.raises(CardError, match=said):
        check_outputs(decoder(layout), "net.onnx", {"people": "a"}, shapes)
    fits: dict[str, tuple[int | None, ...]] = {"a": (None, 56) if "movenet" in layout else (56, 9)}
    check_outputs(decoder(layout), "net.onnx", {"people": "a"}, fits)


def test_what_an_open_shape_did_not_say_is_told_when_it_runs() -> None:
    with pytest.raises(CardError, match=r"people is \(5, 57\) for a picture.*needs \(any, 56\)"):
        decoder("movenet-multipose").evidence(
            {"people": np.zeros((5, 57), np.float32)}, box_of("movenet-multipose")
        )


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({}, "decoder lacks 'layout'"),
    ({"layout": "posenet"}, "layout in decoder must be"),
    ({"layout": "rtmo", "nms": 2}, "nms from 0 to 1"),
    ({"layout": "rtmo", "pafs": []}, "'pafs' is not known in decoder"),
]


@pytest.mark.parametrize(("table", "said"), BROKEN)
def test_a_broken_table_is_one_sentence(table: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        DirectDecoder.from_table(SKELETON, SQUARE, table)


def test_movenet_has_the_keypoints_of_coco_alone() -> None:
    with pytest.raises(CardError, match=r"has 17 keypoints, but skeleton body25 has 25"):
        DirectDecoder.from_table(named_skeleton("body25"), MOVENET, {"layout": "movenet-multipose"})


def test_thresholds_are_those_that_it_has() -> None:
    one = decoder("rtmo")
    changed = with_options(one, "rtmo-s", {"min_score": 0.7, "peak_threshold": None})
    assert changed.settings == replace(one.settings, min_score=0.7)
    assert with_options(one, "rtmo-s", {"limb_threshold": None}) is one
    with pytest.raises(
        CardError, match=r"^rtmo-s gives people directly and has no --limb-threshold; what it has"
    ):
        with_options(one, "rtmo-s", {"limb_threshold": 0.1})


def test_there_are_no_maps_to_look_at() -> None:
    said = "gives people directly, it has no part affinity fields to show"
    with pytest.raises(CardError, match=said):
        check_showable(decoder("rtmo"), "movenet-multipose", ["pafs"])
    check_showable(decoder("rtmo"), "movenet-multipose", [])


def test_the_longer_side_counts() -> None:
    assert box_of("movenet-multipose", (1280, 720)).network == (256, 160)
    assert box_of("movenet-multipose", (720, 1280)).network == (160, 256)
    assert box_of("movenet-multipose", (1280, 720)).scaled == (256, 144)
    assert LongerSide(512).letterbox((100, 50), 32).network == (512, 256)
    assert LongerSide(256).letterbox((640, 360), 32, 128).network == (256, 256)


def test_one_size_takes_every_picture() -> None:
    wide = CENTRED.letterbox(CENTRED.sizing(), (1280, 720))
    assert (wide.network, wide.scaled, wide.offset) == ((640, 640), (640, 360), (0, 140))
    assert FixedSize(640, 640).letterbox((10, 1000), 32).scaled == (6, 640)
    with pytest.raises(CardError, match="640x640 alone; leave out --height"):
        CENTRED.sizing(256)


def test_the_padding_is_as_the_card_says() -> None:
    picture = np.full((36, 64, 3), 7, np.uint8)
    seen = CENTRED.letterbox(FixedSize(64, 64), (64, 36)).apply(picture, 114)
    assert (seen[14:50] == 7).all()
    assert (seen[:14] == 114).all()
    assert (seen[50:] == 114).all()
