"""Weights of a model: found by their sha256, whatever they are called, or fetched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engines.models.card import Card, Precision, Weights
from engines.models.download import Progress, fetch, sha256_of, unpack
from engines.models.places import VARIABLE, cache_folder, cached, candidates, named_folders
from engines.models.trust import with_trusted
from engines.models.weight_file import WeightFile
from engines.types.errors import UnreachableError, WeightsError

ARCHIVE_SUFFIXES = (".zip", ".gz", ".tgz")  # of those whose size a card does not know
Device = Literal["cpu", "cuda"]
FASTEST: dict[Device, tuple[Precision, ...]] = {
    "cpu": ("int8", "bf16", "fp32", "fp16"),
    "cuda": ("fp16", "fp32", "bf16"),
}


@dataclass(frozen=True, slots=True)
class Located:
    """One form of a network on this machine.

    precision: the arithmetic to use; a CPU takes bf16 for fp16, and fp32 where it has no bf16.
    paths: one for each of the form's files, the graph first.
    """

    weights: Weights
    precision: Precision
    paths: tuple[Path, ...]


def locate(
    card: Card,
    precision: Precision | Literal["auto"] = "auto",
    *,
    device: Device = "cpu",
    download: bool = True,
    progress: Progress | None = None,
) -> Located:
    """The weights that serve a precision, fetched into the cache where no folder has them.

    `auto` takes the fastest form for the device that is here, else fetches the fastest there is.
    progress: told of the bytes as they come, see download_bar. WeightsError says what is wrong and
    what to do, UnreachableError where it is only the network. Files that nobody knows the sha256 of
    are not used (see trust.py).
    """
    card = with_trusted(card)
    wanted: tuple[Precision, ...] = FASTEST[device] if precision == "auto" else (precision,)
    forms = _serving(card, wanted)
    search = Search(card)
    for form, served in forms:
        unpack_all(search, form)
        if paths := search.find_all(form):
            return Located(form, served, paths)
        search.refuse_impostors(form)
    obtainable = (
        pair
        for pair in forms
        if all(search.find(f) or (f.urls and f.sha256) for f in pair[0].files)
    )
    form, served = next(obtainable, forms[0])
    lacking = [file for file in form.files if not search.find(file)]
    if unknown := [file for file in lacking if not file.sha256]:
        raise WeightsError(
            f"The card of model {card.name} does not know the sha256 of {_described(unknown[0])}, "
            f"so the file is not used; if its owner has told you, run python -m engines fetch "
            f"{card.name} --trust SHA256."
        )
    advice = _advice(card, served, lacking)
    if not all(file.urls for file in lacking):
        raise WeightsError(f"{advice}.")
    if not download:
        raise WeightsError(f"{advice}, or run python -m engines fetch {card.name}.")
    try:
        for file in lacking:
            fetch(file, cached(file), progress)
    except WeightsError as error:
        # Where they come from is in the advice already.
        reason = str(error)
        for source in file.published[:1]:
            reason = reason.replace(f"{source.url} ", "")
        raise UnreachableError(
            f"To fetch the weights failed, as {file.name} {reason}. {advice}."
        ) from error
    return Located(form, served, Search(card).find_all(form))


class Search:
    """The files in the folders where a card's weights may lie.

    Those are the package's own folder, the card's, those that POSE_WEIGHTS names with two levels
    below them, and the user's cache. Only files of a wanted size are hashed, and only once.
    """

    def __init__(self, card: Card) -> None:
        self._card = card
        self._by_size: dict[int, list[Path]] = defaultdict(list)
        self._digests: dict[Path, str | None] = {}
        for path in candidates(card):
            self.add(path)

    def add(self, path: Path) -> None:
        """One more file to look at."""
        with suppress(OSError):  # a broken link, or another process's .part that has just gone
            self._by_size[path.stat().st_size].append(path)

    def find(self, file: WeightFile) -> Path | None:
        """Where the file lies, under whatever name; None if it is not here."""
        return self._find(file.size, file.sha256)

    def find_archive(self, file: WeightFile) -> Path | None:
        """Where the archive lies that the file is published in."""
        return self._find(file.archive.size, file.archive.sha256) if file.archive else None

    def _find(self, size: int, sha256: str) -> Path | None:
        if not sha256:
            return None
        if size:
            alike = self._by_size.get(size, [])
        else:
            everything = (path for paths in self._by_size.values() for path in paths)
            alike = [path for path in everything if path.suffix in ARCHIVE_SUFFIXES]
        return next((path for path in alike if self._digest(path) == sha256), None)

    def find_all(self, form: Weights) -> tuple[Path, ...]:
        """Where the files of one form lie; empty unless all are here."""
        paths = [path for file in form.files if (path := self.find(file))]
        return tuple(paths) if len(paths) == len(form.files) else ()

    def refuse_impostors(self, form: Weights) -> None:
        """WeightsError if a file that is not here lends its name to some other content."""
        ours = {file.sha256 for one in self._card.weights for file in one.files}
        everything = [path for paths in self._by_size.values() for path in paths]
        for file in form.files:
            if self.find(file) or not file.sha256:
                continue
            for path in everything:
                if path.name == file.name and self._digest(path) not in ours:
                    raise WeightsError(
                        f"{path} is not the file that model {self._card.name} means: its sha256 "
                        f"begins with {(self._digest(path) or 'nothing readable')[:12]}, that of "
                        f"the card with {file.sha256[:12]}; delete it or put the right one there"
                        f"{f' (from {file.urls[0]})' if file.urls else ''}."
                    )

    def _digest(self, path: Path) -> str | None:
        if path not in self._digests:
            self._digests[path] = sha256_of(path)
        return self._digests[path]


def unpack_all(search: Search, form: Weights) -> None:
    """Bring files that are here only within their archive into the cache."""
    for file in form.files:
        if file.sha256 and not search.find(file) and (archive := search.find_archive(file)):
            try:
                unpack(file, archive, cached(file))
            except OSError as error:
                raise WeightsError(f"{archive} cannot be unpacked: {error}") from error
            search.add(cached(file))


def _serving(card: Card, wanted: Sequence[Precision]) -> list[tuple[Weights, Precision]]:
    """The forms of a network that serve a precision, best first, each with what it serves."""
    served = [(one, name) for name in wanted for one in card.weights if _serves(one, name)]
    if not served:
        known = sorted({name for one in card.weights for name in one.precision})
        raise WeightsError(
            f"Model {card.name} has no {' or '.join(wanted)} weights; choose among "
            f"{', '.join(known)}."
        )
    return served


def _serves(form: Weights, precision: Precision) -> bool:
    """What is fp32 on disk is halved where it is opened."""
    return precision in form.precision or (precision == "fp16" and "fp32" in form.precision)


def _described(file: WeightFile) -> str:
    """Its name, and where it can be had."""
    where = " or ".join(source.url for source in file.published) or "not published"
    if file.archive is not None:
        where = f"{file.archive.member} in {where}"
    return f"{file.name} ({where})"


def _advice(card: Card, served: Precision, lacking: list[WeightFile]) -> str:
    files = " and ".join(f"{_described(file)}" for file in lacking)
    absent = [str(folder) for folder in named_folders() if not folder.is_dir()]
    return (
        f"The {served} weights of model {card.name} are not on this machine: put {files} into a "
        f"folder that {VARIABLE} names"
        f"{f' (there is no folder {absent[0]})' if absent else ''} or into {cache_folder()}"
    )
