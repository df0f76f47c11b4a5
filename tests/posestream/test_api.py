"""The package as other programs use it: people of pictures, ids, streams, space, calibration."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

import posestream
from calibration.geometry.camera import rotation_matrix
from posestream.demo import CLIP
from tests.calibration.boards import CHARUCO, photograph
from tests.conftest import DATA, ROOT
from tests.synth import person, scene, write_picture, write_tiny_network, write_video

SIZE = (320, 256)
TRUTH = [person((60 + 12 * n, 128), 180, "walking") for n in range(6)]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_network(tmp_path_factory.mktemp("tiny"), height=SIZE[1]))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "walk.mkv"
    write_video(path, [scene([one], SIZE) for one in TRUTH], [n / 10 for n in range(6)])
    return path


def close(people: posestream.People, truth: np.ndarray, within: float = 1.5) -> bool:
    seen = ~np.isnan(truth[:, 0])
    return len(people) == 1 and np.abs(people.keypoints[0][seen] - truth[seen]).max() <= within


def test_every_name_that_is_promised_is_there() -> None:
    for name in posestream.__all__:
        assert getattr(posestream, name) is not None
    assert dir(posestream) == sorted(posestream.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Pause'"):
        _ = posestream.Pause


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "posestream").glob("*.py")))
def test_examples_in_docstrings_are_right(name: str) -> None:
    module = importlib.import_module("posestream" if name == "__init__" else f"posestream.{name}")
    assert doctest.testmod(module).failed == 0


def test_a_picture_in_memory_or_in_a_file_gives_its_people(card: str, tmp_path: Path) -> None:
    picture = scene([TRUTH[2]], SIZE)
    write_picture(tmp_path / "one.png", picture)
    with posestream.Pose(card) as pose:
        people = pose(picture)
        assert close(people, TRUTH[2])
        several = pose([picture, str(tmp_path / "one.png"), tmp_path / "one.png"])
        assert [close(one, TRUTH[2]) for one in several] == [True] * 3
        assert len(pose(np.zeros((64, 64), np.uint8))) == 0  # grey, and nobody
    with posestream.Pose(card, color="rgb") as pose:
        np.testing.assert_array_equal(pose(picture[..., ::-1]).keypoints, people.keypoints)
    assert picture.flags.writeable


def test_people_are_made_of_all_keypoints_at_once(card: str) -> None:
    two = [TRUTH[0], person((230, 128), 180, "walking")]
    with posestream.Pose(card, assemble="ilp") as pose:
        found = pose(scene(two, SIZE)).keypoints
    for one, truth in zip(found[np.argsort(np.nanmean(found[..., 0], 1))], two, strict=True):
        seen = ~np.isnan(truth[:, 0])
        assert np.abs(one[seen] - truth[seen]).max() <= 1.5


def test_a_person_is_read_by_names(card: str) -> None:
    with posestream.Pose(card) as pose:
        (one,) = pose(scene([TRUTH[2]], SIZE))
    assert one.id == -1
    assert 0 < one.score <= 1
    place = one["left_wrist"]
    assert place is not None
    assert place[:2] == pytest.approx(TRUTH[2][7], abs=1.5)
    assert one["tail"] is None
    x, y, wide, high = one.box
    seen = np.nan_to_num(TRUTH[2][:, 1], nan=-1)
    assert high == pytest.approx(seen.max() - seen[seen >= 0].min(), abs=4)
    assert x > 0
    assert y > 0
    assert wide > 0


def test_the_formats_agree_with_the_arrays(card: str) -> None:
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    with posestream.Pose(card) as pose:
        people = pose(scene([TRUTH[2]], SIZE))
    plain = json.loads(json.dumps(people.to_dict()))
    assert plain["people"][0]["keypoints"]["nose"] == pytest.approx(
        [*people.keypoints[0, 0].tolist(), people.scores[0, 0]]
    )
    triples = json.loads(people.to_json())["people"][0]["pose_keypoints_2d"]
    want = np.nan_to_num(np.column_stack([people.keypoints[0], people.scores[0]]))
    np.testing.assert_allclose(np.reshape(triples, (-1, 3)), want, rtol=1e-4, atol=1e-4)
    assert len(json.loads(people.to_json("body25"))["people"][0]["pose_keypoints_2d"]) == 75
    frame = posestream.to_pandas([people, people])
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == 2 * int((people.scores > 0).sum())
    nose = frame[frame.keypoint == "nose"].iloc[0]
    assert (nose.x, nose.y) == pytest.approx(people.keypoints[0, 0].tolist())
    table = people.to_arrow()
    assert isinstance(table, pyarrow.Table)
    assert table.column_names == list(frame.columns)
    assert len(posestream.to_pandas([])) == 0


def test_frames_of_ones_own_loop_keep_ids(card: str) -> None:
    with posestream.Pose(card) as pose:
        seen = [pose.track(scene([one], SIZE), n / 10) for n, one in enumerate(TRUTH)]
        assert [one.ids.tolist() for one in seen] == [[1]] * 6
        assert [one.frame for one in seen] == list(range(6))
        assert close(seen[-1], TRUTH[-1])
        pose.reset()
        assert pose.track(scene([TRUTH[0]], SIZE), 0.0).ids.tolist() == [1]


def test_a_source_is_streamed_with_outputs_of_the_command_line(
    card: str, clip: Path, tmp_path: Path
) -> None:
    seen = list(posestream.stream(clip, model=card, json=str(tmp_path / "json")))
    assert [round(one.time, 3) for one in seen] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert all(close(one.people, truth) for one, truth in zip(seen, TRUTH, strict=True))
    assert {one.people.ids.item() for one in seen} == {1}
    assert seen[0].image.shape == (256, 320, 3)
    assert len(list((tmp_path / "json").iterdir())) == 6
    drawn = seen[0].people.draw(seen[0].image)
    assert (drawn != seen[0].image).any()


@pytest.mark.usefixtures("nowhere")
def test_the_bundled_models_run_where_nothing_was_fetched_and_a_preset_says_once_what_it_lacks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert posestream.Pose().model == "pafnet"
    assert not caplog.records
    assert [posestream.Pose(preset="best").model for _ in range(2)] == ["pafnet"] * 2
    said = [record.getMessage() for record in caplog.records]
    (instead,) = (one for one in said if "The bundled pafnet runs instead" in one)
    assert "add --model pafnet (in Python: model='pafnet')" in instead


def test_a_stream_left_early_finishes_its_outputs(card: str, clip: Path, tmp_path: Path) -> None:
    with posestream.stream(clip, model=card, jsonl=tmp_path / "poses.jsonl") as results:
        assert next(results).people.frame == 0
    lines = (tmp_path / "poses.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["index"] == 0
    with pytest.raises(StopIteration):
        next(results)


def test_hands_and_faces_are_arguments_too() -> None:
    """Of the person in the sample clip, where the weights are."""
    needed = ("hand_landmark_full.tflite", "face_landmark.tflite")
    folder = Path(os.environ.get("POSE_WEIGHTS", DATA / "models"))
    if not all((folder / name).exists() for name in needed):
        pytest.skip("no weights of hands and faces: set POSE_WEIGHTS to their folder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSE_WEIGHTS", str(folder))
        picture = next(posestream.stream(CLIP, model="pafnet")).image
        with posestream.Pose("pafnet", hands=True, face=True, max_people=1) as pose:
            people = [pose(picture), *(pose.track(picture, n / 30) for n in range(2))]
    for each in people:
        (one,) = each
        assert len(each.names) == 18 + 2 * 21 + 70
        eyes = [one[name] for name in ("left_eye", "right_eye")]
        assert all(eyes)
        face = each.keypoints[0, list(pose.skeleton.groups["face"])]
        assert np.isfinite(face).all()
        middle = face.mean(0)
        between = np.mean([eye[:2] for eye in eyes if eye], axis=0)
        assert np.linalg.norm(middle - between) < 60  # pixels: the face lies where the eyes are


def test_a_callback_ends_a_run_and_asyncio_waits_for_one(card: str, clip: Path) -> None:
    times: list[float] = []

    def callback(seen: posestream.Seen) -> bool:
        times.append(seen.time)
        return len(times) < 3

    posestream.run(clip, callback, model=card)
    assert len(times) == 3

    async def gathered() -> list[float]:
        return [seen.time async for seen in posestream.astream(str(clip), model=card)]

    assert len(asyncio.run(gathered())) == 6


@pytest.mark.parametrize("with_scores", [True, False])
def test_people_of_another_program_get_ids(with_scores: bool) -> None:
    tracker = posestream.Tracker("coco17", size=(640, 480), fps=10)
    rng = np.random.default_rng(1)
    one, two = (rng.uniform(0, 90, (17, 2)) + offset for offset in ((50, 60), (400, 200)))
    first = None
    for n in range(8):
        order = [0, 1] if n % 2 else [1, 0]
        step = np.array([3.0 * n, 0])
        poses = np.stack([one + step, two - step])[order]
        scores = np.full((2, 17), 0.9)
        given = (poses, scores) if with_scores else (np.dstack([poses, scores]),)
        people = tracker.update(*given)
        left = int(np.argmin(people.keypoints[:, 0, 0]))
        first = int(people.ids[left]) if first is None else first
        assert people.ids[left] == first
        assert sorted(people.ids.tolist()) == [1, 2]
    assert len(tracker.update([])) <= 2


def rig() -> posestream.Rig:
    lens = np.array([[500.0, 0, 240], [0, 500, 180], [0, 0, 1]])
    cameras = []
    for n, angle in enumerate((-0.3, 0.0, 0.3)):
        turn = rotation_matrix(np.array([0.0, angle, 0.0]))
        at = np.array([0.5 * (n - 1), 0, 0])
        cameras.append(
            posestream.Camera(f"c{n}", (480, 360), lens, rotation=turn, translation=-turn @ at)
        )
    return posestream.Rig(tuple(cameras))


def test_points_are_triangulated_with_an_honest_covariance(tmp_path: Path) -> None:
    cameras, rng = rig(), np.random.default_rng(3)
    truth = rng.uniform((-0.3, -0.3, 1.8), (0.3, 0.3, 2.4), (4000, 3))
    clean = cameras.project(truth)
    np.testing.assert_allclose(posestream.triangulate(cameras, clean).xyz, truth, atol=1e-6)
    found = posestream.triangulate(cameras, clean + rng.normal(0, 1.0, clean.shape))
    off = found.xyz - truth
    squares = np.einsum("ni,nij,nj->n", off, np.linalg.inv(found.covariance), off)
    assert 0.85 <= (squares <= 6.251).mean() <= 0.95  # 90 % of chi squared with 3 degrees
    assert (found.views == 3).mean() > 0.9
    posestream.save_rig(cameras, tmp_path / "rig.toml")
    again = posestream.load_rig(tmp_path / "rig.toml")
    np.testing.assert_allclose(again.project(truth), clean, atol=1e-6)


def test_a_lens_and_a_rig_are_calibrated_from_pictures_in_memory() -> None:
    cameras, rng = rig(), np.random.default_rng(4)
    middle = np.array([*np.array(CHARUCO.size) / 2, 0])
    pictures: list[list[np.ndarray]] = [[] for _ in cameras.cameras]
    for _ in range(9):
        turn = rotation_matrix(np.array([*rng.uniform(-0.4, 0.4, 2), rng.uniform(-0.3, 0.3)]))
        at = rng.uniform((-0.04, -0.05, 0.95), (0.04, 0.05, 1.15))
        for camera, own in zip(cameras.cameras, pictures, strict=True):
            pose = camera.rotation @ turn
            shift = camera.rotation @ (at - turn @ middle) + camera.translation
            own.append(photograph(CHARUCO, camera, pose, shift))
    lens = posestream.calibrate_lens(
        [cv2.cvtColor(one, cv2.COLOR_GRAY2BGR) for one in pictures[1]], CHARUCO, fisheye=False
    )
    assert np.allclose(np.diag(lens.camera.matrix)[:2], 500, rtol=0.03)
    assert lens.rms < 0.3
    found = posestream.calibrate_rig(cameras.cameras, pictures, CHARUCO)
    apart = np.linalg.norm(np.diff(found.centres, axis=0), axis=1)
    np.testing.assert_allclose(apart, 0.5, atol=0.01)


def test_what_is_wrong_is_one_error_with_what_to_do(card: str, tmp_path: Path) -> None:
    picture = scene([TRUTH[0]], SIZE)
    board, pose = posestream.Board("charuco", 5, 7, 0.03, 0.02), posestream.Pose(card)
    people = posestream.Tracker(size=(9, 9)).update(np.zeros((1, 17, 2)))
    wrong = {
        # What is wrong is told before the first frame is asked for.
        "use posestream.Pose": lambda: posestream.stream(picture),
        "did you mean model": lambda: posestream.stream("a.mp4", modle=card),
        "first argument; leave out": lambda: posestream.stream("a.mp4", source="b.mp4"),
        "json must be a path, not 5": lambda: posestream.stream("a.mp4", json=5),
        "smooth must be 'off' or 'one-euro'": lambda: posestream.stream("a.mp4", smooth="no"),
        "a whole number or 'auto', not 1.5": lambda: posestream.stream("a.mp4", detect_every=1.5),
        "is a function, not int": lambda: posestream.run("a.mp4", 5),  # type: ignore[arg-type]
        "model must be a string": lambda: posestream.Pose(3),  # type: ignore[arg-type]
        "device must be": lambda: posestream.Pose(card, device="gpu"),  # type: ignore[arg-type]
        "height must be a whole number": lambda: posestream.Pose(card, height="a"),  # type: ignore[arg-type]
        "hands must be True or False": lambda: posestream.Pose(card, hands="no"),  # type: ignore[arg-type]
        "max-people must be 1 or more": lambda: posestream.Pose(card, max_people=0),
        "uint8, not NoneType": lambda: pose(None),  # type: ignore[call-overload]
        "uint8, not bytes": lambda: pose(b"abc"),  # type: ignore[call-overload]
        "Is a directory|ermission": lambda: pose(tmp_path),
        "Times of frames must rise": lambda: (pose.track(picture, 1.0), pose.track(picture, 1.0)),
        "draw needs the picture": lambda: people.draw(np.zeros((9, 9))),
        "no skeleton 'coco99'": lambda: people.to_json("coco99"),
        "A table is made of People": lambda: posestream.to_pandas(5),  # type: ignore[arg-type]
        "a Rig, as load_rig": lambda: posestream.triangulate("rig.toml", np.zeros((2, 5, 2))),  # type: ignore[arg-type]
        "named by its path": lambda: posestream.load_rig(None),  # type: ignore[arg-type]
        "or force=True": lambda: posestream.save_rig(rig(), ROOT / "README.md"),
        "no board file": lambda: posestream.load_board(tmp_path / "none.toml"),
        "as load_board": lambda: posestream.calibrate_lens([picture], None),  # type: ignore[arg-type]
        "lens.camera": lambda: posestream.calibrate_rig([5], [[picture]], board),  # type: ignore[list-item]
        r"size is \(width, height\)": lambda: posestream.Tracker(size=5),  # type: ignore[arg-type]
        "fps must be more than 0": lambda: posestream.Tracker(size=(9, 9), fps=0),
        "an array of numbers": lambda: posestream.Tracker(size=(9, 9)).update("abc"),
        "no file or folder": lambda: list(posestream.stream(tmp_path / "none.mp4", model=card)),
        "no model": lambda: posestream.Pose("nobody-knows-it"),
        "color must be": lambda: posestream.Pose(card, color="hsv"),  # type: ignore[arg-type]
        r"array of uint8, not float64": lambda: posestream.Pose(card)(np.zeros((9, 9, 3))),
        "1, 3 or 4 channels": lambda: posestream.Pose(card)(np.zeros((9, 9, 2), np.uint8)),
        "cannot be read": lambda: posestream.Pose(card)(tmp_path / "none.png"),
        r"\(people, 17, 2 or 3\)": lambda: posestream.Tracker(size=(9, 9)).update([[1, 2]]),
        "size=": lambda: posestream.Tracker().update(np.zeros((1, 17, 2))),
        r"array \(3, points, 2\)": lambda: posestream.triangulate(rig(), np.zeros((2, 5, 2))),
        "a name of its own": lambda: posestream.calibrate_rig([rig().cameras[0]] * 2, [], board),
        "as many pictures": lambda: posestream.calibrate_rig(rig().cameras, [[], [None]], CHARUCO),
        "no rig|cannot be read|no file": lambda: posestream.load_rig(tmp_path / "none.toml"),
    }
    for words, call in wrong.items():
        with pytest.raises(posestream.PosestreamError, match=words):
            call()
