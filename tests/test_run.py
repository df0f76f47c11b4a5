"""The whole program as a user runs it: `python run.py ...`, read back from its files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT, with_weights
from tests.run_files import SIZE, people_of
from tests.synth import (
    Points,
    crowd,
    person,
    scene,
    write_picture,
    write_tiny_network,
    write_video,
)

Program = Callable[..., subprocess.CompletedProcess[str]]


def posestream(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the program without a display."""
    environment = {k: v for k, v in with_weights().items() if "DISPLAY" not in k}
    return subprocess.run(
        [sys.executable, "run.py", *map(str, words)],
        cwd=ROOT,
        env={**environment, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def same(found: list[Points], truth: list[Points], within: float = 1.5) -> bool:
    """Whether every person is there, each once, with every keypoint that can be seen."""
    left = list(found)
    for one in truth:
        for n, other in enumerate(left):
            seen = ~np.isnan(one[:, 0])
            if (other[seen, 2] > 0).all() and (np.abs(other[seen, :2] - one[seen]).max() <= within):
                del left[n]
                break
        else:
            return False
    return not left


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("tiny"), height=SIZE[1])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Points]], list[float]]:
    """A video with uneven times: somebody walks through, the third frame is empty."""
    truth = [[person((60 + 12 * n, 128), 180, "walking")] for n in range(12)]
    truth[2] = []
    times = [0.0, 0.1, 0.15, 0.4, 0.5, 0.6, 0.65, 0.7, 0.9, 1.0, 1.5, 1.6]
    path = tmp_path_factory.mktemp("clip") / "walk by.mkv"
    write_video(path, [scene(people, SIZE) for people in truth], times)
    return path, truth, times


def test_a_video_gives_its_people_in_every_output(
    card: Path, clip: tuple[Path, list[list[Points]], list[float]], tmp_path: Path
) -> None:
    path, truth, times = clip
    done = posestream(
        *("--source", path, "--model", card, "--json", tmp_path / "json"),
        *("--output", tmp_path / "poses.mp4", "--coco", tmp_path / "coco.json"),
        "--no-track",  # which would carry the person through the empty frame
    )
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "json").iterdir())
    assert [file.name for file in files] == [
        f"walk by_{n:012d}_keypoints.json" for n in range(len(truth))
    ]
    for file, people in zip(files, truth, strict=True):
        assert same(people_of(file), people), file.name
    import av  # after cv2

    with av.open(str(tmp_path / "poses.mp4")) as video:
        written = [frame.time for frame in video.decode(video=0)]
    np.testing.assert_allclose(written, times, atol=1e-3)
    results = json.loads((tmp_path / "coco.json").read_text())
    assert [one["image_id"] for one in results] == [n for n in range(12) if n != 2]
    assert all(one["category_id"] == 1 and len(one["keypoints"]) == 51 for one in results)


