"""Addresses of network cameras: what is told of them, and what never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.network_camera import stream_name
from realtime.sources.reconnecting import LiveSource
from realtime.types.errors import SourceError
from realtime.writing.redaction import redacted
from tests.cameras import COUNT, NetworkCamera, number_of


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:pa/5ecret@127.0.0.1:5541/live",
        "rtsp://admin:12/345ecret@127.0.0.1:5541/live",
        "rtsp://admin:12#5ecret@127.0.0.1:5541/live",
        "rtsp://admin:12?5ecret@127.0.0.1:5541/live",
        "rtsp://admin:a@5ecret@127.0.0.1:bad/live",
        "rtsp:/admin:5ecret@127.0.0.1/live",
        "rtsp:admin:5ecret@127.0.0.1/live",
        "admin:5ecret@127.0.0.1/live",
        "rtps://admin:5ecret@127.0.0.1/live",
        "https://127.0.0.1:none/video?key=5ecret",
    ],
)
def test_passwords_are_never_told_however_the_address_is_written(address: str) -> None:
    with pytest.raises(SourceError) as told, open_source(SourceSettings(address)):
        pass
    assert "5ecret" not in str(told.value)
    assert "admin" not in str(told.value)
    assert "127.0.0.1" in str(told.value)


def test_how_a_password_with_a_slash_is_written() -> None:
    with pytest.raises(SourceError, match="%2F %3F %23"):
        open_source(SourceSettings("rtsp://admin:pa/ss@127.0.0.1/live"))


def test_schemes_may_be_in_capitals() -> None:
    with (
        NetworkCamera() as camera,
        open_source(SourceSettings(camera.url().replace("http", "HTTP"))) as source,
    ):
        assert isinstance(source, LiveSource)
        assert number_of(next(iter(source)).image) < COUNT
        source.stop()


@given(st.from_regex(r"[^\s@]{1,9}(:[^\s]{0,9})?", fullmatch=True))
def test_no_user_passes_through(user: str) -> None:
    told = redacted(f"cannot open rtsp://{user}@10.0.0.7:554/x")
    assert told == "cannot open rtsp://10.0.0.7:554/x"


def test_a_stream_is_called_by_its_host() -> None:
    assert stream_name("rtsp://me:pw@Cam-1.local:554/a?b=c") == "cam-1.local"
    assert stream_name("http://[fe80::1]/x") == "fe80__1"
