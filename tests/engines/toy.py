"""Toy models, whose weights are random bytes."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from engines.models.card import Card, Precision, WeightFile, Weights, load_card
from engines.models.weights import locate
from engines.types.errors import WeightsError
from tests.engines.webserver import Site

OUTPUTS = {"heatmaps": "heat", "pafs": "paf"}
SIZE = 300_000


def content(name: str, size: int = SIZE) -> bytes:
    return random.Random(name).randbytes(size)


def form(
    *names: str, precision: tuple[Precision, ...] = ("fp32",), site: Site | None = None
) -> Weights:
    """Weights made of `content(name)` for each name; with a site, they are served there."""
    files = []
    for name in names:
        body = content(name)
        if site is not None:
            site.files[name] = body
        urls = (site.url(name),) if site else ()
        files.append(WeightFile(name, len(body), hashlib.sha256(body).hexdigest(), urls))
    return Weights(precision, tuple(files), OUTPUTS)


def card(folder: Path, *forms: Weights) -> Card:
    shipped = load_card("human-pose-estimation-0001")
    return replace(shipped, name="toy", folder=folder / "no-cards", weights=forms)


def put(folder: Path, name: str, body: bytes | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content(name) if body is None else body)
    return path


def refusal(*arguments: object, **options: object) -> str:
    with pytest.raises(WeightsError) as caught:
        locate(*arguments, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)
