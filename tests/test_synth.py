"""The synthetic scenes themselves: what the other tests take for granted."""

from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest

from engines.models.card import load_card
from engines.types.arrays import Floats, Image
from engines.types.letterbox import Letterbox
from tests import synth

SIZE = (208, 152)


def read_maps(card: Path, picture: Image, precision: str) -> tuple[Floats, Floats]:
    core = ov.Core()
    graph = card.parent / load_card(str(card)).weights[0].files[0].name
    model = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    result = model(np.float32(picture.transpose(2, 0, 1))[None])
    return result["heat"][0], result["paf"][0]


# A number is stored in steps of 1/255; bf16 keeps eight of its bits.
@pytest.mark.parametrize(("precision", "error"), [("f32", 0.5 / 255), ("bf16", 1.5 / 255)])
def test_the_tiny_network_reads_the_maps_out_of_the_picture(
    tmp_path: Path, precision: str, error: float
) -> None:
    maps = synth.render(synth.crowd(2, SIZE, np.random.default_rng(1)), SIZE)
    card = synth.write_tiny_network(tmp_path)
    found = read_maps(card, synth.encode(*maps), precision)
    for name, have, want in zip(("heat", "paf"), found, maps, strict=True):
        np.testing.assert_allclose(have, want, atol=error + 1e-6, err_msg=name)


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_people_survive_the_picture(tmp_path: Path, precision: str) -> None:
    people = [synth.person((60, 76), 120, "walking"), synth.person((150, 76), 105, "arms up")]
    card = synth.write_tiny_network(tmp_path)
    maps = read_maps(card, synth.scene(people, SIZE), precision)
    known = load_card(str(card))
    decoder = known.decoder
    poses = decoder.decode(decoder.candidates(*maps, Letterbox(SIZE, SIZE, SIZE)))
    found = sorted(poses.xy, key=lambda xy: float(xy[1, 0]))
    np.testing.assert_allclose(found, people, atol=0.8)


def test_a_black_picture_holds_nobody(tmp_path: Path) -> None:
    card = synth.write_tiny_network(tmp_path)
    heat, pafs = read_maps(card, np.zeros((64, 40, 3), np.uint8), "f32")
    assert heat.shape == (19, 8, 5)
    assert pafs.shape == (38, 8, 5)
    assert not heat.any()
    assert not pafs.any()


def test_the_maps_mean_what_openpose_says() -> None:
    points = synth.person((100, 76), 120)
    heat, pafs = synth.render([points], SIZE)
    assert heat.shape == (19, 19, 26)
    assert pafs.shape == (38, 19, 26)
    for kind, name in enumerate(synth.SKELETON.keypoints):
        row, column = np.unravel_index(heat[kind].argmax(), heat[kind].shape)
        cell = np.array([column, row]) * 8 + 3.5  # the centre of an 8x8 block of pixels
        assert np.abs(cell - points[kind]).max() <= 4, name
    for (a, b), (x, y) in zip(synth.SKELETON.limbs, synth.CHANNELS, strict=True):
        column, row = ((points[a] + points[b]) / 2 // 8).astype(int)
        along = points[b] - points[a]
        field = pafs[[x, y], row, column]
        np.testing.assert_allclose(field, along / np.linalg.norm(along), atol=1e-6)
    np.testing.assert_allclose(heat[-1], 1 - heat[:-1].max(axis=0), atol=1e-6)


def test_where_limbs_of_a_kind_cross_the_field_is_their_mean() -> None:
    one, other = (np.full((18, 2), np.nan) for _ in range(2))
    one[[2, 3]] = (35.5, 75.5), (155.5, 75.5)
    other[[2, 3]] = (99.5, 19.5), (99.5, 139.5)
    _, pafs = synth.render([one, other], SIZE)
    x, y = synth.CHANNELS[synth.SKELETON.limbs.index((2, 3))]
    assert pafs[[x, y], 9, 6].tolist() == [1, 0]
    assert pafs[[x, y], 5, 12].tolist() == [0, 1]
    assert pafs[[x, y], 9, 12].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("pose", synth.POSES)
def test_people_look_like_people(pose: str) -> None:
    points = synth.person((300, 200), 200, pose, np.random.default_rng(3))
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    np.testing.assert_allclose((low + high) / 2, (300, 200))
    hidden = np.array(synth.SKELETON.keypoints)[np.isnan(points[:, 0])]
    assert sorted(hidden) == sorted(synth.POSES[pose].hidden)
    ends = np.array(synth.SKELETON.drawn).T
    lengths = dict(
        zip(
            synth.SKELETON.drawn,
            np.linalg.norm(points[ends[0]] - points[ends[1]], axis=1) / 200,
            strict=True,
        )
    )
    assert np.nanmax(list(lengths.values())) < 0.45
    if pose != "side":
        assert lengths[8, 9] == pytest.approx(lengths[11, 12], rel=0.25), "thighs"
    if pose != "lying":
        head, ankles = points[[0, 14, 16], 1], points[[10, 13], 1]
        assert np.nanmax(head) < np.nanmin(ankles)


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_a_crowd_stands_side_by_side_in_the_picture(count: int) -> None:
    people = synth.crowd(count, (656, 368), np.random.default_rng(count))
    assert len(people) == count
    boxes = [(*np.nanmin(p, axis=0), *np.nanmax(p, axis=0)) for p in people]
    for n, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert top >= 0
        assert right < 656
        assert bottom < 368
        for other in boxes[:n]:
            apart = left > other[2] or right < other[0] or top > other[3] or bottom < other[1]
            assert apart, (n, boxes[n], other)


def test_hidden_cut_and_covered_keypoints_are_missing() -> None:
    points = synth.person((0, 76), 120)
    hidden = synth.hide(points, "nose", "left_knee")
    assert np.flatnonzero(np.isnan(hidden[:, 0])).tolist() == [0, 12]
    cut = synth.cut(points, SIZE)
    assert (np.isnan(cut[:, 0]) == (points[:, 0] < -0.5)).all()
    covered = synth.behind(points, points)
    assert np.isnan(covered[1]).all(), "the neck lies between the shoulders"
    assert not np.isnan(covered[[4, 7, 10, 13]]).any(), "wrists and ankles stick out"


def test_pictures_are_written_without_loss(tmp_path: Path) -> None:
    picture = synth.scene([synth.person((100, 76), 120)], SIZE)
    path = synth.write_picture(tmp_path / "a.png", picture)
    assert (cv2.imread(str(path)) == picture).all()


def test_videos_are_written_without_loss_and_with_their_times(tmp_path: Path) -> None:
    import av

    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(4)]
    times = [0.0, 0.04, 0.1, 1.517]
    path = synth.write_video(tmp_path / "a.mkv", pictures, times)
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.to_ndarray(format="bgr24")) for frame in container.decode()]
    assert [time for time, _ in frames] == pytest.approx(times)
    for (_, have), want in zip(frames, pictures, strict=True):
        assert (have == want).all()
