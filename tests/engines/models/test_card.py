"""Model cards: what every one of them keeps to, and that a broken one is told in a sentence."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.decoders.paf import PafDecoder
from engines.models.card import Card, card_names, load_card
from engines.models.download import sha256_of
from engines.parts.opening import CARDS
from engines.types.errors import MAX_SENTENCE, CardError
from engines.types.skeleton import named_skeleton

MODEL = "human-pose-estimation-0001"


@pytest.fixture(params=card_names())
def card(request: pytest.FixtureRequest) -> Card:
    return load_card(request.param)


def comes_along(card: Card) -> bool:
    """Whether the weights are part of the program."""
    files = [card.folder / file.name for form in card.weights for file in form.files]
    return all(path.is_file() for path in files)


def for_owners(card: Card) -> bool:
    """Whether the weights are those of people who have them already: OpenPose's own."""
    return card.licence == "LicenseRef-OpenPose-non-commercial"


# What every card keeps to


def test_a_card_says_what_it_is_and_who_allows_it(card: Card) -> None:
    assert card.title != card.name
    assert re.fullmatch(r"[A-Za-z0-9.+-]+", card.licence), "an SPDX identifier"
    assert card.licence != "unknown"
    assert urlsplit(card.home).scheme == "https" or comes_along(card)


def test_each_limb_has_two_channels_of_its_own(card: Card) -> None:
    if not isinstance(card.decoder, PafDecoder):
        pytest.skip("no PAF head")
    channels = list(chain.from_iterable(card.decoder.channels))
    assert len(card.decoder.channels) == len(card.skeleton.limbs)
    assert sorted(channels) == list(range(2 * len(card.skeleton.limbs)))


def test_files_are_told_apart_and_can_be_verified(card: Card) -> None:
    files = [file for form in card.weights for file in form.files]
    if for_owners(card):
        assert not any(file.urls or file.sha256 for file in files)  # its user says the sha256
        return
    assert len({file.sha256 for file in files}) == len({file.name for file in files}) == len(files)
    for file in files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        assert all(urlsplit(url).scheme == "https" for url in file.urls)


def test_each_precision_can_be_had(card: Card) -> None:
    offered = {name for form in card.weights for name in form.precision}
    published = [
        form
        for form in card.weights
        if comes_along(card) or for_owners(card) or all(file.urls for file in form.files)
    ]
    assert {name for form in published for name in form.precision} == offered


def test_weights_that_come_along_are_those_of_the_card_and_small(card: Card) -> None:
    if not comes_along(card):
        return
    files = [file for form in card.weights for file in form.files]
    assert sum(file.size for file in files) <= 12e6
    for file in files:
        assert sha256_of(card.folder / file.name) == file.sha256


def test_the_default_height_fits_the_stride(card: Card) -> None:
    sides = (card.input.height, card.input.longer, *card.input.size)
    assert all(side % card.input.stride == 0 for side in sides if side)


def test_people_can_be_written_as_coco_results(card: Card) -> None:
    if card.name in CARDS.values() and card.name != CARDS["feet"]:
        pytest.skip("a hand or a face")
    if card.skeleton.name == "mpi15":
        pytest.skip("no eyes and ears")
    card.skeleton.order_in(named_skeleton("coco17"))


def test_the_first_card_is_as_published() -> None:
    card = load_card(MODEL)
    assert (card.licence, card.skeleton.name) == ("Apache-2.0", "coco18")
    assert (card.input.stride, card.input.colour) == (8, "bgr")
    sizes = {file.name: (file.size, file.sha256[:8]) for w in card.weights for file in w.files}
    assert sizes == {
        f"{MODEL}-fp16int8.xml": (426156, "581b082e"),
        f"{MODEL}-fp16int8.bin": (4170034, "df2a9f41"),
        f"{MODEL}.xml": (153774, "a4312443"),
        f"{MODEL}.bin": (16394712, "746bddef"),
        f"{MODEL}.onnx": (16417995, "ed248222"),
    }


# Finding a card


@pytest.mark.parametrize("typed", ["human-pose-estimation-001", "human-pose", "Human-Pose", "x"])
def test_an_unknown_model_is_told_with_the_nearest_names(typed: str) -> None:
    with pytest.raises(CardError, match=f"no model '{typed}'; did you mean .*{MODEL}"):
        load_card(typed)


@pytest.mark.parametrize("typed", ["", ".", "..", "/", "../skeletons/coco17", "a" * 5000, "a\0b"])
def test_what_is_no_name_is_no_model(typed: str) -> None:
    assert "There is no model" in complaint(typed)


@pytest.mark.parametrize("typed", ["absent.toml", "absent.TOML", "no-folder/absent.toml"])
def test_a_card_that_is_not_there_is_told(typed: str) -> None:
    assert f"There is no model card {typed}" in complaint(typed)


@pytest.mark.parametrize("typed", [f"{'a' * 5000}.toml", "a\0.toml"])
def test_a_name_that_no_file_can_have_is_told(typed: str) -> None:
    assert "cannot be read" in complaint(typed)


