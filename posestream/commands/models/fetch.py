"""Weights, before they are needed."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import Literal

from engines.models.card import load_card
from engines.models.download import download_bar
from engines.models.trust import trust
from engines.models.weights import locate
from engines.types.errors import UsageError
from realtime.default_model import MORE_ACCURATE


@dataclass(frozen=True)
class Options:
    """Download weights now, unless they are here already."""

    model: str | None = field(default=None, metadata={"positional": True})
    """A model's name, as `list` shows it, or your own model card (a .toml file). Without one: the
    more accurate models, which then run by default in place of the bundled ones."""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """Arithmetic of the network; auto picks the fastest one that has weights."""
    trust: tuple[str, ...] = field(default=(), metadata={"values": True, "metavar": "SHA256"})
    """The sha256 of files that the model's card does not know the sha256 of (or of the archives
    that they come in), one or more. The files must have them, and are used from then on."""

    def __post_init__(self) -> None:
        if self.model is None and (self.trust or self.precision != "auto"):
            raise UsageError("--trust and --precision are of one model; name it.")
        for one in self.trust:
            if not re.fullmatch(r"[0-9a-fA-F]{64}", one):
                raise UsageError(f"--trust must be a sha256, 64 hexadecimal digits, not {one!r}.")


def run(options: Options) -> int:
    """Fetch what is not here, then say where it lies."""
    for model in MORE_ACCURATE if options.model is None else [options.model]:
        card = load_card(model)
        with download_bar() as bar:
            if options.trust:
                trust(card, [one.lower() for one in options.trust], bar)
            located = locate(card, options.precision, progress=bar)
        sys.stdout.write(f"{card.name}, {located.precision}, licence {card.licence}:\n")
        sys.stdout.writelines(f"  {path}\n" for path in located.paths)
    return 0
