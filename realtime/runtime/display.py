"""Whether there is a screen to show a window on, and somebody at a terminal."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import cv2

from engines.console.import_errors import explain_import_error
from realtime.types.errors import OutputError

QT_FOLDER = Path(cv2.__file__).parent / "qt"  # as in the wheels of PyPI for Linux
QT_PLUGIN = QT_FOLDER / "plugins" / "platforms" / "libqxcb.so"


def has_display() -> bool:
    """Whether this session has a display that lets us in; only asked for real on Linux."""
    if sys.platform in ("darwin", "win32"):
        return True
    # The OpenCV of PyPI speaks X11 alone, on Wayland desktops too (through XWayland).
    return bool(os.environ.get("DISPLAY")) and _answers()


def has_terminal() -> bool:
    """Whether somebody started this by hand, and could end it with Ctrl-C."""
    # Without a console (pythonw, a service) they are None.
    return all(one is not None and one.isatty() for one in (sys.stdin, sys.stderr))


def check_display() -> None:
    """OutputError unless a window can be opened.

    Qt ends the whole process where it finds no display, no plugin or not all of its libraries, so
    everything that it needs is tried here first.
    """
    if not cv2.currentUIFramework():
        raise OutputError(
            "This OpenCV cannot open windows (opencv-python-headless?); install opencv-python "
            "instead, or use --no-show."
        )
    if not has_display():
        name = os.environ.get("DISPLAY")
        there = f"The display {name} does not answer" if name else "There is no display"
        raise OutputError(f"{there}, so no window can be shown; use --no-show.")
    if sys.platform not in ("darwin", "win32") and QT_PLUGIN.exists():
        try:
            ctypes.CDLL(str(QT_PLUGIN))
        except OSError as error:
            why = explain_import_error(ImportError(str(error))) or f"Qt cannot start: {error}."
            raise OutputError(f"{why} To run without a window, use --no-show.") from error
        # There is no other plugin, but a Wayland desktop may ask for one; and this Qt complains on
        # and on of the folder of fonts that the wheel names and does not have.
        os.environ["QT_QPA_PLATFORM"] = "xcb"
        if not Path(os.environ.get("QT_QPA_FONTDIR", "")).is_dir():
            os.environ["QT_QPA_FONTDIR"] = str(QT_FOLDER)


def _answers() -> bool:
    """Whether the X server accepts a connection, with the cookies of this user."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # nothing to ask with; DISPLAY is all we know
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    answers = xcb.xcb_connection_has_error(connection) == 0
    xcb.xcb_disconnect(connection)
    return bool(answers)
