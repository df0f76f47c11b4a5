"""RTSP from a server that nobody here wrote."""

from __future__ import annotations

import time
from itertools import islice, pairwise

import pytest

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.reconnecting import LiveSource
from realtime.types.errors import SourceError
from tests.gstreamer import GStreamerCamera

pytestmark = pytest.mark.timeout(180)
KINDS = [
    ("--gop", "15"),
    ("--gop", "30", "--b-frames", "2"),
    ("--codec", "h265"),
    ("--codec", "mjpeg"),
    ("--audio",),
    ("--protocol", "udp"),
]


def opened(address: str, **settings: object) -> LiveSource:
    source = open_source(SourceSettings(address, **settings))
    assert isinstance(source, LiveSource)
    return source


@pytest.mark.parametrize("words", KINDS, ids=" ".join)
def test_every_kind_of_stream_gives_its_pictures(words: tuple[str, ...]) -> None:
    with GStreamerCamera(*words) as camera, opened(camera.url()) as source:
        got = list(islice(source, 40))
        source.stop()
    assert [frame.size for frame in got] == [(320, 240)] * 40
    assert all(after.captured > before.captured for before, after in pairwise(got))
    # The server's test picture: white, yellow, ..., blue bars, then bars of other kinds.
    for frame in got:
        bars = frame.image[60, 20:320:46].astype(int)  # BGR, in the middle of each of seven
        assert (bars[0] > 150).all(), frame.index
        assert bars[6, 0] > 150, frame.index
        assert bars[6, 1:].max() < 60, frame.index


def test_the_first_picture_does_not_wait_for_the_second_key_picture() -> None:
    """That would come after 100 s; with x264's usual 250 pictures, after 8 s."""
    with GStreamerCamera("--gop", "3000") as camera, opened(camera.url()) as source:
        began = time.monotonic()
        next(iter(source))
        assert time.monotonic() - began < 50
        source.stop()


def test_after_a_restart_too_the_first_key_picture_is_shown() -> None:
    with GStreamerCamera("--gop", "3000") as camera, opened(camera.url()) as source:
        frames = iter(source)
        next(frames)
        camera.kill()
        camera.start()
        back = time.monotonic()
        while next(frames).captured < back:
            pass
        assert time.monotonic() - back < 50
        source.stop()


@pytest.mark.parametrize("login", ["basic", "digest"])
def test_passwords(login: str) -> None:
    with GStreamerCamera("--login", login) as camera:
        with opened(camera.url(login=True)) as source:
            next(iter(source))
            source.stop()
        with (
            pytest.raises(SourceError, match="needs a user name and password"),
            opened(camera.url()),
        ):
            pass


def test_a_path_that_is_not_there() -> None:
    with (
        GStreamerCamera() as camera,
        pytest.raises(SourceError, match="no such stream") as told,
        opened(camera.url("nothing")),
    ):
        pass
    assert "nothing" not in str(told.value)
