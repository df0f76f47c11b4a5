"""Crops made on the device, against OpenCV; the teacher as a torch module, against OpenVINO."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import openvino
import pytest

torch = pytest.importorskip(
    "torch", reason="torch is missing: pip install -r requirements-train.txt"
)
onnx = pytest.importorskip("onnx", reason="onnx is missing: pip install -r requirements-train.txt")
pytest.importorskip("matplotlib", reason="for training: pip install -r requirements-train.txt")

from engines.networks.from_onnx import Graph  # noqa: E402
from engines.types.arrays import Image  # noqa: E402
from engines.types.errors import WeightsError  # noqa: E402
from training.data.batches import MapBatch  # noqa: E402
from training.data.device_batches import DeviceBatches, Places, torch_teacher  # noqa: E402
from training.data.photos import Photo  # noqa: E402
from training.data.teacher import Teacher  # noqa: E402
from training.learning import train as trainer  # noqa: E402


class Brightness(torch.nn.Module):
    """A teacher whose first heat map is how bright each cell is."""

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
        cells = torch.nn.functional.avg_pool2d(picture.mean(1, keepdim=True), 8) / 255
        return tuple(cells.repeat(1, count, 1, 1) for count in (19, 38, 128))


def smooth(seed: int, wide: int, high: int) -> Image:
    """A picture without edges, so that two ways of sampling it may be compared."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (5, 6, 3), np.uint8)
    return np.asarray(cv2.resize(small, (wide, high), interpolation=cv2.INTER_CUBIC), np.uint8)


PHOTOS = [smooth(0, 192, 128), smooth(1, 128, 192), smooth(2, 100, 80)]
TAKEN = [Photo(photo) for photo in PHOTOS]


def placed(linear: list[list[float]], shift: list[float], photo: int = 0) -> Places:
    def tensor(values: list[object]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32)

    index = torch.tensor([photo])
    box = tensor([[0, 0, 48, 48]])
    return Places(index, torch.tensor([0]), tensor([linear]), tensor([shift]), box)


@pytest.mark.parametrize("photo", [0, 1, 2])
@pytest.mark.parametrize(
    "linear",
    [
        [[1.0, 0.0], [0.0, 1.0]],
        [[0.9, -0.5], [0.5, 0.9]],
        [[-1.2, 0.3], [0.3, 1.2]],
        [[1.5, 0.0], [0.0, 2.0]],
        [[0.45, 0.0], [0.0, 0.45]],  # from the second level of the pyramid
        [[0.2, 0.05], [-0.05, 0.2]],  # from the third
    ],
)
def test_a_crop_lies_where_opencv_puts_it(photo: int, linear: list[list[float]]) -> None:
    batches = DeviceBatches(TAKEN, Brightness(), "cpu")
    shift = list(np.array([24, 24]) - np.array(linear) @ [50, 40])
    matrix = np.column_stack([linear, shift])
    wanted = cv2.warpAffine(
        PHOTOS[photo], matrix, (48, 48), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    chance = torch.Generator().manual_seed(0)
    found = batches.crops(placed(linear, shift, photo), 1, 48, chance)[0].permute(1, 2, 0).numpy()
    rows, columns = np.mgrid[:48, :48]
    at = np.linalg.solve(linear, np.stack([columns, rows]).reshape(2, -1) - np.c_[shift])
    high, wide = PHOTOS[photo].shape[:2]
    margin = 4  # the smaller levels are softer at the edge
    inside = (at > margin) & (at < np.c_[[wide - 1 - margin, high - 1 - margin]])
    inside = inside.all(0).reshape(48, 48)
    assert inside.sum() > 40

    def away(right: int, down: int) -> float:
        moved = np.roll(found, (down, right), (0, 1))
        return float(np.abs(moved - wanted.astype(float))[inside].mean())

    # What is left are the softer pictures of the smaller levels: a pixel more is far worse.
    assert away(0, 0) < 0.5 * min(away(1, 0), away(-1, 0), away(0, 1), away(0, -1))


def test_batches_are_the_same_for_the_same_seed_alone() -> None:
    batches = DeviceBatches(TAKEN, Brightness(), "cpu")
    one, same, other = (batches(6, 64, seed) for seed in ((1, 0), (1, 0), (1, 1)))
    for a, b, c in zip(one, same, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
        assert not torch.equal(a, c)
    assert one.pictures.shape == (6, 64, 64, 3)
    assert one.pictures.dtype == torch.uint8
    assert one.heatmaps.shape == (6, 19, 8, 8)
    assert one.pafs.shape == (6, 38, 8, 8)


def test_photos_come_up_as_often_as_they_are_numbered() -> None:
    batches = DeviceBatches(TAKEN, Brightness(), "cpu", [0, 1, 1, 1])
    photo = batches.places(400, 64, torch.Generator().manual_seed(0)).photo
    assert set(photo.tolist()) == {0, 1}
    assert 0.7 < (photo == 1).float().mean() < 0.8


def test_the_maps_are_those_of_the_good_picture_at_its_place() -> None:
    """What the student sees is worse, but lies the same way as what the teacher saw."""
    pictures, heatmaps, *_ = DeviceBatches(TAKEN, Brightness(), "cpu")(64, 64, (3,))
    shown = pictures.float().mean(-1).reshape(64, 8, 8, 8, 8).mean((2, 4)) / 255
    alike = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in zip(shown.numpy(), heatmaps[:, 0].numpy(), strict=True)
    ]
    assert np.median(alike) > 0.95


def test_a_crowd_is_made_of_four_places_and_covers_the_crop() -> None:
    batches = DeviceBatches(TAKEN, Brightness(), "cpu")
    places = batches.places(200, 64, torch.Generator().manual_seed(0))
    crowds = (len(places.crop) - 200) // 4
    assert 20 < crowds < 60  # a fifth
    box = places.box[200:].reshape(4, crowds, 4)
    areas = ((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])).sum(0)
    assert (areas == 64 * 64).all()
    assert torch.equal(places.crop[200 : 200 + crowds], places.crop[200 + crowds :][:crowds])


