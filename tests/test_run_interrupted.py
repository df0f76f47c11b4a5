"""The whole program when a signal or a closed terminal ends it: every output is finished."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.run_files import SIZE, people_of
from tests.synth import crowd, scene, write_picture, write_tiny_network, write_video
from tests.waiting import PATIENCE, wait_for


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("tiny"), height=SIZE[1])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people in 600 frames."""
    people = crowd(2, SIZE, np.random.default_rng(0))
    path = tmp_path_factory.mktemp("film") / "long.mkv"
    write_video(path, [scene(people, SIZE)] * 600, [n / 30 for n in range(600)])
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_finishes_every_output(
    card: Path, film: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    program = subprocess.Popen(
        [
            *(sys.executable, "run.py", "--source", str(film), "--model", str(card)),
            *("--no-show", "--json", str(tmp_path / "json"), "--coco", str(tmp_path / "coco.json")),
            *("--output", str(tmp_path / "poses.mp4"), "--stats", str(tmp_path / "stats.json")),
            *("--report", str(tmp_path / "report.html")),
        ],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if "DISPLAY" not in k},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(
        lambda: len(list((tmp_path / "json").glob("*.json"))) >= 5,
        process=program,
        progress=lambda: len(list((tmp_path / "json").glob("*.json"))),
    )
    program.send_signal(stop)
    _, errors = program.communicate(timeout=PATIENCE)
    assert program.returncode == 130, errors
    assert "Traceback" not in errors
    written = sorted((tmp_path / "json").iterdir())
    assert 5 <= len(written) < 600
    for file in written:
        assert len(people_of(file)) == 2
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["ended"] == "interrupted"
    assert stats["results"] == len(written)
    report = (tmp_path / "report.html").read_text()
    assert f"{len(written)} frames" in report
    assert report.endswith("</html>\n")
    results = json.loads((tmp_path / "coco.json").read_text())
    assert len(results) == 2 * len(written)
    import av

    with av.open(str(tmp_path / "poses.mp4")) as video:
        assert len(list(video.decode(video=0))) == len(written)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("stop", "moments"),
    [(signal.SIGINT, (0.1, 0.3, 0.6)), (signal.SIGTERM, (0.3,)), (signal.SIGHUP, (0.1,))],
)
def test_a_signal_while_it_starts_ends_it_without_a_word(
    stop: signal.Signals, moments: tuple[float, ...]
) -> None:
    """At several moments of the second that loading takes."""
    for seconds in moments:
        program = subprocess.Popen(
            [
                *(sys.executable, "-c"),
                "import sys, run; print('up', flush=True); sys.exit(run.main())",
                *("--source", "README.md", "--no-show"),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        assert program.stdout.readline() == "up\n"
        time.sleep(seconds)
        program.send_signal(stop)
        _, errors = program.communicate(timeout=PATIENCE)
        # Not 130: it was up already, had said why not, and was perhaps no longer Python's to end.
        assert program.returncode in (130, 2, -stop), errors
        assert (errors == "") == (program.returncode == 130), errors
    assert "Traceback" not in errors


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_run_that_its_starter_shields_from_a_closed_terminal_goes_on(
    card: Path, tmp_path: Path
) -> None:
    """As nohup does."""
    source = write_picture(tmp_path / "one.png", scene([], SIZE))
    code = (
        "import os, signal, sys, run\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "import realtime.assembly as assembly\n"
        "whole = assembly.run\n"
        "assembly.run = lambda wanted: (os.kill(os.getpid(), signal.SIGHUP), whole(wanted))\n"
        "sys.exit(run.main())"
    )
    words = ["--source", source, "--model", card, "--no-show", "--json", tmp_path / "json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert people_of(tmp_path / "json" / "one_keypoints.json") == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
def test_a_closed_terminal_finishes_every_output(card: Path, tmp_path: Path) -> None:
    """The system says SIGHUP then, and nothing more can be said on stderr."""
    import fcntl
    import pty
    import termios

    def own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which the tests' own starter may ignore

    film = tmp_path / "clip.mkv"
    write_video(film, [scene([], SIZE)] * 30, [n / 30 for n in range(30)])
    terminal, inner = pty.openpty()
    program = subprocess.Popen(
        [
            *(sys.executable, "run.py", "--source", str(film), "--model", str(card), "--loop"),
            *("--realtime", "--no-show", "--json", str(tmp_path / "json")),
            *("--stats", str(tmp_path / "stats.json")),
        ],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if "DISPLAY" not in k},
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
        preexec_fn=own_terminal,
    )
    os.close(inner)
    wait_for(lambda: len(list((tmp_path / "json").glob("*.json"))) >= 5, process=program)
    os.close(terminal)
    assert program.wait(PATIENCE) == 130
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["ended"] == "interrupted"
    assert stats["results"] == len(list((tmp_path / "json").iterdir())) >= 5
