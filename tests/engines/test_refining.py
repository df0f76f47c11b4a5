"""Crop networks from their cards: found, checked, and run as they say."""

import json
import logging
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.models.card import load_card
from engines.parts.opening import parts_opener
from engines.refining import AUTO, OWN, refined_skeleton, second_look_opener, with_finders
from engines.second_look.second_look import SecondLook
from engines.types.errors import CardError, DeviceError, WeightsError
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_conversion import converted
from tests.conftest import ROOT
from tests.engines.simcc_network import write_card
from tests.synth import SKELETON, person

FIRST = load_card("pafnet")
MOVENET = ("movenet-thunder", "movenet-lightning")
FIRST_FEET = tuple(
    f"{side}_{name}" for side in ("left", "right") for name in ("big_toe", "small_toe", "heel")
)
OTHERS = ("rtmpose-t", "rtmpose-s", "rtmpose-m", "rtmo-s", "movenet-multipose")


def opened(card: Path) -> SecondLook:
    """A second look with this card."""
    opener = second_look_opener(str(card), FIRST)
    assert opener is not None
    return opener()


def test_feet_that_the_crop_network_knows_are_added(tmp_path: Path) -> None:
    """Halpe26 beside COCO-18: the body is fused, the feet are the crop network's own."""
    card = str(write_card(tmp_path, skeleton="halpe26", keypoints=26))
    whole = refined_skeleton(card, FIRST)
    assert whole.keypoints[18:] == FIRST_FEET
    assert refined_skeleton("auto", FIRST) is FIRST.skeleton
    later = tmp_path / "later.toml"
    later.write_text('on_request = ["feet"]\n' + Path(card).read_text())
    assert refined_skeleton(str(later), FIRST) is FIRST.skeleton
    assert refined_skeleton(str(later), FIRST, ["feet"]).keypoints == whole.keypoints
    for wrong in ('["toes"]', '"feet"', "5"):
        later.write_text(f"on_request = {wrong}\n" + Path(card).read_text())
        with pytest.raises(CardError, match=r"on_request lists some of feet, left_hand, .*, not"):
            load_card(str(later))
    opener = second_look_opener(card, FIRST, skeleton=whole)
    assert opener is not None
    second = opener()
    image = np.zeros((400, 600, 3), np.uint8)
    cv2.circle(image, (130, 210), 2, (0, 0, 255), -1)
    body = person((139, 196), 200)[None].astype(np.float32)
    score = np.full((1, 18), 0.5, np.float32)
    [refined] = second.refine([image], [Poses(SKELETON, body, score, score.sum(axis=1))])
    second.close()
    assert refined.skeleton is whole
    assert refined.found.all()
    np.testing.assert_allclose(refined.xy[0, 18:], np.broadcast_to((130, 210), (6, 2)), atol=2.5)


def test_other_groups_are_taken_from_a_crop_network_when_wanted(tmp_path: Path) -> None:
    card = str(write_card(tmp_path, skeleton="coco133", keypoints=133))
    assert refined_skeleton(card, FIRST).name == "coco18+feet"
    every = refined_skeleton(card, FIRST, ("left_hand", "right_hand", "face"))
    assert len(every.keypoints) == 18 + 6 + 42 + 70
    assert parts_opener({"hands", "face", "feet"}, every) is None


def test_network_of_rtmposes_contract_runs_from_its_card(tmp_path: Path) -> None:
    """One batch of two people of two cameras, each of whom holds a lamp."""
    second = opened(write_card(tmp_path))
    images, lamps, people = [], [(130.0, 210.0), (420.0, 150.0)], []
    for x, y in lamps:
        image = np.zeros((400, 600, 3), np.uint8)
        cv2.circle(image, (round(x), round(y)), 2, (0, 0, 255), -1)
        images.append(image)
        body = person((x + 9, y - 14), 200)[None].astype(np.float32)
        score = np.full((1, 18), 0.5, np.float32)
        people.append(Poses(SKELETON, body, score, score.sum(axis=1)))
    looks = second.bodies.look(images, people)
    second.close()
    for look, lamp in zip(looks, lamps, strict=True):
        assert look.at.all()
        np.testing.assert_allclose(look.poses.xy[0], np.broadcast_to(lamp, (18, 2)), atol=2.5)
        np.testing.assert_allclose(look.poses.score, 1, atol=0.02)


