"""Our own network and its trainer, on a set so small that a test can train on it."""

from __future__ import annotations

import io
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.models.card import load_card
from engines.models.weights import locate
from tests.synth import crowd, scene

MISSING = "for training: pip install -r requirements-train.txt"
torch = pytest.importorskip("torch", reason=MISSING)
pytest.importorskip("onnx", reason=MISSING)
pytest.importorskip("matplotlib", reason=MISSING)

from engines.networks.pafnet import PafNet  # noqa: E402
from engines.types.arrays import Floats, Image  # noqa: E402
from training.data.batches import MapBatch, make_batch  # noqa: E402
from training.data.errors import TrainingError  # noqa: E402
from training.data.photos import Photo, often, read_photos  # noqa: E402
from training.learning import train as trainer  # noqa: E402
from training.learning.muon import orthogonal  # noqa: E402
from training.learning.student import MEAN, Student, prepared  # noqa: E402
from training.learning.train import TrainSettings, train  # noqa: E402
from training.shipping.export import ExportSettings, averaged, export  # noqa: E402


def teach(crops: Image) -> tuple[Floats, Floats, Floats]:
    """A teacher that finds a nose wherever it is bright."""
    small = np.stack([cv2.resize(one, None, fx=1 / 8, fy=1 / 8) for one in crops])
    heatmaps = np.zeros((len(crops), 19, *small.shape[1:3]), np.float32)
    heatmaps[:, 0] = small.mean(-1) / 255
    pafs = np.zeros((len(crops), 38, *small.shape[1:3]), np.float32)
    return heatmaps, pafs, np.repeat(heatmaps[:, :1], 128, 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a shard of four pictures and something that is none."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    with tarfile.open(folder / "shard_00.tar", "w") as tar:
        for name in ("a.webp", "b.webp", "c.png", "d.jpg", "labels.txt", "broken.webp"):
            picture = rng.integers(0, 256, (60, 90, 3), np.uint8)
            ending = Path(name).suffix.replace(".txt", ".png")
            data = cv2.imencode(ending, picture)[1].tobytes() if name[0] != "b" else b"none"
            data = cv2.imencode(".webp", picture)[1].tobytes() if name == "b.webp" else data
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return folder


@pytest.fixture(scope="module")
def taught(photos: Path) -> tuple[Student, MapBatch, list[float]]:
    """A student that learnt one batch, and its losses."""
    with ThreadPoolExecutor(1) as pool:
        batch = make_batch(read_photos(photos), teach, 4, 64, (9,), pool)
    student, threads = Student(1), torch.get_num_threads()
    torch.set_num_threads(1)
    losses = [student.learn(batch, 1e-3) for _ in range(20)]
    torch.set_num_threads(threads)
    return student, batch, losses


def settings(photos: Path, run: Path, steps: int) -> TrainSettings:
    return TrainSettings(run, (photos,), steps=steps, size=64, batch=2, threads=1)


@pytest.fixture(autouse=True)
def _no_real_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "Teacher", lambda threads: teach)


def test_pictures_of_the_shards_are_read(photos: Path) -> None:
    assert [photo.image.shape for photo in read_photos(photos)] == [(60, 90, 3)] * 4
    with pytest.raises(TrainingError, match=r"holds no \.tar shards"):
        read_photos(photos / "none")


def test_several_folders_are_read_one_after_the_other(photos: Path, tmp_path: Path) -> None:
    hall = tmp_path / "hall"
    hall.mkdir()
    _, data = cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))
    with tarfile.open(hall / "photos.tar", "w") as tar:
        entry = tarfile.TarInfo("one.png")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data.tobytes()))
    sizes = [photo.image.shape[:2] for photo in read_photos(photos, hall)]
    assert sizes == [(60, 90)] * 4 + [(20, 30)]
    assert len(read_photos(photos, hall, count=3)) == 3
    assert len(read_photos(hall, photos, count=3)) == 3
    with pytest.raises(TrainingError, match=r"none holds no \.tar shards"):
        read_photos(photos, photos / "none")


def test_photos_of_several_people_come_up_more_often() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    people = [Photo(picture, boxes=np.zeros((count, 4), np.float32)) for count in (0, 1, 2, 9)]
    assert often(people) == [0, 1, 2, 2, 3, 3, 3]


def test_batches_are_the_same_for_the_same_seed(photos: Path) -> None:
    pictures = read_photos(photos)
    with ThreadPoolExecutor(2) as pool:
        one, same, other = (
            make_batch(pictures, teach, 4, 64, seed, pool) for seed in ((1, 0), (1, 0), (1, 1))
        )
    for a, b, c in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a is one.pafs or not np.array_equal(a, c)
    assert one.pictures.shape == (4, 64, 64, 3)
    assert one.heatmaps.shape == (4, 19, 8, 8)


