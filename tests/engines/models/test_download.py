"""Fetching weights from servers of all manners, into caches of all conditions."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engines.models import download
from engines.models.card import Weights
from engines.models.download import download_bar
from engines.models.places import cache_folder
from engines.models.weight_file import WeightFile
from engines.models.weights import locate
from tests.conftest import ROOT
from tests.engines.toy import OUTPUTS, SIZE, card, content, form, put, refusal
from tests.engines.webserver import Site, serving
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0, 0.0))


def part_of(file: WeightFile) -> Path:
    return cache_folder() / f"{file.sha256[:12]}-{file.name}.part"


def test_a_file_is_fetched_once_and_told_of(tmp_path: Path, site: Site) -> None:
    model = card(tmp_path, form("net.xml", "net.bin", site=site))
    told: list[tuple[str, int, int]] = []
    located = locate(model, progress=lambda *what: told.append(what))
    assert [path.read_bytes() for path in located.paths] == [content("net.xml"), content("net.bin")]
    assert all(path.parent == cache_folder() for path in located.paths)
    assert not list(cache_folder().glob("*.part"))
    for name in ("net.xml", "net.bin"):
        done = [done for which, done, total in told if which == name]
        assert done == sorted(done)
        assert done[-1] == SIZE
    assert {total for _, _, total in told} == {SIZE}
    assert locate(model) == located
    assert len(site.asked) == 2


def test_a_connection_that_breaks_is_taken_up_where_it_broke(tmp_path: Path, site: Site) -> None:
    site.cuts = [100_000, 50_000, 70_000, 30_000, 10_000]
    [path] = locate(card(tmp_path, form("net.bin", site=site))).paths
    assert path.read_bytes() == content("net.bin")
    assert site.sent == SIZE
    ranges = [wanted for _, wanted in site.asked]
    assert ranges[:3] == [None, "bytes=100000-", "bytes=150000-"]


def test_what_an_earlier_run_left_is_taken_up(tmp_path: Path, site: Site) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    put(cache_folder(), part_of(model.weights[0].files[0]).name, content("net.bin")[:200_000])
    [path] = locate(model).paths
    assert path.read_bytes() == content("net.bin")
    assert site.asked == [("net.bin", "bytes=200000-")]


def test_an_earlier_run_may_have_left_everything(tmp_path: Path, site: Site) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    put(cache_folder(), part_of(model.weights[0].files[0]).name, content("net.bin"))
    assert locate(model).paths[0].read_bytes() == content("net.bin")
    assert site.asked == []


@pytest.mark.parametrize("left", [content("a")[:200_000], content("a"), content("a", SIZE + 9)])
def test_what_an_earlier_run_left_of_another_file_is_dropped(
    left: bytes, tmp_path: Path, site: Site
) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    part = put(cache_folder(), part_of(model.weights[0].files[0]).name, left)
    assert locate(model).paths[0].read_bytes() == content("net.bin")
    assert site.asked[-1] == ("net.bin", None)
    assert not part.exists()


def test_a_server_without_ranges_begins_anew(tmp_path: Path, site: Site) -> None:
    site.ranges = False
    site.cuts = [100_000, 150_000, 50_000]
    assert locate(card(tmp_path, form("net.bin", site=site))).paths[0].read_bytes() == content(
        "net.bin"
    )


def test_a_server_that_always_breaks_off_is_given_up(tmp_path: Path, site: Site) -> None:
    site.ranges = False
    site.cuts = [100_000] * 50
    said = refusal(card(tmp_path, form("net.bin", site=site)))
    assert f"broke off at 100000 of {SIZE} bytes" in said
    assert len(site.asked) == 5


def test_a_busy_server_is_asked_again(tmp_path: Path, site: Site) -> None:
    site.errors = [503, 429]
    assert locate(card(tmp_path, form("net.bin", site=site))).paths[0].exists()


def test_a_server_that_falls_silent_is_given_up(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    site.stall, site.cuts = True, [100_000] + [0] * 50
    assert "timed out" in refusal(card(tmp_path, form("net.bin", site=site)))


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("body", [content("other"), content("other", 1000), content("o", SIZE + 1)])
def test_other_bytes_than_the_card_names_are_never_used(
    body: bytes, lengths: bool, tmp_path: Path, site: Site
) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    site.files["net.bin"], site.lengths = body, lengths
    assert site.url("net.bin") in refusal(model)
    assert not list(cache_folder().glob("*net.bin"))
    site.files["net.bin"] = content("net.bin")
    assert locate(model).paths[0].read_bytes() == content("net.bin")


def test_a_file_of_another_size_is_not_even_fetched(tmp_path: Path, site: Site) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    site.files["net.bin"] = content("other", 1000)
    assert f"has 1000 bytes, the model card says {SIZE}" in refusal(model)
    assert len(site.asked) == 1


def test_what_was_left_of_a_file_that_has_shrunk_since_is_dropped(
    tmp_path: Path, site: Site
) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    part = put(cache_folder(), part_of(model.weights[0].files[0]).name, content("a")[:200_000])
    site.files["net.bin"] = content("other", 1000)
    assert "has 1000 bytes" in refusal(model)
    assert [wanted for _, wanted in site.asked] == ["bytes=200000-", None]
    assert not part.exists()


def test_a_server_that_never_ends_does_not_fill_the_disk(tmp_path: Path, site: Site) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    site.files["net.bin"], site.lengths = content("other", 10 * SIZE), False
    assert "more bytes than the model card says" in refusal(model)
    assert all(file.stat().st_size < 2 * SIZE for file in cache_folder().iterdir())


def test_the_digits_of_other_bytes_are_told(tmp_path: Path, site: Site) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    site.files["net.bin"] = content("other")
    said = refusal(model)
    assert hashlib.sha256(content("other")).hexdigest()[:12] in said
    assert model.weights[0].files[0].sha256[:12] in said
    assert len(site.asked) == 2


def test_a_file_that_is_gone_from_the_server_is_named_with_where_to_put_it(
    tmp_path: Path, site: Site
) -> None:
    model = card(tmp_path, form("net.xml", "net.bin", site=site))
    put(model.folder, "net.xml")
    del site.files["net.bin"]
    said = refusal(model)
    for part in ("404", f"net.bin ({site.url('net.bin')})", "POSE_WEIGHTS", str(cache_folder())):
        assert part in said
    assert "net.xml" not in said
    assert len(site.asked) == 1


def test_without_network_every_file_is_named(tmp_path: Path) -> None:
    with serving() as site:
        model = card(tmp_path, form("net.xml", "net.bin", site=site))
    said = refusal(model)
    for name in ("net.xml", "net.bin"):
        assert f"{name} ({site.url(name)})" in said
    assert "cannot be reached" in said
    assert str(cache_folder()) in said


def test_nothing_is_fetched_unasked(tmp_path: Path, site: Site) -> None:
    said = refusal(card(tmp_path, form("net.bin", site=site)), download=False)
    assert site.url("net.bin") in said
    assert site.asked == []
    assert not cache_folder().exists()


def test_a_folder_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "mistyped"))
    said = refusal(card(tmp_path, form("net.bin")))
    assert str(tmp_path / "mistyped") in said
    assert "not published" in said


# Into the cache


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, site: Site) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    said = refusal(card(tmp_path, form("net.bin", site=site)))
    assert str(cache_folder()) in said
    assert "Not a directory" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_is_told(tmp_path: Path, site: Site) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    cache_folder().mkdir(parents=True)
    part_of(model.weights[0].files[0]).symlink_to("/dev/full")
    assert "No space left" in refusal(model)


CHILD = """
import sys
from dataclasses import replace
from engines.models.card import WeightFile, Weights, load_card
from engines.models.weights import locate
url, name, size, digest = sys.argv[1:]
form = Weights(("fp32",), (WeightFile(name, int(size), digest, (url,)),), {})
print(locate(replace(load_card("human-pose-estimation-0001"), weights=(form,))).paths[0])
"""


def child(file: WeightFile) -> subprocess.Popen[str]:
    arguments = [str(one) for one in (file.urls[0], file.name, file.size, file.sha256)]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_two_processes_fetch_one_file_once(tmp_path: Path, site: Site) -> None:
    [file] = form("net.bin", site=site).files
    site.stall, site.cuts = True, [100_000]
    first = child(file)
    assert site.stalled.wait(PATIENCE)
    second = child(file)
    # The first hangs in its download; the second must not disturb it.
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(1)
    site.go_on.set()
    said = [process.communicate(timeout=PATIENCE)[0] for process in (first, second)]
    assert said[0] == said[1]
    assert Path(said[0].strip()).read_bytes() == content("net.bin")
    assert site.sent == SIZE


def test_a_killed_process_leaves_what_the_next_takes_up(tmp_path: Path, site: Site) -> None:
    [file] = form("net.bin", site=site).files
    site.stall, site.cuts = True, [2 * download.BLOCK]
    process = child(file)
    assert process.stdout is not None
    with process.stdout:
        wait_for(lambda: part_of(file).exists() and part_of(file).stat().st_size, process=process)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    left = part_of(file).stat().st_size
    model = card(tmp_path, Weights(("fp32",), (file,), OUTPUTS))
    assert locate(model).paths[0].read_bytes() == content("net.bin")
    assert site.asked[-1] == ("net.bin", f"bytes={left}-")


def test_the_bar_draws_on_stderr_alone(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    model = card(tmp_path, form("net.bin", site=site))
    for fetched in (True, False):
        with download_bar() as bar:
            locate(model, progress=bar)
        said = capsys.readouterr()
        assert said.out == ""
        assert ("net.bin" in said.err) == fetched


# urllib leaves the socket of a redirection that it cannot follow to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("length", ["9" * 30, str(10**15), "-1"])
@pytest.mark.parametrize("to", ["/again", "http://[", "file:///etc/hostname"])
def test_a_redirection_that_makes_no_sense_is_told(
    length: str, to: str, tmp_path: Path, site: Site
) -> None:
    site.redirect = {"Location": to, "Content-Length": length}
    said = refusal(card(tmp_path, form("net.bin", site=site)))
    assert site.url("net.bin") in said
    assert said.isprintable()
