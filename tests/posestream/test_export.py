"""`posestream models export`: a PyTorch network's people are those of its ONNX file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from engines.estimator import open_estimator
from engines.models.card import Card, load_card
from engines.models.weights import locate
from engines.networks import NETWORKS
from engines.onnx_export.load import read_onnx
from engines.types.errors import WeightsError
from posestream.commands.models.main import main
from tests import synth
from tests.engines.networks.test_caffe import blob, layer
from tests.engines.runtimes.test_pytorch import SIZE, Tiny, with_weights

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """Whose picture is normalised, which the exported card must say too."""
    monkeypatch.setitem(NETWORKS, "tiny", f"{Tiny.__module__}:Tiny")
    taps = np.eye(192, dtype=np.float32)[:95].reshape(95, 3, 8, 8) / np.float32(255)
    torch.save({"maps.weight": torch.from_numpy(taps)}, tmp_path / "tiny.pt")
    return with_weights(synth.write_tiny_network(tmp_path, SIZE[1]), tmp_path / "tiny.pt")


def test_the_exported_card_finds_the_same_people(
    card: Card, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new" / "exported.toml"
    assert main(["export", str(card.folder / "tiny.toml"), "--output", str(new)]) == 0
    assert "exported.onnx" in capsys.readouterr().out
    exported = load_card(str(new))
    assert (exported.skeleton, exported.input) == (card.skeleton, card.input)
    assert exported.decoder == card.decoder
    assert [one.network for one in exported.weights] == [None]
    crowd = synth.crowd(2, SIZE, np.random.default_rng(3))
    found = []
    for one in (card, exported):
        estimator = open_estimator(one, locate(one, "fp32"))
        estimator.submit([synth.scene(crowd, SIZE)])
        found.append(estimator.decoder.decode(estimator.result()[0]))
        estimator.close()
    assert len(found[0]) == len(found[1]) == 2
    np.testing.assert_allclose(found[1].xy, found[0].xy, atol=1e-3)
    np.testing.assert_allclose(found[1].score, found[0].score, atol=1e-5)
    assert read_onnx(locate(exported, "fp16"), exported.decoder).graph.node  # TensorRT's way


@pytest.mark.usefixtures("own_cache")
def test_what_cannot_be_exported_is_one_sentence(
    card: Card, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = str(card.folder / "tiny.toml")
    there = tmp_path / "there.toml"
    there.write_text("mine")
    for words, said in (
        (["pafnet", "-o", str(tmp_path / "a.toml")], "Model pafnet has no PyTorch network"),
        ([own, "-o", str(tmp_path / "a.onnx")], "must end in .toml"),
        ([own, "-o", str(there)], "there.toml is there already; add --overwrite"),
        (["openpose-body25", "-o", str(tmp_path / "a.toml")], "does not know the sha256"),
    ):
        assert main(["export", *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert there.read_text() == "mine"
    assert main(["export", own, "-o", str(there), "--overwrite"]) == 0


def test_an_engine_of_a_pytorch_network_wants_it_exported_first(card: Card) -> None:
    with pytest.raises(WeightsError, match=r"tiny\.pt holds .* posestream models export"):
        read_onnx(locate(card, "fp32"), card.decoder)


@pytest.mark.parametrize("name", ["openpose-body25", "openpose-coco", "openpose-mpi"])
def test_cards_for_openposes_own_weights_have_its_layout(name: str) -> None:
    """Each limb has two fields of its own, and none is left over."""
    card = load_card(name)
    every = sorted(channel for pair in card.decoder.channels for channel in pair)
    assert every == list(range(2 * len(card.skeleton.limbs)))
    assert "non-commercial" in card.licence
    assert [file.name.rpartition(".")[2] for file in card.weights[0].files] == ["caffemodel"]
    assert not any(file.urls for one in card.weights for file in one.files)


@pytest.mark.usefixtures("own_cache")
def test_a_caffemodel_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once its user has said its sha256, as of any file that the card does not know."""
    monkeypatch.setitem(NETWORKS, "tiny", f"{Tiny.__module__}:Tiny")
    taps = np.eye(192, dtype=np.float32)[:95].reshape(95, 3, 8, 8) / np.float32(255)
    weights = tmp_path / "own.caffemodel"
    weights.write_bytes(layer("maps", blob(taps)))
    path = synth.write_tiny_network(tmp_path, SIZE[1])
    text = path.read_text().partition("[[weights]]")[0]
    path.write_text(
        f'{text}[[weights]]\nprecision = ["fp32"]\nnetwork = "tiny"\n'
        'files = [{ name = "own.caffemodel" }]\n'
    )
    assert main(["fetch", str(path)]) == 2
    assert "does not know the sha256 of own.caffemodel" in capsys.readouterr().err
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert main(["fetch", str(path), "--trust", digest]) == 0
    card = load_card(str(path))
    estimator = open_estimator(card, locate(card, "fp32"))
    estimator.submit([synth.scene(synth.crowd(2, SIZE, np.random.default_rng(3)), SIZE)])
    assert len(estimator.decoder.decode(estimator.result()[0])) == 2
    estimator.close()
