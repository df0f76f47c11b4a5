"""The seam to whatever turns a network's arrays into people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from engines.types.arrays import Arrays
from engines.types.errors import CardError
from engines.types.evidence import Evidence
from engines.types.letterbox import Letterbox
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton

Showable = Literal["heatmaps", "pafs", "candidates"]
SHOWABLE: dict[Showable, str] = {
    "heatmaps": "heat maps",
    "pafs": "part affinity fields",
    "candidates": "keypoints without their people",
}


@dataclass(frozen=True, slots=True)
class NeededArray:
    """What a decoder needs one of the network's arrays to be, for one picture.

    shape: without the batch; None = any. least: the first axis may also be longer.
    """

    shape: tuple[int | None, ...]
    least: bool = False

    def fits(self, shape: tuple[int | None, ...]) -> bool:
        """Whether an array of this shape will do; None = known only when the network runs."""
        if len(shape) != len(self.shape):
            return False
        pairs = list(zip(self.shape, shape, strict=True))
        if self.least:
            (want, have), *pairs = pairs
            if want is None or have is None or have < want:
                return False
        return all(want is None or have is None or want == have for want, have in pairs)

    def __str__(self) -> str:
        sides = ["any" if side is None else str(side) for side in self.shape]
        if self.least:
            sides[0] += " or more"
        return f"({', '.join(sides)})"


class Decoder(Protocol):
    """One picture's arrays -> Evidence (small, where the network runs) -> Poses (anywhere). Pure.

    kind: as cards name it, the key in DECODERS. gives: what it makes of a picture, in words.
    options: the program's options of decoders that it knows, and the setting that each is. outputs:
    the arrays that it needs by its own names; a card says how the network calls them. shows: what
    can be seen of its evidence. settings: a frozen dataclass, from the decoder's table of the card.
    """

    kind: ClassVar[str]
    gives: ClassVar[str]
    options: ClassVar[Mapping[str, str]]
    shows: ClassVar[frozenset[Showable]]

    @property
    def skeleton(self) -> Skeleton: ...
    @property
    def settings(self) -> Any: ...
    @property
    def outputs(self) -> Mapping[str, NeededArray]: ...
    def evidence(
        self, arrays: Arrays, letterbox: Letterbox, *, keep_maps: bool = False
    ) -> Evidence:
        """What is kept of a picture. keep_maps: with the network's maps, to be looked at."""
        ...

    def decode(self, evidence: Any) -> Poses:
        """The people of its own kind of evidence, best first, in picture pixels."""
        ...


D = TypeVar("D", bound=Decoder)


def with_options(decoder: D, model: str, options: Mapping[str, float | str | None]) -> D:
    """The decoder with the options that are not None in place of the card's settings.

    CardError names the first that this kind of decoder has no setting for.
    """
    changes = {}
    for option, value in options.items():
        if value is None:
            continue
        if option not in decoder.options:
            known = ", ".join(f"--{name.replace('_', '-')}" for name in decoder.options)
            raise CardError(
                f"{model} gives {decoder.gives} and has no --{option.replace('_', '-')}; "
                f"what it has is {known}."
            )
        changes[decoder.options[option]] = value
    if not changes:
        return decoder
    # Every decoder is a frozen dataclass with its settings in one field.
    assert "settings" in {field.name for field in fields(decoder)}  # type: ignore[arg-type]
    changed: D = replace(decoder, settings=replace(decoder.settings, **changes))  # type: ignore[type-var]
    return changed


def check_showable(decoder: Decoder, model: str, wanted: Iterable[Showable]) -> None:
    """CardError names the first of what is wanted that nothing can be seen of."""
    for one in wanted:
        if one not in decoder.shows:
            raise CardError(f"{model} gives {decoder.gives}, it has no {SHOWABLE[one]} to show.")


def check_outputs(
    decoder: Decoder,
    graph: str,
    names: Mapping[str, str],
    shapes: Mapping[str, tuple[int | None, ...]],
) -> None:
    """CardError unless a network has what its decoder needs.

    graph: the file's name. names: the network's names of the decoder's outputs, as the card has
    them. shapes: of each of the network's arrays, without the batch.
    """
    for role, output in decoder.outputs.items():
        name = names[role]
        if name not in shapes:
            raise CardError(
                f"{graph} has no output {name}, which its card names; "
                f"it has {', '.join(sorted(shapes))}."
            )
        if not output.fits(shapes[name]):
            have = ", ".join("any" if side is None else str(side) for side in shapes[name])
            raise CardError(
                f"Output {name} of {graph} is ({have}) for a picture, but the {role} of a "
                f"{decoder.kind} decoder must be {output}."
            )
