"""`python -m engines`: what each command says, and with which exit code it ends."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engines import machine
from posestream.commands.models import doctor
from posestream.commands.models.doctor import Finding
from posestream.commands.models.main import main
from tests.conftest import ROOT
from tests.engines.webserver import Site
from tests.synth import crowd, scene, write_picture, write_tiny_network

pytestmark = pytest.mark.usefixtures("own_cache")
MODEL = "human-pose-estimation-0001"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Engines = Callable[..., Said]


@pytest.fixture
def engines(capsys: pytest.CaptureFixture[str]) -> Engines:
    """Run a command in this process."""

    def run(*words: object) -> Said:
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:  # after help
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "tiny").mkdir()
    return write_tiny_network(tmp_path / "tiny", height=64)


def process(*words: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a user runs it; `before` runs first in the same interpreter."""
    code = f"import runpy, sys\n{before}\nrunpy.run_module('engines', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


# For all commands


def test_help_names_every_command(engines: Engines) -> None:
    said = engines("--help")
    assert said.code == 0
    for command in ("list", "info", "fetch", "bench", "doctor"):
        assert re.search(rf"^ +{command} +\w", said.out, re.MULTILINE)
        assert engines(command, "--help").code == 0


@pytest.mark.parametrize("words", [[], ["train"], ["info"], ["list", "x"], ["fetch", "x", "y"]])
def test_a_wrong_command_line_is_refused(engines: Engines, words: list[str]) -> None:
    said = engines(*words)
    assert said.code == 2
    assert re.fullmatch(r"posestream: .*python -m engines.* --help .*\n", said.err)