def test_the_network_takes_any_multiple_of_eight() -> None:
    network = PafNet().eval()
    for high, wide in ((64, 64), (72, 104), (8, 16)):
        with torch.inference_mode():
            heatmaps, pafs = network(torch.zeros(2, 3, high, wide))
        assert heatmaps.shape == (2, 19, high // 8, wide // 8)
        assert pafs.shape == (2, 38, high // 8, wide // 8)


def test_the_network_is_as_small_as_planned() -> None:
    counts = []

    def count(module: torch.nn.Conv2d, _: object, out: torch.Tensor) -> None:
        counts.append(out.numel() * module.weight[0].numel())

    network = PafNet().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(torch.zeros(1, 3, 256, 456))
    assert 0.7e9 < sum(counts) < 2.2e9
    assert sum(one.numel() for one in network.parameters()) * 2 < 12e6


def test_a_run_that_was_stopped_goes_on_as_if_it_was_not(photos: Path, tmp_path: Path) -> None:
    train(settings(photos, tmp_path / "whole", 4))
    train(settings(photos, tmp_path / "parts", 2))
    train(settings(photos, tmp_path / "parts", 4))
    assert cv2.imread(str(tmp_path / "parts" / "curve.png")).std() > 5
    whole, parts = (averaged(tmp_path / name)[0].state_dict() for name in ("whole", "parts"))
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, msg=lambda text, name=name: f"{name} {text}")
    assert averaged(tmp_path / "parts")[1][:2] == (4, 8)


@pytest.mark.parametrize("shape", [(24, 60), (60, 24)])
def test_a_step_has_the_directions_of_the_gradient_and_all_of_one_length(
    shape: tuple[int, int],
) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.T @ orthogonal(matrix) @ right.T
    assert (found - torch.diag(found.diagonal())).abs().max() < 1e-3
    assert found.diagonal().min() > 0.6
    assert found.diagonal().max() < 1.25


def test_it_learns(taught: tuple[Student, MapBatch, list[float]]) -> None:
    _, _, losses = taught
    assert losses[-1] < 0.3 * losses[0]


def test_a_broken_checkpoint_is_a_sentence(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    torch.save({"network": {}}, tmp_path / "run" / "checkpoint.pt")
    with pytest.raises(TrainingError, match="no checkpoint of this network"):
        train(settings(photos, tmp_path / "run", 1))
    with pytest.raises(TrainingError, match="train it first"):
        averaged(tmp_path / "none")
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"cut")
    with pytest.raises(TrainingError, match="no checkpoint of this network"):
        train(settings(photos, tmp_path / "run", 1))


def test_what_is_exported_runs_as_the_network_does(photos: Path, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    train(settings(photos, tmp_path / "run", 2))
    path = export(ExportSettings((tmp_path / "run",), tmp_path / "out" / "own.toml"))
    card = load_card(str(path))
    located = locate(card, "fp32", download=False)
    assert sum(one.stat().st_size for one in located.paths) < 12e6
    picture = scene(crowd(2, (200, 104), np.random.default_rng(1)), (200, 104))[None]
    network, _ = averaged(tmp_path / "run")
    with torch.inference_mode():
        wanted = [one.numpy() for one in network(prepared(picture))]
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(located.paths[0]), "CPU", hint)
    found = compiled(prepared(picture).numpy())
    for name, want in zip(("heat", "paf"), wanted, strict=True):
        np.testing.assert_allclose(found[name], want, atol=2e-3)
    assert card.input.mean == (MEAN,) * 3
    with pytest.raises(TrainingError, match=r"must end in \.toml"):
        export(ExportSettings((tmp_path / "run",), tmp_path / "own.onnx"))


def test_of_several_stages_the_mean_of_the_weights_is_written(photos: Path, tmp_path: Path) -> None:
    stages = [tmp_path / "early", tmp_path / "late"]
    train(settings(photos, stages[0], 2))
    shutil.copytree(*stages)
    train(settings(photos, stages[1], 5))
    early, late = (averaged(one)[0].state_dict() for one in stages)
    network, figures = averaged(*stages)
    assert figures[:2] == (5, 10)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (early[name] + late[name]) / 2)
    assert not torch.equal(early["stem.0.0.weight"], late["stem.0.0.weight"])
    with pytest.raises(TrainingError, match="none has no checkpoint"):
        averaged(stages[0], tmp_path / "none")


@pytest.mark.int8
@pytest.mark.slow
@pytest.mark.timeout(1800)  # quantising takes most of a minute of processor time
def test_the_int8_form_finds_what_the_network_finds(
    photos: Path,
    taught: tuple[Student, MapBatch, list[float]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("nncf", reason=MISSING)
    monkeypatch.setattr("training.shipping.quantise.SAMPLES", 16)  # four photos tell no more
    student, batch, _ = taught
    (tmp_path / "run").mkdir()
    student.save(tmp_path / "run" / "checkpoint.pt")
    card = load_card(
        str(export(ExportSettings((tmp_path / "run",), tmp_path / "own.toml", (photos,))))
    )
    maps = []
    for precision in ("int8", "fp32"):
        located = locate(card, precision, download=False)
        hint = {"INFERENCE_PRECISION_HINT": "f32"}
        network = (
            pytest.importorskip("openvino").Core().compile_model(located.paths[0], "CPU", hint)
        )
        maps.append(network(prepared(batch.pictures).numpy())["heat"][:, 0])
        assert located.paths[0].suffix == {"int8": ".xml", "fp32": ".onnx"}[precision]
    assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.9
    assert not np.array_equal(*maps)
    assert sum(one.stat().st_size for one in locate(card, "int8", download=False).paths) < 6e6
