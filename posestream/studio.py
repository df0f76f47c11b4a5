"""The words of `posestream studio`: a run with the studio, or takes alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from realtime.settings.sources import NODE_SCHEME
from realtime.web.address import check_access

ABOUT = """Record, play, cut and export takes in a browser: the poses and pictures of all cameras.

FOLDER is where the takes lie, ./takes by default. Cameras or files follow it, or --source, with any
option of a run; files play in a loop, as cameras would. Without any source the takes that are there
can be played and exported.

Example: {prog} webcam

Example: {prog} takes/monday webcam:0 webcam:1 --rig rig.toml

Example: {prog} takes/monday
"""
CAMERAS = "webcam:", "rtsp://", "rtsps://", NODE_SCHEME
SOURCE_OPTIONS = "-s", "--source"


@dataclass(frozen=True)
class TakesAlone:
    """The studio without a source."""

    takes: Path = Path("takes")
    """Folder of the takes, also without --takes before it."""
    serve: str = field(default="8080", metadata={"metavar": "[HOST:]PORT"})
    """Address of the studio; HOST is this computer by default."""
    serve_token: str | None = None
    """Password of the studio, in place of a random one; required if other computers can connect."""
    quiet: bool = field(default=False, metadata={"short": "q"})
    """Print errors only, not even the address."""

    def __post_init__(self) -> None:
        check_access(self.serve, self.serve_token)


def studio_words(words: Sequence[str]) -> tuple[list[str], bool]:
    """The command line that is meant, and whether it is a run: it is not without a source.

    The first word is the folder of the takes, unless it can only be a source: a camera, an address
    or a file. Other words before the first option are sources, and may be behind it.
    """
    count = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
    plain, options = [*words[:count]], [*words[count:]]
    own: list[str] = []
    if plain and not _is_source(plain[0]):
        own = ["--takes", plain.pop(0)]
    named = [word.partition("=")[0] for word in options]
    sources = [*plain, *_after(options, SOURCE_OPTIONS)]
    if not sources:
        return [*own, *options], False
    own = ["--studio", *own]
    if "--show" not in named:
        own.append("--no-show")
    if "--stay" not in named and "--no-stay" not in named:
        own.append("--stay")
    if not any(map(_is_camera, sources)):
        own += [
            f"--{one}" for one in ("realtime", "loop") if not {f"--{one}", f"--no-{one}"} & {*named}
        ]
    for source in plain:
        own += ["--source", source]
    return [*own, *options], True


def serve(alone: TakesAlone) -> None:
    """Takes alone, until KeyboardInterrupt."""
    from realtime.studio.opening import serve_takes  # late, as a web server takes its time

    serve_takes(alone.takes, alone.serve, alone.serve_token, announce=not alone.quiet)


def _is_camera(word: str) -> bool:
    """A file may begin as a camera's name does."""
    return word == "webcam" or word.startswith(CAMERAS)


def _is_source(word: str) -> bool:
    if _is_camera(word) or "://" in word:
        return True
    return not os.path.isdir(word) and bool(os.path.splitext(word)[1] or "*" in word)


def _after(options: Sequence[str], names: Sequence[str]) -> list[str]:
    """The values of some options: `--source a b`, `--source=a`."""
    found: list[str] = []
    inside = False
    for word in options:
        name, _, value = word.partition("=")
        if word.startswith("-"):
            inside = name in names
            found += [value] if inside and value else []
        elif inside:
            found.append(word)
            inside = False
    return found
