"""What a model is."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field

from engines.models.card import load_card
from engines.models.measured import aligned, measured_on, of, rows_of
from engines.models.trust import with_trusted
from engines.models.weight_file import WeightFile
from engines.models.weights import Search


@dataclass(frozen=True)
class Options:
    """Describe a model: its input, its decoder and where its files are."""

    model: str = field(metadata={"positional": True})
    """A model's name, as `list` shows it, or your own model card (a .toml file)."""


def run(options: Options) -> int:
    """The card in words, and for each file where it lies or whence it can be had."""
    card = with_trusted(load_card(options.model))
    search = Search(card)
    limbs = f"{len(card.skeleton.keypoints)} keypoints, {len(card.skeleton.limbs)} limbs"
    facts = {
        "model": card.name,
        "title": card.title,
        "licence": card.licence,
        "home": card.home,
        "skeleton": f"{card.skeleton.name} ({limbs})",
        "input": _words(asdict(card.input)),
        "decoder": f"{card.decoder.kind} ({_words(asdict(card.decoder.settings))})",
    }
    lines = [f"{key:10}{value}" for key, value in facts.items()]
    for form in card.weights:
        lines.append(f"{'weights':10}{', '.join(form.precision)}")
        lines += [f"{'':12}{_whereabouts(file, search)}" for file in form.files]
    if figures := of(card.name):
        lines.append(f"measured  141 COCO photos; 1280x720 on {measured_on().processor}")
        lines += aligned(rows_of(figures), indent=12)
    elif card.claim:
        lines.append(f"measured  no; its owners state {card.claim}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _words(values: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _whereabouts(file: WeightFile, search: Search) -> str:
    path = search.find(file)
    urls = [source.url for source in file.published]
    place = f"at {path}" if path else f"not downloaded; {' or '.join(urls) or 'not published'}"
    if not file.sha256:
        place += "; its sha256 is not known: it needs fetch --trust SHA256"
    return f"{file.name} ({file.size or 'unknown number of'} bytes): {place}"
