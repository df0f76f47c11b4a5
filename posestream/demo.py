"""The run of `posestream demo`: a clip that comes with the program, by the model that does too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

CLIP = Path(__file__).with_name("sample") / "two-people.mp4"
CREDIT = (
    "The clip is from Intel's sample videos (github.com/intel-iot-devkit/sample-videos), "
    "CC BY 4.0; joined and encoded anew."
)
OUTPUT = "posestream-demo.mp4"
ABOUT = """Show the poses in a clip that comes with posestream; no camera and no network is needed.

The clip plays in a window until you press q. Without a display, or with --no-show, the poses are
drawn into {output}. All options of a run work here too.

Example: {prog}

Example: {prog} --no-show -o mine.mp4 --json poses/
"""


def demo_words(words: Sequence[str]) -> list[str]:
    """The command line of a run that shows the clip, with the user's own options behind it."""
    # Late, as OpenCV comes with it and the user may only have asked for help.
    from realtime.runtime.display import has_display

    own = ["--source", str(CLIP), "--model", "pafnet"]
    shown = "--show" in words or (has_display() and "--no-show" not in words)
    writes = any(word.partition("=")[0] in ("-o", "--output") for word in words)
    if shown and not writes:
        own += ["--realtime", "--loop"]
    elif not writes:
        own += ["--output", OUTPUT]
    return [*own, *words]


def about(prog: str) -> str:
    """What help says."""
    return ABOUT.format(prog=prog, output=OUTPUT)


def say_whose() -> None:
    """Whose clip it is, as its licence asks."""
    sys.stderr.write(f"posestream: {CREDIT}\n")
