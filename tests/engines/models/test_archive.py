"""A weight file out of a zip or tar.gz: the one that is named, and nothing else."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from engines.models.archive import extract
from engines.models.card import Archive, WeightFile
from engines.models.download import fetch
from engines.models.places import cached
from engines.models.weights import locate
from engines.types.errors import UnreachableError, WeightsError
from tests.engines import toy
from tests.engines.webserver import Site

BODY = toy.content("net.onnx", 50_000)
MEMBER = "20230101/rtmpose/end2end.onnx"
OTHERS = {"../../evil": b"x", "/etc/evil": b"x", "20230101/readme": b"words"}


def zipped(member: str = MEMBER, body: bytes = BODY) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in (*OTHERS.items(), (member, body)):
            whole.writestr(name, content)
    return buffer.getvalue()


def tarred(member: str = MEMBER, body: bytes = BODY) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as whole:
        for name, content in (*OTHERS.items(), (member, body)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            whole.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def in_archive(archive: bytes, *urls: str) -> WeightFile:
    pin = Archive(MEMBER, len(archive), hashlib.sha256(archive).hexdigest())
    return WeightFile("net.onnx", len(BODY), hashlib.sha256(BODY).hexdigest(), urls, pin)


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("make", [zipped, tarred])
def test_the_named_member_alone_comes_out(make: object, tmp_path: Path) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(make())  # type: ignore[operator]
    extract(archive, MEMBER, len(BODY), tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").read_bytes() == BODY
    assert files_below(tmp_path) == ["a", "net.onnx"]


@pytest.mark.parametrize("make", [zipped, tarred])
def test_the_folders_of_a_member_need_not_be_known(make: object, tmp_path: Path) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(make())  # type: ignore[operator]
    extract(archive, "end2end.onnx", len(BODY), tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").read_bytes() == BODY


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize(
    ("member", "size", "said"),
    [
        ("d2end.onnx", len(BODY), "holds no file d2end.onnx; it holds"),
        (MEMBER, len(BODY) - 1, "has 50000 bytes, the card says 49999"),
        (MEMBER, 10**12, "has 50000 bytes, the card says 1000000000000"),
    ],
)
def test_another_member_or_size_is_one_sentence(
    make: object, member: str, size: int, said: str, tmp_path: Path
) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(make())  # type: ignore[operator]
    with pytest.raises(WeightsError, match=said):
        extract(archive, member, size, tmp_path / "net.onnx")
    assert files_below(tmp_path) == ["a"]


def test_a_zip_that_lies_about_a_size_writes_no_more_than_that(tmp_path: Path) -> None:
    bomb = zipped(body=bytes(10_000_000))
    for field in (b"PK\x01\x02", b"PK\x03\x04"):  # both headers say 1000 bytes
        at = bomb.rfind(field)
        offset = at + (24 if field == b"PK\x01\x02" else 22)
        bomb = bomb[:offset] + (1000).to_bytes(4, "little") + bomb[offset + 4 :]
    archive = tmp_path / "a"
    archive.write_bytes(bomb)
    with pytest.raises(WeightsError):
        extract(archive, MEMBER, 1000, tmp_path / "net.onnx")
    assert files_below(tmp_path) == ["a"]


def test_a_link_in_a_tar_is_no_file(tmp_path: Path) -> None:
    archive = tmp_path / "a"
    with tarfile.open(archive, "w:gz") as whole:
        info = tarfile.TarInfo(MEMBER)
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        whole.addfile(info)
    with pytest.raises(WeightsError, match="holds no file"):
        extract(archive, MEMBER, 5, tmp_path / "net.onnx")


@pytest.mark.parametrize("content", [b"", b"no archive", zipped()[:-200], tarred()[:-2000]])
def test_what_is_no_archive_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(content)
    with pytest.raises(WeightsError, match=r"cannot be unpacked|holds no file") as caught:
        extract(archive, MEMBER, len(BODY), tmp_path / "net.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("make", [zipped, tarred])
def test_fetched_unpacked_verified_and_found_again(
    make: object, site: Site, tmp_path: Path
) -> None:
    archive = make()  # type: ignore[operator]
    site.files["models.zip"] = archive
    file = in_archive(archive, site.url("absent.zip"), site.url("models.zip"))
    card = toy.card(tmp_path, replace(toy.form("a"), files=(file,)))
    located = locate(card)
    assert located.paths == (cached(file),)
    assert located.paths[0].read_bytes() == BODY
    assert [name for name in files_below(cached(file).parent) if name != ".lock"] == [
        cached(file).name
    ]
    site.files.clear()
    assert locate(card, download=False).paths == located.paths


@pytest.mark.usefixtures("own_cache")
def test_an_archive_of_ones_own_is_unpacked_into_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped()
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path / "mine"))
    toy.put(tmp_path / "mine", "whatever.zip", archive)
    card = toy.card(tmp_path, replace(toy.form("a"), files=(in_archive(archive),)))
    assert locate(card, download=False).paths[0].read_bytes() == BODY


@pytest.mark.usefixtures("own_cache")
def test_a_member_that_is_another_file_is_refused(site: Site, tmp_path: Path) -> None:
    archive = zipped(body=BODY[::-1])
    site.files["models.zip"] = archive
    file = in_archive(archive, site.url("models.zip"))
    with pytest.raises(WeightsError, match="is not the file that the model card describes"):
        fetch(file, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.usefixtures("own_cache")
def test_addresses_are_tried_in_order_and_held_to_one_pin(site: Site, tmp_path: Path) -> None:
    good = toy.content("good")
    site.files.update(wrong=good[::-1], good=good)
    pin = hashlib.sha256(good).hexdigest()
    urls = site.url("absent"), site.url("wrong"), site.url("good")
    file = WeightFile("good", len(good), pin, urls)
    fetch(file, tmp_path / "good")
    assert (tmp_path / "good").read_bytes() == good
    card = toy.card(tmp_path, replace(toy.form("a"), files=(replace(file, urls=urls[:2]),)))
    with pytest.raises(UnreachableError, match=r"answers 404.*; .*is not the file") as caught:
        locate(card)
    assert "\n" not in str(caught.value)
