"""README and docs/: links lead somewhere; commands and examples work as they stand."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import shlex
import sys
import threading
import types
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import posestream
from calibration.board.target import write_board
from calibration.geometry.camera import rotation_matrix
from engines.console.arguments import parse
from engines.models.card import load_card
from posestream.commands.calibrate.main import COMMANDS as CALIBRATE
from posestream.commands.models.main import COMMANDS as MODELS
from posestream.demo import demo_words
from posestream.main import COMMANDS
from posestream.studio import TakesAlone, studio_words
from realtime.settings.all import Settings
from tests.calibration.boards import CHARUCO, photograph
from tests.conftest import ROOT
from tests.realtime.results import result, tracks
from tests.realtime.serving import serving
from tests.synth import person, scene, write_video
from tests.waiting import PATIENCE, wait_for

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SIZE = (320, 256)


def called(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What headings are called, as GitHub and MkDocs make it."""
    prose = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    names = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    bare = (re.sub(r"[^\w\s-]", "", name.lower()).strip() for name in names)
    return {re.sub(r"[-\s]+", "-", name) for name in bare}


def test_the_readme_is_short() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= 180


@pytest.mark.parametrize("page", PAGES, ids=called)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_in_the_table_of_contents_and_linked_from_the_readme() -> None:
    listed = set(re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {page.name for page in PAGES if page.parent.name == "docs"}
    linked = set(re.findall(r"\(docs/(\w[\w-]*\.md)", text_of(ROOT / "README.md")))
    assert linked == listed - {"index.md"}


def commands() -> Iterator[tuple[str, str]]:
    """Every command line of posestream, in blocks and in running text, with its page."""
    for page in PAGES:
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        prose = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
        lines += re.findall(r"`(posestream [^`]+)`", prose)
        for line in lines:
            if line.startswith("posestream ") and "…" not in line:
                yield called(page), line


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_commands_are_understood(page: str, line: str) -> None:
    """Each names commands and options that there are, with values that they take."""
    for digest in ("$(sha256sum yolo-pose.onnx | cut -c -64)", "SHA256"):
        line = line.replace(digest, "0" * 64)
    words = shlex.split(line, comments=True)[1:]
    if words[0] in ("--help", "--version", "COMMAND"):
        return
    first, rest = words[0], words[1:]
    if first in COMMANDS and not rest:  # its name is mentioned
        return
    if first == "demo":
        parse(Settings, "posestream", words=demo_words(rest))
    elif first == "studio":
        known, runs = studio_words(rest)
        parse(Settings if runs else TakesAlone, "posestream", words=known)
    elif first in ("models", "calibrate"):
        assert rest[0] in (MODELS if first == "models" else CALIBRATE)
        if rest[1:]:  # else its name is mentioned
            parse(options(f"posestream.commands.{first}.{rest[0]}"), rest[0], words=rest[1:])
    elif first == "doctor":
        parse(options("posestream.commands.models.doctor"), first, words=rest)
    elif first in ("batch", "recover", "score"):
        parse(options(f"posestream.commands.files.{first}"), first, words=rest)
    elif first == "discover":
        parse(options("posestream.commands.discover.main"), first, words=rest)
    elif first == "train":
        known = (ROOT / "training" / "commands.py").read_text(encoding="utf-8")
        assert f'"{rest[0]}"' in known  # without torch, which takes long to load
    else:
        parse(Settings, "posestream", words=words)


def options(module: str) -> Any:
    return import_module(module).Options


def test_every_model_is_in_the_table_with_its_licence() -> None:
    rows = [row for row in text_of(ROOT / "docs" / "models.md").splitlines() if row[:2] == "| "]
    for path in sorted((ROOT / "engines" / "cards").glob("*.toml")):
        card = load_card(path.stem)
        (row,) = (one for one in rows if re.search(rf"(^\| |, ){path.stem}(,| )", one))
        assert card.licence in row, path.stem


def test_the_card_to_copy_is_the_one_that_is_tested() -> None:
    card = (ROOT / "tests" / "cards" / "yolo-pose.toml").read_text(encoding="utf-8")
    assert card in blocks(ROOT / "docs" / "models.md", "toml")


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that examples name."""
    folder = tmp_path_factory.mktemp("things")
    walk = [scene([person((60 + 12 * n, 128), 180, "walking")], SIZE) for n in range(3)]
    cv2.imwrite(str(folder / "photo.jpg"), walk[0])
    write_video(folder / "clip.mkv", walk, [0, 0.1, 0.2]).rename(folder / "clip.mp4")
    lens = np.array([[500.0, 0, 240], [0, 500, 180], [0, 0, 1]])
    left = posestream.Camera("left", (480, 360), lens)
    right = posestream.Camera("right", (480, 360), lens, translation=np.array([-0.3, 0, 0]))
    posestream.save_rig(posestream.Rig((left, right)), folder / "rig.toml")
    write_board(CHARUCO, folder / "board.toml")
    for name in ("left", "right", "both"):
        (folder / name).mkdir()
    rng = np.random.default_rng(4)
    middle = np.array([*np.array(CHARUCO.size) / 2, 0])
    tilts = [(0.6, 0), (-0.6, 0), (0, 0.6), (0, -0.6), (0.4, 0.4), (0, 0)]
    for n, tilt in enumerate(tilts):
        turn = rotation_matrix(np.array([*tilt, rng.uniform(-0.3, 0.3)]))
        at = rng.uniform((0.1, -0.05, 0.85), (0.2, 0.05, 1.0))
        for camera in (left, right):
            shift = at - turn @ middle + camera.translation
            picture = photograph(CHARUCO, camera, turn, shift)
            for path in (f"{camera.name}/{n}.png", f"both/{camera.name}{n}.png"):
                cv2.imwrite(str(folder / path), picture)
    (folder / "results" / "walk").mkdir(parents=True)
    table = folder / "results" / "walk" / "poses.parquet"
    with posestream.stream(folder / "clip.mp4", model="pafnet", parquet=table) as seen:
        assert len(list(seen)) == 3
    return folder


EXAMPLES = [
    pytest.param(page, block, id=f"{page.name} {n}")
    for page in PAGES
    for n, block in enumerate(blocks(page, "python"))
    if "localhost" not in block
]


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(("page", "block"), EXAMPLES)
def test_examples_run_as_they_stand(
    page: Path, block: str, things: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the model in the box; a list of ways to call something has arguments that there are."""
    monkeypatch.chdir(things)
    if "\nimport " in f"\n{block}" and len(block.splitlines()) > 1:
        exec(compile(block, called(page), "exec"), {})
        return
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Call):
            known = inspect.signature(posestream.Pose).parameters
            assert {word.arg for word in node.keywords} <= set(known)


