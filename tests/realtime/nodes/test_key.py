"""Who is believed: signatures, and where the key comes from."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from realtime.nodes.key import ENVIRONMENT, Envelope, OtherProtocol, Refused, read_key
from realtime.types.errors import SettingsError

KEY = b"k" * 20


def test_a_message_is_opened_by_who_has_the_key_where_it_belongs() -> None:
    sealed = Envelope(KEY).seal("cam0", b"people")
    assert Envelope(KEY).open("cam0", sealed) == b"people"
    for other, topic in ((Envelope(b"x" * 20), "cam0"), (Envelope(KEY), "cam1")):
        with pytest.raises(Refused):
            other.open(topic, sealed)
    for at in range(1, len(sealed)):
        changed = sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]
        with pytest.raises(Refused):
            Envelope(KEY).open("cam0", changed)
    for length in range(1, len(sealed)):
        with pytest.raises(Refused):
            Envelope(KEY).open("cam0", sealed[:length])


def test_the_signature_is_the_first_half_of_hmac_sha256() -> None:
    sealed = Envelope(KEY).seal("cam0", b"people")
    wanted = hmac.new(KEY, b"\0\4cam0" + sealed[:-16], hashlib.sha256).digest()
    assert sealed[-16:] == wanted[:16]


def test_with_and_without_a_key_do_not_go_together() -> None:
    open_one, keyed = Envelope(None), Envelope(KEY)
    assert open_one.open("t", open_one.seal("t", b"x")) == b"x"
    with pytest.raises(Refused):
        keyed.open("t", open_one.seal("t", b"x" * 40))
    with pytest.raises(Refused):
        open_one.open("t", keyed.seal("t", b"x"))


def test_another_version_is_told_from_another_key() -> None:
    sealed = Envelope(KEY).seal("t", b"x")
    for data in (b"", bytes((99,)) + sealed[1:]):
        with pytest.raises(OtherProtocol):
            Envelope(KEY).open("t", data)


def test_the_key_is_that_of_the_file_or_else_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b" 0123456789abcdefgh\n")
    surroundings = {ENVIRONMENT: "another key of enough length"}
    assert read_key(file, surroundings) == b"0123456789abcdefgh"
    assert read_key(None, surroundings) == b"another key of enough length"
    assert read_key(None, {}) is None
    file.write_text("short")
    with pytest.raises(SettingsError, match="from 16 to 4096 characters"):
        read_key(file)
    with pytest.raises(SettingsError, match="POSESTREAM_KEY: a key has"):
        read_key(None, {ENVIRONMENT: "short"})
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_key(tmp_path / "none")
    file.write_bytes(b"k" * 5000)
    with pytest.raises(SettingsError, match="from 16 to 4096"):
        read_key(file)
