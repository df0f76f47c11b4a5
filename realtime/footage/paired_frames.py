"""The frames of several sources, those of one instant together."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from realtime.runtime.channel import Channel
from realtime.runtime.stages import Stages
from realtime.runtime.synchronizer import FrameSet, Gate
from realtime.sources import enter_sources
from realtime.types.errors import SourceError
from realtime.types.frames import Source, Stoppable


@contextmanager
def paired(sources: Sequence[Source], lost: list[SourceError]) -> Iterator[Channel[FrameSet]]:
    """The newest instant of live cameras, again and again; a camera that is lost is told of and
    kept in `lost`, and the others go on.
    """
    entrance: Channel[FrameSet] = Channel(1, drop_oldest=True)
    gate = Gate(len(sources), entrance.put, entrance.close)

    def capture(camera: int, source: Source) -> None:
        try:
            for frame in source:
                gate.put(camera, frame)
        except SourceError as error:
            lost.append(error)
            sys.stderr.write(f"posestream: {error}\n")
        gate.leave()

    with ExitStack() as stack:
        enter_sources(sources, stack)
        stages = stack.enter_context(Stages(entrance))
        for n, source in enumerate(sources):
            stages.start(f"capture {source.name}", partial(capture, n, source))
        try:
            yield entrance
        finally:
            for source in sources:
                if isinstance(source, Stoppable):
                    source.stop()
            entrance.abort()
