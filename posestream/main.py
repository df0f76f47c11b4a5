"""Find the poses of people in webcams, videos and images, live.

Example: {prog} webcam

Example: {prog} video.mp4 -o poses.mp4 --json poses/
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from engines.version import __version__

USER_ERROR = 2
INTERRUPTED = 130
# Ctrl-C; a service manager's and a container's way to say so; a terminal that is closed.
ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
COMMANDS = {
    "demo": "Show poses on a clip that comes with the program.",
    "studio": "Record, play and export takes in a browser.",
    "models": "List, describe, fetch and measure models.",
    "calibrate": "Calibrate lenses and rigs of cameras, and check them.",
    "train": "Train our own networks.",
    "discover": "Learn landmarks of a thing from a video, without labels.",
    "doctor": "Check this machine.",
    "batch": "Find the poses in many recordings.",
    "recover": "Make the files of a run that was killed.",
    "score": "Score poses against labels.",
}


def main(words: Sequence[str] | None = None, prog: str = "posestream") -> int:
    """Run the job that the command line names; the exit code says how it went."""
    words = sys.argv[1:] if words is None else words
    demo, studio = words[:1] == ["demo"], words[:1] == ["studio"]
    if words[:1] and words[0] in COMMANDS and not (demo or studio):
        return _command(words[0], words[1:], prog)
    if words[:1] and words[0] in ("-V", "--version"):
        sys.stdout.write(f"posestream {__version__}\n")
        return 0
    # Until there is something to finish a signal ends the program here and now: libraries that
    # are being loaded would make errors of their own of an exception.
    _on_signals(lambda _, __: os._exit(INTERRUPTED))
    try:
        import logging

        from engines.console.arguments import parse
        from engines.console.import_errors import explain_import_error
        from engines.types.errors import EngineError
        from posestream import studio as takes
        from posestream.demo import about, demo_words, say_whose
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
        if demo:
            prog, text, words = f"{prog} demo", about(f"{prog} demo"), demo_words(words[1:])
        else:
            text = (__doc__ or "").format(prog=prog) + f"\n\n{_others(prog)}"
        if studio:
            prog, text = f"{prog} studio", takes.ABOUT.format(prog=f"{prog} studio")
            words, runs = takes.studio_words(words[1:])
            if not runs:
                alone = parse(takes.TakesAlone, prog, text, words)
                _on_signals(signal.default_int_handler)
                takes.serve(alone)
                return 0
        settings = parse(Settings, prog, text, words, HINTS)
        if demo and not settings.window.quiet:
            say_whose()
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


def _command(name: str, words: Sequence[str], prog: str) -> int:
    """Each is loaded alone: what one of them needs another may lack."""
    if name == "calibrate":
        from posestream.commands.calibrate.main import main as calibrate

        return calibrate(words, f"{prog} calibrate")
    if name == "train":
        from training.__main__ import main as train

        return train(words, f"{prog} train")
    if name == "discover":
        from posestream.commands.discover.main import main as discover

        return discover(words, f"{prog} discover")
    if name in ("batch", "recover", "score"):
        from posestream.commands.files.main import main as files

        return files([name, *words], prog)
    from posestream.commands.models.main import main as models

    if name == "doctor":
        return models(["doctor", *words], prog)
    return models(words, f"{prog} models")


def _others(prog: str) -> str:
    listed = ", ".join(f"{name} ({text[0].lower()}{text[1:-1]})" for name, text in COMMANDS.items())
    return f"Other commands: {listed}; {prog} COMMAND --help describes each."


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
