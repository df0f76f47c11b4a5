"""A screen without a monitor (Xvfb), its picture, and a hand on its keyboard."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import numpy as np
import pytest

from engines.types.arrays import Image
from tests.conftest import ROOT
from tests.waiting import PATIENCE, wait_for

NEEDED = ("Xvfb", "xdotool")
SIZE = (900, 700)
ATTEMPTS = 6  # at a window that is painted
PAINTED_WITHIN_LOOKS = 24  # at the screen, four a second


WINDOW_PATIENCE = 90.0  # seconds in which nothing happens, after which a window is taken for deaf


def once_more(test: Callable[[Path], None]) -> Callable[[Path], None]:
    """The test, and where that fails again, on another screen: a window that was painted may lose
    events as well (see `painted`). What is wrong fails both times.
    """

    @wraps(test)
    def either(tmp_path: Path) -> None:
        first, second = tmp_path / "first", tmp_path / "second"
        first.mkdir()
        second.mkdir()
        try:
            test(first)
        except AssertionError:
            test(second)

    return either


@contextmanager
def screen(folder: Path, *words: str) -> Iterator[str]:
    """An X server with one screen; gives its DISPLAY. Skips where there is no Xvfb."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)}")
    reader, writer = os.pipe()
    geometry = f"{SIZE[0]}x{SIZE[1]}x24"
    server = subprocess.Popen(
        [
            *("Xvfb", "-displayfd", str(writer), "-screen", "0", geometry),
            *("-fbdir", str(folder), "-nolisten", "tcp", "-noreset", *words),
        ],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as said:
            number = said.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def painted(words: Sequence[str], display: str, folder: Path) -> tuple[subprocess.Popen[str], int]:
    """`python -m` these words, once its window shows something, and the window's number.

    On busy virtual machines Qt at times loses the first events of a display, with cv2 alone as
    well: such a window stays black for ever, and the program begins anew.
    """
    for _ in range(ATTEMPTS):
        child = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env={**os.environ, "DISPLAY": display},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            number = wait_for(lambda: window(display, "posestream"), process=child)
            for _ in range(PAINTED_WITHIN_LOOKS):
                if screenshot(folder).any():
                    return child, number
                time.sleep(0.25)
        except BaseException:
            child.kill()
            child.communicate()
            raise
        child.kill()
        child.communicate()
    pytest.fail(f"{ATTEMPTS} windows stayed black")


def screenshot(folder: Path) -> Image:
    """What the screen shows: Xvfb keeps it in a file of the X window dump format."""
    data = (folder / "Xvfb_screen0").read_bytes()
    header = struct.unpack(">25I", data[:100])
    start = header[0] + header[19] * 12  # behind the header and the colour map
    width, height, stride = header[4], header[5], header[12]
    rows = np.frombuffer(data, np.uint8, height * stride, start).reshape(height, stride)
    return rows[:, : 4 * width].reshape(height, width, 4)[..., :3].copy()


def window(display: str, title: str) -> int | None:
    """The window whose title begins so."""
    done = subprocess.run(
        ["xdotool", "search", "--onlyvisible", "--name", f"^{title}"],
        env={**os.environ, "DISPLAY": display},
        capture_output=True,
        text=True,
        check=False,
    )
    return int(done.stdout.split()[-1]) if done.stdout.split() else None


def press(display: str, number: int, key: str) -> None:
    """Press a key over a window, if it is still there."""
    subprocess.run(
        ["xdotool", "windowfocus", str(number), "key", key],
        env={**os.environ, "DISPLAY": display},
        capture_output=True,
        check=False,
    )


class _ClientMessage(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 24),
    )


def close(display: str, number: int) -> None:
    """Ask a window to close, as a click on its cross does."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    atom = [x11.XInternAtom(connection, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")]
    event = _ClientMessage(type=33, window=number, message=atom[0], format=32)
    event.data[0] = atom[1]
    x11.XSendEvent(connection, ctypes.c_ulong(number), 0, ctypes.c_long(0), ctypes.byref(event))
    x11.XCloseDisplay(connection)
