"""Files that their card has no sha256 for: not used until their user answers for them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from engines.models.card import Card
from engines.models.places import cache_folder
from engines.models.trust import RECORD, trust, unpinned
from engines.models.weight_file import Archive, WeightFile
from engines.models.weights import locate
from engines.types.errors import WeightsError
from tests.engines import toy
from tests.engines.models.test_archive import tarred, zipped
from tests.engines.webserver import Site

pytestmark = pytest.mark.usefixtures("own_cache")
BODY = toy.content("net.onnx", 50_000)
SUM = hashlib.sha256(BODY).hexdigest()


def unknown(folder: Path, *urls: str, archive: Archive | None = None) -> Card:
    """A card that knows where its file is, and nothing else of it."""
    return toy.card(
        folder, replace(toy.form("a"), files=(WeightFile("net.onnx", urls=urls, archive=archive),))
    )


def test_a_file_without_a_pin_is_neither_fetched_nor_used(tmp_path: Path, site: Site) -> None:
    site.files["net.onnx"] = BODY
    card = unknown(tmp_path, site.url("net.onnx"))
    toy.put(card.folder, "net.onnx", BODY)  # nor where it lies here under that very name
    said = toy.refusal(card)
    assert "does not know the sha256 of net.onnx" in said
    assert f"python -m engines fetch {card.name} --trust SHA256" in said
    assert site.asked == []


def test_with_the_users_word_it_is_fetched_held_to_it_and_kept(tmp_path: Path, site: Site) -> None:
    site.files["net.onnx"] = BODY
    card = unknown(tmp_path, site.url("net.onnx"))
    with pytest.raises(WeightsError, match=f"not the file that --trust names.*{SUM[:12]}"):
        trust(card, [SUM[::-1]])
    assert unpinned(card)
    assert not [path for path in cache_folder().glob("*") if path.name != ".lock"]
    trust(card, [SUM])
    assert not unpinned(card)
    site.files.clear()
    located = locate(card, download=False)
    assert located.paths[0].read_bytes() == BODY
    located.paths[0].write_bytes(BODY[::-1])  # what takes its place is another file
    toy.refusal(card)


def test_another_address_needs_the_users_word_anew(tmp_path: Path, site: Site) -> None:
    site.files.update(one=BODY, other=BODY)
    trust(unknown(tmp_path, site.url("one")), [SUM])
    assert "does not know the sha256" in toy.refusal(unknown(tmp_path, site.url("other")))


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("sum_of", ["file", "archive"])
def test_the_sum_may_be_that_of_the_archive(
    make: object, sum_of: str, tmp_path: Path, site: Site
) -> None:
    body = make()  # type: ignore[operator]
    site.files["net.zip"] = body
    card = unknown(tmp_path, site.url("net.zip"), archive=Archive("end2end.onnx"))
    digest = hashlib.sha256(body).hexdigest()
    with pytest.raises(WeightsError, match=r"end2end\.onnx in .* not the file that --trust names"):
        trust(card, [digest[::-1]])
    trust(card, [SUM if sum_of == "file" else digest])
    assert locate(card, download=False).paths[0].read_bytes() == toy.content("net.onnx", 50_000)


def test_a_file_of_the_users_own_needs_no_address(tmp_path: Path) -> None:
    card = unknown(tmp_path)
    with pytest.raises(WeightsError, match=r"no net\.onnx with a sha256 that --trust names"):
        trust(card, [SUM])
    path = toy.put(card.folder, "net.onnx", BODY)
    trust(card, [SUM])
    assert locate(card, download=False).paths == (path,)


def test_nobodys_word_takes_the_place_of_a_pin(tmp_path: Path, site: Site) -> None:
    card = toy.card(tmp_path, toy.form("net.bin", site=site))
    with pytest.raises(WeightsError, match="known already, and none may take its place"):
        trust(card, [SUM])
    trust(card, [card.weights[0].files[0].sha256])  # what the card says itself


@pytest.mark.parametrize("damage", ["", "[]", '{"net.onnx": 5}', "\udcff"])
def test_a_damaged_record_is_none(damage: str, tmp_path: Path) -> None:
    card = unknown(tmp_path)
    toy.put(card.folder, "net.onnx", BODY)
    trust(card, [SUM])
    (cache_folder() / RECORD).write_bytes(damage.encode("utf-8", "surrogateescape"))
    toy.refusal(card)
    trust(card, [SUM])
    locate(card, download=False)


def test_a_server_that_never_ends_does_not_fill_the_disk(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.models.download.MAX_UNKNOWN", 40_000)
    site.files["net.onnx"] = BODY
    card = unknown(tmp_path, site.url("net.onnx"))
    with pytest.raises(WeightsError, match="50000 bytes, which is too large"):
        trust(card, [SUM])
    site.lengths = False
    with pytest.raises(WeightsError, match="more bytes than a network may have"):
        trust(card, [SUM])


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.models.download.PAUSES", (0.0, 0.0))
    site.files["net.onnx"] = BODY
    site.cuts = [20_000, 5_000]
    trust(unknown(tmp_path, site.url("net.onnx")), [SUM])
    assert [wanted for _, wanted in site.asked] == [None, "bytes=20000-", "bytes=25000-"]


def test_a_server_that_sends_nothing_is_given_up(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.models.download.PAUSES", (0.0, 0.0))
    site.files["net.onnx"], site.lengths = b"", False
    with pytest.raises(WeightsError, match="broke off at 0 of unknown bytes"):
        trust(unknown(tmp_path, site.url("net.onnx")), [SUM])


def test_addresses_may_hold_the_file_or_an_archive_of_it(tmp_path: Path, site: Site) -> None:
    """In order, all held to the pin of the file; the size and sum of the archives are not known."""
    site.files.update(wrong=tarred(body=BODY[::-1]), packed=tarred(), plain=BODY)
    urls = (
        site.url("gone#*.onnx"),
        site.url("wrong#*.onnx"),
        site.url("packed#end2end.onnx"),
        site.url("plain"),
    )
    file = WeightFile("net.onnx", len(BODY), SUM, urls)
    card = toy.card(tmp_path, replace(toy.form("a"), files=(file,)))
    located = locate(card)
    assert located.paths[0].read_bytes() == BODY
    assert [name for name, _ in site.asked] == ["gone", "wrong", "packed"]
    del site.files["packed"]
    located.paths[0].unlink()
    assert locate(card).paths[0].read_bytes() == BODY
    assert not list(cache_folder().glob("*.part"))
    del site.files["plain"]
    located.paths[0].unlink()
    said = toy.refusal(card)
    assert "gone answers 404" in said or "answers 404" in said
    assert "is not the file that the model card describes" in said
