"""Whether a window can be shown, and the sentence when it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from realtime.runtime import display
from realtime.runtime.display import check_display, has_display
from realtime.types.errors import OutputError
from tests.realtime.screens import screen

linux = pytest.mark.skipif(sys.platform != "linux", reason="X11 is of Linux")


@linux
def test_without_display_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")  # which this OpenCV cannot speak to
    assert not has_display()
    with pytest.raises(OutputError, match=r"There is no display.*--no-show"):
        check_display()


@linux
def test_a_display_counts_while_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with screen(tmp_path) as name:
        monkeypatch.setenv("DISPLAY", name)
        assert has_display()
    assert not has_display()
    with pytest.raises(OutputError, match=rf"The display {name} does not answer.*--no-show"):
        check_display()


@linux
@pytest.mark.parametrize("name", ["nonsense", ":4711", "unix:4711"])
def test_a_display_that_cannot_be_does_not_count(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", name)
    assert not has_display()


def test_an_opencv_without_windows_says_which_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    with pytest.raises(OutputError, match=r"headless.*install opencv-python"):
        check_display()


@linux
def test_libraries_that_qt_lacks_are_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: str) -> None:
        raise OSError("libSM.so.6: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(display, "has_display", lambda: True)
    monkeypatch.setattr(display, "QT_PLUGIN", tmp_path)
    monkeypatch.setattr(display.ctypes, "CDLL", broken)
    with pytest.raises(OutputError, match=r"libSM\.so\.6.*apt install .*libsm6.*--no-show"):
        check_display()
