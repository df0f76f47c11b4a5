"""GStreamer's RTSP server as a camera to test with; skips where it is not installed."""

from __future__ import annotations

import os
import signal
import subprocess
from functools import cache
from pathlib import Path
from typing import Self

import pytest

from tests.gstreamer_server import PASSWORD, USER

SERVER = Path(__file__).with_name("gstreamer_server.py")
PYTHON = "/usr/bin/python3"
NEEDS = (
    "GStreamer's RTSP server is not here: apt install gir1.2-gst-rtsp-server-1.0 python3-gi "
    "gstreamer1.0-plugins-{base,good,bad,ugly} gstreamer1.0-libav"
)


@cache
def installed() -> bool:
    """Whether the server and the encoders are there."""
    code = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0');"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "assert all(map(Gst.ElementFactory.find, ('x264enc', 'x265enc', 'rtph264pay', 'jpegenc')))"
    )
    try:
        run = subprocess.run([PYTHON, "-c", code], capture_output=True, check=False)
    except OSError:
        return False
    return run.returncode == 0


class GStreamerCamera:
    """A camera on the loopback; a context manager, restarted on the same port by `start`.

    words: of the server's command line, for example "--codec", "h265".
    """

    def __init__(self, *words: str) -> None:
        if not installed():
            pytest.skip(NEEDS)
        self._words = words
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def url(self, path: str = "live", login: bool = False) -> str:
        who = f"{USER}:{PASSWORD.replace(' ', '%20')}@" if login else ""
        return f"rtsp://{who}127.0.0.1:{self.port}/{path}"

    def start(self) -> None:
        """Until it listens."""
        command = [PYTHON, str(SERVER), "--port", str(self.port), *self._words]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def end(self) -> None:
        """As a service manager does it."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)
