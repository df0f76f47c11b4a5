"""Command lines as anyone may type them, up to the sources and outputs that they name."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from random import Random
from unittest import mock

import run
from posestream import main as program
from realtime import assembly
from realtime.settings.all import Settings
from realtime.sinks.opening import open_sinks
from realtime.sources import open_sources
from realtime.types.model import Keypoints
from tests.fuzz.kinds.settings import ADDRESSES, PATHS, SOURCES
from tests.fuzz.kinds.settings import Kind as Prepared
from tests.fuzz.mutate import NUMBERS, TEXTS, scramble
from tests.fuzz.worker import Finding, check_sentence
from tests.realtime.wanted import GROUPS
from tests.synth import SKELETON

OPTIONS = [
    f"--{field.name.replace('_', '-')}" for kind in GROUPS.values() for field in fields(kind)
]
VALUES = (*SOURCES, *ADDRESSES, *PATHS, *TEXTS, "0", "1", "90", "640x480", "fp32", "None")
SHORT = [str(number) for number in NUMBERS if abs(number) < 1e300]
CALM = ("--no-show", "--quiet")


class Kind(Prepared):
    share = 500
    limit = 20.0
    speaks = ".*"  # help

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._said: list[str] = []

    def case(self, rng: Random) -> bool:
        words = ["--source", rng.choice(SOURCES)] if rng.random() < 0.8 else []
        for _ in range(rng.randrange(5)):
            words.append(rng.choice(OPTIONS))
            if rng.random() < 0.7:
                words.append(rng.choice(rng.choice((VALUES, SHORT))))
        words += CALM
        if rng.random() < 0.3:
            words = [scramble(rng, word) if rng.random() < 0.3 else word for word in words]
        # What a shell can hand over: no NUL, any bytes.
        words = [word.replace("\0", "").replace("\ud800", "\udcff") for word in words]
        said: list[str] = []
        with (
            mock.patch.object(sys, "argv", ["run.py", *words]),
            mock.patch.object(assembly, "run", _prepare),
            mock.patch.object(program, "_fail", lambda *words: said.extend(words) or 2),
        ):
            try:
                code = run.main()
            except SystemExit as end:
                if end.code not in (0, 2):
                    raise Finding(f"exit code {end.code}") from end
                return end.code == 0
        for sentence in said:
            check_sentence(sentence)
        return code == 0


def _prepare(settings: Settings) -> None:
    """In place of the run: what it does before anything is entered."""
    opened = open_sources(settings.sources)
    open_sinks(settings, opened, Keypoints("tiny", SKELETON))
