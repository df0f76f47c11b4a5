"""A program with one window, in a process of its own, that tests look at and press keys in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from tests.conftest import ROOT
from tests.realtime.screens import ATTEMPTS, press, screenshot, window
from tests.waiting import PATIENCE, wait_for

# A child, since a window that goes wrong takes its whole process with it. It shows frames until
# somebody ends it, or one frame alone, and says how it ended; av comes after cv2, as in a run.
# Into the file of its second argument it notes how often it looked for keys, how many came and the
# last of them, and whether the window is full screen.
CHILD = """
import os, sys, time
import realtime, av, cv2
import numpy as np
from realtime.types.errors import OutputError, Stopped
from realtime.drawing.overlay import Overlay
from realtime.sinks.screens.window import WindowSink
from tests.realtime.results import result
from realtime.types.view_mode import Shown
from tests.synth import SKELETON
shown = Shown(keypoints=SKELETON.keypoints)
mode, n = sys.argv[1], 0
notes, turns, keys, last = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT), 0, 0, 0
look = cv2.waitKey
def noted(wait):
    global turns, keys, last
    key = look(wait)
    turns, keys, last = turns + 1, keys + (key >= 0), key if key >= 0 else last
    if mode == "closed" and turns == 100:
        cv2.destroyWindow("posestream - clip")  # as the cross does, of which waitKey hears
        return ord("h")  # with a key that changes what is shown
    full = mode == "full" and cv2.getWindowProperty("posestream - clip", cv2.WND_PROP_FULLSCREEN)
    os.pwrite(notes, b"%9d %9d %9d %9d" % (turns, keys, last, full > 0), 0)
    return key
cv2.waitKey = noted
image = np.zeros((240, 320, 3), np.uint8)
image[:] = 30, 160, 250
image[:120, :160] = 200, 60, 10
try:
    how = {"hold": mode == "one", "live": mode == "live", "full": mode == "full"}
    with WindowSink(Overlay(shown), **how) as sink:
        while mode in ("file", "live"):
            grey = np.full((240, 320, 3), n % 200 + 20, np.uint8)
            sink.write(result(image=grey, index=n))
            n += 1
            time.sleep(0.01)
        for n in range(1 if mode in ("one", "away") else 1_000_000):
            sink.write(result(image=image, time=n / 30))
        while mode == "away":
            time.sleep(0.03)
            sink.idle()
    print("end")
except Stopped:
    plain = mode in ("many", "one", "closed", "full")
    print("stopped" if plain else f"{n} {shown.threshold} {shown.name}")
except OutputError as error:
    print(error)
    sys.exit(2)
"""


class Child:
    """A process with a window."""

    screen: ClassVar[Path]  # what the display shows

    def __init__(self, display: str, frames: str, folder: Path) -> None:
        self.display = display
        self._notes = folder.with_name(f"{folder.name} notes")  # the folder may be taken away
        self._words = [sys.executable, "-c", CHILD, frames, str(self._notes)]
        self._folder = folder
        self._begin()

    def _begin(self) -> None:
        self._notes.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            self._words,
            cwd=self._folder,
            env={**os.environ, "DISPLAY": self.display, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def window(self) -> int:
        """Its number, once something was painted.

        On busy virtual machines Qt at times loses the first events of a display, with cv2 alone as
        well: such a window stays black for ever, and the process begins anew.
        """
        for _ in range(ATTEMPTS):
            number: int = wait_for(lambda: window(self.display, "posestream"), process=self.process)
            for _ in range(5):
                if screenshot(self.screen).any():
                    return number
                self.go_on()
            self.process.kill()
            self.process.communicate()
            self._begin()
        pytest.fail(f"{ATTEMPTS} windows stayed black")

    def noted(self) -> tuple[int, int, int]:
        """How often it looked for keys, how many it got, and the last."""
        return self._noted()[:3]

    def full(self) -> bool:
        """Whether the window is, or wants to be, as large as the screen."""
        return bool(self._noted()[3])

    def _noted(self) -> tuple[int, int, int, int]:
        noted = self._notes.read_text() if self._notes.exists() else ""
        turns, keys, last, full = noted.split() or ("0",) * 4  # nothing is in it yet
        return int(turns), int(keys), int(last), int(full)

    def go_on(self, turns: int = 30) -> None:
        """Wait until it has looked for keys so often."""
        goal = self.noted()[0] + turns
        wait_for(lambda: self.noted()[0] >= goal, process=self.process)

    def press(self, key: str) -> None:
        """Press a key until it is heard: a window may miss one while it gets the focus. One that
        was pressed twice as it came late is not taken for the next.
        """
        number, (_, keys, _) = self.window(), self.noted()
        code = ord({"space": " ", "Escape": "\x1b", "plus": "+", "minus": "-"}.get(key, key))

        def heard() -> bool:
            _, now, last = self.noted()
            return (now > keys and last & 0xFF == code) or self.process.poll() is not None

        def pressed() -> bool:
            turns = self.noted()[0] + 100
            press(self.display, number, key)
            return wait_for(lambda: heard() or self.noted()[0] > turns) and heard()

        wait_for(pressed)

    def end(self) -> tuple[int, str, str]:
        """Exit code and what it said."""
        patience = PATIENCE if sys.exc_info()[0] is None else 1  # a test that failed waits no more
        with self.process:  # its pipes are closed whatever happens
            try:
                said, errors = self.process.communicate(timeout=patience)
            finally:
                self.process.kill()
        return self.process.returncode, said.strip(), errors
