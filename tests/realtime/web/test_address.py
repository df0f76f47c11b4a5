"""Where the web server may listen, and who needs a token."""

from __future__ import annotations

import re

import pytest

from realtime.settings.web import WebSettings
from realtime.sinks.screens.web_sink import WebSink
from realtime.types.errors import OutputError, SettingsError
from realtime.web import address
from realtime.web.address import Address, parse_address
from tests.realtime.results import header
from tests.realtime.serving import TOKEN, serving


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8080", "127.0.0.1", 8080),
        ("0", "127.0.0.1", 0),
        ("localhost:80", "localhost", 80),
        ("[::1]:8080", "::1", 8080),
        ("camera.local:65535", "camera.local", 65535),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    found = parse_address(text)
    assert (found.host, found.port) == (host, port)
    assert found.loopback == (host != "camera.local")


@pytest.mark.parametrize(
    "text", ["", "x", ":8080", "65536", "-1", "1.2.3.4", "::1:8080", "http://a:80", "a b:80", "٣"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"is not \[HOST:\]PORT"):
        WebSettings(serve=text)


@pytest.mark.parametrize(
    "text", ["0.0.0.0:80", "192.168.1.5:80", "[::]:80", "camera:80", "127.1:80", "localhost.a:80"]
)
def test_others_need_a_token_that_is_not_short(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--serve-token .{16};") as refused:
        WebSettings(serve=text)
    with pytest.raises(SettingsError, match="8 ASCII characters"):
        WebSettings(serve=text, serve_token="short")
    proposed = str(refused.value).split("--serve-token ")[1].split(";")[0]
    assert WebSettings(serve=text, serve_token=proposed).serve_token == proposed
    with pytest.raises(SettingsError) as another:
        WebSettings(serve=text)
    assert proposed not in str(another.value)


def test_a_token_without_a_server_is_refused() -> None:
    with pytest.raises(SettingsError, match="--serve-token does nothing without --serve"):
        WebSettings(serve_token=TOKEN)


def test_a_port_in_use_is_one_sentence() -> None:
    with serving() as (sink, _):
        port = sink.address.port
        second = WebSink(sink.address, None, header(), announce=False)
        with pytest.raises(OutputError, match=f"port {port} is in use; choose another one"):
            second.__enter__()


@pytest.mark.parametrize(
    ("host", "error", "says"),
    [
        ("127.0.0.1", PermissionError(13, "Permission denied"), "choose one above 1023"),
        ("192.0.2.1", None, "192.0.2.1 is not an address of this computer"),
        ("nowhere.invalid", None, "there is no host nowhere.invalid"),
        ("a..b", None, "there is no host a..b"),
    ],
)
def test_an_address_that_cannot_be_had_is_one_sentence(
    host: str, error: OSError | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        assert error is not None
        raise error

    if error is not None:
        monkeypatch.setattr(address.socket, "create_server", refuse)
    sink = WebSink(Address(host, 80), TOKEN, header(), announce=False)
    with pytest.raises(OutputError, match=re.escape(says)):
        sink.__enter__()