def test_a_folder_is_no_card(tmp_path: Path) -> None:
    (tmp_path / "my.toml").mkdir()
    assert "my.toml" in complaint(tmp_path / "my.toml")


def complaint(model: object) -> str:
    with pytest.raises(CardError) as caught:
        load_card(str(model))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# A card of one's own

FILE = {"name": "net.onnx", "size": 7, "sha256": "ab" * 32}
ARCHIVE = {"member": "a/net.onnx", "size": 9, "sha256": "cd" * 32}
WEIGHTS = {
    "precision": ["fp32"],
    "outputs": {"heatmaps": "heat", "pafs": "paf"},
    "files": [FILE],
}
MINE: dict[str, Any] = {
    "skeleton": {
        "keypoints": [
            {"name": name, "sigma": 0.1, "colour": [0, 0, 0]} for name in ("wheel", "light")
        ],
        "limbs": [["wheel", "light"]],
    },
    "input": {"stride": 4, "height": 64, "colour": "rgb", "mean": [1, 2, 3]},
    "decoder": {"kind": "paf", "pafs": [[1, 0]], "peak_threshold": 0.2},
    "weights": [WEIGHTS],
}


def toml(value: Any) -> str:
    """A value of plain data as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def write(folder: Path, data: dict[str, Any], name: str = "mine.toml") -> Path:
    path = folder / name
    lines = (f"{json.dumps(key)} = {toml(value)}\n" for key, value in data.items())
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_a_card_of_ones_own(tmp_path: Path) -> None:
    card = load_card(str(write(tmp_path, MINE)))
    assert (card.name, card.licence, card.folder) == ("mine", "unknown", tmp_path.resolve())
    assert card.skeleton.limbs == ((0, 1),)
    assert card.decoder.channels == ((1, 0),)
    assert (card.input.colour, card.input.mean) == ("rgb", (1, 2, 3))
    assert card.decoder.settings.peak_threshold == 0.2
    assert card.weights[0].files[0].urls == ()


def test_a_card_saved_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path, MINE)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert load_card(str(path)).name == "mine"


def changed(place: str, value: Any) -> dict[str, Any]:
    """MINE with the value at a dotted place replaced, or dropped where it is None."""
    data = json.loads(json.dumps(MINE))
    *way, last = place.split(".")
    here = data
    for step in way:
        here = here[int(step)] if isinstance(here, list) else here[step]
    if value is None:
        del here[last]
    else:
        here[last] = value
    return dict(data)


BROKEN = [
    ("skeleton", None, "lacks 'skeleton'"),
    ("skeleton", "bird", "no skeleton 'bird'"),
    ("skeleton", 5, "must be a table"),
    ("input", None, "lacks 'input'"),
    ("input", [], "input must be a table"),
    ("input.stride", None, "input lacks 'stride'"),
    ("input.stride", "8", "stride in input must be int, not '8'"),
    ("input.stride", 8.0, "stride in input must be int"),
    ("input.stride", 0, "positive stride"),
    ("input.height", True, "height in input must be int"),
    ("input.height", 3, "height"),
    ("input.colour", "grey", "colour in input"),
    ("input.mean", [1, 2], "three numbers"),
    ("input.mean", ["a", 2, 3], "mean in input"),
    ("input.scale", [0, 1, 1], "no zero in scale"),
    ("input.scale", [10**400, 1, 1], "scale in input must be"),
    ("input.mean", [1e39, 1, 1], "mean in input must be"),
    ("input.height", 10**9, "at most 4096"),
    ("input.rows", 5, "'rows' is not known in input"),
    ("input.size", 5, "size in input must be"),
    ("input.longer", 64, "one of height (rows), longer"),
    ("input.height", None, "one of height (rows), longer"),
    ("input.element", "i32", "has mean or scale, but element 'i32'"),
    ("input.layout", "hwc", "layout in input"),
    ("input.place", "centre", "paf decoder needs the picture in the corner"),
    ("input.pad", 256, "0 to 255"),
    ("decoder", None, "lacks 'decoder'"),
    ("decoder.kind", None, "no decoder None"),
    ("decoder.kind", "rubbish", "no decoder 'rubbish'; known are paf"),
    ("decoder.kind", ["paf"], "no decoder"),
    ("decoder.pafs", None, "1 channel pairs"),
    ("decoder.pafs", [[0, 1], [2, 3]], "1 channel pairs"),
    ("decoder.pafs", [[0]], "must be pairs"),
    ("decoder.pafs", [[0, 0]], "a channel twice"),
    ("decoder.pafs", [[0, -1]], "from 0 on"),
    ("decoder.pafs", [[0, 1.5]], "whole numbers"),
    ("decoder.peak_threshold", "high", "peak_threshold in decoder must be float"),
    ("decoder.samples", 0, "samples of 1 or more"),
    ("decoder.samples", 10**9, "at most 1000"),
    ("decoder.peak_threshold", 10**400, "peak_threshold in decoder must be float"),
    ("skeleton.keypoints.0.sigma", 10**400, "sigma in keypoints must be float"),
    ("decoder.least_above", 95, "from 0 to 1"),
    ("decoder.thresold", 0.1, "'thresold' is not known in decoder"),
    ("weights", None, "lacks 'weights'"),
    ("weights", [], "weights must be a list of tables"),
    ("weights", WEIGHTS, "weights must be a list of tables"),
    ("weights.0.precision", [], "need a precision"),
    ("weights.0.precision", "fp32", "precision in weights"),
    ("weights.0.precision", ["fp8"], "precision in weights"),
    ("weights.0.outputs", {"heatmaps": "a"}, "outputs for heatmaps and pafs"),
    ("weights.0.outputs", {"heatmaps": "a", "pafs": 1}, "outputs in weights"),
    ("weights.0.files", [], "files must be a list of tables"),
    ("weights.0.files", [{**FILE, "sha256": "ab"}], "64 lower-case hexadecimal digits"),
    ("weights.0.files", [{**FILE, "sha256": "AB" * 32}], "64 lower-case hexadecimal digits"),
    ("weights.0.files", [{**FILE, "size": -1}], "size positive"),
    ("weights.0.files", [{**FILE, "name": "../net.onnx"}], "plain file name"),
    ("weights.0.files", [{**FILE, "name": ".."}], "plain file name"),
    ("weights.0.files", [{**FILE, "name": ""}], "plain file name"),
    ("weights.0.files", [{**FILE, "name": "a\nb"}], "plain file name"),
    ("weights.0.files", [{**FILE, "url": "file:///etc/passwd"}], "url must begin with https://"),
    ("weights.0.files", [{**FILE, "url": "ftp://there/net.onnx"}], "url must begin with https://"),
    ("weights.0.files", [{**FILE, "url": 5}], "url in"),
    ("weights.0.files", [{**FILE, "urls": ["ftp://there/net.onnx"]}], "url must begin with"),
    ("weights.0.files", [{**FILE, "urls": 5}], "urls in"),
    ("weights.0.files", [{**FILE, "url": "https://a/b", "urls": []}], "url and urls"),
    ("weights.0.files", [{**FILE, "archive": {"size": 7}}], "archive lacks 'member'"),
    ("weights.0.files", [{**FILE, "archive": {**ARCHIVE, "size": -1}}], "a positive one"),
    ("weights.0.files", [{**FILE, "archive": {**ARCHIVE, "member": ""}}], "a member's name"),
    ("weights.0.files", [{**FILE, "archive": {**ARCHIVE, "sha256": "ab"}}], "hexadecimal"),
    ("weights.0.files", [{"size": 7}], "lacks 'name'"),
    ("weights.0.files", [{**FILE, "size": 0}], "needs its size in bytes"),
    ("licnece", "MIT", "'licnece' is not known in the card"),
]


@pytest.mark.parametrize(("place", "value", "said"), BROKEN)
def test_a_broken_card_says_what_is_wrong(
    place: str, value: Any, said: str, tmp_path: Path
) -> None:
    whole = complaint(write(tmp_path, changed(place, value)))
    assert said in whole
    assert "mine.toml" in whole


@pytest.mark.parametrize("text", [b"", b"= 5", b"\xff\xfe", b"a = 1\na = 2", b"a = " + b"[" * 9999])
def test_what_is_no_toml_is_told(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text)
    assert "mine.toml" in complaint(path)


LEAVES = (
    st.none() | st.booleans() | st.integers(-9, 999) | st.floats() | st.text(max_size=9)
).filter(lambda value: value is not None)
VALUES = st.recursive(
    LEAVES,
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some, max_size=3)
    ),
    max_leaves=6,
)
PLACES = sorted(
    {place for place, _, _ in BROKEN if not place.endswith(("thresold", "rows", "licnece"))}
    | {f"weights.0.files.0.{key}" for key in (*FILE, "url")}
    | {f"skeleton.keypoints.0.{key}" for key in ("name", "sigma", "colour")}
    | {"skeleton.keypoints", "skeleton.limbs", "skeleton.redundant", "title", "home"}
)


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_whatever_stands_in_a_card_it_loads_or_says_why(
    place: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.getbasetemp(), changed(place, value), "any.toml")
    assert "\n" not in outcome(path)


def test_what_a_sentence_quotes_is_cut_and_cannot_steer_the_terminal(tmp_path: Path) -> None:
    text = complaint(write(tmp_path, {"a" * 5000: 1}))
    assert len(text) <= MAX_SENTENCE
    assert text.startswith("Model card mine.toml: 'aaa")
    assert text.endswith("decoder, weights.")
    assert complaint("\x1b[31m\n.toml") == r"There is no model card \x1b[31m\n.toml."


def outcome(path: Path) -> str:
    try:
        return load_card(str(path)).name
    except CardError as error:
        return str(error)
