"""A crop network is taught feet: they are learnt, and its body stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)

from engines.models.card import load_card  # noqa: E402
from engines.models.weights import locate  # noqa: E402
from engines.networks.cropnet import HEAD as CHANNELS  # noqa: E402
from engines.networks.cropnet import SIXTEENTH, CropNet, Feet, heatmaps  # noqa: E402
from tests.training.test_continued import crops  # noqa: E402
from training.crops.continued import start_from_graph  # noqa: E402
from training.crops.head import HEAD, prepared  # noqa: E402
from training.crops.learner import Learner  # noqa: E402
from training.crops.people import BODY, WITH_FEET  # noqa: E402
from training.crops.samples import varied  # noqa: E402
from training.data.photos import Photo  # noqa: E402
from training.feet import train  # noqa: E402
from training.feet.people import _as_people  # noqa: E402
from training.feet.shared import Shared  # noqa: E402
from training.feet.train import CropsFeetSettings, learn  # noqa: E402

FEET = WITH_FEET.keypoints[BODY:]


def test_the_body_is_found_as_before_with_feet_and_without(tmp_path: Path) -> None:
    graph, seen = locate(load_card("cropnet"), "int8").paths[0], crops()[:16]
    body, learner = CropNet(), Learner(0, feet=True)
    for network in (body, learner.network):
        start_from_graph(network, graph, seen)
        network.eval()
    with torch.inference_mode():
        without = heatmaps(*body(prepared(seen[:4])))
        whole = heatmaps(*learner.network(prepared(seen[:4])))
    assert whole.shape[1] == BODY + len(FEET)
    torch.testing.assert_close(whole[:, :BODY], without, rtol=0, atol=1e-6)
    learner.save(tmp_path / "checkpoint.pt")
    again = Learner.saved(tmp_path / "checkpoint.pt").network.eval()
    with torch.inference_mode():
        torch.testing.assert_close(heatmaps(*again(prepared(seen[:4]))), whole)


def test_the_branch_learns_where_features_tell_of_feet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four channels of noise have a spot each where a keypoint is; held-out spots are found."""
    monkeypatch.setattr(train, "REPORT_STEPS", 80)
    rng = np.random.default_rng(0)
    count, held = 160, 32
    xy = rng.uniform(16, (112, 144), (count, 4, 2)).astype(np.float32)
    features = rng.normal(0, 0.1, (count, CHANNELS, 20, 16)).astype(np.float32)
    rows, columns = np.mgrid[:20, :16]
    for n, k in np.ndindex(count, 4):
        away = (columns - xy[n, k, 0] / 8 + 0.5) ** 2 + (rows - xy[n, k, 1] / 8 + 0.5) ** 2
        features[n, k] += 3 * np.exp(-away / 2)
    weight = np.ones((count, 4), np.float32)
    weight[0] = 0  # whatever is said there counts for nothing
    seen = Shared(
        torch.from_numpy(features).half(), torch.zeros(count, SIXTEENTH), xy, weight, weight, xy
    )
    torch.manual_seed(0)
    feet, steps = Feet(), []
    settings = CropsFeetSettings(Path(), (), minutes=1e9, rate=1e-2)

    class Enough(Exception):
        pass

    def report(step: int) -> None:
        steps.append(step)
        raise Enough

    with pytest.raises(Enough):
        learn(feet, _some(seen, slice(held, None)), settings, report)
    feet.eval()
    with torch.inference_mode():
        maps = heatmaps(*feet(seen.features[:held].float(), seen.whole[:held]))
    found, _ = HEAD.points({"heatmaps": maps.numpy()}, (128, 160))
    off = np.linalg.norm(found - xy[:held], axis=2)
    assert np.median(off) < 2
    assert (off < 6).mean() > 0.95


def _some(seen: Shared, which: slice) -> Shared:
    return Shared(*(getattr(seen, name)[which] for name in Shared.__dataclass_fields__))


def test_only_feet_that_were_found_are_judged_and_mirrored_crops_mirror_them() -> None:
    xy = np.random.default_rng(1).uniform(20, 180, (len(WITH_FEET.keypoints), 2))
    score = np.full(len(xy), 0.7, np.float32)
    score[-1] = 0
    people = _as_people([(0, xy.astype(np.float32), score)], 1)
    assert people.weight[0].tolist() == [1] * (len(xy) - 1) + [0]
    assert people.score[0, BODY] > 0.9  # they are there
    assert np.isnan(people.box[0, BODY:]).all()  # boxes are those of bodies
    photo = Photo(np.zeros((200, 200, 3), np.uint8))
    sides = set()
    for seed in range(20):
        sample = varied(photo, people, 0, (160, 224), np.random.default_rng(seed))
        sides.add(int(np.flatnonzero(sample.weight == 0).item()))
    assert sides == {FEET.index(f"{side}_heel") + BODY for side in ("left", "right")}
