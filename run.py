"""Find the poses of people in webcams, videos and pictures, live.

Example: python run.py --source webcam

Example: python run.py --source video.mp4 --output poses.mp4 --json poses/
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

USER_ERROR = 2
INTERRUPTED = 130
# Ctrl-C; a service manager's and a container's way to say so; a terminal that is closed.
ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main() -> int:
    """Run the job that the command line names; the exit code says how it went."""
    # Until there is something to finish a signal ends the program here and now: libraries that
    # are being loaded would make errors of their own of an exception.
    _on_signals(lambda _, __: os._exit(INTERRUPTED))
    try:
        import logging

        from engines.console.arguments import parse
        from engines.console.import_errors import explain_import_error
        from engines.types.errors import EngineError
        from realtime.assembly import run
        from realtime.settings.all import Settings
        from realtime.settings.openpose_flags import HINTS
        from realtime.types.errors import RealtimeError, losses
    except ImportError as error:
        from engines.console.import_errors import explain_import_error

        sentence = explain_import_error(error)
        if sentence is None:
            raise
        return _fail(sentence)
    try:
        settings = parse(Settings, "python run.py", __doc__, foreign=HINTS)
        if settings.window.quiet:
            logging.getLogger("realtime").setLevel(logging.ERROR)
        _on_signals(signal.default_int_handler)
        run(settings)
    except (EngineError, RealtimeError) as error:
        return _fail(str(error), *losses(error))
    except KeyboardInterrupt as end:
        lost = losses(end)
        return _fail(*lost) if lost else INTERRUPTED
    return 0


def _on_signals(handler: Callable[[int, FrameType | None], Any]) -> None:
    """What ends the program; what its starter ignores (nohup) stays ignored."""
    for one in ENDS:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, handler)


def _fail(*sentences: str) -> int:
    for sentence in sentences:
        with suppress(OSError):  # the terminal is closed
            sys.stderr.write(f"posestream: {sentence}\n")
    return USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
