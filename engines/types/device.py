"""Where networks run, as users name it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from engines.types.errors import DeviceError


class DeviceChoice(NamedTuple):
    """kind: auto is a GPU if one is ready, else the CPU. number: of the GPU, as the driver shows
    them; None = the first that is new enough.
    """

    kind: Literal["auto", "cuda", "cpu"]
    number: int | None = None

    @classmethod
    def parse(cls, text: str) -> DeviceChoice:
        """`auto`, `cpu`, `cuda` or `cuda:1`; DeviceError for anything else."""
        if text == "auto":
            return cls("auto")
        if text == "cpu":
            return cls("cpu")
        if text == "cuda":
            return cls("cuda")
        if found := re.fullmatch(r"cuda:([0-9]{1,4})", text):
            return cls("cuda", int(found[1]))
        raise DeviceError(f"--device must be auto, cpu, cuda or cuda:N, not {text!r}.")