def test_several_files_have_outputs_of_their_own(
    card: Path, tmp_path: Path, program: Program
) -> None:
    """Two clips of one name in two folders, of different lengths."""
    truth = {
        "cam": [[person((60 + 12 * n, 128), 180, "walking")] for n in range(6)],
        "cam_2": [[person((260 - 12 * n, 128), 180)] for n in range(4)],
    }
    sources: list[object] = []
    for name, people in truth.items():
        folder = tmp_path / f"of {name}"
        folder.mkdir()
        pictures = [scene(one, SIZE) for one in people]
        sources += [
            "--source",
            write_video(folder / "cam.mkv", pictures, [n / 30 for n in range(len(people))]),
        ]
    out = tmp_path / "out"
    done = program(
        *(*sources, "--model", card, "--json", out / "json", "--output", out / "poses.mp4"),
        *("--coco", out / "coco.json"),
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == {
        *("json", "poses_cam.mp4", "poses_cam_2.mp4", "coco_cam.json", "coco_cam_2.json")
    }
    for name, people in truth.items():
        files = sorted((out / "json" / name).iterdir())
        assert len(files) == len(people)
        for file, one in zip(files, people, strict=True):
            assert same(people_of(file), one), file
        assert len(json.loads((out / f"coco_{name}.json").read_text())) == len(people)


def test_start_end_and_step_keep_the_frames_numbers(
    card: Path, clip: tuple[Path, list[list[Points]], list[float]], tmp_path: Path, program: Program
) -> None:
    path, truth, _ = clip
    done = program(
        *("--source", path, "--model", card, "--json", tmp_path),
        *("--start", 1, "--end", 9, "--step", 3),
    )
    assert done.returncode == 0, done.stderr
    for n in (1, 4, 7):
        assert same(people_of(tmp_path / f"walk by_{n:012d}_keypoints.json"), truth[n])
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_of_pictures_with_a_broken_one(
    card: Path, tmp_path: Path, program: Program
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    rng = np.random.default_rng(5)
    truth = {f"img{n}": crowd(people, SIZE, rng) for people, n in enumerate((1, 2, 10), 1)}
    for name, people in truth.items():
        write_picture(folder / f"{name}.png", scene(people, SIZE))
    (folder / "img3.png").write_bytes((folder / "img2.png").read_bytes()[:200])
    done = program(
        "--source", folder, "--model", card, "--json", out, "--output", tmp_path / "drawn"
    )
    assert done.returncode == 0, done.stderr
    assert "img3.png" in done.stderr
    assert {file.name for file in out.iterdir()} == {f"{name}_keypoints.json" for name in truth}
    for name, people in truth.items():
        assert same(people_of(out / f"{name}_keypoints.json"), people)
    assert {file.stem for file in (tmp_path / "drawn").iterdir()} == set(truth)


def test_flip_and_rotate_give_the_poses_of_the_picture_as_shown(
    card: Path, tmp_path: Path, program: Program
) -> None:
    people = [person((160, 128), 180, "walking")]
    upright = scene(people, SIZE)
    # Stored turned left and mirrored; --flip --rotate 90 bring it back.
    stored = cv2.flip(cv2.rotate(upright, cv2.ROTATE_90_COUNTERCLOCKWISE), 1)
    write_picture(tmp_path / "one.png", stored)
    done = program(
        *("--source", tmp_path / "one.png", "--model", card, "--json", tmp_path),
        *("--flip", "--rotate", 90),
    )
    assert done.returncode == 0, done.stderr
    assert same(people_of(tmp_path / "one_keypoints.json"), people)


def test_thresholds_and_max_people(card: Path, tmp_path: Path, program: Program) -> None:
    people = crowd(5, SIZE, np.random.default_rng(2))
    source = write_picture(tmp_path / "five.png", scene(people, SIZE))
    for option, value, count in (
        ("--max-people", 2, 2),
        ("--min-keypoints", 19, 0),
        ("--min-score", 0.99, 0),
        ("--peak-threshold", 0.99, 0),
        ("--limb-threshold", 1.1, 0),
        ("--limb-share", 1, 5),
        ("--match", "hungarian", 5),
        ("--min-score", 0.1, 5),
    ):
        out = tmp_path / f"{option}{value}"
        words = ("--source", source, "--model", card, "--json", out, "--no-show", option, value)
        done = program(*words)
        assert done.returncode == 0, done.stderr
        assert len(people_of(out / "five_keypoints.json")) == count, (option, value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--source", "nowhere.mp4"], "nowhere.mp4"),
        (["--source", "pyproject.toml"], "pyproject.toml"),
        (["--source", "engines/cards"], "engines/cards"),
        (["--source", "*.nothing"], "*.nothing"),
        (["--source", "webcam:73"], "camera"),
        (["--source", "webcam:x"], "webcam:x"),
        (["--source", "rtsp://u:secret@127.0.0.1:1/x", "--give-up", "1"], "refuses the connection"),
        (["--source", "README.md", "--model", "human-pose"], "human-pose-estimation-0001"),
        (["--source", "README.md", "--model", "none.toml"], "none.toml"),
        (["--source", "README.md", "--step", "0"], "--step"),
        (["--source", "README.md", "--end", "0"], "--end"),
        (["--source", "README.md", "--height", "3"], "--height"),
        (["--source", "README.md", "--camera-size", "big"], "--camera-size"),
        (["--source", "README.md", "--min-score", "nan"], "--min-score"),
        (["--source", "README.md", "--limb-share", "1.2"], "--limb-share must be from 0 to 1"),
        (["--source", "README.md", "--match", "best"], "--match must be greedy or hungarian"),
        (["--source", "README.md", "--min-score", "1.5"], "from 0 to 1"),
        (["--source", "README.md", "--max-people", "0"], "--max-people"),
        (["--source", "README.md", "--sauce", "1"], "--source"),
        (["--source", "README.md", "--height", "abc"], "--height must be a whole number"),
        (["--source", "README.md", "--write_json", "x"], "OpenPose's --write_json is --json here."),
        (["README.md"], "README.md cannot be read"),
        (["--source", "README.md", "--serve", "here"], "--serve"),
        (["--source", "README.md", "--serve", "0.0.0.0:8080"], "--serve-token"),
        ([], "--source"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(
    words: list[str], says: str, program: Program
) -> None:
    done = program(*words)
    assert done.returncode == 2, done.stderr
    said = done.stdout + done.stderr
    assert says in said
    assert "secret" not in said
    assert "Traceback" not in said


def test_a_window_without_a_display_is_refused(card: Path, tmp_path: Path) -> None:
    source = write_picture(tmp_path / "one.png", scene([], SIZE))
    done = posestream("--source", source, "--model", card, "--show")
    assert done.returncode == 2, done.stderr
    assert done.stderr == "posestream: There is no display, so no window can be shown; " + (
        "use --no-show.\n"
    )


def test_outputs_that_cannot_be_written_are_refused_before_the_work(
    card: Path, tmp_path: Path, program: Program
) -> None:
    source = write_picture(
        tmp_path / "one.png", scene(crowd(1, SIZE, np.random.default_rng(0)), SIZE)
    )
    (tmp_path / "file").write_text("in the way")
    for option, target in (
        ("--json", tmp_path / "file"),
        ("--json", "/proc/none"),
        ("--output", tmp_path / "film.xyz"),
        ("--output", tmp_path / "file" / "film.mp4"),
        ("--coco", tmp_path / "file" / "coco.json"),
    ):
        done = program("--source", source, "--model", card, option, target)
        assert done.returncode == 2, (option, target, done.stderr)
        assert "Traceback" not in done.stderr
        assert done.stderr.count("posestream:") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_an_output_without_room_ends_alone(card: Path, tmp_path: Path) -> None:
    """No file may be larger than 60 kB: the video is too large, the JSON files are not."""
    rng = np.random.default_rng(0)
    film = tmp_path / "noise.mkv"
    pictures = [scene([], SIZE) for _ in range(24)]
    for picture in pictures:  # where the network reads nothing, and an encoder much
        picture[..., 2] = rng.integers(0, 256, picture.shape[:2])
    write_video(film, pictures, [n / 30 for n in range(len(pictures))])
    program = (
        "import resource, sys, run\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "sys.exit(run.main())"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", program, "--source", str(film), "--model", str(card)),
            *("--no-show", "--json", str(tmp_path / "json"), "--output", str(tmp_path / "v.mp4")),
            *("--stats", str(tmp_path / "stats.json")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    first, summary, last = done.stderr.splitlines()
    sentence = f"{tmp_path / 'v.mp4'} cannot be written: file too large; what was written "
    assert first == f"{sentence}so far is kept. The other outputs continue."
    assert summary.startswith("24 frames; ")
    assert last == f"posestream: {sentence}so far is kept."
    assert len(list((tmp_path / "json").iterdir())) == 24
    assert json.loads((tmp_path / "stats.json").read_text())["results"] == 24


def test_damaged_weights_are_refused(
    card: Path, clip: tuple[Path, object, object], program: Program
) -> None:
    copy = card.with_name("damaged.toml")
    digest = card.read_text().split('sha256 = "')[1][:64]
    copy.write_text(card.read_text().replace(digest, "0" * 64))
    done = program("--source", clip[0], "--model", copy)
    assert done.returncode == 2, done.stderr
    assert "sha256" in done.stderr
    assert "Traceback" not in done.stderr
