"""A take while it is recorded."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event

from calibration.files.rig_toml import rig_toml
from realtime.runtime.channel import Aborted, Channel
from realtime.runtime.stages import Stages
from realtime.sinks.files.jsonl_csv_udp import JsonLinesSink
from realtime.sinks.files.recorder import Recorder
from realtime.studio.take_card import TakeCard
from realtime.studio.take_folders import LINES, PICTURES, RIG
from realtime.studio.take_lines import people_of
from realtime.types.errors import OutputError
from realtime.types.frames import Source
from realtime.types.results import Result
from realtime.writing.header import Header
from realtime.writing.json_text import ResultLines
from realtime.writing.whole_files import write_whole

LOG = logging.getLogger(__name__)
MAX_WAITING = 15  # results that wait for the encoder: half a second, and their pictures' memory


class TakeRecorder:
    """Writes results into a take's folder, on a thread of its own, until `finish`.

    The pictures are those of the results: a frame of a take has its people and its pictures.
    header: of the run. live: results are dropped rather than waited for. pictures: whether there
    are any worth keeping. What was written stays readable whatever ends the program.
    """

    def __init__(
        self,
        place: Path,
        card: TakeCard,
        header: Header,
        sources: Sequence[Source],
        *,
        live: bool,
        pictures: bool,
    ) -> None:
        self._place, self.card = place, card
        self.error: str | None = None
        if header.rig is not None:
            write_whole(place / RIG, rig_toml(header.rig).encode())
        lines = ResultLines(angles=True)
        self._lines = JsonLinesSink(place / LINES, [], header, lines)
        self._recorder = Recorder(place / PICTURES, sources) if pictures else None
        self._names = header.names
        self._seen: list[Counter[int]] = [Counter() for _ in range(len(header.names) + 1)]
        self._first: float | None = None
        self._tape: Channel[Result] = Channel(MAX_WAITING, drop_oldest=live)
        self._done = Event()
        card.write(place)
        self._stages = Stages(self._tape)
        self._stages.start("take", self._write_all)

    @property
    def dropped(self) -> int:
        """Results that there was no time for."""
        return self._tape.dropped

    def put(self, result: Result) -> None:
        """From the thread that runs the sinks; it waits where the results are not live."""
        views = tuple(view and replace(view, evidence=None) for view in result.views)
        with suppress(Aborted):  # it has failed, which `finish` says
            self._tape.put(replace(result, views=views))

    def finish(self) -> TakeCard:
        """All files whole; the card says what they hold. It takes as long as the encoder does."""
        self._tape.close()
        self._done.wait()
        self._stages.__exit__(None, None, None)
        return self.card

    def _write_all(self) -> None:
        try:
            with self._lines:
                if self._recorder is None:
                    self._write(None)
                else:
                    with self._recorder as recorder:
                        self._write(recorder)
        except OutputError as error:
            self.error = str(error)
            LOG.error("%s", error)
            for _ in self._tape:  # so that nobody waits for room
                pass
        finally:
            people = people_of(self._seen, self.card.frames)
            self.card = replace(self.card, people=people, finished=True)
            try:
                self.card.write(self._place)
            except OutputError as error:
                LOG.error("%s", error)
            self._done.set()

    def _write(self, recorder: Recorder | None) -> None:
        for result in self._tape:
            if self.error is not None:
                continue  # so that nobody waits for room
            try:
                if recorder is not None:
                    recorder.write(tuple(view.frame if view else None for view in result.views))
                self._lines.write(result)
            except OutputError as error:
                self.error = str(error)
                LOG.error("%s", error)
                continue
            self._count(result)

    def _count(self, result: Result) -> None:
        for counter, view in zip(self._seen, result.views, strict=False):
            if view is not None:
                counter.update(view.tracks.id.tolist())
        if result.poses3d is not None:
            self._seen[-1].update(result.poses3d.id.tolist())
        time = next(view.frame.time for view in result.views if view is not None)
        self._first = time if self._first is None else self._first
        frames, seconds = self.card.frames + 1, time - self._first
        self.card = replace(self.card, frames=frames, seconds=seconds)
