"""One guided calibration, on a thread of its own."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import cv2

from calibration.geometry.errors import CalibrationError
from calibration.guidance.intrinsics_guide import Advice
from engines.types.arrays import Image
from realtime.runtime.channel import Aborted, Channel
from realtime.runtime.stages import Stages
from realtime.studio.calibrate.guided import Guided, Outcome
from realtime.types.errors import RealtimeError
from realtime.types.results import Result

LOG = logging.getLogger(__name__)
Key = Literal["take", "drop", "finish", "cancel"]
MESSAGE_S = 1.0  # seconds that words stand at least, so that they can be read
WATCHED_S = 2.0  # seconds after a page asked for a picture in which more are drawn
JPEG_QUALITY = 80


class Session:
    """Looks at results until there is enough, or a page says so; then solves.

    more: what is guided was solved before; more is added until a page says that it is enough.
    phase: guiding, solving, done, failed (sentence says why) or cancelled. live: results that come
    while one is looked at are left out; those of files wait. Methods may be called from any thread.
    """

    def __init__(
        self,
        guided: Guided,
        *,
        live: bool,
        more: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.guided, self._more = guided, more
        self.phase: Literal["guiding", "solving", "done", "failed", "cancelled"] = "guiding"
        self.sentence = ""
        self.outcome: Outcome | None = None
        self._clock = clock
        self._advice = Advice("waiting for pictures")
        self._stand: tuple[float, Advice] | None = None  # what is to be read a while
        self._progress: dict[str, Any] = guided.told()
        self._jpeg: bytes | None = None
        self._watched = float("-inf")
        self._keys: deque[Key] = deque(maxlen=16)
        self._entrance: Channel[Result] = Channel(1, drop_oldest=live)
        self._stages = Stages(self._entrance)
        self._stages.start("calibrate", self._work)

    def put(self, result: Result) -> None:
        """Look at it."""
        if self.phase == "guiding":
            with suppress(Aborted):
                self._entrance.put(result)

    def press(self, key: Key) -> None:
        """What the page's buttons are for."""
        self._keys.append(key)

    def end_of_results(self) -> None:
        """The run has ended: what there is will be solved."""
        self._entrance.close()

    def close(self) -> None:
        """Wait for the thread, without a result."""
        self._keys.append("cancel")
        self._entrance.abort()
        self._stages.__exit__(None, None, None)

    @property
    def told(self) -> dict[str, Any]:
        """All that the page shows."""
        advice, outcome = self._advice, self.outcome
        return {
            **self._progress,
            "kind": self.guided.kind,
            "phase": self.phase,
            "words": advice.words,
            "left": advice.left,
            "ready": advice.took or advice.left is not None,
            "sentence": self.sentence,
            "report": outcome and outcome.report,
            "good": outcome and outcome.good,
            "file": outcome and outcome.file,
            "chart": outcome is not None and outcome.chart is not None,
        }

    def picture(self) -> bytes | None:
        """A JPEG of what is seen now; None before the first."""
        self._watched = self._clock()
        return self._jpeg

    def mended(self, mend: Callable[[], Outcome]) -> Outcome:
        """The outcome of a second step, which it has then."""
        self.outcome = mend()
        return self.outcome

    def _work(self) -> None:
        try:
            wanted = self._guide()
            if wanted:
                self.phase = "solving"
            self._entrance.abort()  # a run that waits for a place goes on
            if wanted:
                self.outcome = self.guided.solve()
                self.phase = "done"
            else:
                self.phase = "cancelled"
        except (CalibrationError, RealtimeError) as error:
            self.sentence, self.phase = str(error), "failed"
        except Aborted:
            self.phase = "cancelled"
        except Exception:  # a defect: it must not look like work without end
            LOG.exception("Calibrating failed.")
            self.sentence, self.phase = "Calibrating failed; the log says why.", "failed"
        finally:
            self._entrance.abort()

    def _guide(self) -> bool:
        """Whether to solve."""
        for result in self._entrance.items(self._hear):
            self._hear()
            if "cancel" in self._keys:
                return False
            advice = self.guided.look(result)
            while self._keys:
                key = self._keys.popleft()
                if key in ("finish", "cancel"):
                    return key == "finish"
                advice = self.guided.take() if key == "take" else self.guided.drop()
                self._stand = result.time, advice
            if advice is not None:
                self._say(advice, result.time)
                if advice.done and not self._more:
                    return True
        return "cancel" not in self._keys

    def _hear(self) -> None:
        """Ends the waiting where no result comes any more."""
        if any(key in ("finish", "cancel") for key in self._keys):
            self._entrance.close()

    def _say(self, advice: Advice, now: float) -> None:
        if advice.took:
            self._stand = now, advice
        if (
            self._stand is not None
            and advice.left is None
            and 0 <= now - self._stand[0] < MESSAGE_S
        ):
            advice = replace(advice, words=self._stand[1].words, took=self._stand[1].took)
        self._advice, self._progress = advice, self.guided.told()
        if self._clock() - self._watched < WATCHED_S and self.guided.kind != "check":
            self._jpeg = encoded(".jpg", self.guided.picture(advice))


def encoded(kind: Literal[".jpg", ".png"], image: Image) -> bytes:
    """A picture's file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == ".jpg" else []
    return cv2.imencode(kind, image, options)[1].tobytes()