@pytest.mark.parametrize("command", ["info", "fetch", "bench"])
@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("human-pose", f"did you mean {MODEL}"),
        ("absent.toml", "There is no model card absent.toml."),
    ],
)
def test_a_wrong_model_is_one_sentence(
    engines: Engines, command: str, model: str, sentence: str
) -> None:
    said = engines(command, model)
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert sentence in said.err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        child = subprocess.run(
            [sys.executable, "-m", "engines", "info", MODEL],
            cwd=ROOT,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (child.returncode, child.stderr) == (0, "")


@pytest.mark.parametrize("package", ["cv2", "platformdirs", "openvino"])
def test_a_missing_package_is_one_sentence(package: str, tiny: Path) -> None:
    child = process("bench", str(tiny), before=f"sys.modules['{package}'] = None")
    assert child.returncode == 2
    assert child.stderr.count("\n") == 1
    assert "pip install -r requirements.txt" in child.stderr


# list, info, fetch


def test_list_tells_what_is_here(
    engines: Engines, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert re.search(
        rf"^{MODEL} +Apache-2.0 +coco18 +4.6 MB +yes +none ", engines("list").out, re.MULTILINE
    )
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    said = engines("list")
    assert said.code == 0
    assert re.search(rf"^{MODEL} .* int8, fp32, bf16 ", said.out, re.MULTILINE)


def test_info_tells_the_card_and_where_each_file_comes_from(engines: Engines) -> None:
    said = engines("info", MODEL)
    assert said.code == 0
    for fact in ("Apache-2.0", "coco18 (18 keypoints, 19 limbs)", "stride 8", "height 256"):
        assert fact in said.out
    assert (
        f"{MODEL}.bin (16394712 bytes): not downloaded; https://storage.openvinotoolkit" in said.out
    )
    assert f"{MODEL}.onnx (16417995 bytes): not downloaded; not published" in said.out


def test_info_tells_where_the_files_of_ones_own_card_lie(engines: Engines, tiny: Path) -> None:
    said = engines("info", tiny)
    assert said.code == 0
    for name in ("tiny.xml", "tiny.bin"):
        assert re.search(rf"{name} \(\d+ bytes\): at {tiny.with_name(name)}\n", said.out)


def test_list_and_info_say_what_was_measured_and_what_owners_claim(engines: Engines) -> None:
    row = r"^ *pafnet +movenet-thunder +INT8 +368 +0\.\d{3} +[\d., ]+ Apache-2\.0 +[\d.]+ MB$"
    for words in (["list"], ["info", "pafnet"], ["info", "movenet-thunder"]):
        assert re.search(row, engines(*words).out, re.MULTILINE), words
    for model in ("rtmpose-t", "rtmpose-s", "rtmpose-m", "rtmo-s"):
        said = engines("info", model).out
        assert re.search(r"^measured  no; its owners state \d\d\.\d AP on COCO", said, re.MULTILINE)


def test_fetch_brings_the_files_and_says_where(
    engines: Engines, tiny: Path, tmp_path: Path, site: Site
) -> None:
    text = tiny.read_text()
    for name in ("tiny.xml", "tiny.bin"):
        path = tiny.with_name(name)
        site.files[name] = path.read_bytes()
        path.unlink()
        text = text.replace(f'name = "{name}"', f'name = "{name}", url = "{site.url(name)}"')
    tiny.write_text(text)
    said = engines("fetch", tiny, "--precision", "fp32")
    assert (said.code, engines("fetch", tiny).code) == (0, 0)
    assert len(site.asked) == 2
    assert "tiny, fp32, licence Apache-2.0" in said.out
    paths = [Path(line.strip()) for line in said.out.splitlines()[1:]]
    assert [path.read_bytes() for path in paths] == [site.files["tiny.xml"], site.files["tiny.bin"]]
    assert all(path.is_relative_to(tmp_path / "cache") for path in paths)


def test_fetch_says_in_one_sentence_what_is_not_to_be_had(engines: Engines, tiny: Path) -> None:
    tiny.with_name("tiny.bin").unlink()
    said = engines("fetch", tiny)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "tiny.bin (not published)" in said.err
    assert "POSE_WEIGHTS" in said.err


def test_fetch_takes_the_users_word_for_a_file_without_a_pin(
    engines: Engines, tiny: Path, site: Site
) -> None:
    body = tiny.with_name("tiny.bin").read_bytes()
    site.files["tiny.bin"] = body
    tiny.with_name("tiny.bin").unlink()
    digest = hashlib.sha256(body).hexdigest()
    pin = f', size = {len(body)}, sha256 = "{digest}"'
    assert pin in tiny.read_text()
    tiny.write_text(tiny.read_text().replace(pin, f', url = "{site.url("tiny.bin")}"'))
    refused = engines("fetch", tiny)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "does not know the sha256 of tiny.bin" in refused.err
    assert "--trust SHA256" in engines("info", tiny).out
    for wrong in ("abc", digest[::-1]):
        assert engines("fetch", tiny, "--trust", wrong).code == 2
    assert engines("fetch", tiny, "--trust", digest.upper()).code == 0
    assert engines("fetch", tiny).code == 0
    assert "--trust" not in engines("info", tiny).out


# bench


def figures(out: str) -> dict[str, list[float]]:
    """Network size -> the figures of its row."""
    rows = re.findall(r"^ +(\d+x\d+)((?: +[\d.]+){5})$", out, re.MULTILINE)
    return {size: [float(word) for word in row.split()] for size, row in rows}


def test_bench_measures_at_the_usual_and_at_the_cards_height(engines: Engines, tiny: Path) -> None:
    said = engines("bench", tiny, "--frames", "5")
    assert said.code == 0, said.err
    rows = figures(said.out)
    assert set(rows) == {"120x64", "456x256"}
    for median, p95, people_median, people_p95, rate in rows.values():
        assert 0 < median <= p95
        assert 0 <= people_median <= people_p95
        assert rate > 0
    assert f"{machine.cores()} cores, OpenVINO 20" in said.out
    assert "5 frames of a black picture, 1280x720" in said.out


def test_bench_on_a_picture_at_a_height(engines: Engines, tiny: Path, tmp_path: Path) -> None:
    people = crowd(2, (128, 96), np.random.default_rng(1))
    picture = write_picture(tmp_path / "two.png", scene(people, (128, 96)))
    said = engines("bench", tiny, "--frames", 2, "--height", 96, "--image", picture)
    assert said.code == 0, said.err
    assert set(figures(said.out)) == {"128x96"}
    assert f"{picture}, 128x96" in said.out


@pytest.mark.parametrize("options", [["--frames", "0"], ["--height", "-1"], ["--precision", "fp8"]])
def test_bench_refuses_what_cannot_be_measured(
    engines: Engines, tiny: Path, options: list[str]
) -> None:
    assert engines("bench", tiny, *options).code == 2


def test_bench_of_no_picture_is_one_sentence(engines: Engines, tiny: Path) -> None:
    said = engines("bench", tiny, "--image", "absent.jpg")
    assert said.code == 2
    assert "absent.jpg cannot be read" in said.err


# doctor


def test_doctor_finds_this_machine_fit(engines: Engines) -> None:
    said = engines("doctor")
    assert said.code == 0, said.out
    lines = said.out.splitlines()
    assert all(re.match(r"(ok|note) {5,7}\S|  +-> \S", line) for line in lines)
    for fact in ("Python 3.", "numpy ", "OpenCV ", "PyAV reads videos", "OpenVINO device CPU"):
        assert any(line.startswith("ok ") and fact in line for line in lines), fact


def test_doctor_of_an_installed_package_looks_at_what_that_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["numpy<3,>=2.4", "not-there-at-all>=1", 'nor-this>=1; extra == "more"']
    monkeypatch.setattr(doctor, "requires", lambda name: asked)
    here, absent = list(doctor.packages(tmp_path / "requirements.txt"))[1:]
    assert here == Finding("ok", f"numpy {np.__version__}")
    assert (absent.state, absent.remedy) == ("missing", "pip install not-there-at-all")


def test_doctor_tells_of_weights_and_how_to_get_them(
    engines: Engines, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = engines("doctor")
    assert re.search(rf"note .*more accurate than the bundled models: {MODEL} and ", said.out)
    assert "-> posestream models fetch\n" in said.out
    monkeypatch.setenv("POSE_WEIGHTS", f"{data / 'models'}{os.pathsep}{tmp_path / 'gone'}")
    said = engines("doctor")
    assert re.search(rf"ok +{MODEL}, int8: {data / 'models'}", said.out)
    assert f"POSE_WEIGHTS names {tmp_path / 'gone'}, which is not a folder" in said.out
    assert re.search(rf"ok +{MODEL}, INT8, default height: AP 0\.\d\d\d, \d+ ms with one", said.out)
    (others,) = re.findall(r"^note .*downloaded when you name them: (.*)$", said.out, re.MULTILINE)
    assert "movenet-thunder" in others
    assert "+ movenet" not in said.out  # whose weights are not here in the form that is published


def test_doctor_speaks_where_opencv_cannot_be_imported() -> None:
    said = process("doctor", before="sys.modules['cv2'] = None")
    assert said.returncode == 1
    assert said.stderr == ""
    assert "The package cv2 is not installed" in said.stdout
    assert len(re.findall("^missing", said.stdout, re.MULTILINE)) == 1
    assert "OpenVINO device CPU" in said.stdout, "the other checks go on"


LIBRARY = """
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == 'cv2':
            text = 'libGL.so.1: cannot open shared object file: No such file or directory'
            raise ImportError(text, name='cv2')
sys.meta_path.insert(0, Finder())
"""


def test_doctor_names_the_package_of_a_missing_system_library() -> None:
    said = process("doctor", before=LIBRARY)
    assert said.returncode == 1
    assert "apt install libgl1" in said.stdout


def test_doctor_misses_openvino() -> None:
    said = process("doctor", before="sys.modules['openvino'] = None")
    assert said.returncode == 1
    assert re.search("^missing +OpenVINO cannot be imported", said.stdout, re.MULTILINE)
    assert "run pip install -r requirements.txt" in said.stdout


def test_packages_are_compared_with_the_pinned(tmp_path: Path) -> None:
    pinned = tmp_path / "requirements.txt"
    pinned.write_text(
        f"# comment\nnumpy=={np.__version__}\nrich==0.0.1  # too old\nnot-there-at-all==1.0\n"
    )
    same, other, absent = list(doctor.packages(pinned))[1:]
    assert same == Finding("ok", f"numpy {np.__version__}")
    assert other.state == "note"
    assert "tested with rich 0.0.1" in other.text
    assert (absent.state, absent.remedy) == ("missing", "pip install -r requirements.txt")


def test_every_pinned_package_is_looked_at() -> None:
    """A line that the check cannot read would be a package that nobody misses."""
    text = doctor.REQUIREMENTS_FILE.read_text()
    pins = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(list(doctor.packages())) == 1 + len(pins)


@pytest.mark.skipif(sys.platform != "linux", reason="cameras can be listed only on Linux")
def test_cameras_are_told_with_the_right_to_open_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [finding.state for finding in doctor.cameras(tmp_path)] == ["note"]
    for name in ("video0", "video1", "null"):
        (tmp_path / name).touch()
    # root may open everything, so the answer is the test's own
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "video1")
    first, second = doctor.cameras(tmp_path)
    assert first == Finding("ok", f"camera {tmp_path / 'video0'}")
    assert second.state == "note"
    assert "usermod -aG video" in second.remedy


def test_a_cache_that_cannot_be_written_is_noted(engines: Engines, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    said = engines("doctor")
    assert said.code == 0
    assert f"{tmp_path / 'cache'} is not writable" in said.out


def test_looking_changes_nothing(engines: Engines, tmp_path: Path) -> None:
    for words in (["doctor"], ["list"], ["info", MODEL]):
        engines(*words)
    assert not (tmp_path / "cache").exists()


def test_an_int8_cpu_is_known_by_its_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "CPUINFO", cpuinfo)
    for flags, quick in (("avx2 avx512_vnni", True), ("sse4_2 avx2", False)):
        cpuinfo.write_text(f"processor : 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: {flags}\n")
        assert machine.processor().startswith("Some CPU @ 2 GHz, ")
        said = [finding.text for finding in doctor.cpu() if "int8" in finding.text]
        assert [("has int8" in text) for text in said] == [quick]