def test_outputs_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    """A skeleton of 18 keypoints on a network of 17."""
    card = write_card(tmp_path, skeleton="coco18")
    with pytest.raises(CardError, match=r"is \(17, 384\) for a picture, but the x .*\(18, 384\)"):
        opened(card)


def test_network_of_several_people_looks_at_nobody_again() -> None:
    with pytest.raises(CardError, match="knows one person"):
        second_look_opener("pafnet", FIRST)


def test_network_without_a_common_keypoint_is_refused(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    words = card.read_text().replace('skeleton = "coco17"', "")
    card.write_text(
        words
        + '[skeleton]\nkeypoints = [{ name = "wheel", sigma = 0.1, colour = [1, 2, 3] }, '
        + '{ name = "roof", sigma = 0.1, colour = [1, 2, 3] }]\nlimbs = [["wheel", "roof"]]\n'
    )
    with pytest.raises(CardError, match="none of the keypoints"):
        second_look_opener(str(card), FIRST)


@pytest.mark.usefixtures("nowhere")
def test_without_a_download_the_bundled_one_looks_again(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for opener in (
            second_look_opener("auto", FIRST),
            second_look_opener(AUTO[1], FIRST, needed=False),
        ):
            assert opener is not None
            assert opener.model == OWN
    for name, record in zip(AUTO, caplog.records, strict=True):
        assert record.getMessage().startswith(f"The weights of {name} cannot be fetched")
        assert f"The bundled {OWN}" in record.getMessage()
    with pytest.raises(WeightsError):
        second_look_opener(AUTO[0], FIRST)
    assert second_look_opener("off", FIRST) is None


@pytest.mark.parametrize("name", MOVENET)
def test_cards_of_the_box_and_of_the_tests_say_the_same(name: str) -> None:
    """But for the form that the weights have."""
    published, local = load_card(name), load_card(str(ROOT / "tests" / "cards" / f"{name}.toml"))
    assert published.crop == local.crop
    assert published.fusions == local.fusions
    assert published.decoder == local.decoder
    assert published.input.size == local.input.size


@pytest.mark.parametrize("name", [*OTHERS, *MOVENET])
def test_published_cards_are_pinned_and_licensed(name: str) -> None:
    card = load_card(name)
    assert card.licence == "Apache-2.0"
    files = [file for form in card.weights for file in form.files]
    assert all(file.urls and re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in files)


def test_constants_beside_a_named_network_are_its_own() -> None:
    card = load_card("movenet-lightning")
    general, beside = card.fusion_beside("somebody"), card.fusion_beside("pafnet")
    assert general.own > beside.own
    assert general.guard == beside.guard


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("padding = 1.25", "padding = 9.0", "padding"),
        ("padding = 1.25", "margin = 1.25", "margin"),
        ("guard = 0.05", "guard = 5.0", "guard"),
        ("guard = 0.05", "beside = 5", "beside"),
        ('kind = "simcc"', 'kind = "simcc"\nsplit = 3', r"192.* y|x"),
    ],
)
def test_card_that_makes_no_sense_is_one_sentence(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    card = write_card(tmp_path)
    card.write_text(card.read_text().replace(old, new))
    with pytest.raises(CardError, match=said):
        opened(card)


def test_crop_tables_are_for_networks_of_one_person(tmp_path: Path) -> None:
    card = tmp_path / "two.toml"
    source = ROOT / "engines" / "cards" / "pafnet.toml"
    card.write_text(source.read_text().replace("[input]", "[crop]\npadding = 1.5\n\n[input]"))
    with pytest.raises(CardError, match="one person"):
        load_card(str(card))


@pytest.mark.parametrize("name", MOVENET)
def test_movenet_finds_joints_where_photos_have_them(
    data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labelled people of coco-dev who fill a crop, from boxes shifted by a tenth of their size."""
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    second = opened(ROOT / "tests" / "cards" / f"{name}.toml")
    coco17 = named_skeleton("coco17")
    labels = json.loads((data / "coco-dev" / "person_keypoints.json").read_text())
    files = {one["id"]: one["file_name"] for one in labels["images"]}
    whole = [one for one in labels["annotations"] if one["num_keypoints"] >= 16]
    whole = [one for one in whole if one["bbox"][3] > 200][:12]
    assert len(whole) >= 8
    right = every = 0
    for one in whole:
        points = np.array(one["keypoints"], np.float32).reshape(1, 17, 3)
        seen = points[..., 2] > 0
        xy = np.where(seen[..., None], points[..., :2], np.float32(np.nan))
        side = np.sqrt(one["bbox"][2] * one["bbox"][3])
        shifted = Poses(coco17, xy + np.float32(0.1 * side), seen.astype(np.float32), seen.sum(1))
        image = cv2.imread(str(data / "coco-dev" / "images" / files[one["image_id"]]))
        (look,) = second.bodies.look([image], [converted(shifted, SKELETON)])
        found = converted(look.poses, coco17).xy
        near = np.linalg.norm(found - xy, axis=-1) <= 0.1 * side
        right, every = right + int(near[seen].sum()), every + int(seen.sum())
    second.close()
    assert right > 0.6 * every  # as given, none was


def test_a_gpu_that_is_not_there_leaves_it_to_the_cpu(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence; the people are looked at all the same."""

    def none(number: int | None) -> None:
        raise DeviceError("There is no NVIDIA driver on this machine.")

    monkeypatch.setattr("engines.nvidia.open.usable_gpu", none)
    opener = second_look_opener(str(write_card(tmp_path)), FIRST, device="cuda")
    assert opener is not None
    assert opener.on_gpu is not None
    second = opener()
    body = person((200, 200), 200)[None].astype(np.float32)
    score = np.full((1, 18), 0.5, np.float32)
    image = np.zeros((400, 600, 3), np.uint8)
    (look,) = second.bodies.look([image], [Poses(SKELETON, body, score, score.sum(axis=1))])
    second.close()
    assert look.at.all()
    assert [record.getMessage() for record in caplog.records] == [
        "There is no NVIDIA driver on this machine. The CPU looks at people again."
    ]


def test_gpus_take_no_tflite(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = write_card(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "simcc.onnx").rename(tmp_path / "simcc.tflite")
    opener = second_look_opener(str(card), FIRST, device="cuda")
    assert opener is not None
    assert opener.on_gpu is None
    assert "GPUs take no TFLite, which simcc is." in caplog.text


def test_crowds_are_told_apart_by_maps_alone(tmp_path: Path) -> None:
    own = second_look_opener(OWN, FIRST)
    places = second_look_opener(str(write_card(tmp_path)), FIRST)
    assert own is not None
    assert places is not None
    assert with_finders(own, None, "graph").crowd == "graph"
    assert with_finders(places, None, "crops") == places
    with pytest.raises(CardError, match=r"--crowd graph needs .* map for each keypoint"):
        with_finders(places, None, "graph")


def test_a_card_names_the_stages_of_its_cascade(tmp_path: Path) -> None:
    """Of networks beside it; here the same network once more, in crops around keypoints."""
    card = write_card(tmp_path)
    text = card.read_text()
    again = tmp_path / "again.toml"
    again.write_text(text)
    card.write_text(f'{text}\n[cascade]\ncards = ["again.toml"]\nside = 0.5\n')
    opener = second_look_opener(str(card), FIRST)
    assert opener is not None
    assert [stage.name for stage, _ in opener.stages] == ["again"]
    look = opener()
    image = np.zeros((300, 300, 3), np.uint8)
    xy = person((150, 150), 200)[None].astype(np.float32)
    ones = np.ones(xy.shape[:2], np.float32)
    (seen,) = look.bodies.look([image], [Poses(SKELETON, xy, ones, ones[:, 0])])
    assert seen.at.all()
    look.close()
    again.write_text(text.replace("coco17", "mpi15"))
    with pytest.raises(CardError, match=r"again.toml is no stage of the cascade"):
        second_look_opener(str(card), FIRST)
