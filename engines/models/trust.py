"""Files that their card has no sha256 for, and whose user has said which it is."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from engines.models.card import Card
from engines.models.download import Progress, fetch, sha256_of
from engines.models.places import cache_folder, cached, candidates
from engines.models.weight_file import WeightFile
from engines.types.errors import WeightsError

RECORD = "trusted.json"  # beside the weights: key of a file -> its sha256 and size


def unpinned(card: Card) -> list[WeightFile]:
    """The card's files that neither it nor the user has a sha256 for."""
    return [file for form in with_trusted(card).weights for file in form.files if not file.sha256]


def with_trusted(card: Card) -> Card:
    """The card, with what the user has said of files without a pin."""
    if all(file.sha256 for form in card.weights for file in form.files):
        return card
    known = _record()
    forms = [
        replace(form, files=tuple(_pinned(file, known) for file in form.files))
        for form in card.weights
    ]
    return replace(card, weights=tuple(forms))


def trust(card: Card, sums: Collection[str], progress: Progress | None = None) -> None:
    """Take the user's word for the card's files without a pin: find or fetch those that have one
    of these sums, and remember it.

    A file lies beside other weights under the name that the card gives it, or is fetched from the
    card's addresses; sums are of the files, or of the archives that they come in. WeightsError
    where a file has none of them, and where the card has no file that needs anybody's word.
    """
    waiting = unpinned(card)
    if not waiting:
        pins = {file.sha256 for form in with_trusted(card).weights for file in form.files}
        if set(sums) <= pins:
            return
        raise WeightsError(
            f"The sha256 of every file of model {card.name} is known already, and none may take "
            "its place; leave out --trust."
        )
    for file in waiting:
        here = (path for path in candidates(card) if path.name == file.name)
        path = next((path for path in here if sha256_of(path) in sums), None)
        if path is None:
            if not file.urls:
                raise WeightsError(
                    f"There is no {file.name} with a sha256 that --trust names; put it beside "
                    f"the card of {card.name}."
                )
            path = cached(file)
            fetch(file, path, progress, sums)
        _keep(file, path)


def _keep(file: WeightFile, path: Path) -> None:
    digest = sha256_of(path)
    assert digest is not None
    known = _record() | {file.key: {"sha256": digest, "size": path.stat().st_size}}
    record = cache_folder() / RECORD
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(known, indent=1), encoding="utf-8")


def _pinned(file: WeightFile, known: dict[str, dict[str, str | int]]) -> WeightFile:
    said = known.get(file.key)
    if file.sha256 or said is None:
        return file
    return replace(file, sha256=str(said["sha256"]), size=int(said["size"]))


def _record() -> dict[str, dict[str, str | int]]:
    """What was said so far; a record that is damaged says nothing."""
    try:
        known = json.loads((cache_folder() / RECORD).read_text(encoding="utf-8"))
        return {key: {"sha256": one["sha256"], "size": one["size"]} for key, one in known.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
