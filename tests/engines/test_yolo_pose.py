"""A YOLO-pose network of the user's own, from the card that docs/models.md shows."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from engines.estimator import open_estimator
from engines.models.card import load_card
from engines.models.trust import trust
from engines.models.weights import locate
from engines.types.errors import CardError, WeightsError
from tests.conftest import ROOT
from tests.engines.yolo_network import APART, OFFSETS, network

pytestmark = pytest.mark.usefixtures("own_cache")
SIZE = (640, 640)


def laid_out(folder: Path, model: onnx.ModelProto) -> tuple[Path, str]:
    """The card, with a network beside it, and the sum that its user says."""
    shutil.copy(ROOT / "tests" / "cards" / "yolo-pose.toml", folder)
    body = model.SerializeToString()
    (folder / "yolo-pose.onnx").write_bytes(body)
    return folder / "yolo-pose.toml", hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("picture", [(320, 240), (200, 400), (1280, 720)])
def test_its_people_are_where_they_are_in_the_picture(
    picture: tuple[int, int], tmp_path: Path
) -> None:
    """Letterboxed in the middle, in RGB from 0 to 1; of two boxes of one person one stays."""
    path, digest = laid_out(tmp_path, network(SIZE))
    card = load_card(str(path))
    with pytest.raises(WeightsError, match="does not know the sha256"):
        locate(card)
    trust(card, [digest])
    wide, high = picture
    lamp = (wide // 2 - 10, high // 2 + 6)
    image = np.zeros((high, wide, 3), np.uint8)
    scale = min(SIZE[0] / wide, SIZE[1] / high)
    cv2.circle(image, lamp, round(4 / min(scale, 1)), (0, 0, 255), -1)  # red, as OpenCV has it
    cv2.circle(image, (10, 10), 9, (255, 0, 0), -1)
    estimator = open_estimator(card, locate(card))
    estimator.submit([image])
    poses = estimator.decoder.decode(estimator.result()[0])
    estimator.close()
    np.testing.assert_allclose(poses.person_score, [1, 0.6], atol=1e-3)
    for person, apart in zip(poses.xy, (APART[0], APART[2]), strict=True):
        wanted = np.array(lamp) + (OFFSETS + np.array([apart, 0])) / scale
        # The first of equally bright rows and columns is taken: the lamp's upper left.
        off = (person - wanted) * scale
        assert np.abs(off - off[0]).max() < 0.01
        assert -8 * max(scale, 1) < off[0].min() <= off[0].max() < 1
    np.testing.assert_allclose(poses.score, 0.9, atol=1e-3)


def test_a_network_of_another_layout_is_one_sentence(tmp_path: Path) -> None:
    """A detector without keypoints, or another skeleton's: the card does not fit it."""
    path, digest = laid_out(tmp_path, network(SIZE))
    path.write_text(path.read_text().replace('skeleton = "coco17"', 'skeleton = "coco18"'))
    card = load_card(str(path))
    trust(card, [digest])
    with pytest.raises(CardError, match=r"output0 .* is \(56, 5\) .* must be \(59, any\)"):
        open_estimator(card, locate(card))


def test_no_weights_of_one_come_along() -> None:
    names = [path.name for path in (ROOT / "engines").rglob("*") if "yolo" in path.name.lower()]
    assert names == []
