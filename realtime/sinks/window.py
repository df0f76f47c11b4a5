"""The pictures with the poses drawn, in a window."""

from __future__ import annotations

from typing import NoReturn, Self

import cv2

from realtime.display import check_display
from realtime.errors import Stopped
from realtime.poses import Result
from realtime.sinks.overlay import Overlay

FLAGS = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
LARGEST = (1280, 720)  # of a window as it opens; the user may drag it to any size
QUIT = {27, ord("q"), ord("Q")}


class WindowSink:
    """Shows each camera in a window of its own; q, Esc or closing one ends the run (Stopped).

    hold: at the end of the run wait for a key, so that a single picture can be looked at.
    """

    def __init__(self, overlay: Overlay, *, hold: bool) -> None:
        check_display()
        self._overlay = overlay
        self._hold = hold
        self._names: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            while self._hold and kind is None and self._names and not self._closed():
                if cv2.waitKey(50) >= 0:
                    break
        finally:
            if self._names:
                cv2.destroyAllWindows()

    def write(self, result: Result) -> None:
        """Show the pictures and look for keys."""
        if self._closed():
            self._stop()
        try:
            self._show(result)
            key = cv2.waitKey(1) & 0xFF
        except cv2.error:
            # The user may close a window at any moment, between two of these calls as well.
            if self._closed():
                self._stop()
            raise
        if key in QUIT:
            self._stop()

    def _show(self, result: Result) -> None:
        for view, picture in self._overlay.pictures(result):
            name = f"posestream - {view.frame.camera}"
            if name not in self._names:
                width, height = view.frame.size
                scale = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
                cv2.namedWindow(name, FLAGS)
                self._names.append(name)
                cv2.resizeWindow(name, max(1, round(width * scale)), max(1, round(height * scale)))
            cv2.imshow(name, picture)

    def _stop(self) -> NoReturn:
        self._hold = False
        raise Stopped

    def _closed(self) -> bool:
        """Whether the user closed a window; imshow would open it again."""
        try:
            return any(
                cv2.getWindowProperty(name, cv2.WND_PROP_VISIBLE) < 1 for name in self._names
            )
        except cv2.error:  # Qt has gone with its last window
            return True