def crowd_of_photos(data: Path) -> Image:
    paths = sorted((data / "coco-dev" / "images").iterdir())[:4]
    return np.stack([cv2.resize(cv2.imread(str(path)), (256, 256)) for path in paths])


def tiny(path: Path, last: str = "Relu") -> Path:
    """An ONNX network with every operation that the teacher has."""
    rng = np.random.default_rng(0)

    def constant(name: str, *shape: int) -> onnx.TensorProto:
        values = rng.normal(0, 0.3, shape).astype(np.float32)
        return onnx.numpy_helper.from_array(values, name)

    make, pads = onnx.helper.make_node, [2, 2, 2, 2]
    nodes = [
        make("Mul", ["data", "scale"], ["scaled"]),
        make("Add", ["scaled", "mean"], ["given"]),
        make("Conv", ["given", "w1", "b1"], ["first"], strides=[2, 2], pads=[1, 1, 1, 1]),
        make("Elu", ["first"], ["elu"], alpha=0.7),
        make("Conv", ["elu", "w2"], ["deep"], group=4, dilations=[2, 2], pads=pads),
        make("Concat", ["elu", "deep"], ["both"], axis=1),
        make(last, ["both"], ["heat"]),
        make("Identity", ["deep"], ["paf"]),
    ]
    weights = [constant("scale", 1, 3, 1, 1), constant("mean", 1, 3, 1, 1)]
    weights += [constant("w1", 4, 3, 3, 3), constant("b1", 4), constant("w2", 4, 1, 3, 3)]
    info, number = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    outputs = [info("heat", number, ["n", 8, "h", "w"]), info("paf", number, ["n", 4, "h", "w"])]
    entry = info("data", number, ["n", 3, "H", "W"])
    graph = onnx.helper.make_graph(nodes, "tiny", [entry], outputs, weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def agree(path: Path, picture: np.ndarray, within: float) -> None:
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    wanted = openvino.Core().compile_model(str(path), "CPU", hint)(picture)
    with torch.inference_mode():
        found = Graph(onnx.load(path), ("heat", "paf"))(torch.from_numpy(picture))
    for name, have in zip(("heat", "paf"), found, strict=True):
        np.testing.assert_allclose(have.numpy(), wanted[name], atol=within)


def test_a_graph_gives_what_openvino_gives(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).normal(0, 1, (2, 3, 24, 32)).astype(np.float32)
    agree(tiny(tmp_path / "tiny.onnx"), picture, 1e-5)


def test_the_teacher_gives_what_openvino_gives(data: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (1, 3, 64, 96)).astype(np.float32)
    agree(data / "models" / "human-pose-estimation-0001.onnx", picture, 1e-4)


def test_both_teachers_teach_the_same(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The INT8 one of the CPU and the fp32 one of a GPU, their features included."""
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    image = crowd_of_photos(data)
    module = torch_teacher("cpu")
    with torch.inference_mode():
        wanted = module(torch.from_numpy(image).permute(0, 3, 1, 2).float())
    for have, want in zip(Teacher(1)(image), wanted, strict=True):
        assert have.shape == want.shape
        assert np.corrcoef(have.ravel(), want.numpy().ravel())[0, 1] > 0.95


def test_an_operation_that_is_not_provided_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not know the network's Softsign"):
        Graph(onnx.load(tiny(tmp_path / "tiny.onnx", "Softsign")), ("heat", "paf"))


def test_a_run_on_the_device_that_was_stopped_goes_on_as_if_it_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped as a user does it: by a file named stop, laid while a step is under way."""
    learn = trainer.Student.learn
    left: list[int] = []

    def counted(student: trainer.Student, batch: MapBatch, rate: float) -> float:
        left[0] -= 1
        if not left[0]:
            (run / "stop").touch()
        return learn(student, batch, rate)

    monkeypatch.setattr(trainer.Student, "learn", counted)
    monkeypatch.setattr(trainer, "CHECK_CROPS", 2)
    monkeypatch.setattr(trainer, "torch_teacher", lambda device: Brightness())
    monkeypatch.setattr(trainer, "read_photos", lambda folder: TAKEN * 2)
    ends = []
    for parts in ((4,), (1, 3)):
        run = tmp_path / f"{len(parts)}"
        settings = trainer.TrainSettings(
            run, (tmp_path,), size=64, batch=2, threads=1, crops="device"
        )
        for steps in parts:
            left[:] = [steps]
            trainer.train(settings)
            (run / "stop").unlink()
        state = torch.load(run / "checkpoint.pt", weights_only=True)
        assert state["figures"][:2] == (4, 8)
        ends.append(state["network"])
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value)
