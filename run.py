"""Find the poses of people in webcams, videos and pictures, live.

Example: python run.py --source webcam

Example: python run.py --source video.mp4 --output poses.mp4 --json poses/
"""

from __future__ import annotations

import logging
import signal
import sys

from engines.console.import_errors import explain_import_error
from engines.types.errors import EngineError

USER_ERROR = 2
INTERRUPTED = 130


def main() -> int:
    """Run the job that the command line names; the exit code says how it went."""
    try:
        from engines.console.arguments import parse
        from realtime.assembly import run
        from realtime.settings.all import Settings
        from realtime.settings.openpose_flags import HINTS
        from realtime.types.errors import RealtimeError
    except ImportError as error:
        sentence = explain_import_error(error)
        if sentence is None:
            raise
        return _fail(sentence)
    # A service manager's or container's way to say Ctrl-C: outputs are finished all the same.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = parse(Settings, "python run.py", __doc__, foreign=HINTS)
        if settings.window.quiet:
            logging.getLogger("realtime").setLevel(logging.ERROR)
        run(settings)
    except (EngineError, RealtimeError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(f"posestream: {sentence}\n")
    return USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
