"""Sources read, and their frames paired by time, on threads of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from realtime.runtime.stages import Stages
from realtime.runtime.synchronizer import FrameSet, Gate, merge
from realtime.types.errors import SourceError
from realtime.types.frames import Frame, Source, Stoppable

LOG = logging.getLogger(__name__)


class Capture:
    """The frames of all sources as sets of one instant.

    admit: takes a set, without waiting where the sources are live. close: called after the last.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        stages: Stages,
        admit: Callable[[FrameSet], None],
        close: Callable[[], None],
    ) -> None:
        self._sources = sources
        self._stages = stages
        self._admit = admit
        self._close = close

    def start(self) -> None:
        """Files: one reader. Live sources: a thread each; the last one to end closes."""
        if not self._sources[0].live:
            self._stages.start("capture", self._read)
            return
        gate = Gate(len(self._sources), self._admit, self._close)
        for camera, source in enumerate(self._sources):

            def capture(camera: int = camera, source: Source = source) -> None:
                for frame in self._frames(source):
                    gate.put(camera, frame)
                gate.leave()

            self._stages.start(f"capture {source.name}", capture)

    def stop(self) -> None:
        """End sources that may wait for long."""
        for source in self._sources:
            if isinstance(source, Stoppable):
                source.stop()

    def _read(self) -> None:
        for frames in merge([self._frames(source) for source in self._sources]):
            self._admit(frames)
        self._close()

    def _frames(self, source: Source) -> Iterator[Frame]:
        """A source that breaks off ends here, its error is kept: what is under way comes out."""
        try:
            yield from source
        except SourceError as error:
            if len(self._sources) > 1:
                LOG.error("%s", error)
            self._stages.keep("capture", error)