def test_the_elbow_angle_is_in_the_csv(things: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(things)
    text = text_of(ROOT / "docs" / "recipes.md")
    assert "posestream clip.mp4 --angles --csv poses.csv\n" in text
    posestream.run("clip.mp4", lambda _: None, model="pafnet", angles=True, csv="poses.csv")
    head = (things / "poses.csv").read_text().splitlines()[0].split(",")
    assert "left_elbow_angle" in head
    assert "`left_elbow_angle`" in text


def followed(block: str, names: dict[str, Any], came: list[Any]) -> None:
    """Run an example that follows a run's WebSocket; when something has come, the run ends."""
    with serving() as (sink, url):
        code = block.replace("http://localhost:8080", url)
        thread = threading.Thread(target=lambda: exec(code, names), daemon=True)
        thread.start()
        seen = tracks([person((160, 128), 180)], ids=[7])
        numbers = itertools.count()

        def arrived() -> bool:
            sink.write(result(seen, index=next(numbers)))
            return len(came) >= 2

        wait_for(arrived)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_the_client_prints_noses() -> None:
    client, _ = (one for one in blocks(ROOT / "docs" / "web.md", "python") if "localhost" in one)
    said: list[Any] = []
    followed(client, {"print": lambda *words: said.append(words)}, said)
    number, x, y, score = said[0]
    nose = person((160, 128), 180)[0]
    assert (number, x, y) == (7, pytest.approx(nose[0], abs=0.01), pytest.approx(nose[1], abs=0.01))
    assert 0 < score <= 1


def test_the_ros_node_publishes_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for rclpy, which notes what is published."""
    _, node = (one for one in blocks(ROOT / "docs" / "web.md", "python") if "localhost" in one)
    assert len(node.splitlines()) <= 24
    published: list[str] = []

    class String:
        def __init__(self, data: str) -> None:
            self.data = data

    class Publisher:
        def publish(self, message: String) -> None:
            published.append(message.data)

    class Node:
        def create_publisher(self, kind: type, topic: str, depth: int) -> Publisher:
            assert (kind, topic, depth) == (String, "poses", 10)
            return Publisher()

        def destroy_node(self) -> None: ...

    calls: list[str] = []
    ros = types.ModuleType("rclpy")
    ros.init = lambda: calls.append("init")  # type: ignore[attr-defined]
    ros.create_node = lambda name: Node()  # type: ignore[attr-defined]
    ros.spin_once = lambda node, timeout_sec: None  # type: ignore[attr-defined]
    ros.shutdown = lambda: calls.append("shutdown")  # type: ignore[attr-defined]
    messages = types.ModuleType("std_msgs.msg")
    messages.String = String  # type: ignore[attr-defined]
    for name, module in [("rclpy", ros), ("std_msgs", messages), ("std_msgs.msg", messages)]:
        monkeypatch.setitem(sys.modules, name, module)
    followed(node, {}, published)
    assert "skeleton" in json.loads(published[0])
    assert json.loads(published[1])["people"][0]["id"] == 7
    assert calls == ["init", "shutdown"]
