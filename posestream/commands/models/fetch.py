"""Weights, before they are needed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Literal

from engines.models.card import load_card
from engines.models.download import download_bar
from engines.models.weights import locate


@dataclass(frozen=True)
class Options:
    """Download a model's weights now, unless they are here already."""

    model: str = field(metadata={"positional": True})
    """A model's name, as `list` shows it, or your own model card (a .toml file)."""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """Arithmetic of the network; auto picks the fastest one that has weights."""


def run(options: Options) -> int:
    """Fetch what is not here, then say where it lies."""
    card = load_card(options.model)
    with download_bar() as bar:
        located = locate(card, options.precision, progress=bar)
    sys.stdout.write(f"{card.name}, {located.precision}, licence {card.licence}:\n")
    sys.stdout.writelines(f"  {path}\n" for path in located.paths)
    return 0
